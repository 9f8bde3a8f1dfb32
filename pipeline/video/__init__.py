"""Clips and webcams: people followed from frame to frame, each with one identity and texture."""
