"""Heads: what a network's features become."""
