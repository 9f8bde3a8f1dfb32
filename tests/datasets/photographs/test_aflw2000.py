"""Frames and fitted faces of AFLW2000-3D."""

from __future__ import annotations

import numpy as np
import pytest
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.datasets.photographs.aflw2000 import read_aflw2000, to_annotation, to_pixels
from selfie3d.datasets.photographs.aflw2000_fit import FittedBasis, fitted_points, read_basis
from selfie3d.evaluate.metrics.landmarks import box_size, landmark_nme


def test_frames():
    """The centre of the first pixel is (0.5, 0.5) for us and (1, 1) for MATLAB."""
    ours = np.array([[0.5, 0.5, 7.0]])
    np.testing.assert_array_equal(to_annotation(ours), [[1, 1, 7]])
    np.testing.assert_array_equal(to_pixels(to_annotation(ours)), ours)


def test_rows_and_files_say_the_same(shared_data):
    both = read_aflw2000(shared_data("aflw2000_gt").parent)
    flat = read_aflw2000(shared_data("aflw2000"))
    rows = np.flatnonzero(both.has_image)
    assert [both.names[r] for r in rows] == list(flat.names)
    np.testing.assert_allclose(both.points[rows], flat.points, atol=1e-3)
    # Some rows of pose.npy differ from the files by more than rounding; nearly all do not.
    assert (np.abs(np.abs(both.yaw_fitted[rows]) - np.abs(flat.yaw_fitted)) < 0.01).mean() > 0.99


def test_fitted_faces_are_the_annotation(shared_data):
    """The formula with the 68 rows of 3DDFA's truncated basis: 0.88 % off over all images."""
    folder = shared_data("models", "3ddfa")
    load = lambda name: np.loadtxt(folder / f"{name}.txt")  # noqa: E731
    basis = FittedBasis(
        load("u_base").reshape(68, 3),
        load("w_shp_base").reshape(68, 3, 40),
        load("w_exp_base").reshape(68, 3, 10),
    )
    data = read_aflw2000(shared_data("aflw2000_gt").parent)
    rows = np.flatnonzero(data.has_image)[::10]
    made = np.stack([fitted_points(data, int(row), basis) for row in rows])
    truth = data.points[rows].transpose(0, 2, 1)
    errors = landmark_nme(made[..., :2], truth[..., :2], box_size(truth))
    assert errors.mean() == pytest.approx(0.880, abs=0.06)


def test_a_basis_is_checked(tmp_path):
    with pytest.raises(MissingFileError, match="licence"):
        read_basis(tmp_path / "none.npz")
    np.savez(tmp_path / "b.npz", mean=np.zeros((4, 3)), identity=np.zeros((4, 3, 2)))
    with pytest.raises(InputError, match="expression"):
        read_basis(tmp_path / "b.npz")
    np.savez(
        tmp_path / "b.npz", mean=np.zeros((4, 3)), identity=np.zeros((4, 3, 2)),
        expression=np.zeros((5, 3, 2)),
    )  # fmt: skip
    with pytest.raises(InputError, match="expression"):
        read_basis(tmp_path / "b.npz")


def test_rows_without_names(tmp_path):
    (tmp_path / "aflw2000_gt").mkdir()
    with pytest.raises(MissingFileError, match=r"names\.txt"):
        read_aflw2000(tmp_path)
    (tmp_path / "aflw2000_gt" / "names.txt").write_text("a.jpg")
    with pytest.raises(MissingFileError, match=r"AFLW2000-3D\.pts68\.npy"):
        read_aflw2000(tmp_path)
    np.save(tmp_path / "aflw2000_gt" / "AFLW2000-3D.pts68.npy", np.zeros((2, 3, 68)))
    with pytest.raises(InputError, match="shape"):
        read_aflw2000(tmp_path)
