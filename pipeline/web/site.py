"""A folder of static files: the page, its networks, the face model and what runs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from ...core.errors import InputError
from ...core.whole_file import prepare_folder, write_bytes
from ...geometry.face_model import SHIPPED_MODELS, FaceModel
from ...models.exported.graph import export_network
from ...models.weights import Weights, load_weights
from ..formats.head_glb import HeadFile
from ..network.solved_network import DEMO_PHOTO
from ..network.start import DEFAULT_WEIGHTS
from ..network.trained_model import trained_model
from ..output.viewed_model import viewed_model
from ..output.viewer import stage_files
from .networks import detector_onnx
from .numbers import face_numbers
from .runtime import VERSION, runtime_files

_PACKAGE = __package__.rpartition(".")[0]  # the pipeline
_MODELS = f"{_PACKAGE.rpartition('.')[0]}.facemodels"
_ORT = "ort"
_GREY = np.full((4, 4, 3), 150, np.uint8)  # the texture until there is a face


@dataclass(frozen=True)
class WebOptions:
    """What is put into the folder.

    Attributes:
        weights: of dense points, a shipped name or a path.
        runtime: onnxruntime-web's folder or .tgz; None: it is downloaded from npm's registry,
            unless the folder has it already.
        face_model: the path of the weights' face model, where it is no registered one.
    """

    weights: str = DEFAULT_WEIGHTS
    runtime: Path | None = None
    face_model: str | None = None


@dataclass(frozen=True)
class ExportedSite:
    """A folder that was written.

    Attributes:
        folder: of it.
        sizes: bytes of each file, by name.
    """

    folder: Path
    sizes: dict[str, int]


def export_web(folder: Path, options: WebOptions | None = None) -> ExportedSite:
    """Write the folder of a page that reconstructs faces in the browser.

    It has to be served (`python -m http.server --directory folder`), by any server of static
    files; browsers refuse to run it as a file.

    Args:
        folder: made where there is none; files of an earlier page in it are replaced.
        options: what is put into it; None: the shipped network.

    Raises:
        UnknownNameError, MissingFileError: there are no such weights, no onnx, or no
            onnxruntime-web and no network.
        InputError: weights of something else than dense points, another onnxruntime-web, or a
            folder that can't be written.
    """
    options = options or WebOptions()
    weights = load_weights(options.weights)
    if weights.kind != "points":
        expected, remedy = "weights of dense points", "Take the shipped ones: --weights default."
        raise InputError("weights", expected, f"{weights.name!r} of {weights.kind}", remedy)
    runtime = runtime_files(options.runtime, folder / _ORT)
    model = trained_model(weights, options.face_model)
    for part in (folder, folder / _ORT, folder / "js"):
        prepare_folder(part)
    sizes = {}
    for name, content in _contents(weights, model, runtime):
        write_bytes(folder / name, content)
        sizes[name] = len(content)
    return ExportedSite(folder, sizes)


def _contents(
    weights: Weights, model: FaceModel, runtime: dict[str, bytes]
) -> Iterator[tuple[str, bytes]]:
    """Names and contents of all files, one after another."""
    yield from ((f"{_ORT}/{name}", content) for name, content in runtime.items())
    for path in files(_PACKAGE).joinpath("data", "browser").iterdir():
        name = path.name if path.name == "index.html" else f"js/{path.name}"
        yield name, path.read_bytes()
    yield from ((name, text.encode()) for name, text in stage_files().items())
    numbers, tables = face_numbers(weights, model)
    yield from (("face.json", numbers.encode()), ("face.bin", tables))
    known = viewed_model(model, len(model.identity))
    yield "model.json", json.dumps(known.entry).encode()
    yield "model.bin", known.content
    yield "head.glb", HeadFile(model, model.zero_coefficients(), _GREY).content()
    yield "example.jpg", DEMO_PHOTO.read_bytes()
    yield "LICENSES.txt", _licences(weights, model).encode()
    if model.name in SHIPPED_MODELS:
        name = "MIT-ICT-FaceKit.txt"
        yield name, files(_MODELS).joinpath("data", name).read_bytes()
    yield "network.onnx", export_network(weights, "float16")[0]
    yield "detector.onnx", detector_onnx()


def _licences(weights: Weights, model: FaceModel) -> str:
    text = files(_PACKAGE).joinpath("data", "browser_licences.txt").read_text("utf-8")
    terms = f"{model.licence}\n{model.source}"
    return text.format(runtime=VERSION, weights=weights.name, model=model.name, terms=terms)
