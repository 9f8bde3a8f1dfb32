"""What every term does before it computes: it widens half precision and refuses other kinds.

Sums over an image leave float16 at once (65,504 is its largest number), and whole numbers wrap
round. So a term computes in float32 at least, autocast or not, and takes floating-point numbers.
"""

from __future__ import annotations

import functools
import inspect
from collections import Counter
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor

from ..core.errors import InputError

P = ParamSpec("P")
R = TypeVar("R")
_CHANNELS = (1, 3, 4)
_LOWEST, _HIGHEST = -0.5, 1.5  # of images in [0,1], whatever was done to their colours
_LOOKS = 1  # at the values of a GPU's images, for which the processor has to wait


def make_term(
    *values: str, masks: Sequence[str] = (), images: Sequence[str] = (), photos: Sequence[str] = ()
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a term whose arguments of these names are tensors.

    >>> @make_term("error")
    ... def squared(error):
    ...     return error**2
    >>> squared(torch.tensor(300.0, dtype=torch.float16))
    tensor(90000.)

    Args:
        values: arguments of floating-point numbers.
        masks: arguments of bool or floating-point numbers; float32 inside.
        images: arguments (B,C,H,W), floating-point; pictures with their channels last are refused.
        photos: as `images`, and in [0,1].

    Returns:
        a decorator. The term raises InputError where an argument is no tensor, of whole numbers,
        has its channels last or other values; on a GPU the values of its first call are looked at.
    """
    kinds = dict.fromkeys(values, "value") | dict.fromkeys(masks, "mask")
    kinds |= dict.fromkeys(images, "image") | dict.fromkeys(photos, "photo")

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        looks: Counter[str] = Counter()

        @functools.wraps(function)
        def careful(*args: P.args, **kwargs: P.kwargs) -> R:
            bound = signature.bind(*args, **kwargs)
            arguments = bound.arguments
            device = "cpu"
            for name, kind in kinds.items():
                if arguments.get(name) is not None:
                    arguments[name] = _checked(name, arguments[name], kind, looks)
                    device = arguments[name].device.type
            with torch.autocast(device, enabled=False):
                return function(*bound.args, **bound.kwargs)

        return careful

    return decorate


def _checked(name: str, tensor: Tensor, kind: str, looks: Counter[str]) -> Tensor:
    """The argument in float32 at least."""
    if not isinstance(tensor, Tensor):
        got = type(tensor).__name__
        raise InputError(name, "a tensor", got, "Give torch.as_tensor(...), in floating point.")
    if kind == "mask" and tensor.dtype == torch.bool:
        return tensor.float()
    if not tensor.is_floating_point():
        pictures = kind in ("image", "photo")
        expected = "images of floating-point numbers in [0,1]" if pictures else "floating point"
        remedy = "Give images.float() / 255." if pictures else "Give float(), or bool() of a mask."
        raise InputError(name, expected, str(tensor.dtype), remedy)
    if kind in ("image", "photo") and _is_channels_last(tensor):
        remedy = "Give images.permute(0, 3, 1, 2)."
        raise InputError(name, "images (B,C,H,W)", f"shape {tuple(tensor.shape)}", remedy)
    if kind == "photo" and (tensor.device.type == "cpu" or looks[name] < _LOOKS):
        looks[name] += 1
        _check_range(name, tensor.detach())
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def _is_channels_last(images: Tensor) -> bool:
    if images.dim() != 4:
        return False  # the term's own check of shapes says what is wrong
    return images.shape[1] not in _CHANNELS and images.shape[3] in _CHANNELS


def _check_range(name: str, images: Tensor) -> None:
    if images.numel():
        low, high = (float(value) for value in images.aminmax())
        if low < _LOWEST or high > _HIGHEST:
            remedy = "Divide bytes by 255; undo a network's own scaling of colours."
            raise InputError(name, "images in [0,1]", f"{low:g} to {high:g}", remedy)
