"""Who finds the 68 landmarks of a face: FAN where its weights are, else our own network.

FAN (Bulat and Tzimiropoulos, How far are we from solving the 2D & 3D face alignment problem?,
ICCV 2017): 68 heat maps of a crop, from the files that face-alignment downloads: TorchScript up to
1.4, the network's weights since 1.5, which need the package for the network itself.

Crop and reading follow face-alignment: the crop's side is 200 pixels per unit of scale, the scale
is the sum of the face box's sides over 195, its middle 0.12 of the box's height above the box's;
maps of the picture and its mirror image are added; a maximum is moved a quarter of a cell towards
the larger neighbour.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..core.errors import InputError, MissingFileError, all_missing
from ..core.weights_dir import find_weight
from ..datasets.batches.sample import Array
from ..geometry.crop import Crop
from ..geometry.landmarks import IBUG68_MIRROR
from ..models.torch_file import load_torch
from ..pipeline.locate.frame import crop_around_points, frame_of_box, frame_of_points
from ..pipeline.network.regress import Regressor
from ..render.overlay import to_image

FAN_FILES: Mapping[str, tuple[str, ...]] = {
    "ibug68-2d": ("2DFAN4-cd938726ad.zip", "2DFAN4-11f355bf06.pth.tar"),
    "ibug68-3d": ("3DFAN4-4a694010b9.zip", "3DFAN4-7835d9f11d.pth.tar"),
}
"""By landmark set: the file of face-alignment up to 1.4, then that of 1.5."""

_DAMAGED = (RuntimeError, ValueError, OSError, EOFError, TypeError, pickle.UnpicklingError)
_WEIGHTS = ".pth.tar"  # how the files of 1.5 end
_SIZE, _CELLS = 256, 64  # pixels of the crop and of the maps
_PER_SCALE, _REFERENCE = 200.0, 195.0
_ABOVE = 0.12
# S3FD's boxes, on which FAN's crops rest, are about square on the face; side over that of the
# square of `crop_around_points`, which has room for hair.
_BOX_PER_SQUARE = 0.68

Picture = NDArray[np.uint8]

GIVEN, BY_FAN, BY_US, TURNED = 0.0, 1.0, 2.0, 3.0
SOURCES = {
    GIVEN: "the data set",
    BY_FAN: "FAN",
    BY_US: "our own network",
    TURNED: "a fitted face that was turned",
}
"""Values of the labels "source/SET" of a record: who said where the points of a set are."""

Place = Array
"""Where a face is: five points (5,2), or the corners (2,2) of the box round its 68 landmarks."""


class FanNetwork:
    """A network (B,3,256,256) -> (B,68,64,64) from one of `FAN_FILES`.

    Raises:
        InputError: the file cannot be read.
        MissingFileError: weights of face-alignment 1.5, and it is not installed.
    """

    def __init__(self, path: Path) -> None:
        load = _from_weights if path.name.endswith(_WEIGHTS) else _from_script
        self._network = load(path).eval()

    def __call__(self, crops: Tensor) -> Tensor:
        """Heat maps of crops and of their mirror images, added."""
        with torch.inference_mode():
            maps = self._maps(crops)
            mirrored = self._maps(crops.flip(3)).flip(3)
            return maps + mirrored[:, list(IBUG68_MIRROR)]

    def _maps(self, crops: Tensor) -> Tensor:
        out = self._network(crops)
        return out[-1] if isinstance(out, list | tuple) else out


def _from_script(path: Path) -> nn.Module:
    try:
        network: nn.Module = torch.jit.load(str(path), map_location="cpu")
    except _DAMAGED as error:
        raise _unreadable(path, "TorchScript", error) from error
    return network


def _from_weights(path: Path) -> nn.Module:
    weights = load_torch(path, "FAN's weights, as face-alignment distributes them")
    try:
        stacks = {key for key in weights if re.fullmatch(r"m\d+\..*", key)}
        count = len({key.split(".", 1)[0] for key in stacks})
    except _DAMAGED as error:
        raise _unreadable(path, "weights", error) from error
    try:
        from face_alignment.models import FAN
    except ImportError as error:
        raise MissingFileError(
            "any folder of sys.path",
            f"The package face-alignment 1.5, which {path.name} belongs to,",
            "pip install 'selfie3d[landmarks]', or get the file of 1.4: "
            + ", ".join(files[0] for files in FAN_FILES.values()),
        ) from error
    network: nn.Module = FAN(count)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise _unreadable(path, "weights", error) from error
    return network


def _unreadable(path: Path, kind: str, error: Exception) -> InputError:
    what = f"FAN's {kind}, as face-alignment distributes them"
    reason = f"{error}".splitlines() or [type(error).__name__]
    return InputError(str(path), what, reason[0])


def fan_points(network: FanNetwork, picture: NDArray[np.uint8], place: Array) -> Array:
    """The 68 points (68,2) of a face, photograph pixels.

    Args:
        network: of the wanted set.
        picture: (H,W,3) uint8.
        place: five points (5,2), or the corners (2,2) of the landmarks' box.
    """
    crop = _crop(place)
    image, _ = crop.warp(to_image(picture))
    maps = network(image)[0]
    points = peaks(maps) * (_SIZE / _CELLS)
    return crop.to_photo(points.double()).numpy()


def _crop(place: Array) -> Crop:
    if len(place) == 2:
        (x, y), side = place.mean(0).tolist(), float((place[1] - place[0]).mean())
    else:
        square = crop_around_points(torch.as_tensor(place), _SIZE)
        middle = torch.full((1, 2), _SIZE / 2, dtype=torch.float64)
        x, y = square.to_photo(middle)[0].tolist()
        side = _BOX_PER_SQUARE * _SIZE / square.scale
    return Crop.from_square((x, y - _ABOVE * side), 2 * side / _REFERENCE * _PER_SCALE, _SIZE)


def peaks(maps: Tensor) -> Tensor:
    """The maxima (68,2) of maps (68,H,W), in cells; the centre of the first is (0.5, 0.5)."""
    count, height, width = maps.shape
    index = maps.reshape(count, -1).argmax(1)
    x, y = index % width, index // width
    each = torch.arange(count)
    inside = (x > 0) & (x < width - 1) & (y > 0) & (y < height - 1)
    left, right = maps[each, y, (x - 1).clamp(min=0)], maps[each, y, (x + 1).clamp(max=width - 1)]
    up, down = maps[each, (y - 1).clamp(min=0), x], maps[each, (y + 1).clamp(max=height - 1), x]
    step = 0.25 * torch.stack([(right - left).sign(), (down - up).sign()], 1)
    return torch.stack([x, y], 1) + 0.5 + step * inside[:, None]


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
        faces = self._regressor.in_frames(pictures, [self._frame(place) for place in places])
        estimates = []
        for face in faces:
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
        return frame_of_box((x0, y0, x1, y1), self._regressor.size)


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
    files: dict[str, Path] = {}
    missing: list[MissingFileError] = []
    wanted = [(key, name) for key, names in FAN_FILES.items() for name in names]
    for key, name in wanted if which != "own" else ():
        try:
            files.setdefault(key, find_weight(name, weights_dir))
        except MissingFileError as error:
            missing.append(error)
    if which == "fan" and not files:
        raise all_missing(missing)
    return files


def make_estimator(fan: dict[str, Path]) -> Estimator:
    """FAN for the files that `find_fan` found, else our own network.

    Raises:
        InputError: a damaged file.
    """
    return FanEstimator(fan) if fan else OwnEstimator()
