"""Whole journeys made of the rooms above."""
