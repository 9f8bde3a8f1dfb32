"""Networks of every kind, asked for faces in known boxes, as the shape benchmarks do it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from selfie3d.geometry import Coefficients, FaceModel
from selfie3d.models.weights import load_weights
from selfie3d.pipeline import CropNetwork, Regressor, open_crop_network

Box = tuple[float, float, float, float]
Pictures = Sequence[NDArray[np.uint8]]


class HasCoefficients(Protocol):
    """A face that was found."""

    @property
    def coefficients(self) -> Coefficients:
        """Of one face."""
        ...


class BoxedNetwork(Protocol):
    """What the benchmarks ask of a network.

    Attributes:
        name: of the weights.
    """

    name: str

    def __call__(self, pictures: Pictures, boxes: Sequence[Box]) -> Sequence[HasCoefficients]:
        """A face for each picture (H,W,3) uint8 and the box of its 68 landmarks."""
        ...


class _Cropped:
    """A network of parameters or of UV maps."""

    def __init__(self, network: CropNetwork) -> None:
        self.network, self.name = network, network.name

    def __call__(self, pictures: Pictures, boxes: Sequence[Box]) -> list[HasCoefficients]:
        crops = [self.network.crop_of_box(*pair) for pair in zip(pictures, boxes, strict=True)]
        with torch.no_grad():
            return [seen.face for seen in self.network.in_crops(pictures, crops)]


def open_boxed(weights: str, model: FaceModel) -> BoxedNetwork:
    """The network of some weights, whatever it predicts.

    Args:
        weights: a name or a path. model: in whose coefficients the answers are looked at.
    """
    loaded = load_weights(weights)
    if loaded.kind == "points":
        return Regressor(model=model, weights=loaded)
    return _Cropped(open_crop_network(loaded))
