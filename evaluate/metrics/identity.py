"""Face recognisers that say how alike two pictures of a face are; their weights are the user's.

Each brings its own alignment, from the five points that detectors give: eye centres, nose tip and
mouth corners. dlib's takes 68 landmarks where they are known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional

from ...core.errors import InputError, MissingFileError, all_missing
from ...core.registry import Registry
from ...core.weights_dir import find_weight
from ...geometry.align import is_determined, similarity_align
from ...geometry.checks import check_shape
from ...geometry.crop import Crop
from .face_chip import align_chip

if TYPE_CHECKING:
    from torch import nn

_LUMA = (0.299, 0.587, 0.114)  # grey of ITU-R BT.601, as OpenCV and Pillow make it
_ARCFACE_POINTS = (
    (38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655),
    (70.7299, 92.2041),
)  # fmt: skip
"""In a crop of 112 pixels, the first pixel's centre at (0,0): insightface's alignment."""
_LIGHTCNN_EYES, _LIGHTCNN_MOUTH = (64.0, 40.0), (64.0, 88.0)
"""Midpoints in a crop of 128 pixels, from the README of LightCNN."""
_FACENET_SIDE = 160
_FACENET_WIDER = 1.25  # than ArcFace's crop, which cuts brow and chin that facenet has seen
_EYES, _MOUTH = slice(36, 48), (48, 54)
_NOSE = 30


@dataclass(frozen=True)
class Embedder:
    """A recogniser: how it aligns a face, and the vectors that it makes of it.

    Attributes:
        name: registered in `EMBEDDERS`.
        align: five points (5,2) in photograph pixels to the crop that it wants.
        network: RGB crops (B,3,h,w) in [0,1] to vectors (B,D).
        takes_landmarks: whether `align` takes 68 landmarks (68,2), too.
    """

    name: str
    align: Callable[[Tensor], Crop]
    network: Callable[[Tensor], Tensor]
    takes_landmarks: bool = False

    def align_landmarks(self, landmarks: ArrayLike) -> Crop:
        """The crop that 68 landmarks (68,2+) in photograph pixels give.

        Raises:
            InputError: another shape, or not finite where it is needed.
        """
        if not self.takes_landmarks:
            return self.align(five_points(landmarks))
        points = torch.as_tensor(landmarks, dtype=torch.float64)
        check_shape("landmarks", points, (68, None))
        return self.align(points[:, :2])

    def embed(self, crops: Tensor) -> Tensor:
        """Unit vectors (B,D) of RGB crops (B,3,h,w) in [0,1]."""
        check_shape("crops", crops, (None, 3, None, None))
        with torch.inference_mode():
            return functional.normalize(self.network(crops))

    def similarity(self, first: Tensor, second: Tensor) -> Tensor:
        """Cosine (B,) between the vectors of two batches of crops (B,3,h,w) in [0,1]."""
        check_shape("second", second, tuple(first.shape))
        return (self.embed(first) * self.embed(second)).sum(1)


EMBEDDERS: Registry[Embedder] = Registry("embedder")
"""Name to a factory `(weights_dir: Path | None) -> Embedder`; MissingFileError without its file."""


@EMBEDDERS.register("arcface")
def _arcface(weights_dir: Path | None = None) -> Embedder:
    from ...models.public.iresnet import load_iresnet

    return Embedder(
        "arcface", align_arcface, load_iresnet(find_weight("backbone.pth", weights_dir))
    )


@EMBEDDERS.register("lightcnn29")
def _lightcnn29(weights_dir: Path | None = None) -> Embedder:
    from ...models.public.lightcnn import load_lightcnn29

    path = find_weight("LightCNN_29Layers_checkpoint.pth.tar", weights_dir)
    network = load_lightcnn29(path)
    return Embedder("lightcnn29", align_lightcnn, lambda crops: network(grey(crops)))


@EMBEDDERS.register("facenet")
def _facenet(weights_dir: Path | None = None) -> Embedder:
    path = find_weight("20180402-114759-vggface2.pt", weights_dir)
    network = _read_facenet(path)
    return Embedder("facenet", align_facenet, lambda crops: network((255 * crops - 127.5) / 128))


@EMBEDDERS.register("dlib")
def _dlib(weights_dir: Path | None = None) -> Embedder:
    from ...models.public.dlib_resnet import FILE, load_dlib_resnet

    network = load_dlib_resnet(find_weight(FILE, weights_dir))
    return Embedder("dlib", align_chip, network, takes_landmarks=True)


def make_embedders(names: Sequence[str], weights_dir: Path | None = None) -> list[Embedder]:
    """The embedders of these names.

    Raises:
        UnknownNameError: an unknown name.
        MissingFileError: files are missing, all of them in one message.
    """
    factories = [EMBEDDERS.get(name) for name in names]
    embedders, missing = [], []
    for factory in factories:
        try:
            embedders.append(factory(weights_dir))
        except MissingFileError as error:
            missing.append(error)
    if missing:
        raise all_missing(missing)
    return embedders


def five_points(landmarks: ArrayLike) -> Tensor:
    """Eye centres, nose tip and mouth corners (5,2) of 68 landmarks (68,2+), in double precision.

    The subject's right comes first, as in `detect.face`.

    Raises:
        InputError: another shape, or not finite where it is needed.
    """
    points = torch.as_tensor(landmarks, dtype=torch.float64)
    check_shape("landmarks", points, (68, None))
    plane = points[:, :2]
    right, left = plane[_EYES].reshape(2, 6, 2).mean(1)
    five = torch.stack([right, left, plane[_NOSE], plane[_MOUTH[0]], plane[_MOUTH[1]]])
    if not five.isfinite().all():
        raise InputError("landmarks", "eyes, nose and mouth that are finite", "NaN or infinity")
    return five


def align_arcface(points: Tensor) -> Crop:
    """The crop of 112 pixels that brings five points nearest to insightface's template.

    Raises:
        InputError: another shape, or points in one place.
    """
    return _towards(points, torch.tensor(_ARCFACE_POINTS, dtype=torch.float64) + 0.5, 112)


def align_lightcnn(points: Tensor) -> Crop:
    """The crop of 128 pixels with level eyes, 48 pixels above the mouth (LightCNN's README).

    Raises:
        InputError: another shape, or eyes level with the mouth.
    """
    check_shape("points", points, (5, 2))
    right, left, _, *corners = points.double()
    across, eyes, mouth = left - right, (right + left) / 2, torch.stack(corners).mean(0)
    unit = across / across.norm().clamp(min=1e-9)
    down = torch.stack([-unit[1], unit[0]])
    drop = float((mouth - eyes) @ down)
    if not drop > 0:
        raise InputError("points", "a mouth below the eyes", f"{drop:.3g} pixels below")
    linear = torch.stack([unit, down]) * ((_LIGHTCNN_MOUTH[1] - _LIGHTCNN_EYES[1]) / drop)
    shift = torch.tensor(_LIGHTCNN_EYES, dtype=torch.float64) - linear @ eyes
    return Crop(torch.cat([linear, shift[:, None]], 1), (128, 128))


def align_facenet(points: Tensor) -> Crop:
    """A crop of 160 pixels, upright and a quarter wider than ArcFace's (the frame is our choice).

    facenet-pytorch was trained on detected boxes, which five points do not give.

    Raises:
        InputError: another shape, or points in one place.
    """
    template = torch.tensor(_ARCFACE_POINTS, dtype=torch.float64) + 0.5
    target = (template - 56) * (_FACENET_SIDE / 112 / _FACENET_WIDER) + _FACENET_SIDE / 2
    return _towards(points, target, _FACENET_SIDE)


def grey(crops: Tensor) -> Tensor:
    """RGB (B,3,h,w) to grey (B,1,h,w)."""
    return (crops * crops.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True)


def _towards(points: Tensor, target: Tensor, size: int) -> Crop:
    """The similarity in the plane with the least squared distance to the target."""
    check_shape("points", points, (5, 2))
    source = functional.pad(points.double(), (0, 1))[None]
    wanted = functional.pad(target, (0, 1))[None]
    if not bool(is_determined(source, wanted)):
        raise InputError("points", "five points apart from each other", "points on a line")
    similarity = similarity_align(source, wanted)
    linear = (similarity.scale[:, None, None] * similarity.rotation)[0, :2, :2]
    return Crop(torch.cat([linear, similarity.translation[0, :2, None]], 1), (size, size))


def _read_facenet(path: Path) -> nn.Module:
    from ...core.facenet_import import import_facenet
    from ...models.checkpoint import load_state, read_state

    network = import_facenet().InceptionResnetV1(classify=False, pretrained=None)
    state = read_state(path)
    kept = {key: value for key, value in state.items() if not key.startswith("logits.")}
    return load_state(network, kept, path)
