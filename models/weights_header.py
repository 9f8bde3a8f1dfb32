"""What a weights file says beside its tensors: of which network, and what its outputs mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, get_args

from torch import Tensor

from ..core.errors import InputError
from ..core.seal import CHECKSUM, UNSEALED, without_folders
from ..geometry.dense_points import PointLayout
from ..geometry.face_model import SHIPPED_MODELS, SHIPPED_VERSION
from .heads.layouts import Layout, restore_layout
from .heads.vector_layout import VectorLayout
from .network import OutputKind
from .sadrnet.layout import UvSpec
from .weights_network import reading_part

FORMATS = ("selfie3d-weights-1", "selfie3d-weights-2")
"""The first is read still: dense points alone, all in float16."""
KINDS: tuple[OutputKind, ...] = get_args(OutputKind)
LAYOUT = "layout."
"""Before the names of the layout's tensors."""

_ENTRIES = ("format", "network", "options", "output", "layout", "face_model_version", "facts",
            CHECKSUM)  # fmt: skip

Output = PointLayout | VectorLayout | UvSpec


def weights_header(
    name: str, options: object, *, layout: Output, facts: Mapping[str, Any]
) -> dict[str, str]:
    """What a file says of its network, but for the tensors of `layout_tables`.

    Args:
        name, options, layout, facts: as `pack_weights` takes them.

    Raises:
        InputError: options or a layout of another type.
    """
    kind = kind_of(layout)
    description = layout.describe() if isinstance(layout, VectorLayout) else asdict(layout)
    return {
        "format": FORMATS[-1],
        "network": name,
        "options": json.dumps(without_folders(_options(options))),
        "output": kind,
        "layout": json.dumps(description),
        "face_model_version": str(_version(layout)),
        "facts": json.dumps(without_folders(facts)),
        CHECKSUM: UNSEALED,
    }


def layout_tables(layout: Output) -> dict[str, Tensor]:
    """The tensors of a layout, by their names in a file; only layouts of parameters have some."""
    tables = layout.state_dict() if isinstance(layout, VectorLayout) else {}
    return {LAYOUT + key: value.contiguous().cpu() for key, value in tables.items()}


def _version(output: Output) -> int:
    """The version of the face model that an output is of; 0 for others than the shipped one."""
    return SHIPPED_VERSION if face_model_of(output) in SHIPPED_MODELS else 0


def face_model_of(output: Output) -> str:
    """The name of the face model that an output is of."""
    return output.spec.face_model if isinstance(output, VectorLayout) else output.face_model


def kind_of(output: object) -> OutputKind:
    """Which of `KINDS` an output is.

    Raises:
        InputError: none of them.
    """
    kinds: dict[type, OutputKind] = {
        PointLayout: "points",
        VectorLayout: "parameters",
        UvSpec: "uv",
    }
    for owner, kind in kinds.items():
        if isinstance(output, owner):
            return kind
    expected = "points, a layout of parameters or UV maps"
    raise InputError("layout", expected, type(output).__name__)


def _options(options: object) -> dict[str, Any]:
    if is_dataclass(options) and not isinstance(options, type):
        return asdict(options)
    if isinstance(options, Mapping):
        return dict(options)
    raise InputError("options", "a dataclass or a mapping", type(options).__name__)


def check_header(path: Path, header: Mapping[str, str]) -> None:
    """Refuse a header that is of something else, or not whole."""
    if header.get("format") not in FORMATS:
        expected = f"weights of the format {' or '.join(FORMATS)}"
        raise InputError(str(path), expected, str(header.get("format")))
    missing = [key for key in ("network", "options", "layout", "facts") if key not in header]
    if missing:
        raise InputError(str(path), "a whole header", f"no {', '.join(missing)}")
    unknown = sorted(set(header) - set(_ENTRIES))
    if unknown:
        raise InputError(str(path), f"the entries {', '.join(_ENTRIES)}", ", ".join(unknown))


def check_version(path: Path, header: Mapping[str, str]) -> None:
    """Refuse weights of another version of the shipped face model."""
    layout = parsed_entry(path, header, "layout")
    name = layout.get("face_model")
    version = header.get("face_model_version", "1")
    if name in (*SHIPPED_MODELS, "default-head") and version != str(SHIPPED_VERSION):
        raise InputError(
            str(path),
            f"weights of version {SHIPPED_VERSION} of the face model `default`",
            f"version {version}",
            "Train them anew, or use the release of selfie3d that they were trained with.",
        )


def parsed_entry(path: Path, header: Mapping[str, str], key: str) -> dict[str, Any]:
    """An entry of a header that is JSON.

    Args:
        path: of the file, for messages.
        header: as it stands in the file.
        key: of the entry.

    Raises:
        InputError: it is something else than names and values.
    """
    try:
        content = json.loads(header[key])
    except (ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"{path}: {key}", "JSON", str(error)) from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: {key}", "names and values", type(content).__name__)
    return content


def read_output(
    path: Path, header: Mapping[str, str], tensors: Mapping[str, Tensor]
) -> PointLayout | Layout | UvSpec:
    """What the outputs of a network mean.

    Args:
        path: of the file, for messages.
        header: as it stands in the file.
        tensors: of `layout_tables`, without LAYOUT before their names.

    Raises:
        InputError: a damaged header.
    """
    content, kind = parsed_entry(path, header, "layout"), header.get("output", "points")
    with reading_part(f"{path}: layout", f"a description of {kind}"):
        if kind == "parameters":
            return restore_layout(content, tensors)
        if kind == "uv":
            return UvSpec(**content)
        if kind == "points":
            return _point_layout(content)
    raise InputError(f"{path}: output", "one of " + ", ".join(KINDS), repr(kind))


def _point_layout(content: Mapping[str, Any]) -> PointLayout:
    lists = {k: tuple(content[k]) for k in ("landmark_sets", "vertices", "mirror")}
    return PointLayout(face_model=content["face_model"], **lists)
