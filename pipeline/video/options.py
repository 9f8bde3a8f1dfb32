"""How a clip is gone through, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..options import VIEWER
from .smooth import SmoothOptions

CLIP_OUTPUTS = ("json", "glb", "overlay", VIEWER)
"""What can be written of a clip; its tables and its JSON always are."""


@dataclass(frozen=True)
class ClipOptions:
    """How a clip is gone through.

    Attributes:
        smooth: how much motion is smoothed; None not at all.
        same_person: the largest face of every frame is the same person, whatever cuts there are.
        live_link: also write the layout of Live Link Face.
    """

    smooth: SmoothOptions | None = field(default_factory=SmoothOptions)
    same_person: bool = False
    live_link: bool = False


@dataclass
class ClipSummary:
    """What became of a clip.

    Attributes:
        frames: that were read. seconds: of the clip. took: seconds that its frames took.
        people: who got files. files: all of them.
        cuts: scenes that ended within.
        asked: the signal that ended it early; 0 if none did.
    """

    frames: int = 0
    seconds: float = 0.0
    took: float = 0.0
    people: int = 0
    files: list[Path] = field(default_factory=list)
    cuts: int = 0
    asked: int = 0
