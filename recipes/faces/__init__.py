"""The self-supervised recipe: regress, render, compare with the photograph."""
