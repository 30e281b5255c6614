"""Documents in: files, folders, docstrings; cleaning, deduplication, the split. No torch here."""
