"""Values that are computed from a tensor once, for as long as the same tensor comes unchanged."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")
_KEPT = 16


class TensorCache(Generic[T]):
    """A function of a tensor that keeps its value for as long as the same tensor comes unchanged.

    On the CPU every call compares the tensor with a copy, so that a change behind torch's back,
    through shared memory, is seen as well; on a GPU, where comparing would wait, only changes that
    torch knows of are seen.

    >>> sums = TensorCache(lambda tensor: print("computed") or float(tensor.sum()))
    >>> ones = torch.ones(3)
    >>> sums(ones) + sums(ones)
    computed
    6.0

    Args:
        make: the function; it is not called again for the tensors that came last.
    """

    def __init__(self, make: Callable[[Tensor], T]) -> None:
        self._make = make
        self._known: OrderedDict[int, tuple[weakref.ref, int, Tensor | None, T]] = OrderedDict()

    def __call__(self, tensor: Tensor) -> T:
        """What belongs to `tensor`; computed anew after a change in place."""
        version = -1 if tensor.is_inference() else tensor._version
        entry = self._known.get(id(tensor))
        if entry is not None and entry[0]() is tensor and entry[1] == version >= 0:
            copy, result = entry[2:]
            if copy is None or torch.equal(copy, tensor):
                return result
        copy = tensor.detach().clone() if tensor.device.type == "cpu" else None
        result = self._make(tensor)
        self._known[id(tensor)] = (weakref.ref(tensor), version, copy, result)
        while len(self._known) > _KEPT:
            try:
                self._known.popitem(last=False)
            except KeyError:  # another thread emptied it
                break
        return result


def index_range(indices: Tensor) -> tuple[int, int]:
    """The lowest and the highest of one or more indices; on a GPU this waits for it."""
    lowest, highest = indices.aminmax()
    return int(lowest), int(highest)
