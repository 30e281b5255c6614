"""What `unmask doctor` looks for, a file for each part of a model."""
