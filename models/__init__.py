"""Networks, one file per system or block, and their heads."""
