"""Building blocks that several networks share, one file each."""

from __future__ import annotations

from .pyramid import FeaturePyramid
from .residual import ResidualBlock, conv_norm

__all__ = ["FeaturePyramid", "ResidualBlock", "conv_norm"]
