"""Networks without storage: names and shapes of tensors, before memory is taken for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode


class _NoDraws(TorchFunctionMode):
    """Leaves random numbers out: for a tensor without storage torch would load its compiler."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401  (whatever the function gives)
        given = kwargs or {}
        if func is torch.Tensor.normal_ or getattr(func, "__module__", "") == nn.init.__name__:
            return given.get("tensor", *args[:1])
        return func(*args, **given)


@contextmanager
def sketching() -> Iterator[None]:
    """Modules that are made within have tensors on the device "meta", which hold nothing.

    Example:
        >>> with sketching():
        ...     layer = torch.nn.Linear(1_000_000, 1_000_000)
        >>> layer.weight.shape, layer.weight.is_meta
        (torch.Size([1000000, 1000000]), True)
    """
    with torch.device("meta"), _NoDraws():
        yield
