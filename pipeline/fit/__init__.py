"""Least squares and descent: pose from points, light, albedo, and the optimiser."""
