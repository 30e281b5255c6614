"""What `unmask scope` looks at, and how it plans, a file for each step."""
