"""What a run came to, counted from what it wrote, and a contact sheet to look at."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.errors import InputError, Selfie3dError
from ..core.image_file import write_image
from ..core.item_failure import LOG, FailureLog
from ..core.whole_file import write_json
from ..datasets.labelled.inputs import place_of, read_columns
from ..datasets.labelled.places import read_place
from ..geometry.cut import cut_out
from ..pipeline import frame_of_box
from ..render.overlay import contact_sheet, draw_landmarks, to_picture

SHEET, SUMMARY = "contact_sheet.png", "summary.json"
_COLUMNS, _ROWS, _CELL = 8, 5, 160
_GROW = 1.3  # side of a cell over that of the face


@dataclass(frozen=True)
class BatchSummary:
    """What a folder of results holds, and how quickly the last run went.

    Attributes:
        photographs: inputs, each of which has one row or more.
        faces: rows with a face.
        failed: photographs and faces that failed, by kind.
        photographs_of_this_run, seconds, images_per_second: of the last run.
        passed: lines that say what was passed over in the source.
        files: names of the files, without those of heads.
        log: tracebacks of errors that nobody foresaw, if there were any.
    """

    photographs: int
    faces: int
    failed: dict[str, int]
    photographs_of_this_run: int
    seconds: float
    images_per_second: float
    passed: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    log: str | None = None


def summarize(
    out: Path,
    inputs: Any,  # noqa: ANN401  (a pyarrow table)
    *,
    passed: list[str],
    seconds: float,
    photographs: int,
) -> BatchSummary:
    """Count what is in a folder, and write summary.json and a contact sheet.

    Args:
        out: the folder, all of whose parts are done.
        inputs: of the run.
        passed: over in the source.
        seconds, photographs: of this run.

    Raises:
        InputError: a photograph has no row, or a row none of the photographs.
    """
    files = sorted(out.glob("faces-*.parquet"))
    failed, faces, keys = Counter[str](), 0, set[str]()
    for file in files:
        table = read_columns(file, ("key", "kind"))
        kinds = table.column("kind").to_pylist()
        failed += Counter(kind for kind in kinds if kind)
        faces += sum(kind is None for kind in kinds)
        keys |= set(table.column("key").to_pylist())
    _check_keys(out, keys, inputs)
    sheet = _write_sheet(out, files, inputs)
    names = [SUMMARY, *sheet, *(path.name for path in files)]
    log = FailureLog(out / LOG).written
    speed = photographs / seconds if seconds else 0.0
    summary = BatchSummary(
        len(keys), faces, dict(failed.most_common()), photographs, round(seconds, 3),
        round(speed, 3), passed, names, None if log is None else log.name,
    )  # fmt: skip
    write_json(out / SUMMARY, asdict(summary))
    return summary


def _check_keys(out: Path, keys: set[str], inputs: Any) -> None:  # noqa: ANN401
    expected = set(inputs.column("key").to_pylist())
    if keys != expected:
        got = f"{len(expected - keys)} without one, {len(keys - expected)} of others"
        remedy = "Were files changed or removed? Begin anew in another folder."
        raise InputError(str(out), f"rows of {len(expected)} photographs", got, remedy)


def _write_sheet(out: Path, files: list[Path], inputs: Any) -> list[str]:  # noqa: ANN401
    """Faces evenly from all over the results, with their landmarks; none where there is no face."""
    places = {key: row for row, key in enumerate(inputs.column("key").to_pylist())}
    cells = []
    wanted = np.linspace(0, max(len(files) - 1, 0), _COLUMNS * _ROWS).round().astype(int)
    for number, count in sorted(Counter(wanted.tolist()).items()):
        if files:
            table = read_columns(files[number], ("key", "kind", "box", "landmarks"))
            table = table.filter([kind is None for kind in table.column("kind").to_pylist()])
            rows = np.linspace(0, len(table) - 1, count).round().astype(int)
            for row in np.unique(rows[rows >= 0]).tolist():
                values = {name: table.column(name)[row].as_py() for name in table.column_names}
                cells += _cell(place_of(inputs, places[values["key"]]), values)
    if not cells:
        return []
    write_image(out / SHEET, contact_sheet(cells, min(_COLUMNS, len(cells)), _CELL))
    return [SHEET]


def _cell(place: Any, values: dict[str, Any]) -> list[NDArray[np.uint8]]:  # noqa: ANN401
    """A face with its points; nothing where the photograph is gone."""
    try:
        picture = read_place(place)
    except Selfie3dError:
        return []
    points = np.asarray(values["landmarks"], np.float64).reshape(68, 3)[:, :2]
    known = points[np.isfinite(points).all(1)]
    if not len(known):
        return []
    low, high = known.min(0), known.max(0)
    middle, half = (low + high) / 2, _GROW * (high - low).max() / 2
    crop = frame_of_box((*(middle - half), *(middle + half)), _CELL)
    image, _ = cut_out(picture, crop.matrix, crop.size)
    return [draw_landmarks(to_picture(image), crop.to_crop(torch.from_numpy(points)).numpy())]
