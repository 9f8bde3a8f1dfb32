"""A person's colours, from more and more frames, and the light of each frame.

Light changes slowly: it is found five times a second, given the colours that all frames share, and
goes from one to the next smoothly.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ...geometry.crop import FRAME_PER_BOX, Crop
from ...geometry.cut import cut_out
from ..fit.appearance import Appearance
from .followed import Picture, SeenPerson
from .one_euro import share

_SIZE = 96  # pixels of the crop's side
_EVERY = 0.2  # seconds
_CUTOFF = 0.7  # Hz, of the light
_PAUSE = 0.5  # seconds without the face, after which the light is another
_COLOURED = 12  # frames whose colours are heard


class RunningLight:
    """The light on one person.

    Args:
        appearance: solves for colours and light of the face model.
    """

    def __init__(self, appearance: Appearance) -> None:
        self._appearance = appearance
        self._albedo: Tensor | None = None
        self._light = torch.zeros(1, 9, 3)
        self._heard = 0
        self._found = self._seen = -torch.inf

    def __call__(self, picture: Picture, seen: SeenPerson, time: float) -> tuple[Tensor, Tensor]:
        """Albedo coefficients (1,Ka), and light (1,9,3) in camera space.

        Args:
            picture: the frame. seen: the person in it.
            time: seconds.
        """
        pause = time - self._seen > _PAUSE
        self._seen = time
        if self._albedo is None or pause or time - self._found >= _EVERY:
            light = self._solved(picture, seen)
            part = 1.0 if pause else share(time - self._found, _CUTOFF)
            self._light = self._light + part * (light - self._light)
            self._found = time
        albedo = self._albedo
        return seen.face.coefficients.albedo if albedo is None else albedo, self._light

    def _solved(self, picture: Picture, seen: SeenPerson) -> Tensor:
        """The light of a frame; the first frames also say something of the colours."""
        coefficients, crop = seen.face.coefficients, _upright(seen)
        camera = seen.face.camera.moved(crop.matrix.float())
        photo, inside = (part[None] for part in cut_out(picture, crop.matrix, crop.size))
        known = self._albedo
        if known is None or self._heard < _COLOURED:
            albedo, light = self._appearance.solve(coefficients, camera, photo, inside)
            self._heard += 1
            first, known = known is None, albedo if known is None else known
            known = known + (albedo - known) / self._heard
            self._albedo = known
            if first:
                return light
        coloured = replace(coefficients, albedo=known)
        return self._appearance.light(coloured, camera, photo, inside)


def _upright(seen: SeenPerson) -> Crop:
    """The square of the frame round a face, not turned, so that light stays in camera space."""
    x0, y0, x1, y1 = seen.box
    side = max(x1 - x0, y1 - y0) * FRAME_PER_BOX
    return Crop.from_square(((x0 + x1) / 2, (y0 + y1) / 2), side, _SIZE)
