"""Weights files: safetensors with everything needed to use them in the header.

A file names its network with the options it was built with, and what the outputs mean: dense points
(`PointLayout`), parameters (a layout of `heads.layouts` with its whitening) or UV maps (`UvSpec`).
Matrices are stored in float16, if so wanted (it moves the landmarks of a mobilenet by 0.005 px of
120 on average); vectors (norms' statistics, biases) and the layout's tensors, whose range float16
has not, in float32.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any, get_args

from torch import Tensor, nn

from ..core.errors import InputError
from ..core.seal import CHECKSUM, UNSEALED, check_seal, sealed, without_folders
from ..geometry.dense_points import PointLayout
from ..geometry.face_model import SHIPPED_MODELS, SHIPPED_VERSION
from .heads.layouts import Layout, restore_layout
from .heads.vector_layout import VectorLayout
from .network import Network, OutputKind
from .sadrnet.layout import UvSpec
from .weights_found import OF_A_RUN, find_weights, title_of
from .weights_network import network_of, reading_part

FORMATS = ("selfie3d-weights-1", "selfie3d-weights-2")
"""The first is read still: dense points alone, all in float16."""
KINDS: tuple[OutputKind, ...] = get_args(OutputKind)
_DAMAGED = (OSError, ValueError, TypeError, RuntimeError, MemoryError, OverflowError)
_ENTRIES = ("format", "network", "options", "output", "layout", "face_model_version", "facts",
            CHECKSUM)  # fmt: skip
_LAYOUT = "layout."  # before the names of the layout's tensors

Output = PointLayout | VectorLayout | UvSpec


@dataclass(frozen=True)
class Weights:
    """A network with its weights, and what they mean.

    >>> weights = load_weights("default")
    >>> weights.name, weights.architecture, len(weights.layout)
    ('default', 'dense-points', 692)

    Attributes:
        name: of the file, without suffix; that of a run's "best" and "last" has the run's name
            before it.
        network: in evaluation mode, float32.
        output: what it predicts: which points of which face model, which parameters, which maps.
        architecture: name of the network in `NETWORKS`.
        options: what it was built with.
        facts: everything else in the header: configuration, training, validation.
    """

    name: str
    network: Network
    output: PointLayout | Layout | UvSpec
    architecture: str
    options: dict[str, Any]
    facts: dict[str, Any]

    @property
    def kind(self) -> OutputKind:
        """One of `KINDS`."""
        return _kind(self.output)

    @property
    def face_model(self) -> str:
        """Name of the face model it was trained for."""
        return _face_model(self.output)

    @property
    def layout(self) -> PointLayout:
        """Which points it predicts.

        Raises:
            InputError: it predicts something else.
        """
        if not isinstance(self.output, PointLayout):
            raise InputError(f"weights {self.name!r}", "a network of dense points", self.kind)
        return self.output

    @property
    def parameters(self) -> Layout:
        """What its parameters mean.

        Raises:
            InputError: it predicts something else.
        """
        if not isinstance(self.output, VectorLayout):
            raise InputError(f"weights {self.name!r}", "a network of parameters", self.kind)
        return self.output

    @property
    def maps(self) -> UvSpec:
        """What its UV maps mean.

        Raises:
            InputError: it predicts something else.
        """
        if not isinstance(self.output, UvSpec):
            raise InputError(f"weights {self.name!r}", "a network of UV maps", self.kind)
        return self.output


def pack_weights(
    network: nn.Module,
    name: str,
    options: object,
    *,
    layout: Output,
    facts: Mapping[str, Any],
    half: bool = True,
) -> bytes:
    """A weights file, with everything in its header that is needed to use it.

    >>> from selfie3d.models import UvSpec
    >>> spec = UvSpec("default-face", crop_size=64, map_size=64)
    >>> data = pack_weights(nn.Linear(2, 1), "sadrnet", {}, layout=spec, facts={"steps": 10})
    >>> b'"output":"uv"' in data
    True

    Args:
        network: whose tensors are written; perhaps wrapped.
        name: of the network in `NETWORKS`.
        options: that it was built with, a dataclass or a mapping.
        layout: what it predicts: points, parameters or UV maps.
        facts: plain values that JSON can hold; of paths in them only the last names are written.
        half: whether matrices are written in float16.

    Returns:
        The content of a .safetensors file, which `load_weights` reads.

    Raises:
        InputError: options or a layout of another type.
    """
    from safetensors.torch import save

    kind = _kind(layout)
    vector = isinstance(layout, VectorLayout)
    description = layout.describe() if isinstance(layout, VectorLayout) else asdict(layout)
    header = {
        "format": FORMATS[-1],
        "network": name,
        "options": json.dumps(without_folders(_options(options))),
        "output": kind,
        "layout": json.dumps(description),
        "face_model_version": str(_version(layout)),
        "facts": json.dumps(without_folders(facts)),
        CHECKSUM: UNSEALED,
    }
    tensors = {
        key: _stored(value, half)
        for key, value in network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    tables = layout.state_dict() if vector else {}  # type: ignore[union-attr]
    tensors |= {_LAYOUT + key: value.contiguous().cpu() for key, value in tables.items()}
    return sealed(save(tensors, metadata=header))


def _version(output: Output) -> int:
    """The version of the face model that an output is of; 0 for others than the shipped one."""
    return SHIPPED_VERSION if _face_model(output) in SHIPPED_MODELS else 0


def _face_model(output: Output) -> str:
    return output.spec.face_model if isinstance(output, VectorLayout) else output.face_model


def _kind(output: object) -> OutputKind:
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


def _stored(value: Tensor, half: bool) -> Tensor:
    shrinks = half and value.is_floating_point() and value.dim() > 1
    return (value.half() if shrinks else value).contiguous().cpu()


def load_weights(name_or_path: str | Path) -> Weights:
    """The network of a weights file, ready to predict.

    >>> weights = load_weights("default")
    >>> weights.kind, weights.face_model
    ('points', 'default')

    Args:
        name_or_path: one of `weight_names`, or a path.

    Raises:
        InputError: the file is damaged, a byte of it has changed, or it is written by something
            else.
        UnknownNameError, MissingFileError: as `find_weights`.
    """
    path = find_weights(name_or_path)
    header, state = _read(path)
    _check_version(path, header)
    options = _parsed(path, header, "options")
    tables = {k.removeprefix(_LAYOUT): v for k, v in state.items() if k.startswith(_LAYOUT)}
    rest = {k: v for k, v in state.items() if not k.startswith(_LAYOUT)}
    network = network_of(path, header["network"], options, rest)
    output = _output(path, header, tables)
    facts = _parsed(path, header, "facts")
    return Weights(title_of(path), network, output, header["network"], options, facts)


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Header and tensors."""
    from safetensors import SafetensorError, safe_open

    check_seal(path, "a safetensors file")
    try:
        with safe_open(str(path), framework="pt") as file:
            header = dict(file.metadata() or {})
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, *_DAMAGED) as error:
        reason = str(error) or type(error).__name__
        remedy = f"Checkpoints only go on: {OF_A_RUN}" if path.suffix == ".pt" else ""
        raise InputError(str(path), "a safetensors file", reason, remedy) from error
    if header.get("format") not in FORMATS:
        expected = f"weights of the format {' or '.join(FORMATS)}"
        raise InputError(str(path), expected, str(header.get("format")))
    missing = [key for key in ("network", "options", "layout", "facts") if key not in header]
    if missing:
        raise InputError(str(path), "a whole header", f"no {', '.join(missing)}")
    unknown = sorted(set(header) - set(_ENTRIES))
    if unknown:
        raise InputError(str(path), f"the entries {', '.join(_ENTRIES)}", ", ".join(unknown))
    return header, state


def _check_version(path: Path, header: Mapping[str, str]) -> None:
    """Refuse weights of another version of the shipped face model."""
    layout = _parsed(path, header, "layout")
    name = layout.get("face_model")
    version = header.get("face_model_version", "1")
    if name in (*SHIPPED_MODELS, "default-head") and version != str(SHIPPED_VERSION):
        raise InputError(
            str(path),
            f"weights of version {SHIPPED_VERSION} of the face model `default`",
            f"version {version}",
            "Train them anew, or use the release of selfie3d that they were trained with.",
        )


def _parsed(path: Path, header: Mapping[str, str], key: str) -> dict[str, Any]:
    try:
        content = json.loads(header[key])
    except (ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"{path}: {key}", "JSON", str(error)) from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: {key}", "names and values", type(content).__name__)
    return content


def _output(
    path: Path, header: Mapping[str, str], tensors: Mapping[str, Tensor]
) -> PointLayout | Layout | UvSpec:
    content, kind = _parsed(path, header, "layout"), header.get("output", "points")
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
