"""Who finds the 68 landmarks of a face: FAN where its weights are, else our own network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.errors import MissingFileError, all_missing
from ..core.weights_dir import find_weight
from ..datasets.sample import Array
from ..geometry.crop import Crop
from ..pipeline.frame import frame, frame_of_points
from ..pipeline.regress import Regressor
from .fan import FAN_FILES, FanNetwork, fan_points

Picture = NDArray[np.uint8]

GIVEN, BY_FAN, BY_US, TURNED = 0.0, 1.0, 2.0, 3.0
SOURCES = {
    GIVEN: "the data set",
    BY_FAN: "FAN",
    BY_US: "our own network",
    TURNED: "a fitted face that was turned",
}
"""Values of the labels "source/SET" of a record: who said where the points of a set are."""


@dataclass(frozen=True)
class Estimate:
    """Points of one face.

    Attributes:
        landmarks: (68,2) by set, photograph pixels.
        source: a key of `SOURCES`.
        sigma: expected error of a point, in parts of the face's size; None where nobody says.
    """

    landmarks: dict[str, Array]
    source: float
    sigma: float | None


Place = Array
"""Where a face is: five points (5,2), or the corners (2,2) of the box round its 68 landmarks."""


class Estimator(Protocol):
    """Finds landmarks of faces."""

    def __call__(self, pictures: Sequence[Picture], places: Sequence[Place]) -> list[Estimate]:
        """One estimate per picture (H,W,3) uint8 and place."""
        ...


class OwnEstimator:
    """Our shipped network: the set with the jaw on the jaw, after the solve for a whole face."""

    def __init__(self) -> None:
        self._regressor = Regressor()

    def __call__(self, pictures: Sequence[Picture], places: Sequence[Place]) -> list[Estimate]:
        """See `Estimator`."""
        model = self._regressor.model
        found = self._regressor.in_frames(pictures, [self._frame(place) for place in places])
        estimates = []
        for face in found:
            body = model.landmark_points(model.vertices(face.coefficients), "ibug68")
            points = face.camera.project(body)[0, :, :2].double().numpy()
            size = float(np.ptp(points, axis=0).max())
            sigma = float(face.sigma.mean()) / max(size, 1e-6)
            estimates.append(Estimate({"ibug68-3d": points}, BY_US, sigma))
        return estimates

    def _frame(self, place: Place) -> Crop:
        if len(place) == 5:
            return frame_of_points(torch.as_tensor(place), self._regressor.size)
        (x0, y0), (x1, y1) = place.tolist()
        return frame((x0, y0, x1, y1), self._regressor.size)


class FanEstimator:
    """FAN: both sets, those whose weights are there."""

    def __init__(self, files: dict[str, Path]) -> None:
        self._networks = {key: FanNetwork(path) for key, path in files.items()}

    def __call__(self, pictures: Sequence[Picture], places: Sequence[Place]) -> list[Estimate]:
        """See `Estimator`."""
        return [
            Estimate(
                {key: fan_points(net, picture, p) for key, net in self._networks.items()},
                BY_FAN,
                None,
            )
            for picture, p in zip(pictures, places, strict=True)
        ]


def find_fan(which: str, weights_dir: Path | None) -> dict[str, Path]:
    """FAN's files by landmark set; empty where our own network is to be used.

    Args:
        which: "auto", "fan" or "own".
        weights_dir: looked in first.

    Raises:
        MissingFileError: "fan", and none of the files is there.
    """
    found: dict[str, Path] = {}
    missing: list[MissingFileError] = []
    wanted = [(key, name) for key, names in FAN_FILES.items() for name in names]
    for key, name in wanted if which != "own" else ():
        try:
            found.setdefault(key, find_weight(name, weights_dir))
        except MissingFileError as error:
            missing.append(error)
    if which == "fan" and not found:
        raise all_missing(missing)
    return found


def make_estimator(fan: dict[str, Path]) -> Estimator:
    """FAN for the files that `find_fan` found, else our own network.

    Raises:
        InputError: a damaged file.
    """
    return FanEstimator(fan) if fan else OwnEstimator()
