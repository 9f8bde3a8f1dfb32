"""Numbers out of tensors that were pickled by torch, without torch's own unpickling.

Such a pickle holds the bytes of a file as `torch.save` wrote it before version 1.6: five pickles
(a magic number, the protocol, the machine's sizes, the storage as an outside object, the list of
the outside objects), and then the number of items (int64) and the items, little-endian.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.array_pickle import as_bytes
from ..core.pickle_machine import PickleMachine, RefusedPickle, StandIn

_MAGIC = 0x1950A86A20F9469CFC6C
_KINDS = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ByteStorage": "u1",
}


class TorchStorage:
    """Stands for torch.storage._load_from_bytes: keeps the bytes."""

    def __init__(self, content: object = b"", *_: object) -> None:
        self.content = content

    def items(self) -> NDArray[Any]:
        """The numbers (N,)."""
        content = as_bytes(self.content)
        head = PickleMachine(content, _kind, _outside)
        magic, _, _, kind, _ = (head.load() for _ in range(5))
        if magic != _MAGIC or not isinstance(kind, _Kind):
            raise RefusedPickle("a torch storage of another layout")
        rest = content[head.at :]
        count = int(np.frombuffer(rest[:8], "<i8")[0])
        if count < 0 or len(rest) != 8 + count * np.dtype(kind.numbers).itemsize:
            raise RefusedPickle("a torch storage of another length")
        return np.frombuffer(rest, kind.numbers, offset=8)


class TorchTensor:
    """Stands for torch._utils._rebuild_tensor_v2: a view of a storage."""

    def __init__(
        self, storage: object = None, offset: object = 0, size: object = (), stride: object = (),
        *_: object,
    ) -> None:  # fmt: skip
        self.storage, self.offset, self.size, self.stride = storage, offset, size, stride

    def resolve(self) -> NDArray[Any]:
        """The array, copied; only tensors that lie densely, row by row."""
        if not isinstance(self.storage, TorchStorage) or not isinstance(self.size, tuple):
            raise RefusedPickle("a torch tensor without a storage")
        items, sizes = self.storage.items(), tuple(int(n) for n in self.size)
        steps = tuple(int(np.prod(sizes[k + 1 :], dtype=np.int64)) for k in range(len(sizes)))
        if self.offset != 0 or min(sizes, default=1) < 0 or self.stride != steps:
            raise RefusedPickle("a torch tensor that is a part of another")
        if len(items) != np.prod(sizes, dtype=np.int64):
            raise RefusedPickle("a torch tensor of another size than its storage")
        return items.reshape(sizes).copy()


def _kind(module: str, name: str) -> StandIn:
    if module != "torch" or name not in _KINDS:
        raise RefusedPickle(f"{module}.{name}")
    return _Kind(name)


class _Kind(StandIn):
    """Stands for a class of storages, which nothing in such a file calls."""

    def __init__(self, name: str) -> None:
        super().__init__(_refuse)
        self.numbers = _KINDS[name]


def _refuse(*_: object) -> object:
    raise RefusedPickle("a call of a torch storage")


def _outside(pid: object) -> object:
    """The kind of the storage that an identifier describes."""
    if not isinstance(pid, tuple) or len(pid) < 2 or pid[0] != "storage":
        raise RefusedPickle("an outside object that is no storage")
    return pid[1]
