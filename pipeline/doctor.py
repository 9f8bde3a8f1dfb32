"""What is installed, found and missing, and what to do about it."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from ..core.errors import MissingFileError, Selfie3dError
from ..core.weights_dir import KNOWN_WEIGHTS, VARIABLE, find_weight, weight_folders

_PACKAGES = ("numpy", "scipy", "numba", "pillow", "kornia", "trimesh", "safetensors")
_PACKAGES += ("omegaconf", "typer", "rich", "accelerate", "facenet-pytorch")
_REINSTALL = "Install again: pip install --force-reinstall selfie3d"

_EXTRAS = {
    "face_alignment": "68 landmarks by FAN: pip install 'selfie3d[landmarks]'",
    "tensorboard": "training curves: pip install 'selfie3d[log]'",
    "onnx": "export of networks: pip install 'selfie3d[export]'",
    "onnxruntime": "export of networks: pip install 'selfie3d[export]'",
    "nvdiffrast": "rendering on NVIDIA GPUs: https://nvlabs.github.io/nvdiffrast",
    "pytorch3d": "rendering on NVIDIA GPUs: https://github.com/facebookresearch/pytorch3d",
}


@dataclass(frozen=True)
class Check:
    """One line of the report.

    Attributes:
        group: heading it stands under.
        name: what was looked for.
        found: what is there, "" for nothing.
        broken: it is required and does not work.
        remedy: what to do, or what it would be good for.
    """

    group: str
    name: str
    found: str
    broken: bool = False
    remedy: str = ""


def examine(weights_dir: Path | None = None) -> list[Check]:
    """Look at everything the package needs or could use; about ten seconds, nothing is changed.

    Args:
        weights_dir: the folder given with `--weights-dir`.
    """
    checks = [_python(), *map(_package, ("torch", "torchvision", *_PACKAGES)), *_hardware()]
    parts = (
        ("face detector", _detect_nothing),
        ("default face model", _load_default_model),
        ("CPU rasterizer", _draw_triangle),
    )
    checks += [_tried(name, action) for name, action in parts]
    checks += [_extra(module, use) for module, use in _EXTRAS.items()]
    return checks + [_weight(name, weights_dir) for name in KNOWN_WEIGHTS]


def report(checks: list[Check]) -> None:
    """Print the checks as a table on stdout, and a closing line that says whether all works."""
    from rich.console import Console
    from rich.table import Table

    table = Table("", "Name", "Found", "What to do, or what it is for", box=None)
    group = ""
    for check in checks:
        if check.group != group:
            group = check.group
            table.add_row("", f"[bold]{group}[/bold]", "", "")
        mark = "[red]BROKEN[/red]" if check.broken else ("ok" if check.found else "-")
        table.add_row(mark, check.name, check.found or "not found", check.remedy)
    for column in table.columns:
        column.overflow = "fold"
    console = Console(highlight=False)
    console.print(table)
    broken = [check.name for check in checks if check.broken]
    console.print(f"\nBroken: {', '.join(broken)}." if broken else "\nAll that is required works.")


def _python() -> Check:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Check("Required", "python", found, sys.version_info < (3, 11), sys.executable)


def _package(name: str) -> Check:
    try:
        return Check("Required", name, version(name))
    except PackageNotFoundError:
        return Check("Required", name, "", broken=True, remedy=_REINSTALL)


def _hardware() -> list[Check]:
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = f"{torch.get_num_threads()} threads on {cores} cores"
    cuda = torch.cuda.get_device_name(0) if torch.cuda.is_available() else ""
    return [
        Check("Machine", "CPU", threads),
        Check("Machine", "CUDA", cuda, remedy="" if cuda else "not needed: all runs on the CPU"),
    ]


def _tried(name: str, action: Callable[[], str]) -> Check:
    try:
        return Check("Tried now", name, action())
    except (Selfie3dError, ImportError, OSError, RuntimeError) as error:
        return Check("Tried now", name, "", broken=True, remedy=str(error) or repr(error))


def _detect_nothing() -> str:
    import numpy as np

    from ..core.torchvision_shim import is_shimmed
    from ..detect.face import get_face_detector

    get_face_detector().detect(np.zeros((64, 64, 3), np.uint8))
    return "works, with our nms: torchvision's does not load" if is_shimmed() else "works"


def _load_default_model() -> str:
    from ..facemodels import load_face_model

    model = load_face_model("default")
    return f"{len(model.mean)} vertices, {len(model.faces)} triangles"


def _draw_triangle() -> str:
    import torch

    from ..render.rasterizer import get_rasterizer

    corners = torch.tensor([[[-1.0, -1, 0, 1], [1, -1, 0, 1], [0, 1, 0, 1]]])
    triangle = torch.tensor([[0, 1, 2]], dtype=torch.int32)
    drawn = get_rasterizer("cpu").rasterize(corners, triangle, (8, 8))
    covered = int((drawn[..., 3] > 0).sum())
    if not covered:
        raise RuntimeError("A triangle was drawn and nothing came out. " + _REINSTALL)
    return "works"


def _extra(module: str, use: str) -> Check:
    if find_spec(module) is None:
        return Check("Optional packages", module, "", remedy=use)
    try:
        return Check("Optional packages", module, version(module))
    except PackageNotFoundError:
        return Check("Optional packages", module, "installed")


def _weight(name: str, weights_dir: Path | None) -> Check:
    file = KNOWN_WEIGHTS[name]
    folder = weight_folders(weights_dir)[0]
    try:
        found, remedy = str(find_weight(name, weights_dir)), file.purpose
    except MissingFileError:
        found, remedy = "", f"{file.purpose}: {file.source} ({file.licence}), put into {folder}"
    return Check(f"Optional files (--weights-dir or ${VARIABLE})", name, found, remedy=remedy)
