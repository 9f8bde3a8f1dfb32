"""Networks as ONNX: named outputs, any number of images, and what the outputs mean beside them."""

from __future__ import annotations

import base64
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...core.errors import InputError
from ...core.extra import import_extra
from ...core.seal import CHECKSUM
from ..fuse import fuse_norms
from ..heads.learned_bases import bases_of
from ..weights import Weights
from ..weights_header import layout_tables, weights_header
from .linear_solve import with_solver
from .onnx_network import EXTRA, SOLVER, TABLES, OnnxNetwork, open_session
from .storage import Storage, shrink

if TYPE_CHECKING:
    import onnx

NETWORK = "network"
"""The part of a traced module whose weights may be stored in fewer bits."""

_MOST = 1024  # images at a time
_TOLERANCE = 1e-4  # of an output's largest number, or of 1


@dataclass(frozen=True)
class Difference:
    """How far a model is from torch.

    Attributes:
        output: its name.
        largest: the largest difference of a number.
        size: the largest number.
    """

    output: str
    largest: float
    size: float

    @property
    def is_small(self) -> bool:
        """Whether it is rounding: 1e-4 of the largest number, or of 1 where all are smaller."""
        return self.largest <= _TOLERANCE * max(self.size, 1.0)


class Named(nn.Module):
    """A network whose outputs are tensors with names.

    Args:
        weights: of any kind.

    Attributes:
        names: of the outputs, in order.
    """

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.network = fuse_norms(weights.network)
        with torch.no_grad():
            found = self.network(torch.zeros(1, *weights.network.input_shape))
        tensors = {"parameters": found} if isinstance(found, Tensor) else found._asdict()
        self.names = [name for name, value in tensors.items() if value is not None]

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(B,C,H,W) to its outputs, without those that it doesn't have."""
        found = self.network(images)
        parts = (found,) if isinstance(found, Tensor) else found
        return tuple(part for part in parts if part is not None)


def export_network(
    weights: Weights, storage: Storage = "float32"
) -> tuple[bytes, list[Difference]]:
    """A network alone as ONNX, with its weights' header, and how far it is from torch.

    `load_weights` reads it again.

    Args:
        weights: of any kind.
        storage: of the weights.

    Raises:
        MissingFileError: onnx, onnxscript or onnxruntime isn't installed.
        InputError: bases were learned with it, for which the file has no place.
    """
    if bases_of(weights.network) is not None:
        raise InputError("weights", "a network without bases of its own", repr(weights.name))
    content, named = _content(weights, storage)
    return content, differences(content, named, _noise(weights))


def in_onnxruntime(weights: Weights) -> Weights:
    """The same weights, whose network onnxruntime runs; exporting it takes some seconds.

    Args:
        weights: of any kind.

    Raises:
        MissingFileError: onnx, onnxscript or onnxruntime isn't installed.
    """
    if isinstance(weights.network, OnnxNetwork):
        return weights
    network = OnnxNetwork(_content(weights, "float32")[0], weights.kind)
    bases = bases_of(weights.network)
    if bases is not None:
        network.bases = bases
    return replace(weights, network=network)


def _content(weights: Weights, storage: Storage) -> tuple[bytes, Named]:
    """The file, and what it was made of."""
    if isinstance(weights.network, OnnxNetwork):
        expected, remedy = "weights that torch runs", "Export those that the file was made of."
        raise InputError("weights", expected, f"the ONNX file {weights.name!r}", remedy)
    named = Named(weights)
    model = traced(named, named.names, _noise(weights))
    shrink(model, storage, f"{NETWORK}.")
    write_header(model, weights)
    return model.SerializeToString(), named


def traced(
    module: nn.Module, names: Sequence[str], images: Tensor, step: int | None = None
) -> onnx.ModelProto:
    """A module from images to tensors as ONNX, for any number of images.

    Args:
        module: in evaluation mode.
        names: of its outputs.
        images: 2 or more: of one the exporter makes a constant.
        step: heights and widths may be any multiples of it, from the second on; None: they are
            those of `images`.
    """
    import_extra("onnxscript", EXTRA), import_extra("onnx", EXTRA)
    free = {0: torch.export.Dim("batch", min=1, max=_MOST)}
    if step is not None:
        rows, columns = (torch.export.Dim(name, min=2, max=_MOST) for name in ("rows", "columns"))
        free |= {2: step * rows, 3: step * columns}
    with warnings.catch_warnings(), torch.no_grad():  # of torch and onnx about themselves
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module.eval(), (images,), dynamo=True, dynamic_shapes=(free,),
            input_names=["images"], output_names=list(names), verbose=False,
        )  # fmt: skip
    if program is None:
        raise InputError("torch", "a model from its exporter", "none", "Update torch.")
    model = with_solver(program.model_proto)
    model.producer_name = "selfie3d"
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    return model


def write_header(model: onnx.ModelProto, weights: Weights, solver: bool = False) -> None:
    """Write the header of weights into a model's metadata.

    Args:
        model: that is changed.
        weights: whose network is in it.
        solver: there is more in it than the network, so that it is no weights file.
    """
    from onnx import helper
    from safetensors.torch import save

    header = weights_header(
        weights.architecture, weights.options, layout=weights.output, facts=weights.facts
    )
    del header[CHECKSUM]
    tables = layout_tables(weights.output)
    if tables:
        header[TABLES] = base64.b64encode(save(tables)).decode("ascii")
    helper.set_model_props(model, header | ({SOLVER: "yes"} if solver else {}))


def differences(content: bytes, module: nn.Module, images: Tensor) -> list[Difference]:
    """How far an ONNX model is from the module that it was made of, output by output.

    Args:
        content: of the model.
        module: from images to tensors.
        images: that both are given, all at once and the first one alone.
    """
    session = open_session(content)
    names = [value.name for value in session.get_outputs()]
    largest, size = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    for part in (images, images[:1]):
        with torch.no_grad():
            expected = [value.numpy() for value in module(part)]
        found = session.run(None, {session.get_inputs()[0].name: part.numpy()})
        for name, one, other in zip(names, found, expected, strict=True):
            largest[name] = max(largest[name], _apart(one, other))
            size[name] = max(size[name], float(np.abs(other).max(initial=0.0)))
    return [Difference(name, largest[name], size[name]) for name in names]


def _apart(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    return float(np.abs(one - other).max(initial=0.0)) if one.shape == other.shape else np.inf


def _noise(weights: Weights) -> Tensor:
    """Two images of noise, always the same, that a network of these weights takes."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, *weights.network.input_shape, generator=generator)
