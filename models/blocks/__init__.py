"""Building blocks that several networks share, one file each."""

from __future__ import annotations

from .residual import ResidualBlock, conv_norm

__all__ = ["ResidualBlock", "conv_norm"]
