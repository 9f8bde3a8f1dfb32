"""Dense points of our own networks on AFLW2000-3D, against the fits of its .mat files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...core.errors import SettingError
from ...core.image_file import read_image
from ...core.item_failure import Failed, FailureLog, attempt
from ...core.progress import progress_bar
from ...datasets.photographs.aflw2000 import Aflw2000, to_annotation
from ...geometry.face_model import FaceModel
from ..metrics.dense import KINDS
from ..metrics.landmarks import eye_distance
from ..predict.batches import Item
from ..predict.dense_points import DenseReader, landmark_vertices
from ..predict.predicted import Predictor
from .aflw2000_dense import DenseTruth, chosen_points, errors_of_pair

Array = NDArray[np.float64]


@dataclass
class _Scorer:
    """Scores faces; the first one says which points of its model correspond to the truth's."""

    data: Aflw2000
    truth: DenseTruth
    chosen: NDArray[np.int64]
    reader: DenseReader | None = field(default=None)

    def __call__(self, predictor: Predictor, item: Item, row: int) -> dict[str, float]:
        face = predictor(read_image(item.path), item.box)
        truth = self.truth.at(row)
        if self.reader is None:
            self.reader = self._correspondence(face.model, truth, row)
        reader = self.reader
        inside = np.isin(reader.kept, self.chosen)
        points = to_annotation(reader(face))[inside]
        eyes = float(eye_distance(self.data.points[row].T[None])[0])
        return errors_of_pair(points, truth[reader.kept[inside]], eyes)

    def _correspondence(self, model: FaceModel, truth: Array, row: int) -> DenseReader:
        if len(model.mean) == self.truth.count:
            return DenseReader.by_index(self.truth.count)
        if self.truth.mean is None:
            got = f"{len(model.mean)} of {model.name!r}"
            remedy = "Name dense.basis instead, by whose mean face vertices can be found."
            raise SettingError("dense.truth", f"{self.truth.count} vertices", got, remedy)
        marks = landmark_vertices(truth, self.data.points[row])
        return DenseReader.between(model, self.truth.mean, marks)


def score_network(
    predictor: Predictor,
    items: Sequence[Item],
    rows: Sequence[int],
    *,
    data: Aflw2000,
    truth: DenseTruth,
    points: str,
    log: FailureLog,
) -> tuple[dict[str, Array], str]:
    """Errors in percent, (len(rows),) each, by kind, NaN where there is no face; and words.

    Args:
        predictor: of faces.
        items: the photographs.
        rows: theirs, in the data set.
        data: the data set.
        truth: its dense points.
        points: file of the vertices that count; "" takes all.
        log: for tracebacks of what nobody foresaw.

    Returns:
        The errors, and which points correspond.

    Raises:
        MissingFileError, InputError: a file is missing, damaged or of another shape, or the
            network's face model does not correspond.
    """
    score = _Scorer(data, truth, chosen_points(points, truth.count))
    errors = {kind: np.full(len(rows), np.nan) for kind in KINDS}
    with progress_bar("Predicting dense points", len(rows)) as advance:
        for k, (item, row) in enumerate(zip(items, rows, strict=True)):
            found = attempt(item.name, partial(score, predictor, item, int(row)), log)
            for kind, value in ({} if isinstance(found, Failed) else found).items():
                errors[kind][k] = value
            advance()
    return errors, "none was found" if score.reader is None else score.reader.words
