"""What every recipe exports reconstructs: the network, the face model and the crop of training."""

from __future__ import annotations

import numpy as np
import pytest
import small_recipes
import torch
from selfie3d.core.config import resolved_dict
from selfie3d.core.image_file import read_image
from selfie3d.datasets.photographs.registry import DATASETS
from selfie3d.detect.face import Face
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.pipeline.demo import PHOTO
from selfie3d.pipeline.network.start import open_start

pytestmark = pytest.mark.usefixtures("one_thread")
FIVE = np.array([[202.0, 106], [243, 103], [230, 131], [206, 148], [245, 145]])
FACE = Face((180.0, 70.0, 270.0, 180.0), 0.99, FIVE)
LIT = ("mlanet", "mobile_facernet", "learned_bases")
QUICK = ("csanet", "mobile_facernet", "uv")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("drawn")
    DATASETS.create("drawn", str(root), count=4, size=72)
    return small_recipes.data_settings(root)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
        for name in small_recipes.CASES
    ],
)
def test_exported_weights_reconstruct(name, repository, data, tmp_path):
    config = small_recipes.configured(repository, data, name)
    task = small_recipes.build(config, name)
    file = tmp_path / "net.safetensors"
    facts = {"configuration": resolved_dict(config)}
    file.write_bytes(task.export(task.network, facts)[".safetensors"])
    start = open_start(str(file))
    assert start.network is not None and start.network.name == "net"
    assert start.model.name.startswith("default")
    (found,) = start.network.from_faces([read_image(PHOTO)], [FACE])
    assert isinstance(found.camera, PerspectiveCamera)
    numbers = [*vars(found.coefficients).values(), *vars(found.camera).values()]
    assert all(bool(torch.isfinite(value).all()) for value in numbers)
    assert found.coefficients.identity.shape == (1, start.model.sizes[0])
    assert found.lit == (name in LIT)
    if name not in ("points", "started", "dense"):
        assert start.network.network.crop == config.data.crop
