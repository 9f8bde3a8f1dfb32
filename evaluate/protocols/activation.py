"""Protocol `activation`: class-activation maps of networks on photographs, MLANet's figure 4.

For every photograph the crop that the network sees and its map over it, of several networks side by
side; and how much of the map lies in the detected face's box, beside what an even map would have
there. The figure's maps are not said to be of which outputs: here of all, or of those named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ...core.config import load_config, resolved_dict
from ...core.errors import InputError
from ...core.image_file import read_image
from ...core.item_failure import LOG, Failed, FailureLog, attempt
from ...core.picture_folders import find_pictures
from ...core.progress import progress_bar
from ...detect.detectors import get_face_detector
from ...detect.face import Face
from ...geometry.crop import Crop
from ...models.activation import activation_map
from ...models.weights import Weights, load_weights
from ...pipeline.locate.cut import cut_tensor
from ...pipeline.network.crop_network import CropNetwork
from ...pipeline.network.start import open_crop_network
from ...render.overlay import strip, to_picture
from ..metrics.mean_metrics import metrics_of_found
from ..predict.predicted import nearest_face
from ..registry import Protocol, Request
from ..report.compare import labels_of
from ..report.report import Items, Picture, Report
from ..scans.pictures import colours

Array = NDArray[np.float64]
TABLE = "Activation maps"
EVEN = "an even map"
_SHOWN = 12
_SIDE = 224  # pixels of a shown crop
_OPACITY = 0.55


@dataclass(frozen=True)
class ActivationOptions:
    """What is shown.

    Attributes:
        layer: of every network, whose maps are shown; "": the last one with places.
        outputs: first and last number that count, from 0 on; empty: all.
        beside: further weights, shown beside the named ones.
        face_model: of the weights, if it is no registered one.
    """

    layer: str = ""
    outputs: tuple[int, ...] = ()
    beside: tuple[str, ...] = ()
    face_model: str = "default"

    def __post_init__(self) -> None:
        pair = self.outputs
        if pair and not (len(pair) == 2 and 0 <= pair[0] <= pair[1]):
            raise InputError("outputs", "[first, last], from 0 on", str(list(pair)))


@dataclass(frozen=True)
class Mapped:
    """One network's map of one photograph.

    Attributes:
        inside: percent of the map in the face's box.
        even: percent of the crop in the face's box.
        panels: the crop, and the map over it, RGB uint8.
    """

    inside: float
    even: float
    panels: tuple[NDArray[np.uint8], NDArray[np.uint8]]


class Mapper:
    """Maps of one network.

    Args:
        name: of it, unlike those of others.
        weights: of a network of numbers.
        options: layer, outputs and face model.

    Raises:
        InputError: weights of another kind.
    """

    def __init__(self, name: str, weights: Weights, options: ActivationOptions) -> None:
        if weights.kind != "parameters":
            remedy = "Networks of UV maps show their attention in pictures/ of their run."
            raise InputError(f"weights {name!r}", "a network of parameters", weights.kind, remedy)
        self.name = name
        self._seen: CropNetwork = open_crop_network(weights, options.face_model)
        self._network, self._layer = weights.network, options.layer
        first, last = options.outputs or (0, -1)
        self._outputs = slice(first, last + 1) if options.outputs else None

    def __call__(self, picture: NDArray[np.uint8], face: Face) -> Mapped:
        """The map of a detected face."""
        crop = self._seen.crop_of_face(picture, face)
        image = cut_tensor(picture, crop)
        found = activation_map(self._network, image, self._layer, self._outputs)
        heat = _resized(found, image.shape[2:])
        mask = box_mask(crop, face.box)
        total = float(heat.sum())
        inside = 100 * float(heat[0, 0][mask].sum()) / total if total else float("nan")
        return Mapped(inside, 100 * float(mask.float().mean()), _panels(image, heat))


def box_mask(crop: Crop, box: tuple[float, float, float, float]) -> Tensor:
    """Which pixels (h,w) of a crop have their middle in a box of the photograph."""
    width, height = crop.size
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    places = torch.stack([x, y], -1).reshape(-1, 2).double() + 0.5
    u, v = crop.to_photo(places).unbind(-1)
    left, top, right, bottom = box
    return ((left <= u) & (u < right) & (top <= v) & (v < bottom)).reshape(height, width)


def make_protocol(overrides: Sequence[str] = ()) -> Protocol:
    """The protocol with `key=value` of `ActivationOptions`."""
    return partial(_run, load_config(ActivationOptions, overrides=overrides))


def _run(options: ActivationOptions, request: Request) -> Report:
    if request.weights is None or request.predictions is not None:
        raise InputError("--weights", "weights of a network of parameters", "none, or a file")
    words = (request.weights, *options.beside)
    labels = labels_of([Path(word) for word in words])
    mappers = [
        Mapper(label, load_weights(word), options)
        for label, word in zip(labels, words, strict=True)
    ]
    listed, log = find_pictures([request.data]), FailureLog(request.out / LOG)
    names = [path.name for path in listed.pictures]
    columns = {mapper.name: np.full(len(names), np.nan) for mapper in mappers}
    columns[EVEN] = np.full(len(names), np.nan)
    failures: dict[str, str] = {}
    pictures: list[Picture] = []
    with progress_bar("Mapping photographs", len(names)) as advance:
        for row, path in enumerate(listed.pictures):
            found = attempt(names[row], partial(_of_photograph, path, mappers), log)
            if isinstance(found, Failed):
                failures[names[row]] = found.message
            else:
                for mapper, one in zip(mappers, found, strict=True):
                    columns[mapper.name][row] = one.inside
                columns[EVEN][row] = found[0].even
                if len(pictures) < _SHOWN:
                    pictures.append(_picture(names[row], mappers, found))
            advance()
    return Report(
        "activation",
        f"{len(names)} photographs, {', '.join(m.name for m in mappers)}; share of the map in the "
        f"detected face's box, layer {options.layer or 'the last one with places'}",
        metrics_of_found(TABLE, columns, dict.fromkeys(columns, "%")),
        Items(names, columns),
        failures,
        {
            "options": resolved_dict(options),
            "weights": request.weights,
            "passed over": listed.lines(),
        },
        pictures=pictures,
    )


def _of_photograph(path: Path, mappers: Sequence[Mapper]) -> list[Mapped]:
    picture = read_image(path)
    face = nearest_face(get_face_detector().detect(picture), None)
    return [mapper(picture, face) for mapper in mappers]


def _panels(image: Tensor, heat: Tensor) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The crop, and the map over it: blue 0, red 1."""
    sizes = (_SIDE, _SIDE)
    shown, map_ = (
        functional.interpolate(t, sizes, mode="bilinear", align_corners=False)
        for t in (image, heat)
    )
    painted = colours(map_[0, 0].double().numpy().ravel(), 1.0).reshape(*sizes, 3)
    over = torch.from_numpy(painted).permute(2, 0, 1).to(shown)
    return to_picture(shown[0]), to_picture((1 - _OPACITY) * shown[0] + _OPACITY * over)


def _resized(images: Tensor, sizes: Sequence[int]) -> Tensor:
    return functional.interpolate(images, tuple(sizes), mode="bilinear", align_corners=False)


def _picture(name: str, mappers: Sequence[Mapper], found: Sequence[Mapped]) -> Picture:
    panels = [found[0].panels[0], *(one.panels[1] for one in found)]
    said = "; ".join(f"{m.name} {one.inside:.0f} %" for m, one in zip(mappers, found, strict=True))
    caption = f"Crop, then the maps: {said} in the face's box ({found[0].even:.0f} % of the crop)."
    return Picture(name, strip(panels), caption)
