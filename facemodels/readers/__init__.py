"""Readers of everybody's face models and of the files they come in."""
