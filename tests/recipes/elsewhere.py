"""A pretended device: real numbers, and the rules of a GPU about what may meet what.

Tensors on it say that they are on "lazy", a device type that torch knows and nobody has here; what
they hold lies on the CPU, so that results can be compared. As with CUDA, two devices may not meet
in one operation, but for CPU tensors without dimensions, and nothing there becomes a numpy array.
Stricter than CUDA: an index from the CPU is refused, too, since it is copied and waited for.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("lazy", 0)
_TRAVEL = {"_to_copy", "copy_", "set_"}
_WAITS = {"_local_scalar_dense", "nonzero", "masked_select", "equal"}


class Far(Tensor):
    """A tensor that says it is elsewhere."""

    near: Tensor

    @staticmethod
    def __new__(cls, near: Tensor) -> Far:
        if near.layout == torch.sparse_coo:
            far = Tensor._make_wrapper_subclass(
                cls, near.size(), dtype=near.dtype, layout=near.layout, device=DEVICE
            )
        else:
            far = Tensor._make_wrapper_subclass(
                cls,
                near.size(),
                strides=near.stride(),
                storage_offset=near.storage_offset(),
                dtype=near.dtype,
                device=DEVICE,
            )
        far.near = near
        return far

    def __repr__(self, **_: object) -> str:
        return f"Far({self.near})"

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        raise RuntimeError(f"{function} outside of `Elsewhere`")


class _Literals(TorchFunctionMode):
    """Makes `torch.tensor(numbers, device=...)`, which works below any dispatch, two steps."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if function is Tensor.tolist and isinstance(args[0], Far):
            return args[0].cpu().tolist()
        if function in (torch.tensor, torch.as_tensor) and "device" in kwargs:
            device = kwargs.pop("device")
            return function(*args, **kwargs).to(device)
        if function is Tensor.new_tensor:
            own, data = args
            made = torch.tensor(data, dtype=kwargs.get("dtype", own.dtype))
            return made.to(kwargs.get("device", own.device))
        return function(*args, **kwargs)


class Elsewhere(TorchDispatchMode):
    """While entered, `.to(DEVICE)` moves tensors there.

    Attributes:
        waits: for what the CPU would have waited on a GPU, by operation.
        mixed: where devices met, if they are not refused.
    """

    def __init__(self, refuse: bool = True) -> None:
        super().__init__()
        self.waits: Counter[str] = Counter()
        self.mixed: Counter[str] = Counter()
        self._refuse, self._literals = refuse, _Literals()

    def __enter__(self):
        self._literals.__enter__()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self._literals.__exit__(*error)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        far = any(isinstance(t, Far) for t in tensors)
        name = function.overloadpacket.__name__
        self._check(name, tensors, args)
        if kwargs.get("device") is not None:
            target = torch.device(kwargs["device"])
            if far and target.type != DEVICE.type:
                self.waits["to the CPU"] += 1
            far = target.type == DEVICE.type
            kwargs["device"] = torch.device("cpu")
        elif name == "copy_":
            far = isinstance(args[0], Far)
        out = function(*tree_map(_near, args), **tree_map(_near, kwargs))
        return tree_map(_far, out) if far else out

    def _check(self, name: str, tensors: list[Tensor], args: Any) -> None:
        here = [t for t in tensors if not isinstance(t, Far) and t.dim()]
        there = [t for t in tensors if isinstance(t, Far)]
        if here and there and name not in _TRAVEL:
            self.mixed[name] += 1
            if self._refuse:
                sizes = [tuple(t.shape) for t in here]
                raise RuntimeError(f"{name}: {sizes} on the CPU, others elsewhere")
        if there and name in _WAITS:
            self.waits[name] += 1
        if there and name in ("index", "index_put", "index_put_"):
            masks = [t for t in args[1] if isinstance(t, Tensor) and t.dtype == torch.bool]
            self.waits["bool index"] += len(masks)


def _near(value: Any) -> Any:
    return value.near if isinstance(value, Far) else value


def _far(value: Any) -> Any:
    return Far(value) if isinstance(value, Tensor) and not isinstance(value, Far) else value
