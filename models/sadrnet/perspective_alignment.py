"""Perspective cameras from corresponding points, for networks that align their own outputs.

SADRNet aligns by a similarity, which is a weak perspective camera: right for 300W-LP, whose faces
were fitted with one. A face photographed from half a metre is not seen so: a similarity between
its true shape and its true points in the picture leaves 0.9 % of its size on our synthetic faces.
Here the camera has one number more, how near it is.

The camera looks at a pivot p, the head's middle, from the distance d = 1 / n. With X = R (x - p),

    u = c_x + q X_x,  v = c_y - q X_y,  q = s / (1 - n X_z),  z = q_o (X_z - O_z),

where O is the model's origin, q_o its q. n = 0 is weak perspective. From the similarity on,
Gauss-Newton steps find the least weighted sum of squares, and one step more carries the gradients
(implicit function theorem, curvature as Gauss and Newton have it, as in `point_solver`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...geometry.align import Similarity
from ...geometry.camera import PerspectiveCamera
from ...geometry.checks import check_shape
from ...geometry.point_view import PIVOT_MM
from ...geometry.rotation import rotvec_to_matrix
from .alignment import sadrnet_alignment

NEARNESS_SPREAD = 1e-3
"""1/mm; of the nearness about 0, where the points do not tell: a camera at a metre or farther."""
_RANGE = (5e-5, 2.5e-3)  # 1/mm: from 20 m to 0.4 m
_NOISE = 0.02  # of the points' size, and so many of them independent:
_INDEPENDENT = 17.0
_STEPS = 5
_DAMPING = 1e-6  # of the scaled normal matrix, whose eigenvalues are about 1
_TINY = 1e-12
_LEAST_SIZE = 1e-2  # square pixels


@dataclass(frozen=True)
class _State:
    rotation: Tensor  # (B,3,3)
    scale: Tensor  # (B,) pixels per mm at the pivot
    middle: Tensor  # (B,2) pixels, where the pivot is seen
    nearness: Tensor  # (B,) 1/mm


def perspective_align(
    source: Tensor, target: Tensor, weights: Tensor | None = None
) -> PerspectiveCamera:
    """The camera that sees source points where the target points are.

    Args:
        source: (B,N,3) mm, model space, N >= 3.
        target: (B,N,3) pixels: x right, y down, z towards the camera from the model's origin on.
        weights: (B,N), at least 0; equal ones if None.

    Returns:
        B cameras, with gradients to all three. Points that leave something open give finite values
        and gradients; an item with NaN or infinity gives NaN.

    Raises:
        InputError: wrong or unequal shapes, or a negative weight.
    """
    check_shape("source", source, ("B", "N", 3))
    check_shape("target", target, tuple(source.shape))
    weights = torch.ones_like(source[..., 0]) if weights is None else weights
    wide = torch.promote_types(source.dtype, torch.float32)
    with torch.autocast(source.device.type, enabled=False):
        y, w = target.to(wide), weights.to(wide)
        x = source.to(wide) - y.new_tensor(PIVOT_MM)
        with torch.no_grad():
            up = y * y.new_tensor([1.0, -1.0, 1.0])
            state, bad = _start(sadrnet_alignment(x, up, w))
            share = _information(y, w)
            for _ in range(_STEPS):
                state = _moved(state, _step(state, x, y, share, bad))
        state = _moved(state, _step(state, x, y, _information(y, w), bad))
    return _camera(state, bad)


def _start(similarity: Similarity) -> tuple[_State, Tensor]:
    bad = ~torch.isfinite(similarity.scale)
    scale, turn, shift = (torch.nan_to_num(v) for v in vars(similarity).values())
    flip = shift.new_tensor([1.0, -1.0])
    return _State(turn, scale, shift[:, :2] * flip, torch.full_like(scale, NEARNESS_SPREAD)), bad


def _information(target: Tensor, weights: Tensor) -> Tensor:
    """One over the variance (B,N) of each point's coordinates."""
    total = weights.sum(1, keepdim=True)
    some = total > 0
    share = torch.where(some, weights / torch.where(some, total, 1.0), 0.0)
    points = target.detach()
    mean = (share.detach()[..., None] * points).sum(1, keepdim=True)
    size = (share.detach() * (points - mean).square().sum(-1)).sum(1, keepdim=True)
    return _INDEPENDENT * share / (_NOISE**2 * size.clamp(min=_LEAST_SIZE))


def _step(state: _State, x: Tensor, y: Tensor, information: Tensor, bad: Tensor) -> Tensor:
    """The Gauss-Newton step (B,7): turn, log of the scale, middle, nearness."""
    with torch.no_grad():
        design = _derivatives(state, x)  # (B,N,3,7)
        design = torch.nan_to_num(design, 0.0, 0.0, 0.0)
        weighted = design * information.detach()[..., None, None]
        weighted = torch.nan_to_num(weighted, 0.0, 0.0, 0.0)
        system = weighted.flatten(1, 2).mT @ design.flatten(1, 2)
        system[:, 6, 6] += NEARNESS_SPREAD**-2
        size = torch.diagonal(system, dim1=1, dim2=2).clamp(min=_TINY).rsqrt()
        system = system * size[:, :, None] * size[:, None]
        system = system + _DAMPING * torch.eye(7).to(system)
    gap = (y - _seen(state, x)) * information[..., None]
    right = (design * gap[..., None]).sum((1, 2))
    pulled = torch.zeros_like(right)
    pulled[:, 6] = -state.nearness * NEARNESS_SPREAD**-2
    right = torch.where(bad[:, None], 0.0, right + pulled)
    return torch.linalg.solve(system, (right * size)[..., None])[..., 0] * size


def _seen(state: _State, x: Tensor) -> Tensor:
    """Points (B,N,3), relative to the pivot, in pixels."""
    X, Y, Z = (x @ state.rotation.mT).unbind(-1)
    q, origin = _scale_at(state, Z), _origin(state)
    middle = state.middle[:, None]
    depth = _scale_at(state, origin[..., 2]) * (Z - origin[..., 2])
    return torch.stack([middle[..., 0] + q * X, middle[..., 1] - q * Y, depth], -1)


def _origin(state: _State) -> Tensor:
    """The model's origin (B,1,3) as the points are."""
    return (state.rotation @ -state.rotation.new_tensor(PIVOT_MM))[:, None]


def _scale_at(state: _State, depth: Tensor) -> Tensor:
    """Pixels per mm (B,N) at X_z."""
    return state.scale[:, None] / (1 - state.nearness[:, None] * depth).clamp(min=0.1)


def _derivatives(state: _State, x: Tensor) -> Tensor:
    """The derivatives (B,N,3,7) of `_seen` by the step's seven numbers."""
    V, origin = x @ state.rotation.mT, _origin(state)
    X, Y, Z = V.unbind(-1)
    q, q_o = _scale_at(state, Z), _scale_at(state, origin[..., 2])
    s = state.scale[:, None].clamp(min=_TINY)
    lens, lens_o = q * q / s, q_o * q_o / s  # of q by n Z
    o, deep = torch.zeros_like(Z), Z - origin[..., 2]
    n = state.nearness[:, None]
    by_place = torch.stack([q, o, n * lens * X, o, -q, -n * lens * Y], -1).unflatten(-1, (2, 3))
    turn = by_place @ _cross(V)
    tilt = q_o[..., None] * _cross(V - origin)[..., 2, :]
    tilt = tilt + (deep * n * lens_o)[..., None] * _cross(origin)[..., 2, :]
    turn = torch.cat([turn, tilt[..., None, :]], -2)
    grow = torch.stack([q * X, -q * Y, q_o * deep], -1)
    closer = torch.stack([lens * X * Z, -lens * Y * Z, lens_o * origin[..., 2] * deep], -1)
    shift = torch.eye(3, 2).to(x).expand(*q.shape, 3, 2)
    return torch.cat([turn, grow[..., None], shift, closer[..., None]], -1)


def _cross(v: Tensor) -> Tensor:
    """M (...,3,3) with M w = w x v."""
    x, y, z = v.unbind(-1)
    o = torch.zeros_like(x)
    return torch.stack([o, z, -y, -z, o, x, y, -x, o], -1).unflatten(-1, (3, 3))


def _moved(state: _State, step: Tensor) -> _State:
    return _State(
        rotvec_to_matrix(step[:, :3]) @ state.rotation,
        state.scale * step[:, 3].clamp(-0.5, 0.5).exp(),
        state.middle + step[:, 4:6],
        (state.nearness + step[:, 6]).clamp(*_RANGE),
    )


def _camera(state: _State, bad: Tensor) -> PerspectiveCamera:
    distance = 1 / state.nearness
    o = torch.zeros_like(distance)
    away = torch.stack([o, o, -distance], -1) + _origin(state)[:, 0]
    parts = (state.rotation, away, state.scale * distance, state.middle)
    nan = float("nan")
    return PerspectiveCamera(
        *(p.masked_fill(bad.view(-1, *[1] * (p.ndim - 1)), nan) for p in parts)
    )
