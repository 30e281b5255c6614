"""Comparisons with peers: interleaved, on the same weights, texts and threads."""
