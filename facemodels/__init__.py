"""The shipped face model, its builder and readers of other models."""
