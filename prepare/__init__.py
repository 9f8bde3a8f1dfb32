"""Preparing photographs for training: boxes, landmarks, skin masks, splits, shards."""
