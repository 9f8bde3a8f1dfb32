"""An ablation begins, is interrupted, goes on, grows, and keeps to what it was told."""

from __future__ import annotations

import json

import numpy as np
import pytest
import typer
from selfie3d.ablate import faces, run
from selfie3d.ablate.budget import Budget
from selfie3d.ablate.faces import OwnFaces
from selfie3d.ablate.options import AblationOptions
from selfie3d.ablate.rows import ABLATIONS
from selfie3d.commands.ablate import register
from selfie3d.core.errors import InputError, MissingFileError, UnknownNameError
from selfie3d.evaluate.protocols.synthetic import FIGURES, NOTHING, TABLE
from selfie3d.evaluate.report.report import Items, Metric, Report
from typer.testing import CliRunner

ROWS = ABLATIONS.create("mlanet").rows
OPTIONS = AblationOptions(Budget(steps=4), 2, faces=OwnFaces(count=16), size=64)


class Trained:
    """Stands for training and protocols: notes what was asked for, and may be interrupted."""

    def __init__(self):
        self.runs, self.scored, self.stop_at = [], [], None

    def train(self, config, settings):
        if len(self.runs) == self.stop_at:
            raise KeyboardInterrupt
        values = dict(text.split("=", 1) for text in settings)
        self.runs.append((config, int(values["engine.seed"]), values))
        from pathlib import Path

        folder = Path(values["output"])
        folder.mkdir(parents=True)
        (folder / "summary.json").write_text("{}")

    def score(self, protocol, request):
        config, seed = request.out.parts[-4:-2]
        self.scored.append((config, seed, protocol))
        value = float(len(config) + int(seed[4:]) ** 2)
        tables = {"synthetic": (TABLE, f"{TABLE}: {NOTHING}")}.get(protocol, ())
        figures = [Metric(t, name, value, u, 9) for t in tables for name, u in FIGURES.items()]
        report = Report(protocol, "v", figures, Items(["a"], {}), {}, {"options": {}})
        report.save(request.out)
        (request.out / "report.html").write_text("")


@pytest.fixture
def trained(monkeypatch):
    trained = Trained()
    monkeypatch.setattr(run, "run_training", trained.train)
    monkeypatch.setattr(run, "run_protocol", trained.score)
    monkeypatch.setattr(OwnFaces, "opened", lambda self, out, size: OwnFaces(out, out, self.count))
    return trained


def test_every_row_and_seed_once_with_equal_settings(trained, tmp_path):
    text = run.run_ablation("mlanet", tmp_path, OPTIONS)
    assert [(c, s) for c, s, _ in trained.runs] == [(r.config, s) for s in (0, 1) for r in ROWS]
    told = [{k: v for k, v in values.items() if k != "output"} for *_, values in trained.runs]
    assert told[0]["engine.schedule.steps"] == "4" and told[0]["network.options.size"] == "64"
    assert all(one == told[0] for one in told[:4]) and told[4]["engine.seed"] == "1"
    assert sum(p == "synthetic" for *_, p in trained.scored) == 8
    assert sum(p == "complexity" for *_, p in trained.scored) == 4
    assert (
        "| MLANet [1] | 3.41 | 1.66 ± 0.50 |" in text and "| MLANet (ours) | 6.50 (± 6.35)" in text
    )
    assert (tmp_path / "table.tex").is_file() and "seeds" in (tmp_path / "table.html").read_text()


def test_it_goes_on_where_it_was_interrupted(trained, tmp_path):
    trained.stop_at = 5
    with pytest.raises(KeyboardInterrupt):
        run.run_ablation("mlanet", tmp_path, OPTIONS)
    assert "| MLANet (ours) | 6.00 [" in (tmp_path / "table.md").read_text()  # one seed by now
    trained.stop_at = None
    run.run_ablation("mlanet", tmp_path, OPTIONS)
    assert [(c, s) for c, s, _ in trained.runs] == [(r.config, s) for s in (0, 1) for r in ROWS]
    assert len(trained.scored) == len(set(trained.scored)) == 12


def test_more_seeds_rows_and_protocols_may_be_added(trained, tmp_path):
    few = AblationOptions(Budget(steps=4), 1, ("mlanet",), OwnFaces(count=16), 64)
    run.run_ablation("mlanet", tmp_path, few)
    run.run_ablation("mlanet", tmp_path, OPTIONS)
    assert len(trained.runs) == 8
    more = AblationOptions(Budget(steps=4), 2, (), OwnFaces(count=16), 64, {"micc": tmp_path})
    run.run_ablation("mlanet", tmp_path, more)
    assert len(trained.runs) == 8 and ("mlanet", "seed1", "micc") in trained.scored


def test_a_folder_keeps_to_one_ablation(trained, tmp_path):
    run.run_ablation("mlanet", tmp_path, OPTIONS)
    other = AblationOptions(Budget(steps=5), 2, faces=OwnFaces(count=16), size=64)
    with pytest.raises(InputError, match=r"budget 5 steps instead of 4 steps. Choose another"):
        run.run_ablation("mlanet", tmp_path, other)
    with pytest.raises(InputError, match=r"paper sadrnet instead of mlanet"):
        run.run_ablation("sadrnet", tmp_path, OPTIONS)
    assert json.loads((tmp_path / "ablation.json").read_text())["budget"] == "4 steps"


def test_as_configured_changes_neither_schedule_nor_optimiser(trained, tmp_path):
    options = AblationOptions(Budget(), 1, protocols={"aflw2000": tmp_path})
    run.run_ablation("csanet", tmp_path / "out", options)
    for *_, values in trained.runs:
        assert set(values) == {"output", "engine.seed", "data.test"}
    assert {p for *_, p in trained.scored} == {"aflw2000", "complexity"}


def test_what_makes_no_sense(trained, tmp_path):
    with pytest.raises(UnknownNameError, match="paper with an ablation 'prnet'"):
        run.run_ablation("prnet", tmp_path, OPTIONS)
    with pytest.raises(UnknownNameError, match="protocol 'mic'"):
        unknown = AblationOptions(Budget(steps=1), protocols={"mic": tmp_path})
        run.run_ablation("mlanet", tmp_path, unknown)
    with pytest.raises(InputError, match=r"protocols: expected one that scores.*--on"):
        AblationOptions(Budget(steps=1))
    with pytest.raises(InputError, match="seeds: expected 1 or more"):
        AblationOptions(Budget(steps=1), 0, faces=OwnFaces(count=1))
    with pytest.raises(InputError, match="faces: expected folders"):
        OwnFaces()
    assert trained.runs == []


@pytest.mark.parametrize("paper", ABLATIONS.names())
def test_drawn_faces_are_large_enough_and_can_be_drawn(paper, monkeypatch, tmp_path):
    """The pictures' sides are multiples of 8 with the margin round the crops."""
    drawn = []
    monkeypatch.setattr(faces, "write_shards", lambda *given: drawn.append(given))
    size = ABLATIONS.create(paper).size
    opened = OwnFaces(count=200).opened(tmp_path, size)
    (train, first, count, *_), (unseen, second, few, *_) = drawn
    assert (train, unseen) == (opened.train, opened.unseen) and (count, few) == (200, 32)
    assert first.size == second.size and first.seed != second.seed
    assert 0 <= first.size - size * first.margin < 8


def test_given_shards_must_be_there(tmp_path):
    with pytest.raises(MissingFileError, match="nowhere"):
        OwnFaces(tmp_path / "nowhere", tmp_path).opened(tmp_path, 64)


def test_the_command(trained, tmp_path):
    app = typer.Typer()
    register(app)
    app.callback()(lambda: None)

    def command(*words):
        return CliRunner().invoke(app, ["ablate", *map(str, words)])

    done = command("mlanet", "--budget", "3steps", "--seeds", 1, "--row", "mlanet", "--draw", 9,
                   "--out", tmp_path / "a", "data.batch=2")  # fmt: skip
    assert done.exit_code == 0 and "table.html" in done.output
    ((config, seed, values),) = trained.runs
    assert (config, seed, values["data.batch"]) == ("mlanet", 0, "2")
    for words, match in (
        (["--on", "aflw2000"], "--on: expected PROTOCOL=ROOT"),
        (["--own-data", "--train", tmp_path], "--own-data: expected it, or --train"),
        (["--own-data"], "protocols: expected one"),
    ):
        failed = command("mlanet", "--budget", "3steps", "--out", tmp_path / "b", *words)
        with pytest.raises(InputError, match=match):
            raise failed.exception


@pytest.mark.slow
def test_one_row_trains_is_scored_and_goes_on(tmp_path):
    """The real thing, a step long; the second call has nothing left to do."""
    options = AblationOptions(
        Budget(steps=1), 1, ("csanet",), OwnFaces(count=16), 64, {},
        ("data.batch=8", "engine.threads=1", "engine.device=cpu", "whitening.samples=8"),
    )  # fmt: skip
    text = run.run_ablation("csanet", tmp_path, options)
    weights = tmp_path / "csanet" / "seed0" / "last.safetensors"
    before = weights.stat().st_mtime_ns
    assert "CSANet (ours)" in text and np.isfinite(before)
    assert run.run_ablation("csanet", tmp_path, options) == text
    assert weights.stat().st_mtime_ns == before
