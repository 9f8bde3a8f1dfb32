"""What every layout of a parameter vector shares: its parts, their whitening, its description."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...geometry.checks import check_shape
from ...geometry.coefficients import EXPRESSION_UNIT
from ...geometry.face_model import FaceModel
from ...geometry.model_parts import BasisKind
from ..tddfa.whitening import Whitening

LIGHT = 27  # numbers of a light, (9,3)


@dataclass(frozen=True)
class LayoutSpec:
    """What a layout knows of its face model and its crops: plain values, for a file's header.

    >>> from selfie3d.facemodels import load_face_model
    >>> spec = LayoutSpec.of(load_face_model("default-face"), crop_size=120)
    >>> spec.sizes, spec.expression_kind
    ((120, 52, 38), 'blendshape')
    >>> LayoutSpec.from_dict(asdict(spec)) == spec
    True

    Attributes:
        face_model: name of the model.
        sizes: its numbers of identity, expression and albedo coefficients.
        crop_size: side of the square crops in pixels.
        pivot: mm in model space; the point that the pose turns about and that a pose of zeros
            puts in the middle of the crop. Deep3D's is the centroid of the mean shape's vertices,
            3DDFA's the origin of its model; ours, the midpoint of the eyeballs, is neither.
        extent: mm, the longer side of the box round the mean face's landmarks seen from the front.
        expression_kind: of the model's expression basis.
    """

    face_model: str
    sizes: tuple[int, int, int]
    crop_size: int
    pivot: tuple[float, float, float]
    extent: float
    expression_kind: BasisKind = "gaussian"

    def __post_init__(self) -> None:
        if len(self.sizes) != 3 or min(self.sizes) < 0:
            raise InputError("sizes", "three numbers of at least 0", str(self.sizes))
        if not (self.crop_size > 0 and self.extent > 0):
            raise InputError(
                "crop_size, extent", "positive", f"{self.crop_size} px, {self.extent} mm"
            )

    @classmethod
    def of(
        cls, model: FaceModel, crop_size: int, pivot: Sequence[float] | None = None
    ) -> LayoutSpec:
        """The specification for a face model.

        Args:
            model: with landmarks `ibug68`, some of which may be missing.
            crop_size: pixels.
            pivot: mm; None takes the middle of the landmarks' box from the front, at the mean
                depth of the vertices.

        Raises:
            InputError: the model has no such landmarks.
        """
        points = model.landmark_points(model.mean[None], "ibug68")[0]
        points = points[torch.isfinite(points).all(1)]
        low, high = points.amin(0), points.amax(0)
        middle = (low + high) / 2
        place = (float(middle[0]), float(middle[1]), float(model.mean[:, 2].mean()))
        turned_about = (
            place if pivot is None else (float(pivot[0]), float(pivot[1]), float(pivot[2]))
        )
        extent = float((high - low)[:2].max())
        return cls(model.name, model.sizes, crop_size, turned_about, extent, model.expression_kind)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> LayoutSpec:
        """The inverse of `dataclasses.asdict`, after a way through JSON."""
        values = dict(content)
        values["sizes"], values["pivot"] = tuple(values["sizes"]), tuple(values["pivot"])
        return cls(**values)

    @property
    def expression_unit(self) -> float:
        """The spread of an expression coefficient: 1 standard deviation, or 0.3 of a blendshape."""
        return EXPRESSION_UNIT if self.expression_kind == "blendshape" else 1.0


class VectorLayout(nn.Module):
    """A vector of named parts, whitened; layouts say what the parts mean.

    The whitening is a buffer: it moves with the module and stands in its `state_dict`.

    Args:
        spec: see `LayoutSpec`.
        parts: name and length of each part, in order.
        whitening: of the whole vector; None takes the layout's own.

    Attributes:
        name: of the layout in `LAYOUTS`.
        size: numbers that the network predicts for a face.
    """

    name = ""
    mean: Tensor
    std: Tensor

    def __init__(
        self, spec: LayoutSpec, parts: Mapping[str, int], whitening: Whitening | None = None
    ) -> None:
        super().__init__()
        self.spec, self.parts = spec, dict(parts)
        self.size = sum(self.parts.values())
        chosen = self.default_whitening() if whitening is None else whitening
        self.register_buffer("mean", torch.zeros(self.size))
        self.register_buffer("std", torch.ones(self.size))
        self.use_whitening(chosen)

    def default_whitening(self) -> Whitening:
        """What outputs mean before a training set was looked at."""
        raise NotImplementedError

    def use_whitening(self, whitening: Whitening) -> None:
        """Take other statistics, of this layout's parameters.

        Raises:
            InputError: of another length.
        """
        check_shape("whitening", whitening.mean, (self.size,))
        self.mean.copy_(whitening.mean)
        self.std.copy_(whitening.std)

    def scale(self, factors: Mapping[str, float]) -> None:
        """Multiply the standard deviations of parts, by name.

        An optimiser like Adam moves every output equally fast: radians too fast where coefficients
        are moved as they should be.

        Raises:
            InputError: an unknown part, or a factor that is not positive.
        """
        for part, factor in factors.items():
            if part not in self.parts:
                raise InputError("scales", f"parts: {', '.join(self.parts)}", part)
            if not 0 < factor < math.inf:
                raise InputError("scales", "positive factors", f"{factor} for {part}")
        each = [torch.full((n,), factors.get(part, 1.0)) for part, n in self.parts.items()]
        self.use_whitening(Whitening(self.mean, self.std * torch.cat(each).to(self.std)))

    @property
    def whitening(self) -> Whitening:
        """The statistics in use."""
        return Whitening(self.mean, self.std)

    @property
    def pivot(self) -> Tensor:
        """(3,) mm."""
        return self.mean.new_tensor(self.spec.pivot)

    def parameters_of(self, outputs: Tensor) -> Tensor:
        """Outputs (B,size) of a network in the parameters' own units; at least float32."""
        wide = outputs.to(torch.promote_types(outputs.dtype, torch.float32))
        return wide * self.std.to(wide) + self.mean.to(wide)

    def split(self, outputs: Tensor) -> dict[str, Tensor]:
        """The parts (B,...) of outputs (B,size), in their own units.

        Raises:
            InputError: another size.
        """
        check_shape("outputs", outputs, (None, self.size))
        pieces = self.parameters_of(outputs).split(list(self.parts.values()), 1)
        return dict(zip(self.parts, pieces, strict=True))

    def join(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Outputs (B,size) of parts in their own units, the inverse of `split`.

        Raises:
            InputError: a part of another size.
        """
        for name, length in self.parts.items():
            check_shape(name, parts[name], (None, length))
        whole = torch.cat([parts[name] for name in self.parts], 1)
        return (whole - self.mean.to(whole)) / self.std.to(whole)

    def describe(self) -> dict[str, Any]:
        """Plain values from which, with the `state_dict`, the layout is made again."""
        return {"layout": self.name} | asdict(self.spec)
