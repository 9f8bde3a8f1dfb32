"""Who says which pixels of a prepared photograph are the face's skin."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..datasets.sample import Array
from ..detect.skin import skin_mask
from ..pipeline.regress import Regressor
from ..pipeline.segment import facial_skin
from .options import COLOUR, NETWORK, NONE


class SkinMasks:
    """Makes skin masks.

    Args:
        how: one of `options.SKINS`.
    """

    def __init__(self, how: str) -> None:
        self.how = how

    @cached_property
    def _network(self) -> Regressor | None:
        """The shipped network, if its segmentation is to be heard.

        Raises:
            InputError: "network", and the shipped weights have no segmentation.
        """
        if self.how == COLOUR:
            return None
        regressor = Regressor()
        if regressor.segments:
            return regressor
        if self.how == NETWORK:
            got = f"{regressor.name!r}, which have none"
            raise InputError("skin", "weights with a segmentation", got, "Take skin 'colour'.")
        return None

    def __call__(self, picture: NDArray[np.uint8], points: Array) -> NDArray[np.uint8] | None:
        """The face's skin (H,W) uint8, 255 on it; None where no masks are wanted.

        Brows, lips and beards count as skin, eyes and the open mouth do not.

        Args:
            picture: (H,W,3) uint8.
            points: (68,2) landmarks, photograph pixels.
        """
        if self.how == NONE:
            return None
        if self._network is None:
            return skin_mask(picture, points)
        return facial_skin(self._network, picture, points)
