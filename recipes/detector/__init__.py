"""The recipe of our own face detector."""
