"""Closed-form landmark fits and the calibration of a data set's landmark convention."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from selfie3d.facemodels import load_face_model
from selfie3d.facemodels.calibrate_landmarks import calibrate_offsets, report
from selfie3d.facemodels.landmark_fit import bin_means, fit_landmarks, landmark_basis, nme_percent
from selfie3d.geometry.landmarks import IBUG68_MIRROR


@pytest.fixture(scope="module")
def basis():
    return landmark_basis(load_face_model("default"))


def random_faces(basis, count, offset=0.0, seed=0):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(count, len(basis.modes))) / np.sqrt(basis.ridge)
    shapes = basis.mean + offset + np.einsum("nk,kld->nld", weights, basis.modes)
    turns = Rotation.from_rotvec(rng.normal(size=(count, 3)) * 0.5).as_matrix()
    scale, shift = rng.uniform(1, 3, (count, 1, 1)), rng.normal(size=(count, 1, 3)) * 50
    return scale * np.einsum("nij,nlj->nli", turns, shapes) + shift


def test_fit_explains_faces_of_the_model(basis):
    faces = random_faces(basis, 10)
    fitted = nme_percent(fit_landmarks(basis, faces).points, faces, 3)
    rigid = replace(basis, modes=basis.modes[:0], ridge=basis.ridge[:0])
    mean_face = nme_percent(fit_landmarks(rigid, faces).points, faces, 3)
    assert fitted.max() < 0.6 and fitted.mean() < 0.2 * mean_face.mean()


def test_calibration_finds_a_known_offset(basis):
    """An offset comes back up to what the modes can imitate, and predictions lose their bias."""
    rng = np.random.default_rng(1)
    half = rng.normal(size=(68, 3)) * 3
    offset = (half + half[list(IBUG68_MIRROR)] * [-1, 1, 1]) / 2
    found = calibrate_offsets(basis, random_faces(basis, 200, offset, 2))
    assert np.abs(found - found[list(IBUG68_MIRROR)] * [-1, 1, 1]).max() < 1e-9
    test = random_faces(basis, 60, offset, 3)
    yaw = np.tile([0.0, 45, 80], 20)
    before = report(basis, test, yaw)["mean"]
    after = report(replace(basis, mean=basis.mean + found), test, yaw)["mean"]
    assert after < 0.5 * before


def test_error_and_bins():
    truth = np.array([[[0.0, 0, 0], [4, 0, 0], [0, 9, 0], [4, 9, 0]]])
    assert np.allclose(nme_percent(truth + np.array([0.6, 0, 0]), truth), 10.0)
    assert bin_means(np.array([1.0, 2, 3, 5]), np.array([-30, 31, -60, 61])) == [1.0, 2.5, 5.0]


def test_figures_on_aflw2000(shared_data):
    """The space explains AFLW2000-3D: the figures that face_model calibration is judged by."""
    folder = shared_data("aflw2000_gt")
    points = np.load(folder / "AFLW2000-3D.pts68.npy").astype(float).transpose(0, 2, 1)
    points = points[::40] * [1, -1, 1]
    yaw = np.load(folder / "AFLW2000-3D.pose.npy")[::40]
    model = load_face_model("default")
    calibrated = report(landmark_basis(model, "300w-lp"), points, yaw)
    rigid = report(landmark_basis(model, "300w-lp", rigid=True), points, yaw)
    assert calibrated["mean"] < 0.55 and rigid["mean"] < 3.6
