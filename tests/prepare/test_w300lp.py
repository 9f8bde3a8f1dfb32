from __future__ import annotations

import shutil

import numpy as np
import pytest
from selfie3d.datasets.shards.tar import TarShards
from selfie3d.geometry.landmarks import IBUG68_MIRROR
from selfie3d.prepare.estimators import BY_US, GIVEN
from selfie3d.prepare.options import PrepareOptions
from selfie3d.prepare.photographs import open_collection
from selfie3d.prepare.run import prepare


@pytest.fixture
def real_samples(shared_data, tmp_path):
    """The public samples in the folders of the whole set."""
    root = tmp_path / "300W_LP"
    for path in shared_data("300wlp").iterdir():
        folder = path.name.split("_")[0] + ("_Flip" if "_Flip" in path.name else "")
        (root / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / folder / path.name.replace("_Flip", ""))
    return tmp_path


def test_real_samples(real_samples, tmp_path):
    out = tmp_path / "out"
    result = prepare("300w-lp", real_samples, out, PrepareOptions(held_out=0))
    assert result.counts == {"train": 5} and not result.rejects
    data = TarShards(out)
    samples = {data.row_name(row).split("/", 2)[2]: data[row] for row in range(len(data))}
    for name, sample in samples.items():
        assert sample.picture.shape == (450, 450, 3)
        assert sample.labels["shape_para"].shape == (199,)
        if name.endswith("_0"):  # the photograph itself: its points are the data set's
            assert sample.labels["source/ibug68-2d"] == GIVEN
        else:
            assert (
                sample.labels["source/ibug68-3d"] == BY_US and "ibug68-2d" not in sample.landmarks
            )
    one = samples["AFW/AFW_134212_1_1"].landmarks["ibug68-3d"]
    mirrored = samples["AFW_Flip/AFW_134212_1_1"].landmarks["ibug68-3d"][list(IBUG68_MIRROR)]
    mirrored = np.stack([450 - mirrored[:, 0], mirrored[:, 1]], axis=1)
    side = (one.max(axis=0) - one.min(axis=0)).max()  # the network reads both by themselves
    assert np.linalg.norm(one - mirrored, axis=1).mean() < 0.03 * side


def test_turned_and_mirrored_stay_together(real_samples):
    collection = open_collection("300w-lp", real_samples, 0.5)
    groups = {photograph.name: photograph.group for photograph in collection.photographs}
    assert len(groups) == 5 and set(groups.values()) == {
        "AFW/AFW_134212_1",
        "IBUG/IBUG_image_008_1",
    }
