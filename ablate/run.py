"""Trains and scores the rows of an ablation one after the other, and makes its table on the way."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.whole_file import prepare_folder
from ..evaluate.registry import PROTOCOLS, Request
from ..evaluate.run import run_protocol
from ..evaluate.tables.ablation import SeededRow, ablation_table
from ..train import run_training
from .faces import OwnFaces
from .options import AblationOptions, keep_to
from .rows import ABLATIONS, Ablation, AblationRow

_VALIDATE = 64  # faces: a short run is judged by its scores
_OPTIONS = {
    "complexity": ("batches=[1]", "seconds=0.2", "whole=false"),
    "synthetic": ("icp=false",),
}
"""Of protocols: what takes long and is in no table of an ablation is left out."""


@dataclass(frozen=True)
class _Work:
    """One ablation and its folder; `faces` are opened."""

    ablation: Ablation
    options: AblationOptions
    faces: OwnFaces | None
    out: Path

    def folder(self, row: AblationRow, seed: int) -> Path:
        """Of one run, with its reports in it."""
        return self.out / row.config / f"seed{seed}"


def run_ablation(paper: str, out: Path, options: AblationOptions) -> str:
    """Train the rows of a paper's ablation alike, score them, and write its table.

    All rows of one seed are trained before the next seed, so that an unfinished ablation compares
    whole rows. What is done is not done again: the same call goes on where it stood, with more
    rows, seeds or protocols, too.

    Args:
        paper: a name of `ABLATIONS`.
        out: folder of the runs (ROW/seedN), of drawn faces, and of table.html, .md and .tex.
        options: budget, seeds, faces and so on.

    Returns:
        The table as Markdown.

    Raises:
        UnknownNameError: no such paper, row or protocol.
        InputError: the folder holds another ablation; or as `run_training` and `run_protocol`.
        MissingFileError: data or weights that a configuration needs are not there.
    """
    ablation: Ablation = ABLATIONS.create(paper)
    rows = ablation.chosen(options.rows)
    for protocol in options.protocols:
        PROTOCOLS.get(protocol)
    prepare_folder(out)
    keep_to(out, paper, options)
    size = options.size or ablation.size
    faces = None if options.faces is None else options.faces.opened(out, size)
    work, text = _Work(ablation, options, faces, out), ""
    for seed in range(options.seeds):
        for row in rows:
            _say(f"{row.config}, seed {seed}")
            _train(work, row, seed)
            _score(work, row, seed)
        text = ablation_table(paper, [_seeded(work, row, seed + 1) for row in rows], out)
    return text


def _seeded(work: _Work, row: AblationRow, seeds: int) -> SeededRow:
    return SeededRow(row.label, [work.folder(row, seed) for seed in range(seeds)])


def _train(work: _Work, row: AblationRow, seed: int) -> None:
    """One run; what was stopped goes on, and what has ended stays."""
    folder = work.folder(row, seed)
    if not (folder / "summary.json").is_file():
        run_training(row.config, _settings(work, folder, seed))


def _settings(work: _Work, folder: Path, seed: int) -> Sequence[str]:
    """What is changed in a row's configuration; the same for all rows but the folder."""
    ablation, options = work.ablation, work.options
    settings = [f"output={folder}", f"engine.seed={seed}", "data.test=[]"]
    if work.faces is not None:
        settings += [*work.faces.settings, *ablation.drawn]
    if options.size:
        settings.append(f"network.options.size={options.size}")
    if options.budget.limited:
        optimizer = f"{{name: adamw, rate: {ablation.rate}, decay: 0.02, average: 0.99, clip: 1}}"
        settings += [*options.budget.settings, f"engine.optimizer={optimizer}", *ablation.short]
        settings += [f"data.validate={_VALIDATE}", "engine.validate_every=1e9"]
    return [*settings, *options.settings]


def _score(work: _Work, row: AblationRow, seed: int) -> None:
    """The protocols of one run that have no report yet; cost is every seed's, so once."""
    folder = work.folder(row, seed)
    wanted = dict(work.options.protocols)
    if work.faces is not None and work.faces.unseen is not None:
        wanted["synthetic"] = work.faces.unseen
    for protocol, data in wanted.items():
        _evaluate(folder, protocol, data)
    if seed == 0:
        _evaluate(folder, "complexity", Path())


def _evaluate(folder: Path, protocol: str, data: Path) -> None:
    out = folder / "reports" / protocol
    if not (out / "report.html").is_file():
        weights, options = str(folder / "last.safetensors"), _OPTIONS.get(protocol, ())
        run_protocol(protocol, Request(data, out, weights, overrides=options))


def _say(text: str) -> None:
    print(f"selfie3d ablate: {text}", file=sys.stderr, flush=True)
