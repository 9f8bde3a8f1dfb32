"""Checks that turn a reader's arrays into a face model's tensors, naming what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ..core.errors import InputError
from .checks import check_finite, check_shape
from .landmarks import LandmarkSet

_EYE_POINTS = (slice(36, 42), slice(42, 48))
_EYEBALL_RADIUS = 12.0  # mm
_GREY = 0.6


def as_floats(name: str, value: ArrayLike | None, shape: tuple[int | str | None, ...]) -> Tensor:
    """`value` as a float32 tensor of `shape` without NaN."""
    tensor = _as_tensor(name, value).to(torch.float32).contiguous()
    check_shape(name, tensor, shape)
    check_finite(name, tensor)
    return tensor


def _as_tensor(name: str, value: ArrayLike | None) -> Tensor:
    if value is None:
        raise InputError(name, "an array", "nothing")
    try:
        return torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(name, "an array of numbers", f"something else ({error})") from error


def _as_whole(name: str, value: ArrayLike | None) -> Tensor:
    """`value` as an int64 tensor; whole numbers in floating point are taken too."""
    tensor = _as_tensor(name, value)
    whole = tensor.to(torch.int64).contiguous()
    if tensor.is_floating_point() and not torch.equal(whole.to(tensor), tensor):
        raise InputError(name, "whole numbers", "fractions, NaN or infinity")
    return whole


def as_basis(name: str, value: ArrayLike | None, count: int) -> Tensor:
    """`value` as a (K,count,3) basis; no modes when it is None."""
    return torch.zeros(0, count, 3) if value is None else as_floats(name, value, (None, count, 3))


def as_albedo(value: ArrayLike | None, count: int) -> Tensor:
    """`value` as colours (count,3); a grey face when it is None."""
    return (
        torch.full((count, 3), _GREY)
        if value is None
        else as_floats("albedo_mean", value, (count, 3))
    )


def check_names(names: Sequence[str], count: int) -> None:
    """Raise unless there are no names or one per expression."""
    if names and len(names) != count:
        raise InputError("expression_names", "one name per expression", f"{len(names)} names")


def as_indices(name: str, value: ArrayLike | None, count: int) -> Tensor:
    """`value` as (N,3) int64 indices below `count`."""
    tensor = _as_whole(name, value)
    check_shape(name, tensor, (None, 3))
    if len(tensor) and not (int(tensor.min()) >= 0 and int(tensor.max()) < count):
        low, high = int(tensor.min()), int(tensor.max())
        raise InputError(name, f"indices in 0..{count - 1}", f"{low}..{high}")
    return tensor


def as_permutation(name: str, value: ArrayLike | None, count: int) -> Tensor:
    """`value` as a permutation (count,) of the vertices."""
    tensor = _as_whole(name, value)
    check_shape(name, tensor, (count,))
    if not torch.equal(tensor.sort().values, torch.arange(count)):
        raise InputError(name, "a permutation of the vertices", "repeated or missing indices")
    return tensor


def as_uv(uv: ArrayLike | None, uv_faces: ArrayLike | None, faces: Tensor) -> tuple[Tensor, Tensor]:
    """Texture coordinates (T,2) and their triangles (F,3); all zero when there are none."""
    if uv is None:
        return torch.zeros(1, 2), torch.zeros_like(faces)
    coords = as_floats("uv", uv, (None, 2))
    corners = faces if uv_faces is None else as_indices("uv_faces", uv_faces, len(coords))
    check_shape("uv_faces", corners, tuple(faces.shape))
    if len(corners) and int(corners.max()) >= len(coords):
        raise InputError("uv", "one row per vertex when uv_faces is not given", f"{len(coords)}")
    return coords, corners


def as_regions(regions: Mapping[str, ArrayLike], count: int) -> dict[str, Tensor]:
    """Named vertex masks (count,)."""
    masks = {k: torch.as_tensor(v).to(torch.bool) for k, v in regions.items()}
    for key, mask in masks.items():
        check_shape(f"region {key!r}", mask, (count,))
    return masks


def check_landmark_ids(landmarks: Mapping[str, LandmarkSet], count: int) -> None:
    """Raise unless every landmark lies on the mesh."""
    for key, points in landmarks.items():
        if len(points):
            as_indices(f"landmarks {key!r}", points.vertices, count)


def estimate_origin(points: Tensor, landmarks: Mapping[str, LandmarkSet]) -> Tensor:
    """The midpoint of the eyeball centres (3,), guessed from the eyes' landmarks, mm."""
    if "ibug68" not in landmarks:
        raise InputError(
            "origin",
            "a point, or ibug68 landmarks to estimate it from",
            "neither",
            "Give the midpoint of the eyeball centres.",
        )
    positions = landmarks["ibug68"].points(points[None])[0]
    eyes = [positions[eye][landmarks["ibug68"].valid[eye]] for eye in _EYE_POINTS]
    if not all(len(eye) for eye in eyes):
        raise InputError("origin", "a point", "nothing, and ibug68 lacks an eye")
    middle = (eyes[0].mean(0) + eyes[1].mean(0)) / 2
    return middle - torch.tensor([0.0, 0.0, _EYEBALL_RADIUS])
