"""BFM_model_front.mat of Deep3D is recognised and read."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import savemat
from selfie3d.core.errors import InputError


def write(folder, tiny, **changes):
    """As Deep3D's load_mats.py writes it: dm, colours 0..255, from 1."""
    modes = {"idBase": (tiny.identity, 0.01), "exBase": (tiny.expression, 0.01)}
    modes["texBase"] = (tiny.albedo_basis, 255)
    content = {k: (s * v).reshape(len(v), -1).T.astype(np.float32) for k, (v, s) in modes.items()}
    content |= {
        "meanshape": 0.01 * tiny.mean.reshape(1, -1),
        "meantex": 255 * tiny.albedo_mean.reshape(1, -1),
        "tri": (tiny.faces + 1).astype(np.float64),
        "point_buf": np.ones((len(tiny.mean), 8)),
        "keypoints": (tiny.points[None] + 1).astype(np.float64),
        "skinmask": (np.arange(len(tiny.mean)) % 2 == 0)[None].astype(np.float32),
    }
    path = folder / "BFM_model_front.mat"
    savemat(path, content | changes)
    return path


def test_it_is_read(tmp_path, tiny, convert):
    done = convert(write(tmp_path, tiny))
    assert done.kind == "deep3d" and done.model.name == "basel-2009-front"
    tiny.check(done.model, "identity", "expression", "albedo_mean", "albedo_basis")
    assert "non-commercial" in done.model.licence
    assert done.model.expression_kind == "gaussian"
    assert done.model.regions["reflectance"].tolist() == [k % 2 == 0 for k in range(144)]
    assert convert(write(tmp_path, tiny), identity=2, expressions=1, albedo=0).model.sizes == (
        *(2, 1, 0),
    )


@pytest.mark.parametrize(
    "name, value, problem",
    [
        ("idBase", np.ones((5, 4)), "idBase: expected 432 rows"),
        ("keypoints", np.ones((1, 5)), "keypoints: expected 68 vertices"),
        ("tri", np.full((4, 3), 999.0), "tri: expected indices in 1..144"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, tiny, convert, name, value, problem):
    with pytest.raises(InputError, match=problem):
        convert(write(tmp_path, tiny, **{name: value}))
