"""Network and solver as one graph: from crops of faces to points, coefficients and vertices."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor, nn

from ...geometry.camera import PerspectiveCamera
from ...geometry.face_model import FaceModel
from ...geometry.point_solver import PointSolver
from ...geometry.rotation import matrix_to_euler
from ...models.exported.graph import NETWORK, Difference, differences, traced, write_header
from ...models.exported.storage import Storage, shrink
from ...models.fuse import fuse_norms
from ...models.weights import Weights
from ..locate.cut import cut_tensor
from ..locate.frame import frame_of_box
from ..photo import as_picture
from .regress import RegressOptions, Regressor
from .traced_solver import TracedSolver
from .trained_model import trained_model

OUTPUTS = ("points", "landmarks", "identity", "expression", "rotation", "translation", "focal",
           "center", "pose_deg", "vertices")  # fmt: skip
"""In this order; docs/export.md says what each is."""


DEMO_PHOTO = Path(__file__).parents[1] / "data" / "astronaut.jpg"
_MODES = "modes"
_FACES = ((220.0, 115.0, 110.0), (223.0, 118.0, 120.0), (216.0, 112.0, 105.0))
"""Middle and side of boxes in the demo's photograph."""


class SolvedNetwork(nn.Module):
    """A network of dense points with the solver behind it.

    Args:
        weights: of dense points.
        model: their face model.
        solver: `PointSolver`, or `TracedSolver` where the module is exported.
    """

    def __init__(
        self, weights: Weights, model: FaceModel, solver: type[PointSolver] = PointSolver
    ) -> None:
        super().__init__()
        self.network = fuse_norms(weights.network)
        self._half = weights.network.input_shape[-1] / 2
        self._reader = Regressor(RegressOptions(gaze=False), model, weights)
        usual = self._reader.solver
        self._solver = solver(usual.basis, usual.config, usual.lips)
        self.register_buffer("mean", model.mean)
        modes = torch.cat([model.identity, model.expression]).flatten(1)
        self.register_buffer(_MODES, modes)
        self._marks = model.landmark_set("ibug68")

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(B,3,S,S) RGB in [0,1], faces upright in them, to `OUTPUTS`."""
        prediction = self.network(images)
        reading = self._reader.reading_of(prediction, self._solver)
        solved = self._reader.solve(reading, self._solver)
        half, seen = self._half, solved.camera
        camera = PerspectiveCamera(
            seen.rotation, seen.translation, seen.focal * half, (seen.center + 1) * half
        )
        numbers = torch.cat([solved.identity, solved.expression], 1)
        modes = self.get_buffer(_MODES)
        vertices = self.mean + (numbers @ modes).unflatten(1, (-1, 3))
        points = solved.points + solved.points.new_tensor([1.0, 1.0, 0.0])
        return (
            points * half,
            camera.project(self._marks.of_corners(vertices[:, self._marks.vertices])),
            solved.identity,
            solved.expression,
            *vars(camera).values(),
            matrix_to_euler(camera.rotation) * (180 / math.pi),
            vertices,
        )


def export_solved(
    weights: Weights, storage: Storage = "float32", model: FaceModel | str | None = None
) -> tuple[bytes, list[Difference]]:
    """A network of dense points and its solver as one ONNX graph, and how far it is from torch.

    Args:
        weights: of dense points.
        storage: of the network's weights; the model's modes are in float16 but for "float32".
        model: as `trained_model` takes it.

    Raises:
        MissingFileError: onnx, onnxscript or onnxruntime isn't installed.
        InputError: weights of something else, or a torch that can't export the solver.
    """
    known = trained_model(weights, model)
    images = example_crops(weights)
    graph = traced(SolvedNetwork(weights, known, TracedSolver), OUTPUTS, images)
    shrink(graph, storage, f"{NETWORK}.")
    if storage != "float32":
        shrink(graph, "float16", _MODES)
    write_header(graph, weights, solver=True)
    content = graph.SerializeToString()
    return content, differences(content, SolvedNetwork(weights, known), images)


def example_crops(weights: Weights) -> Tensor:
    """The demo's face in three crops, as the network would get it."""
    picture = as_picture(DEMO_PHOTO)
    boxes = [(x - side / 2, y - side / 2, x + side / 2, y + side / 2) for x, y, side in _FACES]
    size = weights.network.input_shape[-1]
    return torch.cat([cut_tensor(picture, frame_of_box(box, size)) for box in boxes])
