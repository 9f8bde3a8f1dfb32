"""FAN (Bulat and Tzimiropoulos, How far are we from solving the 2D & 3D face alignment problem?,
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
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..core.errors import InputError, MissingFileError
from ..datasets.sample import Array
from ..geometry.crop import Crop
from ..geometry.landmarks import IBUG68_MIRROR
from ..models.torch_file import load_torch
from ..pipeline.crop import crop_around_points
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
# square of pipeline/crop.py, which has room for hair.
_BOX_PER_SQUARE = 0.68


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
