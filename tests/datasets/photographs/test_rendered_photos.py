"""Synthetic faces as photographs: their points, masks and truth fit each other in any crop."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.datasets.batches.photo_augment import PhotoAugmentConfig
from selfie3d.datasets.photographs.registry import DATASETS
from selfie3d.datasets.photographs.rendered import RenderedPhotographs
from selfie3d.datasets.shards.source import BatchOrder, FaceLoader
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.shards import write_shards
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.coefficient_mirror import CoefficientMirror


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("rendered")
    write_shards(path, SyntheticConfig(size=96, seed=5), 6)
    return path


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


def test_truth_projects_to_the_landmarks(folder, model):
    data = RenderedPhotographs(folder)
    assert len(data) == 6 and data.face_model == "default"
    assert "6 synthetic faces" in data.summary
    for row in range(6):
        sample = data[row]
        points = model.landmark_points(model.vertices(sample.truth.coefficients), "ibug68")
        seen = sample.truth.camera.project(points)[0, :, :2].numpy()
        np.testing.assert_allclose(sample.landmarks["ibug68-3d"], seen, atol=0.02)
        assert sample.skin.shape == sample.picture.shape[:2] == (96, 96)
        assert set(np.unique(sample.skin)) == {0, 255}


def test_truth_follows_every_change_of_the_crop(folder, model):
    """Points and truth of turned, moved and mirrored crops are still one face."""
    data = RenderedPhotographs(folder)
    mirror = CoefficientMirror.of(model)
    source = FaceLoader([data], [1], BatchOrder("tight", PhotoAugmentConfig(), 64, 6, 1), mirror)
    for _ in range(2):
        batch = next(source)
        assert bool(batch.known.all())
        points = model.landmark_points(model.vertices(batch.truth.coefficients), "ibug68")
        seen = batch.truth.camera.project(points)[..., :2]
        torch.testing.assert_close(seen, batch.landmarks["ibug68-3d"], atol=0.15, rtol=0)
        assert 0.05 < float(batch.skin.mean()) < 0.9


def test_mirroring_a_truth_needs_its_mirror(folder):
    order = BatchOrder("tight", PhotoAugmentConfig(mirrored=1), 32, 2)
    source = FaceLoader([RenderedPhotographs(folder)], [1], order)
    with pytest.raises(InputError, match="CoefficientMirror"):
        next(source)
    assert source.rejects() == {}


def test_several_folders_and_limits(folder):
    twice = RenderedPhotographs([folder, folder], limit=9)
    assert len(twice) == 9
    np.testing.assert_array_equal(twice[7].picture, twice[1].picture)
    assert twice.row_name(7) == "rendered/7"
    with pytest.raises(IndexError):
        twice[9]
    assert len(DATASETS.create("rendered", str(folder), limit=2)) == 2


def test_errors(folder, tmp_path):
    with pytest.raises(InputError, match="at least one folder"):
        RenderedPhotographs([])
    with pytest.raises(MissingFileError):
        RenderedPhotographs(tmp_path)
    index = json.loads((folder / "index.json").read_text())
    del index["checksum"]
    (tmp_path / "index.json").write_text(json.dumps(index | {"face_model": "other"}))
    (tmp_path / "shard-00000.npz").symlink_to(folder / "shard-00000.npz")
    with pytest.raises(InputError, match="default, other"):
        RenderedPhotographs([folder, tmp_path])
