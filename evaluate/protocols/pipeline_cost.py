"""What a trained network costs beyond itself: self-alignment, a face, a photograph.

SADRNet (section IV-F) counts 1.5 ms for its self-alignment beside 12 ms for its network. Here, on
the shipped portrait, with one face: the alignment of UV maps alone; a face in its box, that is the
crop, the network, and what makes coefficients, camera and vertices of its numbers; and the whole
way of `selfie3d reconstruct`, from the photograph to the textured face, detection included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.image_file import read_image
from ...detect.detectors import get_face_detector
from ...facemodels.registry import FACE_MODELS
from ...models.sadrnet.layout import UvLayout
from ...models.sadrnet.network import UvPrediction
from ...models.weights import Weights
from ...pipeline.demo import PHOTO
from ...pipeline.network.start import open_crop_network
from ...pipeline.options import ReconstructOptions
from ...pipeline.reconstructor import Reconstructor
from ..predict.predictor import load_predictor

ALIGNMENT, FACE, PHOTOGRAPH = "self-alignment", "face in its box", "photograph to textured face"
Work = tuple[str, Callable[[], object]]
"""What is done, and how."""


def stages(weights: Weights, name: str, face_model: str) -> Iterator[Work]:
    """The parts of the way from a photograph to a face, each ready to be timed.

    Args:
        weights: of a network of any kind.
        name: the word or path that they are loaded by.
        face_model: theirs, if it is no registered one.
    """
    if weights.kind == "uv":
        yield ALIGNMENT, _alignment(weights, face_model)
    picture = read_image(PHOTO)
    box = get_face_detector().detect(picture)[0].box
    predictor = load_predictor(name, "protocol", face_model)
    yield FACE, lambda: predictor(picture, box).vertices
    yield PHOTOGRAPH, _photograph(picture, name, weights, face_model)


def _alignment(weights: Weights, face_model: str) -> Callable[[], object]:
    """The camera of one face's maps, which stay the same."""
    spec = weights.maps
    layout = UvLayout(spec, open_crop_network(weights, face_model).model)
    images = torch.full((1, 3, spec.crop_size, spec.crop_size), 0.5)
    with torch.inference_mode():
        maps: UvPrediction = weights.network(images)

    def align() -> object:
        with torch.inference_mode():
            return layout.camera(maps)

    return align


def _photograph(
    picture: NDArray[np.uint8], name: str, weights: Weights, face_model: str
) -> Callable[[], object]:
    registered = weights.face_model in FACE_MODELS
    options = ReconstructOptions(None if registered else face_model, weights=name, max_faces=1)
    reconstructor = Reconstructor(options)
    return lambda: reconstructor(picture)
