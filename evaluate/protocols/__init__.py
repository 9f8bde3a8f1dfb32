"""The published protocols, one module each."""
