"""Figures on held-out data: what a model gets right, and what simpler guesses get right."""
