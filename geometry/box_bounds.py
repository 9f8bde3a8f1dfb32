"""The least of quadratics in a box: linear least squares with bounds, in batches."""

from __future__ import annotations

import torch
from torch import Tensor

from .checks import check_shape

_SHORTER = 8  # halvings that the line search looks at


def least_in_box(
    normal: Tensor, right: Tensor, low: Tensor, high: Tensor, steps: int = 30
) -> Tensor:
    """The x of low <= x <= high with the least x^T N x / 2 - x^T r.

    Projected Newton steps (Bertsekas, Projected Newton Methods, SIAM J. Control Optim. 1982): the
    unknowns that a bound holds stay there, the others are solved for exactly, and of the steps of
    1, 1/2, 1/4 ... of that way the best is taken.

    Args:
        normal: (K,K), symmetric and positive definite.
        right: (B,K); gradients pass to it, through the unknowns that no bound holds.
        low, high: (K,), infinite where there is no bound.
        steps: at most so many; few are needed.

    Returns:
        (B,K).

    Raises:
        InputError: wrong shapes.
    """
    check_shape("normal", normal, ("K", "K"))
    check_shape("right", right, ("B", len(normal)))
    for name, bound in (("low", low), ("high", high)):
        check_shape(name, bound, (len(normal),))
    with torch.no_grad():
        x = torch.linalg.solve(normal, right.T).T.clamp(low, high)
        for _ in range(steps):
            goal = _solved(normal, right, x, _held(normal, right, x, low, high))
            moved = _best(normal, right, x, goal, low, high)
            if torch.equal(moved, x):
                break
            x = moved
    return _solved(normal, right, x, _held(normal, right, x, low, high)).clamp(low, high)


def _held(normal: Tensor, right: Tensor, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Unknowns (B,K) at a bound that would leave the box."""
    gradient = (x @ normal - right).detach()
    return ((x <= low) & (gradient > 0)) | ((x >= high) & (gradient < 0))


def _solved(normal: Tensor, right: Tensor, x: Tensor, held: Tensor) -> Tensor:
    """The least (B,K) with held unknowns where they are."""
    free = ~held
    system = torch.where(
        free[:, :, None] & free[:, None], normal, torch.diag_embed(held.to(normal))
    )
    fixed = torch.where(held, x, 0.0)
    wanted = torch.where(held, x, right - fixed @ normal)
    return torch.linalg.solve(system, wanted[..., None])[..., 0]


def _best(
    normal: Tensor, right: Tensor, x: Tensor, goal: Tensor, low: Tensor, high: Tensor
) -> Tensor:
    """The best point on the way to the goal, held in the box."""
    shares = 0.5 ** torch.arange(_SHORTER).to(x)
    tried = (x + shares[:, None, None] * (goal - x)).clamp(low, high)
    tried = torch.cat([x[None], tried])  # first: not to move, unless that is better
    energy = (tried * (0.5 * tried @ normal - right)).sum(-1)
    return tried.gather(0, energy.argmin(0)[None, :, None].expand(1, *x.shape))[0]
