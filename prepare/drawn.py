"""Drawn faces with the labels of 300W-LP, so that both teach one network.

R3FA learns from 430,000 pictures of 300W-LP and 250,000 synthetic ones. Our drawn faces are of
another face model than 300W-LP's fits. Their 68 points are known in the picture and in depth: the
parameters with which 3DDFA's model comes nearest to them are solved for.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..core.item_failure import FailureLog
from ..datasets.photographs.aflw2000_fit import FittedBasis
from ..datasets.photographs.record import Record
from ..datasets.photographs.rendered import RenderedPhotographs
from ..datasets.photographs.splits import split_by_name
from ..datasets.shards.tar import ShardEntry
from ..datasets.synthetic.shards import open_shards, shard_path
from ..facemodels import load_face_model, read_tddfa_points
from ..geometry import align_points, matrix_to_euler
from .options import DrawnOptions
from .photographs import Collection, Photograph
from .work import Reject, entries_of, mask_bytes, picture_bytes

Array = NDArray[np.float64]
DRAWN = "drawn"
_IDENTITY, _EXPRESSION = 199, 29  # numbers of Shape_Para and Exp_Para
MM = 0.001  # per micrometre, the unit of length of 300W-LP's fits
_ROUNDS = 6
_RIDGE = 0.02  # pull of a mode towards 0, relative to what it moves all points by


def fit_parameters(points: Array, basis: FittedBasis, height: int) -> dict[str, Array]:
    """The labels of 300W-LP with which its face model comes nearest to 68 points.

    In turn the pose is the similarity that takes the shape to the points, and the shape a ridge
    regression in that pose.

    Args:
        points: (68,3) x, y in pixels, the first pixel's centre at (0.5, 0.5), and depth in their
            scale, near = large.
        basis: of the fits, at the 68 points, micrometres.
        height: of the picture, pixels.

    Returns:
        "pose_para" (7,), "shape_para" (199,), "exp_para" (29,), as `points_of_fit` reads them.
    """
    seen = points + np.array([0.5, 0.5, 0.0])
    seen[:, 1] = height + 1 - seen[:, 1]  # y is up in the fits, from 1
    modes = np.concatenate([basis.identity, basis.expression], 2)
    weights, count = np.zeros(modes.shape[2]), basis.identity.shape[2]
    for _ in range(_ROUNDS):
        scale, rotation, shift = align_points(basis.mean + modes @ weights, seen).as_arrays()
        weights = _shape((seen - shift) @ rotation / scale - basis.mean, modes)
    pose = align_points(basis.mean + modes @ weights, seen)
    scale, _, shift = pose.as_arrays()
    angles = matrix_to_euler(pose.rotation)[0].numpy()
    return {
        "pose_para": np.array([*angles, *shift, scale]),
        "shape_para": np.pad(weights[:count], (0, _IDENTITY - count)),
        "exp_para": np.pad(weights[count:], (0, _EXPRESSION - len(weights) + count)),
    }


def _shape(target: Array, modes: Array) -> Array:
    """Weights of modes (68,3,K) for displacements (68,3), by ridge regression."""
    design = modes.reshape(-1, modes.shape[2])
    size = np.linalg.norm(design, axis=0)
    scaled = design / size
    normal = scaled.T @ scaled + _RIDGE * np.eye(len(size))
    return np.asarray(np.linalg.solve(normal, scaled.T @ target.ravel()) / size)


def open_drawn(root: Path, options: DrawnOptions) -> Collection:
    """The faces of a folder of `selfie3d synth`; all pictures of a person are in one split.

    Raises:
        MissingFileError: no drawn faces, or no face model.
        InputError: damaged ones.
    """
    label_basis(options.label_model)
    shards, data = open_shards(root), RenderedPhotographs(root, options.count)
    views = max(1, int(shards.index.get("config", {}).get("views", 1)))
    per_shard = int(shards.index["faces_per_shard"])
    photographs = []
    for row in range(len(data)):
        person = f"person_{row // views:06d}"
        split = split_by_name(person, options.held_out)
        place = shard_path(root, row // per_shard)
        photographs.append(Photograph(row, f"drawn/{row:07d}", place, person, split))
    text = f"by a hash of the person's number, {options.held_out:g} to val"
    return Collection(DRAWN, data, photographs, text, whole=True, detected=False)


def label_basis(label_model: str) -> FittedBasis:
    """3DDFA's model at its 68 points, micrometres about its own origin.

    Args:
        label_model: as `facemodels.read_tddfa_points` takes it.

    Raises:
        MissingFileError: it is not there.
        InputError: it is damaged.
    """
    points = read_tddfa_points(label_model)
    model = points.model
    mean = (model.mean - points.origin).double().numpy() / MM
    bases = (
        basis.double().numpy().transpose(1, 2, 0) / MM
        for basis in (model.identity, model.expression)
    )
    return FittedBasis(mean, *bases)


def _rendered(collection: Collection) -> RenderedPhotographs:
    """What `open_drawn` reads from."""
    if not isinstance(collection.data, RenderedPhotographs):
        raise InputError("collection", "one of `open_drawn`", type(collection.data).__name__)
    return collection.data


class DrawnWorkshop:
    """Makes samples of drawn faces.

    Args:
        collection: of `open_drawn`. options: with the face model of the labels.
        log: for tracebacks of errors that nobody foresaw.
    """

    def __init__(
        self, collection: Collection, options: DrawnOptions, log: FailureLog | None = None
    ) -> None:
        self.collection, self._log = collection, log
        self._basis = label_basis(options.label_model)
        self._model = load_face_model(_rendered(collection).face_model)

    def content(self, photograph: Photograph) -> bytes:
        """The pixels of the picture."""
        return self.collection.data[photograph.row].picture.tobytes()

    def entries(self, photographs: Sequence[Photograph]) -> tuple[list[ShardEntry], list[Reject]]:
        """What goes into shards, in order, and what does not."""
        return entries_of(photographs, self._entry, self._log)

    def _entry(self, photograph: Photograph) -> ShardEntry:
        sample = self.collection.data[photograph.row]
        picture, truth = sample.picture, sample.truth
        if truth is None or sample.skin is None:
            raise InputError(photograph.name, "a drawn face with its truth", "one without")
        vertices = self._model.landmarks_of(truth.coefficients, "ibug68")
        points = truth.camera.project(vertices)[0]
        labels = fit_parameters(points.double().numpy(), self._basis, picture.shape[0])
        content, suffix = picture_bytes(picture, None)
        record = Record({"ibug68-3d": sample.landmarks["ibug68-3d"]}, labels=labels)
        return ShardEntry(photograph.name, content, suffix, record, mask_bytes(sample.skin))
