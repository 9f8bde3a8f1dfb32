"""What depends on the triangle list alone, computed once per list: index range and neighbours."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.errors import InputError
from .checks import MAX_TRIANGLES, check_tensor

BOUNDARY = -1
"""In `Topology.neighbours` and `Topology.edges`: no unique triangle beyond this edge."""

_CACHE_SIZE = 16


class Topology:
    """Index range, neighbours and edges of one triangle list.

    Args:
        tri: (T,3) int32, C-contiguous. Kernels work on it unchecked: nobody else may have it.
    """

    def __init__(self, tri: NDArray[np.int32]) -> None:
        self.tri = tri
        self.lowest = int(tri.min()) if tri.size else 0
        self.highest = int(tri.max()) if tri.size else -1

    @cached_property
    def _tables(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        count = len(self.tri)
        corners = self.tri.astype(np.int64)
        ends = np.stack([corners[:, [1, 2, 0]], corners[:, [2, 0, 1]]], axis=2).reshape(-1, 2)
        ends.sort(axis=1)
        keys = ends[:, 0] * (self.highest + 1) + ends[:, 1]
        order = np.argsort(keys, kind="stable")
        starts = np.flatnonzero(np.diff(keys[order], prepend=-1))
        uses = np.diff(starts, append=len(keys))
        first, second = order[starts], order[np.minimum(starts + 1, max(len(keys) - 1, 0))]
        paired = uses == 2
        neighbours = np.full(3 * count, BOUNDARY, np.int32)
        neighbours[first[paired]] = second[paired] // 3
        neighbours[second[paired]] = first[paired] // 3
        beyond = np.where(paired, second // 3, BOUNDARY)
        edges = np.stack([*ends[first].T, first // 3, beyond, first % 3]).astype(np.int32)
        return neighbours.reshape(-1, 3), edges

    @property
    def neighbours(self) -> NDArray[np.int32]:
        """(T,3): the triangle beyond the edge opposite to corner c, or `BOUNDARY`."""
        return self._tables[0]

    @property
    def edges(self) -> NDArray[np.int32]:
        """(5,E): both vertices, one triangle, the other or `BOUNDARY`, the corner opposite.

        An edge of three or more triangles counts as a boundary of the first of them.
        """
        return self._tables[1]


# id of the tensor -> the tensor itself (weakly), what was read.
_Entry = tuple[weakref.ref, Topology]
_CACHE: OrderedDict[int, _Entry] = OrderedDict()


def topology_of(tri: Tensor) -> Topology:
    """The topology of a triangle list, kept for as long as the same tensor comes unchanged.

    It has a copy of the list, which every call compares with it (17 microseconds for 43,000
    triangles): a change behind torch's back, through shared memory, is seen, and one during a
    kernel reaches nothing.

    Raises:
        InputError: not a (T,3) int32 CPU tensor, or too many triangles for float32 ids.
    """
    check_tensor("tri", tri, (None, 3), torch.int32)
    if tri.shape[0] > MAX_TRIANGLES:
        raise InputError("tri", f"at most {MAX_TRIANGLES} triangles", f"{tri.shape[0]}")
    entry, values = _CACHE.get(id(tri)), tri.detach().numpy()
    if entry is not None and entry[0]() is tri and np.array_equal(entry[1].tri, values):
        return entry[1]
    topology = Topology(values.copy(order="C"))
    _CACHE[id(tri)] = (weakref.ref(tri), topology)
    while len(_CACHE) > _CACHE_SIZE:
        try:
            _CACHE.popitem(last=False)
        except KeyError:  # another thread emptied it
            break
    return topology


def check_indices(topology: Topology, vertices: int, name: str) -> None:
    """Raise InputError unless every index lies in 0..vertices-1 of the array called `name`."""
    if topology.lowest < 0 or topology.highest >= vertices:
        raise InputError(
            "tri",
            f"indices in 0..{vertices - 1} of {name}",
            f"indices in {topology.lowest}..{topology.highest}",
        )
