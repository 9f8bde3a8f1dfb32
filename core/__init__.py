"""Foundations without tensors: errors, registry, configuration, progress."""
