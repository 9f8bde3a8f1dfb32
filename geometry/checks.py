"""Shape and value checks of arguments, with messages that name argument and remedy."""

from __future__ import annotations

from torch import Tensor, isfinite

from ..core.errors import InputError


def check_shape(name: str, tensor: Tensor, shape: tuple[int | str | None, ...]) -> None:
    """Raise unless `tensor` has `shape`; int = that size, str or None = any size.

    A leading Ellipsis-like prefix is written as the string "...": any number of dimensions.

    Raises:
        InputError: names `name`, the expected and the actual shape.
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
    """Raise InputError if `tensor` holds NaN or infinity."""
    if bool(isfinite(tensor.detach().sum())):  # one pass; NaN and infinity would show in the sum
        return
    bad = int((~isfinite(tensor)).sum())
    if bad:
        raise InputError(name, "finite numbers", f"{bad} NaN or infinite of {tensor.numel()}")
