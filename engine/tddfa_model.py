"""The face model of a run, and how 3DDFA's own parameters convert to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..core.errors import InputError
from ..evaluate.predict_parameters import is_tddfa_model
from ..facemodels.registry import load_face_model
from ..facemodels.tddfa_points import MM, TddfaPoints, read_tddfa_points
from ..geometry.dense_points import PointBasis, PointLayout
from ..geometry.face_model import FaceModel
from ..models.heads.tddfa_layout import EXPRESSION, IDENTITY
from ..models.whitening import Whitening, read_whitening

_TOLERANCE = 0.05  # of a mode's length, and of the mean's extent
_REMEDY = "Labels of 300W-LP belong to the Basel Face Model 2009 in 3DDFA's form."


@dataclass(frozen=True)
class KnownModel:
    """A face model.

    Attributes:
        model: the face model.
        factors: (12 + modes,) the layout's parameters per 3DDFA's; None where they do not convert.
        pivot: of the layout, mm: 3DDFA's origin; None takes the layout's own.
        modes: how many of identity and expression the factors are of.
    """

    model: FaceModel
    factors: Tensor | None = None
    pivot: list[float] | None = None
    modes: tuple[int, int] = (IDENTITY, EXPRESSION)

    @classmethod
    def load(cls, face_model: str, label_model: str = "") -> KnownModel:
        """By names.

        Args:
            face_model: a registered name, a path, or 3DDFA's own model at its 68 points.
            label_model: the latter, or its Model_Shape.mat, where `face_model` is a dense Basel
                model that labels are to be converted to; "" does without labels.

        Raises:
            InputError: the two models have different modes.
        """
        if is_tddfa_model(face_model):
            points = read_tddfa_points(face_model)
            return cls(points.model, points.factors, points.origin.tolist())
        model = load_face_model(face_model)
        if not label_model:
            return cls(model)
        return converted(model, read_tddfa_points(label_model).first(IDENTITY, EXPRESSION))

    def whitening(self, file: str, prefix: str) -> Whitening:
        """Statistics of a file: in 3DDFA's units where they convert, else in the layout's."""
        read = read_whitening(Path(file), prefix=prefix)
        return read if self.factors is None else read.in_units(self.factors)


def converted(model: FaceModel, points: TddfaPoints) -> KnownModel:
    """A Basel model in units of its own, beside 3DDFA's raw modes at the 68 landmarks.

    Each mode's unit is the ratio of the two at the landmarks, 3DDFA's origin the difference of the
    means there.

    Args:
        model: with landmarks `ibug68` at 3DDFA's vertices. points: in raw coefficients.

    Raises:
        InputError: fewer modes, or others.
    """
    own = PointBasis.of(model, PointLayout(model.name, ("ibug68",), (), ()))
    theirs = points.model
    identity = unit_ratios("identity", own.identity, theirs.identity)
    expression = unit_ratios("expression", own.expression, theirs.expression)
    gap = own.mean - theirs.mean
    extent = (own.mean.amax(0) - own.mean.amin(0)).max()
    if bool((gap - gap.mean(0)).norm(dim=1).max() > _TOLERANCE * extent):
        raise InputError("face model", "3DDFA's mean at its landmarks", model.name, _REMEDY)
    row = torch.tensor([1 / MM, 1 / MM, 1 / MM, 1.0])
    factors = torch.cat([row.repeat(3), 1 / identity, 1 / expression])
    pivot = (points.origin + gap.mean(0)).tolist()
    return KnownModel(model, factors, pivot, (len(identity), len(expression)))


def unit_ratios(name: str, own: Tensor, raw: Tensor) -> Tensor:
    """Raw coefficients per unit (K,), where modes (K or more,68,3) are multiples of raw ones.

    Raises:
        InputError: fewer modes, or others; `name` says of what.
    """
    if len(own) < len(raw):
        raise InputError(f"{name} modes", f"{len(raw)} or more", str(len(own)), _REMEDY)
    one, other = own[: len(raw)].flatten(1).double(), raw.flatten(1).double()
    unit = (one * other).sum(1) / other.square().sum(1)
    rest = (one - unit[:, None] * other).norm(dim=1) / one.norm(dim=1)
    if bool((rest > _TOLERANCE).any()):
        worst = int(rest.argmax())
        raise InputError(f"{name} modes", "3DDFA's", f"another mode {worst}", _REMEDY)
    return unit.float()
