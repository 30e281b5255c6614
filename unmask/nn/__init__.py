"""Shared blocks. They know tensors and layouts; they know no model by name."""
