"""What to corrupt and what to predict, one objective per file."""
