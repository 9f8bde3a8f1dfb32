"""Shape and value checks of arguments, with messages that name argument and remedy."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.errors import InputError


def check_shape(name: str, tensor: Tensor, shape: tuple[int | str | None, ...]) -> None:
    """Raise unless a tensor has a shape.

    >>> check_shape("points", torch.zeros(5, 3), ("N", 3))
    >>> check_shape("points", torch.zeros(5, 2), ("N", 3))
    Traceback (most recent call last):
    ...
    selfie3d.core.errors.InputError: points: expected shape (N, 3), got shape (5, 2).

    Args:
        name: of the argument, for the message.
        tensor: what is checked.
        shape: an int is that size, a str or None any size. The string "..." at the beginning stands
            for any number of dimensions.

    Raises:
        InputError: it has another shape; the message names the argument and both shapes.
    """
    free_prefix = bool(shape) and shape[0] == "..."
    wanted = shape[1:] if free_prefix else shape
    actual = tuple(tensor.shape)
    tail = actual[len(actual) - len(wanted) :] if free_prefix else actual
    fits = len(tail) == len(wanted) and all(
        not isinstance(w, int) or w == a for w, a in zip(wanted, tail, strict=True)
    )
    if not fits:
        text = "(" + ", ".join("any" if s is None else str(s) for s in shape) + ")"
        raise InputError(name, f"shape {text}", f"shape {actual}")


def check_finite(name: str, tensor: Tensor) -> None:
    """Raise unless every number of a tensor is finite.

    >>> check_finite("points", torch.ones(2))
    >>> check_finite("points", torch.tensor([1.0, torch.nan]))
    Traceback (most recent call last):
    selfie3d.core.errors.InputError: points: expected finite numbers, got 1 NaN or ...

    Args:
        name: of the argument, for the message.
        tensor: what is checked.

    Raises:
        InputError: it holds NaN or infinity.
    """
    if bool(
        torch.isfinite(tensor.detach().sum())
    ):  # one pass; NaN and infinity would show in the sum
        return
    bad = int((~torch.isfinite(tensor)).sum())
    if bad:
        raise InputError(name, "finite numbers", f"{bad} NaN or infinite of {tensor.numel()}")
