"""The papers' data: a balanced choice, faces beyond profile, drawn faces with 300W-LP's labels."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from selfie3d.cli import app
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.datasets import FittedBasis, TarShards, open_shards, points_of_fit
from selfie3d.datasets.photographs.record import Record
from selfie3d.datasets.shards.tar import ShardEntry, write_tar_shard
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.shards import write_shards
from selfie3d.facemodels import load_face_model
from selfie3d.prepare import BalanceOptions, DrawnOptions, TurnOptions, prepare
from selfie3d.prepare.balance import balanced_rows
from selfie3d.prepare.drawn import fit_parameters, label_basis
from selfie3d.prepare.profiling.collection import ranged_goals
from selfie3d.prepare.work import picture_bytes
from typer.testing import CliRunner

EDGES = np.array([0.0, 15, 30, 45, 60, 75, 90])


def test_a_choice_is_as_flat_as_it_can_be():
    random = np.random.default_rng(0)
    yaws, sizes = random.normal(0, 30, 3000).clip(-89, 89), random.uniform(40, 400, 3000)
    rows = balanced_rows(yaws, sizes, EDGES, 300)
    assert len(set(rows)) == 300
    turn = np.abs(yaws)
    there, taken = (np.histogram(part, EDGES)[0] for part in (turn, turn[rows]))
    emptied = taken < taken.max() - 1
    assert (taken[emptied] == there[emptied]).all() and not emptied.all()
    for low, high in pairwise(EDGES):
        inside = np.flatnonzero((turn >= low) & (turn < high))
        left = np.setdiff1d(inside, rows)
        if len(left):
            assert sizes[left].max() <= sizes[np.intersect1d(inside, rows)].min()


def test_what_is_unknown_or_beyond_is_never_chosen_and_all_others_can_be():
    yaws = np.array([np.nan, 95.0, 1.0, -50.0])
    assert balanced_rows(yaws, np.ones(4), EDGES, 10) == [2, 3]


def test_a_range_is_filled_evenly():
    yaws = np.array([0.0, 95.0, np.nan, *np.linspace(-80, 80, 97)])
    goals = ranged_goals(yaws, (90, 105), 50)
    assert len({row for row, _ in goals}) == 50 and not {1, 2} & {row for row, _ in goals}
    counts = np.histogram([goal for _, goal in goals], np.linspace(90, 105, 6))[0]
    assert counts.min() >= 9 and counts.sum() == 50
    assert len(ranged_goals(yaws, (90, 105))) == 98


@pytest.mark.parametrize("turns", ["105-90", "90-", "90-200", "a-b"])
def test_ranges_that_are_none(turns):
    with pytest.raises(InputError, match="turns"):
        TurnOptions(turns=turns)


@pytest.fixture
def prepared(tmp_path, drawn_faces):
    """Two folders of shards, as prepare wrote them for CelebA and 300W-LP, same names in both."""
    for folder in ("celeba", "300w-lp"):
        (tmp_path / "prepared" / folder).mkdir(parents=True)
        for split, part in (("train", drawn_faces[:9]), ("val", drawn_faces[9:])):
            entries = [
                ShardEntry(f"AFW/{k}", *picture_bytes(face.picture, None), record(face))
                for k, face in enumerate(part)
            ]
            write_tar_shard(tmp_path / "prepared" / folder / f"{split}-00000.tar", entries)
    return tmp_path / "prepared"


def record(face):
    return Record({"ibug68-3d": face.points}, labels={"shape_para": np.arange(199.0)})


def test_a_balanced_choice_of_shards(prepared, tmp_path):
    out = tmp_path / "out"
    arguments = ["prepare", "balanced", "--data", str(prepared), "--out", str(out)]
    run = CliRunner().invoke(app, [*arguments, "--count", "12", "--bins", "0,20,40,110"])
    assert run.exit_code == 0, run.output
    data = TarShards(out, "train-*.tar")
    names = {data.row_name(row).split("/", 2)[2] for row in range(len(data))}
    assert len(names) == len(data) == 9
    assert {name.split("/")[0] for name in names} == {"celeba", "300w-lp"}
    assert (data[0].labels["shape_para"] == np.arange(199)).all()
    manifest = json.loads((out / "manifest.json").read_text())
    assert "balanced" in json.dumps(manifest)


def test_a_choice_of_nothing(tmp_path):
    with pytest.raises(MissingFileError, match="celeba"):
        prepare("balanced", tmp_path, tmp_path / "out", BalanceOptions(count=5))


@pytest.fixture(scope="module")
def basis():
    """The first modes of our own model at its 68 points, in the place of 3DDFA's."""
    model = load_face_model("default")
    points = model.landmark_points(model.mean[None], "ibug68")[0].double().numpy()
    none = model.zero_coefficients(1)
    still = model.landmarks_of(none, "ibug68")[0].double().numpy()
    modes = []
    for name, count in (("identity", 20), ("expression", 10)):
        part = []
        for k in range(count):
            own = model.zero_coefficients(1)
            getattr(own, name)[0, k] = 1
            part.append(model.landmarks_of(own, "ibug68")[0].double().numpy() - still)
        modes.append(np.stack(part, 2) * 1000)
    return FittedBasis(points * 1000, *modes)


def test_parameters_give_back_the_points_that_they_made(basis):
    random = np.random.default_rng(3)
    pose = np.array([0.2, -0.7, 0.1, 60, 70, 0, 6e-4])
    identity, expression = random.normal(0, 1, 20), random.uniform(0, 1, 10)
    points = points_of_fit(basis, pose, identity, expression, height=144) - [0.5, 0.5, 0]
    labels = fit_parameters(points, basis, 144)
    again = points_of_fit(
        basis, labels["pose_para"], labels["shape_para"], labels["exp_para"], height=144
    ) - [0.5, 0.5, 0]
    size = np.sqrt(np.prod(np.ptp(points[:, :2], axis=0)))
    assert np.linalg.norm(again - points, axis=1).mean() < 0.01 * size
    assert np.abs(labels["pose_para"][:3] - pose[:3]).max() < 0.05
    assert labels["shape_para"].shape == (199,) and labels["exp_para"].shape == (29,)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    write_shards(folder, SyntheticConfig(size=96, seed=5, views=2), 6, 1)
    return folder


def test_drawn_faces_get_the_labels_of_300w_lp(drawn, shared_data, tmp_path):
    model = shared_data("models/3ddfa")
    options = DrawnOptions(label_model=str(model), held_out=0)
    result = prepare("drawn", drawn, tmp_path / "out", options)
    assert result.counts == {"train": 6} and not result.rejects
    data, truth = TarShards(tmp_path / "out"), open_shards(drawn)
    for row in range(6):
        sample, labels = data[row], data[row].labels
        numbers = labels["pose_para"], labels["shape_para"], labels["exp_para"]
        points = points_of_fit(label_basis(str(model)), *numbers, height=96)[:, :2] - 0.5
        known = truth.rows("landmarks_ibug68", [row])[0, :, :2]
        assert np.allclose(sample.landmarks["ibug68-3d"], known, atol=1e-3)
        size = np.sqrt(np.prod(np.ptp(known, axis=0)))
        assert np.linalg.norm(points - known, axis=1).mean() < 0.06 * size


def test_labels_need_their_face_model(drawn, tmp_path):
    with pytest.raises(InputError, match="label-model"):
        DrawnOptions()
    options = DrawnOptions(label_model=str(tmp_path / "none.mat"))
    with pytest.raises(MissingFileError):
        prepare("drawn", drawn, tmp_path / "out", options)
    command = ["prepare", "celeba", "--data", str(tmp_path), "--out", str(tmp_path / "o")]
    run = CliRunner().invoke(app, [*command, "--label-model", "x"])
    assert run.exit_code == 1 and "options of celeba" in run.output and "drawn" in run.output
