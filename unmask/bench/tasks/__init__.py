"""Tasks beside their peers: what a fine-tuned model is worth, and what it takes to get it.

Each task has files to learn from and files to be asked with, which all arms read. An arm trains
once for each seed, in a process of its own, and writes what it says of every test row; it is scored
here, by one rule for all. Arms take turns, seed by seed, so that they meet the same machine.
"""
