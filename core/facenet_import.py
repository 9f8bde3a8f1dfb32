"""Imports facenet-pytorch without torchvision, whose import takes longer than all the rest.

Of torchvision, facenet-pytorch uses non-maximum suppression alone where it looks for faces; where
it cuts them out, it uses `transforms.functional`. torchvision's import brings PyTorch's compiler
along, two seconds of it; requests, which would download weights that we read from files, tries out
the machine's network. So stand-ins answer to their names while facenet-pytorch is imported: one
holds our suppression, the others fetch the real modules when something is asked of them.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from threading import RLock
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .errors import MissingFileError
from .torchvision_shim import nms

if TYPE_CHECKING:
    from torch import Tensor

_NAME = "facenet_pytorch"
_FUNCTIONAL = "torchvision.transforms.functional"
_ADAPTERS = "requests.adapters"
_PLAIN = ("torchvision", "torchvision.ops", "torchvision.ops.boxes", "torchvision.transforms")
_LOCK = RLock()


def require_facenet() -> None:
    """See that facenet-pytorch is installed, without importing it.

    Raises:
        MissingFileError: it is not.
    """
    if _NAME not in sys.modules and find_spec(_NAME) is None:
        remedy = "Install it: pip install selfie3d."
        raise MissingFileError("any folder of sys.path", "The package facenet-pytorch", remedy)


def import_facenet() -> ModuleType:
    """The package facenet_pytorch, imported without torchvision where neither is imported yet.

    Afterwards `import torchvision` gives the real one, and what is in this package works as ever.

    Raises:
        MissingFileError: it is not installed.
    """
    require_facenet()
    with _LOCK, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "IProgress not found")  # tqdm's, in notebooks
        if _NAME in sys.modules or "torchvision" in sys.modules:
            import facenet_pytorch
        else:
            with _stand_ins():
                import facenet_pytorch
    return facenet_pytorch


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """Non-maximum suppression within each group, as torchvision's.

    Args:
        boxes: (N,4), x0, y0, x1, y1.
        scores: (N,).
        idxs: (N,) the group of each box.
        iou_threshold: a box is dropped when its intersection over union with a kept one of its
            group is larger.

    Returns:
        (K,) int64 indices of the kept boxes, by falling score; equal scores by index.
    """
    import torch

    groups = torch.unique(idxs)
    if len(groups) < 2:
        return nms(boxes, scores, iou_threshold)
    rows = [torch.nonzero(idxs == group)[:, 0] for group in groups]
    kept = torch.cat([row[nms(boxes[row], scores[row], iou_threshold)] for row in rows])
    kept = kept.sort().values
    return kept[torch.argsort(scores[kept], descending=True, stable=True)]


class _Later(ModuleType):
    """Stands for a module, which is imported when it is used."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  (whatever stands in that module)
        if name.startswith("__"):  # the import system looks for these
            raise AttributeError(name)
        if self.__name__ == _FUNCTIONAL:
            from .torchvision_shim import ensure_torchvision

            ensure_torchvision()
        return getattr(import_module(self.__name__), name)


def _adapter(*arguments: object, **options: object) -> object:
    """`requests.adapters.HTTPAdapter`, which facenet-pytorch imports by its name."""
    return import_module("requests.adapters").HTTPAdapter(*arguments, **options)


@contextmanager
def _stand_ins() -> Iterator[None]:
    """Modules under the names of torchvision's and requests', for as long as this lasts."""
    modules = {name: ModuleType(name) for name in _PLAIN} | {_FUNCTIONAL: _Later(_FUNCTIONAL)}
    if "requests" not in sys.modules:
        modules |= {"requests": _Later("requests"), _ADAPTERS: ModuleType(_ADAPTERS)}
        vars(modules[_ADAPTERS])["HTTPAdapter"] = _adapter
    vars(modules["torchvision.ops.boxes"])["batched_nms"] = batched_nms
    vars(modules["torchvision.transforms"])["functional"] = modules[_FUNCTIONAL]
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, module in modules.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
