"""One Python function for each command: what it does, made of the rooms above."""
