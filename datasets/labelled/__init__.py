"""Photographs with the faces that `selfie3d batch` found in them, to learn from."""
