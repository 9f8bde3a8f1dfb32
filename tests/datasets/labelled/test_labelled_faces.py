"""What `selfie3d batch` wrote, read back to learn from."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.core.item_failure import FailureLog
from selfie3d.core.whole_file import prepare_state
from selfie3d.datasets import DATASETS, BatchOrder, FaceLoader, PhotoAugmentConfig
from selfie3d.datasets.labelled import faces as faces_module
from selfie3d.datasets.labelled.faces import LabelledFaces
from selfie3d.facemodels import load_face_model
from selfie3d.pipeline import ReconstructOptions
from selfie3d.scale.decode import read_one
from selfie3d.scale.fragments import Fragments
from selfie3d.scale.options import BatchOptions, state_of
from selfie3d.scale.plan import make_plan
from selfie3d.scale.source import open_source
from selfie3d.scale.work import FaceWork

pytest.importorskip("pyarrow", reason='needs pip install "selfie3d[scale]"')


def label(photos: Path, out: Path, *write: str) -> None:
    """What `run_batch` does, without Ray."""
    options = BatchOptions(write, ReconstructOptions(detector="drawn"), per_part=2)
    prepare_state(out, *state_of(out).relative_to(out).parts)
    places = open_source(photos, out).places
    plan, work = make_plan(out, places, options.per_part), FaceWork(out, options)
    for part, groups in plan.parts.items():
        for group in groups:
            some = places[group.first : group.first + group.count]
            read = [read_one(place, FailureLog()) for place in some]
            work(group.name, group.first, some, read)
        Fragments(out, state_of(out), False).close(part, [group.name for group in groups])


@pytest.fixture(scope="module")
def photos(tmp_path_factory, repository: Path) -> Path:
    root = tmp_path_factory.mktemp("photos")
    portrait = Image.open(repository / "pipeline" / "data" / "astronaut.jpg").convert("RGB")
    for n in range(4):
        portrait.resize((200 + 20 * n, 200)).save(root / f"{n}.png")
    (root / "bad.png").write_text("no picture")
    return root


@pytest.fixture(scope="module")
def labelled(photos: Path, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("labelled")
    label(photos, out, "json")
    return out


def test_faces_as_they_were_found(labelled, photos):
    data = DATASETS.create("labelled", str(labelled))
    assert len(data) == 4 and data.face_model == "default"
    assert [data.row_name(row) for row in range(4)] == [f"labelled/{n}.png/1" for n in range(4)]
    model = load_face_model("default")
    for row in range(4):
        sample = data[row]
        assert np.array_equal(sample.picture, np.asarray(Image.open(photos / f"{row}.png")))
        truth = sample.truth
        points = model.landmark_points(model.vertices(truth.coefficients), "ibug68")
        seen = truth.camera.project(points)[0, :, :2].numpy()
        assert np.abs(seen - sample.landmarks["ibug68-3d"]).max() < 0.02
        x0, y0, x1, y1 = sample.box
        assert (x0, y0) == tuple(seen.min(0).round(2)) or (x1 > x0 and y1 > y0)


def test_splits_part_the_photographs(labelled):
    whole = LabelledFaces(labelled)
    parts = [LabelledFaces(labelled, split, held_out=0.5) for split in ("train", "val")]
    names = [part.row_name(row) for part in parts for row in range(len(part))]
    assert sorted(names) == [whole.row_name(row) for row in range(4)]
    assert all(len(part) for part in parts)


def test_uncertain_faces_are_left_out(labelled):
    sigmas = [np.mean(LabelledFaces(labelled)._value("sigmas", n)) for n in range(4)]
    points = [LabelledFaces(labelled)[n].landmarks["ibug68-3d"] for n in range(4)]
    shares = [s / (p.max(0) - p.min(0)).max() for s, p in zip(sigmas, points, strict=True)]
    limit = float(np.median(shares))
    assert len(LabelledFaces(labelled, most_sigma=limit)) == sum(s <= limit for s in shares)
    with pytest.raises(InputError, match="none of 4"):
        LabelledFaces(labelled, least_score=1.5)


def test_batches_do_not_depend_on_processes_and_go_on(labelled):
    """As of every data set: shares of two processes are halves of the whole, and state resumes."""
    order = BatchOrder("tight", PhotoAugmentConfig(mirrored=0), 32, 4, seed=3)

    def source() -> FaceLoader:
        return FaceLoader([LabelledFaces(labelled)], [1.0], order)

    whole = source()
    first, second = next(whole), next(whole)
    for rank in (0, 1):
        part = source().shard(rank, 2)
        assert torch.equal(next(part).images, first.images[rank::2])
        after = source().shard(rank, 2)
        after.load_state_dict(part.state_dict())
        assert torch.equal(next(after).images, second.images[rank::2])


def test_the_table_is_made_once_and_again_after_new_results(labelled, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(labelled, out)
    LabelledFaces(out)
    table = out / ".selfie3d" / "labelled" / "faces.arrow"
    before = table.stat().st_mtime_ns
    LabelledFaces(out)
    assert table.stat().st_mtime_ns == before
    (out / "faces-00001.parquet").unlink()
    assert len(LabelledFaces(out)) < 4 and table.stat().st_mtime_ns != before
    table.write_bytes(b"damaged")
    assert len(LabelledFaces(out)) < 4


def test_points_alone_have_no_truth(photos, tmp_path):
    label(photos, tmp_path, "points")
    data = LabelledFaces(tmp_path)
    assert data.face_model == "" and data[0].truth is None and len(data) == 4


def test_photographs_that_moved(labelled, photos, tmp_path):
    shutil.copy(photos / "0.png", tmp_path / "0.png")
    data = LabelledFaces(labelled, photographs=str(tmp_path))
    assert data[0].picture.shape == (200, 200, 3)
    with pytest.raises(InputError, match=r"1\.png"):
        data[1]
    shutil.copy(photos / "0.png", tmp_path / "1.png")
    with pytest.raises(InputError, match="220 x 200"):
        data[1]


def test_what_is_no_result_is_named(tmp_path, photos, labelled):
    with pytest.raises(InputError, match="faces-"):
        LabelledFaces(tmp_path)
    out = tmp_path / "copy"
    shutil.copytree(labelled, out)
    shutil.rmtree(out / ".selfie3d")
    (out / "faces-00000.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="faces-00000"):
        LabelledFaces(out)


def test_without_pyarrow_the_command_is_said(labelled, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingFileError, match=r"pip install \"selfie3d\[scale\]\""):
        LabelledFaces(labelled)


def test_the_columns_are_those_that_are_written():
    from selfie3d.scale.rows import schema

    assert {*faces_module._COEFFICIENTS, *faces_module._CAMERA} <= set(schema(True).names)


@pytest.mark.slow
def test_a_network_learns_from_what_was_found(labelled, repository, tmp_path):
    """The page's way from labels to weights, and these reconstruct a photograph."""
    from selfie3d.core.config import load_config
    from selfie3d.engine.trainer import Trainer
    from selfie3d.models import load_weights
    from selfie3d.recipes.tddfa.recipe import TddfaTrainConfig, build_tddfa_task

    own = {
        "output": tmp_path,
        "network.options.size": 64,
        "network.options.width": 0.25,
        "data.train": f"[{{name: labelled, root: {labelled}, options: {{most_sigma: 0.5}}}}]",
        "data.validation": f"[{{name: labelled, root: {labelled}}}]",
        "data.batch": 4,
        "data.readers": 1,
        "whitening.samples": 4,
        "engine.precision": "float32",
        "engine.prefetch": 0,
        "engine.device": "cpu",
        "engine.schedule.steps": 2,
    }
    overrides = [f"{key}={value}" for key, value in own.items()]
    config = load_config(TddfaTrainConfig, repository / "configs" / "tddfa_wpdc.yaml", overrides)
    figures = Trainer(build_tddfa_task(config), config.engine, tmp_path, {}).run()
    assert np.isfinite(list(figures.values())).all()
    assert load_weights(tmp_path / "last.safetensors").face_model.startswith("default")
