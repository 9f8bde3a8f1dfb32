"""The family of 3DDFA: parameter layout, whitening, cascade and backbones."""
