"""The recipe of UV position maps (SADRNet)."""
