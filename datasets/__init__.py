"""Data sets: synthetic faces of our own, and everybody's photographs."""
