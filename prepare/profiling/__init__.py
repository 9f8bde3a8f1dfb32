"""Turned copies of photographs (300W-LP's face profiling)."""
