"""What an evaluation says: figures, published rows beside them, curves, pictures, and what ran.

A report is saved as report.json without its pictures; NaN, which marks a failed item, is written
as null, since JSON has no NaN.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError
from ...core.text_files import read_json
from ...core.whole_file import prepare_folder, write_json

FORMAT = 1
"""Version of report.json."""


@dataclass(frozen=True)
class Metric:
    """One number of a report.

    >>> Metric("68 points, 2D", "mean of bins", 3.71, "%", 2000).split
    ''

    Attributes:
        table: the heading it stands under, such as "68 points, 2D".
        name: the row, such as "mean of bins".
        value: the number; NaN where nothing could be measured.
        unit: "%", "mm", "degrees", "dB" or "".
        count: the items it is over.
        std: spread, where one belongs to it.
        split: which bins or subset, and by which angles.
        annotation: which ground truth.
        mean: which kind of mean.
    """

    table: str
    name: str
    value: float
    unit: str
    count: int
    std: float | None = None
    split: str = ""
    annotation: str = ""
    mean: str = ""


@dataclass(frozen=True)
class Published:
    """A row of a paper, shown beside ours and marked as published.

    Attributes:
        table: `Metric.table` that it belongs beside.
        method: the method's name as the paper gives it.
        source: paper and table.
        values: `Metric.name` to value; what the paper does not give is absent.
    """

    table: str
    method: str
    source: str
    values: Mapping[str, float]


@dataclass(frozen=True)
class Curve:
    """Lines over one pair of axes; `series` maps a label to its x and y values."""

    title: str
    x_label: str
    y_label: str
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]]


@dataclass(frozen=True)
class Picture:
    """An RGB picture, uint8 (H,W,3)."""

    title: str
    image: NDArray[np.uint8]
    caption: str = ""


@dataclass(frozen=True)
class Items:
    """One row per image or scan, for paired comparison.

    Attributes:
        names: N of them.
        errors: column to (N,) values; NaN marks an item that failed.
        groups: (N,) bin of each item by number, where the protocol's headline is the mean of bins'
            means.

    Raises:
        InputError: a column of another length.
    """

    names: Sequence[str]
    errors: Mapping[str, NDArray[np.float64]]
    groups: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        groups = {} if self.groups is None else {"groups": self.groups}
        for column, values in {**self.errors, **groups}.items():
            if np.shape(values) != (len(self.names),):
                raise InputError(
                    f"errors[{column!r}]", f"shape ({len(self.names)},)", str(np.shape(values))
                )


@dataclass(frozen=True)
class Report:
    """Everything that one run of a protocol found.

    >>> from tempfile import TemporaryDirectory
    >>> figure = Metric("68 points, 2D", "mean of bins", 3.71, "%", 1)
    >>> items = Items(["a.jpg"], {"nme": np.array([3.71])})
    >>> report = Report("mine", "protocol's boxes", [figure], items, failures={}, run={})
    >>> with TemporaryDirectory() as folder:
    ...     load_report(report.save(Path(folder))).figures == [figure]
    True

    Attributes:
        protocol: its registered name.
        variant: one line that says exactly what ran.
        figures: in the order they are shown.
        items: one row per image or scan.
        failures: name to reason; means count what failed as the worst, save those that say
            "found only".
        run: resolved configuration, weights, versions, machine, seconds; plain values.
        published: rows of papers.
        curves: cumulative errors, error by yaw and the like.
        pictures: not saved in report.json.
    """

    protocol: str
    variant: str
    figures: Sequence[Metric]
    items: Items
    failures: Mapping[str, str]
    run: Mapping[str, object]
    published: Sequence[Published] = ()
    curves: Sequence[Curve] = ()
    pictures: Sequence[Picture] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain dicts, lists, strings and numbers, without pictures; NaN is None."""
        content = {
            "format": FORMAT,
            "protocol": self.protocol,
            "variant": self.variant,
            "figures": [_fields(figure) for figure in self.figures],
            "items": _fields(self.items),
            "failures": self.failures,
            "run": self.run,
            "published": [_fields(row) for row in self.published],
            "curves": [_fields(curve) for curve in self.curves],
        }
        return _plain(content)

    def save(self, out: Path) -> Path:
        """Write `out`/report.json, making the folder; returns the file."""
        path = Path(out) / "report.json"
        prepare_folder(path.parent)
        write_json(path, self.to_json())
        return path


def load_report(path: Path) -> Report:
    """A saved report, without its pictures.

    Args:
        path: report.json, or the folder that holds it.

    Raises:
        MissingFileError: there is none.
        InputError: it is no report.
    """
    file = Path(path) / "report.json" if Path(path).is_dir() else Path(path)
    if not file.is_file():
        raise MissingFileError(str(file), "The report", "Run `selfie3d evaluate` first.")
    content = read_json(file, "a report.json")
    try:
        if content["format"] != FORMAT:
            raise InputError(str(file), f"a report of format {FORMAT}", repr(content["format"]))
        return _from_json(content)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(str(file), "a report.json", f"{type(error).__name__}: {error}") from error


def _from_json(content: dict[str, Any]) -> Report:
    items = content["items"]
    errors = {name: np.array(column, np.float64) for name, column in items["errors"].items()}
    groups = items.get("groups")  # absent from older reports
    groups = None if groups is None else np.array(groups, np.int64)
    figures = [Metric(**(row | {"value": _number(row["value"])})) for row in content["figures"]]
    curves = [
        Curve(**(row | {"series": {k: (xy[0], xy[1]) for k, xy in row["series"].items()}}))
        for row in content["curves"]
    ]
    return Report(
        content["protocol"],
        content["variant"],
        figures,
        Items(items["names"], errors, groups),
        content["failures"],
        content["run"],
        [Published(**row) for row in content["published"]],
        curves,
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _fields(part: Any) -> dict[str, Any]:  # noqa: ANN401
    return {field.name: getattr(part, field.name) for field in fields(part)}


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    return value
