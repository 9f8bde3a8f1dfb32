"""Shards: photographs in tar files, drawn faces in arrays."""
