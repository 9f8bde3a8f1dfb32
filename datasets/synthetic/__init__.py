"""Synthetic faces of the default model, for training without a single photograph of anybody."""
