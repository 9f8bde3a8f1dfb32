"""Makes a torchvision usable whose compiled operators do not fit the installed PyTorch.

torchvision's wheel on PyPI is built for CUDA; beside a CPU build of PyTorch its library cannot be
loaded, and `import torchvision` ends in "operator torchvision::nms does not exist". The package
needs one operator only to be imported, non-maximum suppression.
"""

from __future__ import annotations

import importlib
import warnings
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import MissingFileError

if TYPE_CHECKING:
    from torch import Tensor

KNOWN_VERSIONS = ((0, 20), (0, 28))
"""The first and the last torchvision (major, minor) whose import this was tried with."""

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_STATE = {"shimmed": False}


def ensure_torchvision() -> bool:
    """Import torchvision, after mending it when, and only when, its operators are missing.

    To be called before anything else imports torchvision. Calling it again does nothing.

    Returns:
        True when the operators were missing and `nms` is ours, False when they are torchvision's.

    Raises:
        MissingFileError: torchvision is not installed.
    """
    if _STATE["shimmed"] or _operators_are_there():
        importlib.import_module("torchvision")
        return _STATE["shimmed"]
    _warn_outside_known_versions()
    _define_operators()
    # Its modules register shape functions for every operator when `_has_ops` answers True, and we
    # have only two; so it answers True from here on, after they were imported.
    importlib.import_module("torchvision")
    extension = importlib.import_module("torchvision.extension")
    extension._has_ops = lambda: True  # type: ignore[attr-defined]
    _STATE["shimmed"] = True
    return True


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Greedy non-maximum suppression, as torchvision's: keep the best box, drop what overlaps it.

    Args:
        boxes: (N, 4), x0, y0, x1, y1.
        scores: (N,).
        iou_threshold: a box is dropped when its intersection over union with a kept one is larger.

    Returns:
        (K,) int64 indices of the kept boxes, by falling score; equal scores by index.
    """
    import torch

    left = torch.argsort(scores, descending=True, stable=True)
    kept = []
    while left.numel() > 0:
        best, left = left[0], left[1:]
        kept.append(best)
        left = left[~(_overlap(boxes[best], boxes[left]) > iou_threshold)]
    return torch.stack(kept) if kept else torch.empty(0, dtype=torch.int64, device=boxes.device)


def _overlap(box: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of one box (4,) with `others` (N, 4); NaN for two empty boxes."""
    import torch

    size = (torch.minimum(box[2:], others[:, 2:]) - torch.maximum(box[:2], others[:, :2])).clamp(0)
    shared = size[:, 0] * size[:, 1]
    area = (box[2] - box[0]) * (box[3] - box[1])
    areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    return shared / (area + areas - shared)


def _operators_are_there() -> bool:
    """Whether torchvision's own library is loaded, or can be, without importing torchvision."""
    import torch

    if hasattr(torch.ops.torchvision, "nms"):
        return True
    package = find_spec("torchvision")
    if package is None or not package.submodule_search_locations:
        raise MissingFileError(
            "any folder of sys.path", "The package torchvision", "Install it: pip install selfie3d."
        )
    folder = Path(package.submodule_search_locations[0])
    finder = FileFinder(str(folder), (ExtensionFileLoader, EXTENSION_SUFFIXES))
    library = finder.find_spec("_C")
    if library is None or library.origin is None:
        return False
    try:
        torch.ops.load_library(library.origin)
    except OSError:
        return False
    return hasattr(torch.ops.torchvision, "nms")


def _define_operators() -> None:
    import torch

    torch.library.define("torchvision::nms", _SCHEMA)
    torch.library.define("torchvision::qnms", _SCHEMA)
    torch.library.impl("torchvision::nms", "cpu", nms)


def _warn_outside_known_versions() -> None:
    try:
        text = version("torchvision")
    except PackageNotFoundError:
        text = "0"
    numbers = tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
    first, last = KNOWN_VERSIONS
    if not first <= numbers <= last:
        known = f"{first[0]}.{first[1]} to {last[0]}.{last[1]}"
        warnings.warn(
            f"torchvision {text} cannot load its operators beside this PyTorch, and the repair "
            f"for that was tried with {known} only. If face detection fails, install the "
            "torchvision that fits: https://pytorch.org/get-started/locally",
            stacklevel=3,
        )
