"""Helper vertices beside the face model."""

from __future__ import annotations

import numpy as np
import pytest
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.facemodels import load_face_model
from selfie3d.facemodels.drawing_vertices import load_drawing_vertices


def test_they_move_with_the_head():
    """A helper on the skin of the shoulders' side stays near the neck's rim in every person."""
    helpers, model = load_drawing_vertices(), load_face_model()
    random = np.random.default_rng(0)
    assert len(helpers.ids) == len(np.unique(helpers.ids)) > 1000
    assert not np.isin(helpers.ids, helpers.head_ids).any()
    eye = np.flatnonzero((helpers.ids >= 14598) & (helpers.ids < 14670))  # the left one
    names = list(model.expression_names)
    for _ in range(5):
        face = model.zero_coefficients()
        face.identity[:] = face.identity.new_tensor(random.normal(size=face.identity.shape))
        ball = model.vertices(face)[0, model.regions["left_eye"]].numpy()
        own = helpers.positions(face.identity[0].numpy(), np.zeros(len(names)))[eye]
        assert np.linalg.norm(ball.mean(0) - own.mean(0)) < 15


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(MissingFileError, match="model build"):
        load_drawing_vertices(tmp_path / "none.npz")
    path = tmp_path / "d.npz"
    good = {
        "version": np.array(3), "head_ids": np.arange(3), "ids": np.arange(2),
        "mean": np.zeros((2, 3), np.float32), "identity": np.zeros((4, 2, 3), np.float16),
        "expression": np.zeros((5, 2, 3), np.float16), "notice": np.array(""),
    }  # fmt: skip
    np.savez(path, **good)
    assert load_drawing_vertices(path).identity.shape == (4, 2, 3)
    for change, named in (
        ({"version": np.array(2)}, "version 2"),
        ({"mean": np.zeros((3, 3))}, "mean"),
        ({"identity": np.full((4, 2, 3), np.nan)}, "identity"),
        ({"ids": np.array([0.5, 1])}, "ids"),
    ):
        np.savez(path, **(good | change))
        with pytest.raises(InputError, match=named):
            load_drawing_vertices(path)
