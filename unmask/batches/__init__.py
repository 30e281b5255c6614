"""Token ids to batches: the store, what happens to long text, the order, the flat row."""
