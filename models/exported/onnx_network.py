"""Networks that onnxruntime runs in place of torch, and the files that `export` writes of them."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...core.errors import InputError
from ...core.extra import import_extra
from ...core.given_file import open_given
from ..heads.points import PointPrediction
from ..network import Network, OutputKind

if TYPE_CHECKING:
    import onnxruntime

ONNX = ".onnx"
EXTRA = "onnx"
"""Our extra that installs onnx, onnxscript and onnxruntime."""
TABLES = "layout_tables"
"""Entry of a file's metadata: a layout's tensors, safetensors in base64."""
SOLVER = "solver"
"""Entry of a file in which more than the network is."""

_EXPECTED = "a network that `selfie3d export` wrote"
_LARGEST = 1 << 31  # bytes, of protocol buffers


class OnnxNetwork(Network):
    """A network that onnxruntime runs, on as many threads as torch has; called as any other.

    Args:
        content: an ONNX file's, as `export_network` makes it.
        kind: what it predicts.

    Attributes:
        segments: whether it tells what pixels show; True or None.

    Raises:
        MissingFileError: onnxruntime isn't installed.
        InputError: onnxruntime can't run it.
    """

    paper = "of an ONNX file"

    def __init__(self, content: bytes, kind: OutputKind) -> None:
        super().__init__()
        self.output_kind, self._session = kind, open_session(content)
        entry = self._session.get_inputs()[0]
        self._input = entry.name
        channels, height, width = (int(size) for size in entry.shape[1:])
        self.input_shape = (channels, height, width)
        self._names = [value.name for value in self._session.get_outputs()]
        self.segments = True if "segmentation" in self._names else None
        self.options: Mapping[str, Any] = {}

    def forward(self, images: Tensor) -> Any:  # noqa: ANN401  (as its kind of network)
        """(B, *input_shape) RGB in [0,1] to what the network gives."""
        given = {self._input: images.detach().float().cpu().contiguous().numpy()}
        found = [torch.from_numpy(value) for value in self._session.run(None, given)]
        values = dict(zip(self._names, found, strict=True))
        if self.output_kind == "points":
            return PointPrediction(**values)
        if self.output_kind == "uv":
            from ..sadrnet.network import UvPrediction

            return UvPrediction(**{name: values.get(name) for name in UvPrediction._fields})
        return found[0]


def open_session(content: bytes) -> onnxruntime.InferenceSession:
    """What runs a model, on as many threads as torch has.

    Args:
        content: of an ONNX file, without others beside it.

    Raises:
        MissingFileError: onnxruntime isn't installed.
        InputError: onnxruntime can't run it.
    """
    runtime = import_extra("onnxruntime", EXTRA)
    settings = runtime.SessionOptions()
    settings.intra_op_num_threads = torch.get_num_threads()
    settings.log_severity_level = 3
    try:
        return runtime.InferenceSession(content, settings, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise InputError("ONNX", _EXPECTED, str(error).splitlines()[0]) from error


def read_onnx(path: Path) -> tuple[dict[str, str], dict[str, Tensor], OnnxNetwork]:
    """Header, tensors of the layout and network of a file that `selfie3d export` wrote.

    Args:
        path: the file.

    Raises:
        MissingFileError: there is no such file, or onnxruntime isn't installed.
        InputError: the file is damaged, or is of somebody else.
    """
    content = _content(path)
    try:
        header = dict(open_session(content).get_modelmeta().custom_metadata_map)
        if header.get("output") not in ("points", "parameters", "uv"):
            raise InputError("ONNX", _EXPECTED, "a model without our header")
        if SOLVER in header:
            raise InputError("ONNX", _EXPECTED, "one with its solver; export the network alone")
        tables = _tables(header.pop(TABLES, ""))
        return header, tables, OnnxNetwork(content, header["output"])
    except InputError as error:
        raise InputError(str(path), _EXPECTED, error.got) from error


def _content(path: Path) -> bytes:
    with open_given(path, _EXPECTED) as file:
        size = os.fstat(file.fileno()).st_size
        if size > _LARGEST:
            raise InputError(str(path), _EXPECTED, f"a file of {size:,} bytes")
        return file.read()


def _tables(coded: str) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(base64.b64decode(coded, validate=True)) if coded else {}
    except (binascii.Error, SafetensorError, ValueError) as error:
        raise InputError("ONNX", _EXPECTED, f"damaged tensors of its layout: {error}") from error
