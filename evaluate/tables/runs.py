"""Runs whose evaluations stand in folders: their figures, and whether they were measured alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import InputError, MissingFileError
from ..report.compare import flat_options, labels_of
from ..report.report import Metric, Report, load_report
from .design import Source

_FREE = frozenset({
    "balanced_seeds", "batches", "beside", "face_model", "icp", "key", "networks",
    "pictures", "seconds", "threads", "weights_dir", "whole",
})  # fmt: skip
"""Options that say nothing of what a figure measures, or what belongs to the weights."""


@dataclass(frozen=True)
class Measured:
    """A figure, and the report that it is from.

    Attributes:
        figure: its value is a mean over `seeds`, if these are several.
        report: of the first one.
        interval: half the width of the mean's interval, None where there is none.
        seeds: how many runs were averaged.
    """

    figure: Metric
    report: Report
    interval: float | None = None
    seeds: int = 1


@dataclass(frozen=True)
class Run:
    """What was measured of one method.

    Attributes:
        label: short, unlike those of the other runs.
        reports: of any protocols, by their files.
    """

    label: str
    reports: Mapping[Path, Report]

    def find(self, source: Source) -> Measured | None:
        """The figure for a column; None where nothing measured it.

        Raises:
            InputError: several reports, or several parts of one, have it.
        """
        found = [
            (path, Measured(figure, report))
            for path, report in self.reports.items()
            if report.protocol == source.protocol
            for figure in report.figures
            if (figure.table, figure.name) == (source.table, source.name)
        ]
        if len(found) > 1:
            got = ", ".join(
                f"{path} ({one.figure.split or one.figure.name})" for path, one in found
            )
            expected = f"one figure {source.name!r} of {source.protocol}"
            raise InputError(f"run {self.label}", expected, got, "Move others out of the folder.")
        return found[0][1] if found else None


def open_runs(folders: Sequence[Path]) -> list[Run]:
    """The reports in folders and below them, one run for each folder.

    Args:
        folders: what `selfie3d evaluate --out FOLDER/...` wrote into; at least one.

    Raises:
        MissingFileError: there is no such folder.
        InputError: no folder, or one without reports.
    """
    if not folders:
        raise InputError("runs", "folders with reports of `selfie3d evaluate`", "none")
    return [
        Run(label, _reports(Path(folder)))
        for label, folder in zip(labels_of([_marked(f) for f in folders]), folders, strict=True)
    ]


def _marked(folder: Path) -> Path:
    """What `labels_of` takes for a folder's report."""
    return Path(folder) / "report.json"


def _reports(folder: Path) -> dict[Path, Report]:
    if not folder.is_dir():
        raise MissingFileError(str(folder), "The folder of a run's reports", "Check the path.")
    files = sorted(folder.rglob("report.json"))
    if not files:
        remedy = f"Write them there: selfie3d evaluate PROTOCOL --out {folder}/PROTOCOL ..."
        raise InputError(str(folder), "reports of `selfie3d evaluate`", "none", remedy)
    return {file: load_report(file) for file in files}


def differences(one: Report, other: Report) -> list[str]:
    """How two reports of one protocol were measured differently, as texts; none: alike."""
    here, there = _setting(one), _setting(other)
    keys = [key for key in {**here, **there} if here.get(key, "") != there.get(key, "")]
    texts = [f"{key} {there.get(key) or 'none'}, not {here.get(key) or 'none'}" for key in keys]
    if one.protocol != "complexity" and list(one.items.names) != list(other.items.names):
        texts.append(f"other items ({len(other.items.names):,}, not {len(one.items.names):,})")
    return texts


def _setting(report: Report) -> dict[str, str]:
    options = flat_options(report.run.get("options"))
    return {key: text for key, text in options if key.partition(".")[0] not in _FREE}
