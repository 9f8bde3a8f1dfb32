"""The demo: the shipped photograph becomes a textured 3D face."""

from __future__ import annotations

from pathlib import Path

from .folder import Summary, reconstruct_paths

PHOTO = Path(__file__).parent / "data" / "astronaut.jpg"
"""The shipped photograph: NASA, in the public domain."""


def run_demo(out: Path) -> Summary:
    """Reconstruct the shipped photograph into `out`, from scratch."""
    return reconstruct_paths([PHOTO], out, strict=True, resume=False)
