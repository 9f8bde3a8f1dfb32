"""One Gauss-Newton step on unknowns of which some have bounds."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .coefficients import EXPRESSION_UNIT

Solve = Callable[[Tensor, Tensor, Tensor], Tensor]
"""x (B,P) of (system + diagonal) x = right: system (B,P,P), diagonal (B,P), right (B,P)."""

_FIXED = 1e6  # stiffness of an expression that is held at a bound


def bounded_step(
    system: Tensor,
    diagonal: Tensor,
    right: Tensor,
    *,
    values: Tensor,
    bounded: Tensor,
    solve: Solve,
) -> Tensor:
    """The step (B,P) on everything, expressions at a bound held there.

    Expressions that the step would take beyond a bound are led to it and the others solved
    again. Cutting them off alone leaves the others where they belong to what was cut, and the
    steps may swing between two faces for ever.

    Args:
        system: (B,P,P). diagonal: (B,P) to be added to it. right: (B,P).
        values: (B,K) of the last K unknowns.
        bounded: (K,) bool, which of them stay within 0 and 1 / `EXPRESSION_UNIT`.
        solve: the linear solver.
    """
    first = right.shape[1] - values.shape[1]
    diagonal = diagonal.clone()
    diagonal[:, first:] += _FIXED * _held(values, right[:, first:], bounded)
    free = solve(system, diagonal, right.detach())
    beyond, gap = _beyond(values, free[:, first:], bounded)
    diagonal[:, first:] += _FIXED * beyond
    led = torch.nn.functional.pad(_FIXED * beyond * gap, (first, 0))
    return solve(system, diagonal, right + led)


def _held(values: Tensor, gradient: Tensor, bounded: Tensor) -> Tensor:
    """Expressions at a bound that would leave it: projected Newton (Bertsekas 1982), (B,K)."""
    low = (values <= 0) & (gradient < 0)
    high = (values >= 1 / EXPRESSION_UNIT) & (gradient > 0)
    return (bounded & (low | high)).to(values)


def _beyond(values: Tensor, step: Tensor, bounded: Tensor) -> tuple[Tensor, Tensor]:
    """Expressions that a step takes over a bound (B,K), 1 or 0, and their way to it."""
    reached = values + step
    bound = reached.clamp(0.0, 1 / EXPRESSION_UNIT)
    return (bounded & (reached != bound)).to(values), bound - values


def solve_system(system: Tensor, diagonal: Tensor, right: Tensor) -> Tensor:
    """x (B,K,R) of (system + diagonal) x = right; NaN where that is not positive definite.

    Args:
        system: (B,K,K). diagonal: (B,K). right: (B,K,R).
    """
    scale = (torch.diagonal(system, dim1=1, dim2=2) + diagonal).rsqrt()
    scaled = (system + torch.diag_embed(diagonal)) * scale[:, :, None] * scale[:, None]
    factor, failed = torch.linalg.cholesky_ex(scaled)
    factor = factor.masked_fill(failed[:, None, None] > 0, torch.nan)
    return torch.cholesky_solve(right * scale[..., None], factor) * scale[..., None]
