"""Rasterizers behind one protocol, shading, and the face renderer."""
