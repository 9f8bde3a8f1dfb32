"""Who it is, from more and more frames: a running mean of identity and of the camera's angle."""

from __future__ import annotations

import math

from torch import Tensor

_EVERY = 8  # every frame is heard for so many, then every second for as many more, and so on
_RAREST = 15  # frames between two that are heard, at most
_USUAL = 0.02  # error of a frame that counts as one
_KEPT = 300.0  # weight of the mean beyond which older frames are slowly forgotten
_NEARNESS = (9e-4, 5e-4)  # 1/mm: expected 1 / distance of one frame, and its spread
_SURE = 0.1  # of a known nearness, its spread


class RunningIdentity:
    """One person's identity over a clip, and the camera's focal length.

    Frames count by the inverse square of the errors that the network states.

    Attributes:
        identity: (1,Ki) so far; None before the first frame.
        focal: pixels of the frame, so far.
        frames: so many were heard.
    """

    def __init__(self) -> None:
        self.identity: Tensor | None = None
        self.focal = 0.0
        self.frames = 0
        self._weight = 0.0
        self._skipped = 0

    @property
    def due(self) -> bool:
        """Whether the next frame should be heard; if not, say so by `skip`."""
        return self._skipped >= min(self.frames // _EVERY, _RAREST)

    def skip(self) -> None:
        """A frame came that is not heard."""
        self._skipped += 1

    def hear(self, identity: Tensor, focal: float, error: float) -> None:
        """Take what a frame says.

        Args:
            identity: (1,Ki). focal: pixels.
            error: that the network states of its points on average, half sides of the crop.
        """
        weight = (_USUAL / error) ** 2
        self._weight = min(self._weight, _KEPT) + weight
        part = weight / self._weight
        if self.identity is None:
            self.identity, self.focal = identity.clone(), focal
        else:
            self.identity = self.identity + part * (identity - self.identity)
            self.focal = math.exp((1 - part) * math.log(self.focal) + part * math.log(focal))
        self.frames += 1
        self._skipped = 0

    def nearness(self, scale: float) -> tuple[float, float]:
        """Expected 1 / distance of the next frame and its spread, 1/mm.

        Args:
            scale: pixels of the frame per mm, where the head was seen last.
        """
        if not self.focal:
            return _NEARNESS
        expected = scale / self.focal
        return expected, min(_SURE * expected, _NEARNESS[1])
