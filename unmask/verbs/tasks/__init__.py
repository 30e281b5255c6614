"""What `unmask finetune` teaches: one file for each family of tasks."""
