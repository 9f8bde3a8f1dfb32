"""Photograph to textured 3D face: crop, fit, texture, export."""
