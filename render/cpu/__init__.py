"""The CPU back end of the rasterizer: numba kernels under torch autograd functions."""

from __future__ import annotations

from .back_end import CpuRasterizer

__all__ = ["CpuRasterizer"]
