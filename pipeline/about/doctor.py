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
from typing import TYPE_CHECKING

from ...core.errors import MissingFileError, Selfie3dError
from ...core.weights_dir import KNOWN_WEIGHTS, VARIABLE, find_weight, weight_folders
from ...detect.names import DEFAULT_DETECTOR, DetectorName

if TYPE_CHECKING:
    from rich.table import Table

_PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "numba",
    "pillow",
    "kornia",
    "trimesh",
    "safetensors",
    "omegaconf",
    "typer",
    "rich",
    "accelerate",
    "facenet-pytorch",
)
_DETECTORS: dict[DetectorName, str] = {
    "mtcnn": "mtcnn, with others' weights (WIDER FACE, CelebA)",
    "drawn": "drawn, our own",
}
_REINSTALL = "Install again: pip install --force-reinstall selfie3d"

_EXTRAS = {
    "face_alignment": "68 landmarks by FAN: pip install 'selfie3d[landmarks]'",
    "pillow_heif": "photographs in HEIC: pip install 'selfie3d[heif]'",
    "av": "clips and webcams: pip install 'selfie3d[video]'",
    "tensorboard": "training curves: pip install 'selfie3d[log]'",
    "onnx": "export and --backend onnxruntime: pip install 'selfie3d[onnx]'",
    "onnxruntime": "export and --backend onnxruntime: pip install 'selfie3d[onnx]'",
    "OpenImageIO": "panoramas for synthetic faces: pip install 'selfie3d[assets]'",
    "nvdiffrast": (
        "optional, the fastest rendering on NVIDIA GPUs, for training; the rasterizers cpu and "
        "pytorch3d do without it. Licence: NVIDIA Source Code License, non-commercial use only. "
        "Install it beside a CUDA build of torch, with nvcc: pip install setuptools wheel ninja; "
        "pip install --no-build-isolation git+https://github.com/NVlabs/nvdiffrast.git"
    ),
    "pytorch3d": (
        "optional, rendering on NVIDIA GPUs, for training; the rasterizer cpu does without it. "
        "Licence: BSD-3-Clause. Build it for the torch that is installed, with a C++ compiler and, "
        "for CUDA, nvcc: pip install --no-build-isolation "
        "git+https://github.com/facebookresearch/pytorch3d.git"
    ),
}


@dataclass(frozen=True)
class Check:
    """One line of the report.

    Attributes:
        group: heading it stands under.
        name: what was looked for.
        found: what is there, "" for nothing.
        broken: it is required and does not work.
        remedy: what it would be good for and what to do when it is not there.
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
    parts = (
        ("Machine", "CPU", _cpu),
        ("Machine", "CUDA", _cuda),
        ("Tried now", "face detector", _detect_nothing),
        ("Tried now", "default face model", _load_default_model),
        ("Tried now", "CPU rasterizer", _draw_triangle),
        ("Tried now", "default weights", _find_default_weights),
    )
    checks = [_python(), *map(_package, _PACKAGES)]
    checks += [_tried(group, name, action) for group, name, action in parts]
    checks += [_extra(module, use) for module, use in _EXTRAS.items()]
    return checks + [_weight(name, weights_dir) for name in KNOWN_WEIGHTS]


def report(checks: list[Check]) -> None:
    """Print the checks as a table on stdout, then what to do, and whether all that must work does.

    What to do stands below the table, unwrapped, so that addresses can be copied.
    """
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False)
    console.print(_table(checks))
    for group in dict.fromkeys(check.group for check in checks):
        missing = [c for c in checks if c.group == group and c.remedy and (c.broken or not c.found)]
        if missing:
            console.print(f"\n[bold]{group}: not found or broken[/bold]")
        for check in missing:
            line = f"  {check.name}: {check.remedy}"
            console.print(escape(line), soft_wrap=True)
    broken = [check.name for check in checks if check.broken]
    console.print(f"\nBroken: {', '.join(broken)}." if broken else "\nAll that is required works.")


def _table(checks: list[Check]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None)
    for heading in ("", "Name", "Found"):
        table.add_column(heading, overflow="fold")
    group = ""
    for check in checks:
        if check.group != group:
            group = check.group
            table.add_section()
            table.add_row("", f"[bold]{group}[/bold]")
        mark = "[red]broken[/red]" if check.broken else ("ok" if check.found else "-")
        table.add_row(mark, check.name, escape(check.found) or "not found")
    return table


def _python() -> Check:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    old = sys.version_info < (3, 11)
    return Check("Required", "python", found, old, "Install Python 3.11 or newer." if old else "")


def _package(name: str) -> Check:
    try:
        return Check("Required", name, version(name))
    except PackageNotFoundError:
        return Check("Required", name, "", broken=True, remedy=_REINSTALL)


def _tried(group: str, name: str, action: Callable[[], str]) -> Check:
    try:
        return Check(group, name, action())
    except (Selfie3dError, ImportError, OSError, RuntimeError) as error:
        return Check(group, name, "", broken=True, remedy=str(error) or repr(error))


def _cpu() -> str:
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{torch.get_num_threads()} threads on {cores} cores"


def _cuda() -> str:
    import torch

    if not torch.cuda.is_available():
        return "none, and none is needed"
    return torch.cuda.get_device_name(0)


def _detect_nothing() -> str:
    import numpy as np

    from ...detect.detectors import get_face_detector

    nothing = np.zeros((64, 64, 3), np.uint8)
    for name in _DETECTORS:
        get_face_detector(name).detect(nothing)
    return f"works: {_DETECTORS[DEFAULT_DETECTOR]}"


def _load_default_model() -> str:
    from ...facemodels import load_face_model

    model = load_face_model("default")
    return f"{len(model.mean)} vertices, {len(model.faces)} triangles"


def _find_default_weights() -> str:
    from ...models.weights_found import find_weights

    file = find_weights("default")
    return f"{file.name}, {file.stat().st_size / 1e6:.1f} MB"


def _draw_triangle() -> str:
    import torch

    from ...render.back_ends import get_rasterizer

    corners = torch.tensor([[[-1.0, -1, 0, 1], [1, -1, 0, 1], [0, 1, 0, 1]]])
    triangle = torch.tensor([[0, 1, 2]], dtype=torch.int32)
    drawn = get_rasterizer("cpu").rasterize(corners, triangle, (8, 8))
    if not bool(drawn.covered.any()):
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
        return Check("Optional files", name, str(find_weight(name, weights_dir)))
    except MissingFileError:
        if file.instead and _is_there(file.instead, weights_dir):
            return Check("Optional files", name, f"not needed: {file.instead} is there")
        place = f"put into {folder}, or name a folder with --weights-dir or ${VARIABLE}"
        remedy = f"{file.purpose}: {file.source} (licence: {file.licence}); {place}"
        return Check("Optional files", name, "", remedy=remedy)


def _is_there(name: str, weights_dir: Path | None) -> bool:
    return any((folder / name).is_file() for folder in weight_folders(weights_dir))
