"""Weights files: safetensors in float16 with everything needed to use them in the header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..core.errors import InputError, MissingFileError, UnknownNameError
from ..geometry.dense_points import PointLayout
from .registry import NETWORKS

FORMAT = "selfie3d-weights-1"
SHIPPED = Path(__file__).resolve().parents[1] / "weights"


@dataclass(frozen=True)
class Weights:
    """A network with its weights.

    Attributes:
        name: file name without suffix.
        network: in evaluation mode, float32.
        layout: which points of which face model it predicts.
        facts: everything else in the header: configuration, training, validation.
    """

    name: str
    network: nn.Module
    layout: PointLayout
    facts: dict[str, Any]


def pack_weights(
    network: nn.Module, name: str, options: object, layout: PointLayout, facts: Mapping[str, Any]
) -> bytes:
    """A weights file.

    Args:
        network: registered as `name`, built with `options` (a dataclass).
        layout: of the points it predicts.
        facts: plain values that JSON can hold.
    """
    from safetensors.torch import save

    header = {
        "format": FORMAT,
        "network": name,
        "options": json.dumps(asdict(options)),  # type: ignore[call-overload]
        "layout": json.dumps(asdict(layout)),
        "facts": json.dumps(dict(facts)),
    }
    state = network.state_dict()
    tensors = {
        key: (value.half() if value.is_floating_point() else value).contiguous().cpu()
        for key, value in state.items()
        if not key.endswith("num_batches_tracked")
    }
    content: bytes = save(tensors, metadata=header)
    return content


def weight_names(folder: Path = SHIPPED) -> list[str]:
    """Names of the shipped weights."""
    return sorted(path.stem for path in folder.glob("*.safetensors"))


def find_weights(name_or_path: str | Path, folder: Path = SHIPPED) -> Path:
    """The file of shipped weights or of a path.

    Raises:
        UnknownNameError: neither a shipped name nor something like a path.
        MissingFileError: the path leads nowhere.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    if path.suffix or len(path.parts) > 1:
        raise MissingFileError(str(path), "The weights file", "Check the path.")
    if str(path) not in weight_names(folder):
        raise UnknownNameError("weights", str(path), weight_names(folder))
    return folder / f"{path}.safetensors"


def load_weights(name_or_path: str | Path) -> Weights:
    """The network of a weights file, ready to predict.

    Raises:
        InputError: the file is damaged, or written by something else.
        UnknownNameError, MissingFileError: as `find_weights`.
    """
    from safetensors import SafetensorError, safe_open

    path = find_weights(name_or_path)
    try:
        with safe_open(str(path), framework="pt") as file:
            header = file.metadata() or {}
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise InputError(str(path), "a safetensors file", str(error)) from error
    if header.get("format") != FORMAT:
        raise InputError(str(path), f"weights of the format {FORMAT}", str(header.get("format")))
    network = NETWORKS.create(header["network"], **json.loads(header["options"]))
    floats = {k: v.float() if v.dtype == torch.float16 else v for k, v in state.items()}
    missing, unexpected = network.load_state_dict(floats, strict=False)
    missing = [key for key in missing if not key.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise InputError(str(path), f"the tensors of {header['network']}", f"without {missing}")
    layout = json.loads(header["layout"])
    facts = json.loads(header["facts"])
    return Weights(path.stem, network.eval(), _layout(layout), facts)


def _layout(content: Mapping[str, Any]) -> PointLayout:
    lists = {k: tuple(content[k]) for k in ("landmark_sets", "vertices", "mirror")}
    return PointLayout(face_model=content["face_model"], **lists)
