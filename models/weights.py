"""Weights files: safetensors, or ONNX, with everything needed to use them in the header.

A file names its network with the options it was built with, and what the outputs mean: dense points
(`PointLayout`), parameters (a layout of `heads.layouts` with its whitening) or UV maps (`UvSpec`).
Matrices are stored in float16, if so wanted (it moves the landmarks of a mobilenet by 0.005 px of
120 on average); vectors (norms' statistics, biases) and the layout's tensors, whose range float16
has not, in float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ..core.errors import InputError
from ..core.seal import check_seal, sealed
from ..geometry.dense_points import PointLayout
from .exported.onnx_network import ONNX, read_onnx
from .heads.layouts import Layout
from .heads.vector_layout import VectorLayout
from .network import Network, OutputKind
from .sadrnet.layout import UvSpec
from .weights_found import OF_A_RUN, find_weights, title_of
from .weights_header import (
    LAYOUT,
    Output,
    check_header,
    check_version,
    face_model_of,
    kind_of,
    layout_tables,
    parsed_entry,
    read_output,
    weights_header,
)
from .weights_network import network_of

_DAMAGED = (OSError, ValueError, TypeError, RuntimeError, MemoryError, OverflowError)


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
        return kind_of(self.output)

    @property
    def face_model(self) -> str:
        """Name of the face model it was trained for."""
        return face_model_of(self.output)

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

    header = weights_header(name, options, layout=layout, facts=facts)
    tensors = {
        key: _stored(value, half)
        for key, value in network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    tensors |= layout_tables(layout)
    return sealed(save(tensors, metadata=header))


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
        MissingFileError: onnxruntime is missing, which runs what `export` wrote (.onnx).
        UnknownNameError, MissingFileError: as `find_weights`.
    """
    path = find_weights(name_or_path)
    network: Network | None = None
    if path.suffix == ONNX:
        header, state, network = read_onnx(path)
    else:
        header, state = _read(path)
    check_header(path, header)
    check_version(path, header)
    tables = {k: v for k, v in state.items() if k.startswith(LAYOUT)}
    if network is None:
        network = _network(path, header, state)
    output = read_output(path, header, {k.removeprefix(LAYOUT): v for k, v in tables.items()})
    options, facts = (parsed_entry(path, header, key) for key in ("options", "facts"))
    return Weights(title_of(path), network, output, header["network"], options, facts)


def _network(path: Path, header: Mapping[str, str], state: Mapping[str, Tensor]) -> Network:
    """The network of a safetensors file."""
    rest = {k: v for k, v in state.items() if not k.startswith(LAYOUT)}
    return network_of(path, header["network"], parsed_entry(path, header, "options"), rest)


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
    return header, state
