"""Small files that once ended the process, took gigabytes or were taken for right.

They lie in `../shared/cases` beside the repository (or $SELFIE3D_TEST_CASES), which need not be
there.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from selfie3d.cli import app
from selfie3d.core.config import load_config
from selfie3d.core.errors import InputError, Selfie3dError
from selfie3d.core.image_file import read_image
from selfie3d.datasets.photographs.record import read_side_files
from selfie3d.datasets.shards.dense import open_rendered
from selfie3d.datasets.shards.tar_index import tar_members
from selfie3d.datasets.synthetic.shards import open_shards
from selfie3d.facemodels import load_face_model
from selfie3d.facemodels.convert import convert_model
from selfie3d.facemodels.readers.inert_pickle import read_inert_pickle, read_object_npy
from selfie3d.facemodels.readers.source import Source
from selfie3d.geometry.chart import with_chart
from selfie3d.geometry.cut import cut_out, warp
from selfie3d.geometry.face_model import SHIPPED_VERSION
from selfie3d.geometry.uv import UVMapper
from typer.testing import CliRunner

ROOT = Path(__file__).resolve().parents[1]
MOST = 300_000  # KiB that a small file may take


@dataclass(frozen=True)
class Settings:
    output: str = "runs"


def cases() -> Path:
    """The folder of the cases, there or not."""
    given = os.environ.get("SELFIE3D_TEST_CASES")
    return Path(given) if given else ROOT.parent / "shared" / "cases"


@pytest.fixture
def case(tmp_path) -> Callable[..., Path]:
    """A copy of the case `name`, under the name that its reader expects."""
    folder = cases()

    def copy(name: str, as_name: str = "") -> Path:
        if not (folder / name).exists():
            pytest.skip(f"test case absent: {folder / name}")
        return Path(shutil.copy(folder / name, tmp_path / (as_name or name)))

    return copy


def convert(path: Path) -> object:
    return convert_model(Source(path), path.with_name("out.npz"))


def refused(call: Callable[[], object], problem: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Selfie3dError, match=problem):
        call()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST


@pytest.mark.parametrize(
    "name, read, problem",
    [
        ("photos_01_png_200000000x1.png", read_image, "65,535 pixels, got 200000000 x 1"),
        ("pickles_03_m.pkl", read_inert_pickle, "the place 268,435,456 in a file of 9 bytes"),
        ("pickles_05_m.npy", read_object_npy, "the place 268,435,456"),
        ("tar_01_train-00000.tar", tar_members, "a sparse file"),
        ("npz_01_s.npz", load_face_model, "expression_names: expected a list of texts"),
        ("npz_02_s.npz", load_face_model, "landmarks_ibug68_contour_2d: expected shape"),
        ("npz_07_s.npz", load_face_model, "mean: .*damaged"),
        ("npz_09_s.npz", load_face_model, "mean: .*an encrypted one"),
        ("npz_01_s.npz", convert, "expression_names: expected a list of texts"),
        ("npz_07_s.npz", convert, "mean: .*damaged"),
        ("model_forgot_unit_m.npz", load_face_model, 'eyes .* apart, got 0.06.*unit = "m"'),
        ("model_clockwise.npz", load_face_model, "faces: .*wound clockwise"),
        ("yaml_01_c.yaml", lambda path: load_config(Settings, path), "yaml_01|output"),
        ("yaml_02_c.yaml", lambda path: load_config(Settings, path), "yaml_02|output"),
    ],
)
def test_files_that_are_refused(case, name, read, problem):
    path = case(name)
    refused(lambda: read(path), problem)


def test_indexes_of_shards(case, tmp_path):
    for name in (
        "synth_shards_02_index.json", "synth_shards_14_index.json", "synth_shards_18_index.json"
    ):  # fmt: skip
        case(name, "index.json")
        refused(lambda: open_shards(tmp_path), r"index\.json.*expected")


@pytest.mark.parametrize(
    "name, problem",
    [
        ("object_shard/shard-00000.npz", "focal: .*pickled Python objects"),
        ("synth_shards_22_shard-00000.npz", "shard"),
        ("zero_rotation_shard/shard-00000.npz", "rotation: expected rotations"),
    ],
)
def test_shards(case, tmp_path, name, problem):
    """Under an index of today: shards of earlier versions are refused before they are opened."""
    case(name, "shard-00000.npz")
    index = {"version": 4, "face_model": "default", "face_model_version": SHIPPED_VERSION}
    index |= {"config": {}, "faces_per_shard": 1024, "count": 6}
    (tmp_path / "index.json").write_text(json.dumps(index))
    refused(lambda: open_rendered([tmp_path]), problem)
    if "/" in name:
        case(name.replace("shard-00000.npz", "index.json"), "index.json")
        refused(lambda: open_shards(tmp_path), "drawn for version")


def test_hdf5_of_values_that_are_not_there(case):
    pytest.importorskip("h5py")
    path = case("h5_01_m.h5", "model2019_bfm.h5")
    refused(lambda: convert(path), "1,200,000,000 bytes, of which the file holds 0")


def test_damaged_mats(case):
    shape, expressions = "models_01_Model_Shape.mat", "models_03_Model_Exp.mat"
    path = case(shape, "Model_Shape.mat")
    case(expressions, "Model_Exp.mat")
    refused(lambda: convert(path), r"Model_Shape\.mat.*damaged")
    refused(lambda: Source(path.with_name("Model_Exp.mat")).arrays["mu_exp"], "type 32767")


def test_a_record_with_points_out_of_reach(case):
    path = case("cuts_01_x.json", "x.json")
    refused(lambda: read_side_files(path.with_suffix("")), "five_points: .*1,000,000")


def test_models_that_are_right(case):
    good = load_face_model(case("model_good.npz"))
    assert good.sizes == (5, 0, 0) and len(good.uv) == len(good.mean) == 1653
    bare = load_face_model(case("model_mean_faces_only.npz"))
    assert bare.sizes == (0, 0, 0) and not bare.landmarks


def test_a_model_without_texture_coordinates_gets_a_chart(case):
    plain = load_face_model(case("model_without_uv.npz"))
    model = with_chart(plain)
    assert len(plain.uv) == 1 and with_chart(model) is model
    assert float(model.uv.min()) >= 0 and float(model.uv.max()) <= 1
    mapper = UVMapper(model.uv, model.uv_faces, model.faces, 64)
    assert float(mapper.mask.float().mean()) > 0.4
    # Seen from the front it is the face: left is left, up is up.
    points = plain.landmarks["ibug68"].vertices[:, 0]
    u, v = model.uv[points].unbind(1)
    assert float(u[36:42].mean()) < 0.5 < float(u[42:48].mean())
    assert float(v[36:48].mean()) > float(v[48:68].mean())


def test_every_photograph_of_the_folder_is_read_or_named(case):
    for name in ("a.jpg", "b.avif", "c.gif", "d.jp2", "e.jfif", "f.heic"):
        path = case(f"folder_skips/{name}", name)
        try:
            assert read_image(path).shape == (64, 64, 3)
        except InputError as error:
            assert name in str(error) and "pip install" in str(error), error


def test_kernels_read_within_bounds():
    """Two of the cases, as the readme of the folder has them."""
    frames = torch.full((1, 2, 3), torch.nan)
    with pytest.raises(InputError, match="frames"):
        warp(np.zeros((1, 8, 8, 3), np.uint8), frames, 8, torch.tensor([False]))
    for shift in (torch.nan, torch.inf):
        matrix = torch.tensor([[1.0, 0, shift], [0, 1, 0]])
        with pytest.raises(InputError, match="matrix"):
            cut_out(np.zeros((8, 8, 3), np.uint8), matrix, 8)


def run(script: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(script)], capture_output=True, text=True)


def test_losses_of_half_precision_and_of_bytes(case):
    done = run(case("losses_half_and_bytes.py"))
    numbers = [float(n) for n in re.findall(r"[\[ ](-?[0-9.]+)[,\]]", done.stdout)]
    assert len(numbers) == 20 and all(0 <= n < 1.1 for n in numbers)
    assert "expected): [0.0, 0.0]" in done.stdout  # the empty mask
    assert "images of floating-point numbers in [0,1], got torch.uint8" in done.stderr


def test_export_with_any_batch(case):
    assert "dense-points export: batch 5 ok" in run(case("onnx_dynamic_batch.py")).stdout


def test_every_file_of_the_folder_is_tried():
    """So that `pytest tests/test_cases.py` leaves none out: each is named in some test here."""
    if not cases().is_dir():
        pytest.skip(f"test cases absent: {cases()}")
    files = [p.relative_to(cases()) for p in cases().rglob("*") if p.is_file()]
    tried, names = Path(__file__).read_text(), [f.name for f in files if f.name != "README.md"]
    assert len(names) >= 34 and [name for name in names if f'{name}"' not in tried] == []


@pytest.mark.slow
def test_other_settings_of_a_run(case, tmp_path, monkeypatch):
    """Its three runs, one after the other, in the folder of the test."""
    lines = [line for line in case("resume_other_settings.sh").read_text().splitlines()
             if line.startswith("$S")]  # fmt: skip
    monkeypatch.chdir(tmp_path)
    found = []
    for line in lines:
        words = line.split("#")[0].split()[1:]
        found.append(CliRunner().invoke(app, words))
    assert [one.exit_code for one in found] == [0, 1, 1]
    assert "data.batch" in found[1].stderr and "--accept-changes" in found[1].stderr
