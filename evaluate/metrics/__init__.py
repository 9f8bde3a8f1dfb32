"""Errors of points, poses, pictures, depth and identity."""
