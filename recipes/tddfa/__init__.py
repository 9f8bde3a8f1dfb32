"""The recipe of 3DDFA parameters: PDC, VDC and WPDC."""
