"""SADRNet (Ruan et al. 2021): network, UV layout and self-alignment."""
