"""What `unmask pretrain` learns: one file for each family of objectives."""
