"""From dense points to posed faces, with gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ...geometry.camera import PerspectiveCamera
from ...geometry.coefficients import vector_to_coefficients
from ...geometry.dense_points import PointBasis, PointLayout
from ...geometry.face_model import FaceModel
from ...geometry.point_solver import CoefficientPrior, PointSolver, SolverConfig
from ...geometry.posed import PosedFaces
from .points import PointPrediction, solver_errors


class PointDecoder:
    """The faces behind a network's points: shape and camera solved, albedo and light direct.

    Args:
        model: the face model.
        layout: which N points of it the network predicts.
        size: side of the crops in pixels.
        variance: (K,) mean squared errors of the direct coefficients, as a weights file states
            them: these coefficients are the solver's prior then; None: the model's own prior is.
        config: of the solver.
        sigma_scale: (N,) factors of the points' scales, as a weights file states them.

    Raises:
        InputError: the layout belongs to another model.
    """

    def __init__(
        self,
        model: FaceModel,
        layout: PointLayout,
        size: int,
        variance: Sequence[float] | None = None,
        config: SolverConfig | None = None,
        sigma_scale: Sequence[float] | None = None,
    ) -> None:
        self.model, self.size = model, size
        self.solver = PointSolver(PointBasis.of(model, layout), config)
        columns = self.solver.columns
        self._precision = None if variance is None else 1 / torch.tensor(variance)[columns]
        self._sigma_scale = None if sigma_scale is None else torch.tensor(sigma_scale)
        half = size / 2  # the next stays on the CPU, where its scale is read without waiting
        self._to_crop = torch.tensor([[half, 0.0, half], [0.0, half, half]])

    def __call__(self, prediction: PointPrediction) -> PosedFaces:
        """B faces with cameras in crop pixels."""
        points, log_sigma, vector = (value.float() for value in prediction[:3])
        self.to(points.device)
        sigma = solver_errors(log_sigma, self._sigma_scale)
        solved = self.solver.differentiable(points, sigma, self._prior(vector))
        direct = vector_to_coefficients(vector, self.model.sizes)
        coefficients = replace(direct, identity=solved.identity, expression=solved.expression)
        camera = PerspectiveCamera(*vars(solved.camera.moved(self._to_crop)).values())
        return PosedFaces(coefficients, camera)

    def to(self, device: torch.device | str) -> PointDecoder:
        """Itself, moved to another device; predictions from elsewhere move it, too."""
        self.solver.to(device)
        if self._precision is not None:
            self._precision = self._precision.to(device)
        return self

    def _prior(self, vector: Tensor) -> CoefficientPrior | None:
        if self._precision is None:
            return None
        return CoefficientPrior(vector[:, self.solver.columns], self._precision)
