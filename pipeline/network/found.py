"""What a network finds in a photograph, and what every network that reconstructs offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...detect.face import Face
from ...geometry.camera import PerspectiveCamera
from ...geometry.coefficients import Coefficients
from ...geometry.crop import Crop


@dataclass(frozen=True)
class FoundFace:
    """One face of one photograph, as a network found it.

    Attributes:
        coefficients: a batch of one.
        camera: model space to photograph pixels.
        crop: what the network saw.
        lit: the network says albedo and light, too; else they are still to be found.
        sigma: (68,) expected error of each point of `ibug68`, photograph pixels, or None.
        segmentation: (C,s,s) probabilities of the classes of `geometry.segments` over the crop,
            or None.
    """

    coefficients: Coefficients
    camera: PerspectiveCamera
    crop: Crop
    _: KW_ONLY
    lit: bool = False
    sigma: Tensor | None = None
    segmentation: Tensor | None = None


class FaceNetwork(Protocol):
    """A network that finds the faces which a detector has seen."""

    @property
    def name(self) -> str:
        """Of the weights, for records."""
        ...

    def from_faces(
        self, pictures: Sequence[NDArray[np.uint8]], faces: Sequence[Face]
    ) -> Sequence[FoundFace]:
        """One face for each pair of photograph (H,W,3) uint8 and detected face."""
        ...

    def of_one_person(
        self, pictures: Sequence[NDArray[np.uint8]], faces: Sequence[Face]
    ) -> Sequence[FoundFace]:
        """As `from_faces`, where all are the same person's: they get the same identity."""
        ...
