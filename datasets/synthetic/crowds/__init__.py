"""Pictures pasted together for the detector."""
