"""Pose and expression behind dense points of a person whose identity is known.

With the identity given the unknowns are a third, and a step costs a tenth of what it costs
`PointSolver`: the frames of a clip are solved so.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from .checks import check_shape
from .coefficients import EXPRESSION_UNIT
from .dense_points import PointBasis
from .lip_columns import LipColumns
from .point_solver import PointSolver, SolverConfig
from .point_view import PointView, PosedValues


class KnownIdentitySolver(PointSolver):
    """As `PointSolver`, for faces of one known identity: `columns` are of expressions alone.

    Args:
        basis: the model at the points.
        identity: (1,Ki) of the person.
        config: how; None: the defaults of `SolverConfig`. Its `identity_modes` are not heard.
        lips: as for `PointSolver`.

    Raises:
        InputError: an identity of another shape.
    """

    def __init__(
        self,
        basis: PointBasis,
        identity: Tensor,
        config: SolverConfig | None = None,
        lips: LipColumns | None = None,
    ) -> None:
        check_shape("identity", identity, (1, len(basis.identity)))
        super().__init__(basis, replace(config or SolverConfig(), identity_modes=0), lips)
        self._known = identity
        still = identity.new_zeros(1, len(basis.expression))
        modes = basis.expression[self._expression] * EXPRESSION_UNIT
        self._view = PointView(basis.points(identity, still)[0], modes, 0)

    def to(self, device: torch.device | str) -> KnownIdentitySolver:
        """Itself, moved to another device."""
        super().to(device)
        self._known = self._known.to(device)
        return self

    def _coefficients(self, state: PosedValues) -> tuple[Tensor, Tensor]:
        _, expression = super()._coefficients(state)
        return self._known.expand(len(expression), -1), expression
