"""Faces that 300W-LP's fitted parameters describe, in the coefficients of a face model.

The fits belong to the Basel Face Model 2009 as 3DDFA has it: 199 and 29 raw coefficients and a
scaled rotation (`datasets.photographs.aflw2000_fit`), of the photograph itself or of what it was
turned into. Crops carry them as labels, the pose already that of the crop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from ..core.errors import InputError
from ..datasets.batches.batch import FaceBatch
from ..datasets.batches.occluded_source import OccludedSource
from ..facemodels.readers.tddfa_points import MM, read_tddfa_points
from ..geometry.camera import WeakPerspectiveCamera
from ..geometry.coefficients import Coefficients
from ..geometry.face_model import FaceModel
from ..geometry.posed import FaceCamera, PosedFaces
from ..geometry.rotation import euler_to_matrix
from .tddfa.losses import FITTED
from .tddfa.network import KnownModel, converted


class FitReader:
    """Reads the labels of 300W-LP as faces of a model.

    Modes that the model lacks are left out; albedo and light are the mean and white.

    Args:
        known: a model whose parameters 3DDFA's convert to.

    Raises:
        InputError: they do not.
    """

    def __init__(self, known: KnownModel) -> None:
        if known.factors is None or known.pivot is None:
            raise InputError("face_model", "one with 3DDFA's modes", known.model.name)
        self.model, self._origin = known.model, torch.tensor(known.pivot)
        self._identity, self._expression = known.factors[12:].split(list(known.modes))

    @classmethod
    def load(cls, model: FaceModel, label_model: str) -> FitReader:
        """The reader for a dense model with 3DDFA's modes, or the first of them.

        Args:
            model: the face model.
            label_model: 3DDFA's: the folder of its 68 points, or Model_Shape.mat.

        Raises:
            InputError: the two models have different modes.
            MissingFileError: the files are not there.
        """
        points = read_tddfa_points(label_model)
        return cls(converted(model, points.first(len(model.identity), len(model.expression))))

    def faces(self, labels: Mapping[str, Tensor]) -> tuple[PosedFaces, Tensor] | None:
        """Faces of the rows of labels, and which rows (B,) bool have one; None where none has.

        Rows without one hold another row's face.

        Args:
            labels: of a batch, with "crop" pixels of "inside" (B,1,S,S).
        """
        if not all(name in labels for name in FITTED):
            return None
        pose, shape, expression = (labels[name] for name in FITTED)
        known = torch.isfinite(torch.cat([pose, shape, expression], 1)).all(1)
        if not bool(known.any()):
            return None
        rows = torch.where(
            known, torch.arange(len(known), device=known.device), known.int().argmax()
        )
        side = labels["inside"].shape[-2]
        return self._posed(pose[rows], shape[rows], expression[rows], side), known

    def _posed(self, pose: Tensor, shape: Tensor, expression: Tensor, side: int) -> PosedFaces:
        rotation = euler_to_matrix(pose[:, :3])
        scale = pose[:, 6] / MM
        turned = scale[:, None] * (rotation @ self._origin.to(pose))
        x = pose[:, 3] - 0.5 - turned[:, 0]
        y = side + 0.5 - pose[:, 4] + turned[:, 1]  # y is up in the fit, from 1
        camera = WeakPerspectiveCamera(rotation, scale, torch.stack([x, y], 1))
        mean = self.model.zero_coefficients(len(pose))
        coefficients = Coefficients(
            _filled(mean.identity.to(pose), shape, self._identity),
            _filled(mean.expression.to(pose), expression, self._expression),
            mean.albedo.to(pose),
            mean.light.to(pose),
        )
        return PosedFaces(coefficients, camera)

    def __call__(self, batch: FaceBatch) -> FaceBatch:
        """The batch, whose rows with a fit and without a truth are known by their fit.

        Raises:
            InputError: a truth whose camera is of another kind.
        """
        fits = self.faces(batch.labels)
        if fits is None:
            return batch
        faces, known = fits
        if batch.truth is None or batch.known is None:
            return replace(batch, truth=faces, known=known)
        truth = _merged(batch.truth, faces, batch.known)
        return replace(batch, truth=truth, known=batch.known | known)


class FittedSource:
    """The batches of a source, with faces known by their fits.

    Args:
        source: of the batches.
        reader: of the fits.
    """

    def __init__(self, source: OccludedSource, reader: FitReader) -> None:
        self._source, self._reader = source, reader

    def __len__(self) -> int:
        """Batches of an epoch."""
        return len(self._source)

    def __next__(self) -> FaceBatch:
        return self._reader(next(self._source))

    def shard(self, rank: int, world: int) -> FittedSource:
        """That of one of several processes."""
        return FittedSource(self._source.shard(rank, world), self._reader)

    def rejects(self) -> dict[str, str]:
        """Why each bad row that was met is bad."""
        return self._source.rejects()

    @property
    def summary(self) -> str:
        """The source's."""
        return self._source.summary

    def state_dict(self) -> dict[str, Any]:
        """The source's."""
        return self._source.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken."""
        self._source.load_state_dict(state)


def _filled(coefficients: Tensor, raw: Tensor, factors: Tensor) -> Tensor:
    """Coefficients (B,K) whose first are those of raw ones (B,R)."""
    count = min(raw.shape[1], len(factors))
    converted_first = raw[:, :count] * factors[:count].to(raw)
    return torch.cat([converted_first, coefficients[:, count:]], 1)


def _merged(truth: PosedFaces, fitted: PosedFaces, known: Tensor) -> PosedFaces:
    """The truth where it is known, the fit elsewhere."""
    if type(truth.camera) is not type(fitted.camera):
        got = f"{type(truth.camera).__name__} beside fits of {type(fitted.camera).__name__}"
        raise InputError("data.train", "known faces seen by one kind of camera", got)

    def pick(one: Tensor, other: Tensor) -> Tensor:
        return torch.where(known.view(-1, *[1] * (one.ndim - 1)), one, other)

    both = truth.coefficients, fitted.coefficients
    parts = {f.name: pick(*(getattr(c, f.name) for c in both)) for f in fields(Coefficients)}
    names = vars(truth.camera)
    camera: FaceCamera = type(truth.camera)(
        **{n: pick(getattr(truth.camera, n), getattr(fitted.camera, n)) for n in names}
    )
    return PosedFaces(Coefficients(**parts), camera)
