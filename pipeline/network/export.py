"""Networks of faces as ONNX files for other programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...core.errors import InputError
from ...core.whole_file import prepare_file, write_bytes
from ...models.exported.graph import Difference, export_network
from ...models.exported.storage import Storage
from ...models.weights import load_weights
from .solved_network import export_solved
from .start import DEFAULT_WEIGHTS


@dataclass(frozen=True)
class ExportOptions:
    """What is exported.

    Attributes:
        weights: a shipped name or a path.
        storage: how weights are stored: "float32", "float16" or "int8".
        solver: the solver behind a network of dense points, too: images to vertices.
        face_model: the path of the weights' face model, where it is no registered one.
    """

    weights: str = DEFAULT_WEIGHTS
    storage: Storage = "float32"
    solver: bool = False
    face_model: str | None = None


@dataclass(frozen=True)
class ExportedModel:
    """A file that was written.

    Attributes:
        path: of it.
        size: bytes.
        differences: from torch, output by output.
    """

    path: Path
    size: int
    differences: tuple[Difference, ...]


def export_onnx(path: Path, options: ExportOptions) -> ExportedModel:
    """Write a network, perhaps with its solver, as ONNX, once it has been compared with torch.

    Args:
        path: of the file.
        options: what is exported.

    Raises:
        UnknownNameError, MissingFileError: there are no such weights, or no onnx.
        InputError: weights that can't be exported so, a path that can't be written, or a model
            whose numbers are not those of torch.
    """
    prepare_file(path)
    weights = load_weights(options.weights)
    if options.solver:
        content, found = export_solved(weights, options.storage, options.face_model)
    else:
        content, found = export_network(weights, options.storage)
    if options.storage == "float32":
        _check(found)
    write_bytes(path, content)
    return ExportedModel(path, len(content), tuple(found))


def _check(found: list[Difference]) -> None:
    for item in found:
        if not item.is_small:
            got = f"{item.largest:.2g} of {item.size:.2g} in {item.output}"
            remedy = "Tell us which versions of torch and onnxruntime these are."
            raise InputError("ONNX", "torch's numbers to 1e-4", f"a difference of {got}", remedy)
