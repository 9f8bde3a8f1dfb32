"""Photographs with labels as their publishers lay them out."""
