"""Layouts by name: what the numbers that a network predicts mean.

A layout is made for a face model and a crop's size; the numbers of coefficients follow the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from ...core.errors import InputError
from ...core.registry import Registry
from ...geometry.face_model import FaceModel
from ...geometry.posed import PosedFaces
from ..tddfa.layout import TddfaLayout
from ..tddfa.whitening import Whitening
from .perspective_layout import Deep3dLayout, MobileFacernetLayout
from .vector_layout import LayoutSpec, VectorLayout

__all__ = [
    "LAYOUTS",
    "LayoutSpec",
    "ParameterLayout",
    "VectorLayout",
    "layout_size",
    "make_layout",
    "restore_layout",
]


class ParameterLayout(Protocol):
    """What the numbers that a network predicts mean: the way from them to faces, and back.

    Attributes:
        name: of the layout in `LAYOUTS`.
        size: how many numbers a face has.
    """

    name: str
    size: int

    def decode(self, outputs: Tensor) -> PosedFaces:
        """Outputs (B,size) as faces with cameras in crop pixels; differentiable."""
        ...

    def encode(self, faces: PosedFaces) -> Tensor:
        """Faces as outputs (B,size), the inverse of `decode` where there is one."""
        ...

    def describe(self) -> dict[str, Any]:
        """Plain values for a file's header; `restore_layout` reads them."""
        ...


Layout = Deep3dLayout | MobileFacernetLayout | TddfaLayout
LAYOUTS: Registry[Layout] = Registry("layout")
"""Entries build a layout from a `LayoutSpec` and, by name, `whitening`."""

for _layout in (Deep3dLayout, MobileFacernetLayout, TddfaLayout):
    LAYOUTS.register(_layout.name)(_layout)


def make_layout(
    name: str,
    model: FaceModel,
    crop_size: int,
    *,
    whitening: Whitening | None = None,
    pivot: Sequence[float] | None = None,
) -> Layout:
    """A layout for a face model.

    >>> from selfie3d.facemodels import load_face_model
    >>> layout = make_layout("deep3d", load_face_model("default-face"), 224)
    >>> layout.parts
    {'identity': 120, 'expression': 52, 'albedo': 38, 'angles': 3, 'light': 27, 'translation': 3}

    Args:
        name: in `LAYOUTS`: "deep3d", "mobile_facernet" or "3ddfa".
        model: the face model; the numbers of coefficients follow it.
        crop_size: side of the square crops in pixels.
        whitening: mean and deviation of the parameters over a training set; None takes the
            layout's own.
        pivot: (3,) mm, the point that the pose turns about; see `LayoutSpec.of`.

    Raises:
        UnknownNameError: no such layout.
        InputError: a whitening of another size.
    """
    layout = LAYOUTS.create(name, LayoutSpec.of(model, crop_size, pivot), whitening=whitening)
    if isinstance(layout, TddfaLayout):
        layout.use_model(model)
    return layout


def layout_size(name: str, model: FaceModel) -> int:
    """How many numbers a network predicts for a face, whatever the size of its crops.

    Args:
        name: of a layout in `LAYOUTS`.
        model: the face model.

    Raises:
        UnknownNameError: no such layout.
    """
    return LAYOUTS.create(name, LayoutSpec.of(model, crop_size=1)).size


def restore_layout(description: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Layout:
    """The layout of a file.

    Args:
        description: from `describe`, through JSON.
        tensors: its `state_dict`.

    Raises:
        UnknownNameError: a layout that this version does not know.
        InputError: tensors are missing or have other shapes.
    """
    values = dict(description)
    name = str(values.pop("layout", ""))
    try:
        spec = LayoutSpec.from_dict(values)
    except (KeyError, TypeError) as error:
        raise InputError("layout", "a description of a layout", str(error)) from error
    layout = LAYOUTS.create(name, spec)
    try:
        layout.load_state_dict({key: value.to(torch.float32) for key, value in tensors.items()})
    except RuntimeError as error:
        raise InputError(f"layout {name!r}", "its own tensors", str(error)) from error
    return layout
