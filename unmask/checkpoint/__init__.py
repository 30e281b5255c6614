"""Names and bytes: folders that are written whole, checked when read, and free of pickle."""
