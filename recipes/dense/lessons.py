"""Whether rendered faces have what the terms of a dense-point run learn from."""

from __future__ import annotations

import torch

from ...core.errors import InputError
from ...datasets.shards.rendered import RenderedFaces
from ...models.dense_points import DensePointOptions
from .losses import TERMS, DenseLossConfig, unlabelled

_REMEDY = (
    "Give a term that they can teach a weight above 0, or draw what is missing: selfie3d synth."
)


def check_dense_lessons(
    faces: RenderedFaces, network: DensePointOptions, config: DenseLossConfig
) -> set[str]:
    """Compare the labels of training faces with the terms and the outputs of the network.

    Args:
        faces: of `data.train`, or drawn.
        network: its outputs.
        config: the terms' weights.

    Returns:
        The terms that learn something, by name.

    Raises:
        InputError: no term does, or an output of the network has no labels to learn from.
    """
    there = {
        "visibility": (network.visibility, faces.visible_vertices is not None),
        "segmentation": (network.segments > 0, faces.segmentation is not None),
        "agreement": (True, _shows_somebody_twice(faces)),
    }
    if there["visibility"] == (True, False):
        raise unlabelled("visible_vertices", "network.visibility=false")
    if there["segmentation"] == (True, False):
        raise unlabelled("segmentation", "network.segments=0")
    weights = vars(config)
    taught = {n for n in TERMS if weights[n] and all(there.get(n, (True, True)))}
    if not taught:
        some = ", ".join(n for n in TERMS if weights[n])
        raise InputError("data.train", "faces that a term of loss learns from", _got(some), _REMEDY)
    return taught


def _shows_somebody_twice(faces: RenderedFaces) -> bool:
    return faces.person is not None and len(torch.unique(faces.person)) < len(faces)


def _got(some: str) -> str:
    return f"none for {some}, which the network does not say or the faces do not show"
