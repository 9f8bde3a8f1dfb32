"""Errors of points against naive loops, the loss's formula and transforms that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from selfie3d.core.errors import InputError
from selfie3d.evaluate.metrics import landmarks as metrics
from selfie3d.evaluate.metrics.batch_landmarks import batch_nme
from selfie3d.facemodels.landmark_fit import bin_means, nme_percent
from selfie3d.losses.points import box_unit, point_distance


@pytest.fixture
def faces():
    random = np.random.default_rng(0)
    truth = random.uniform(50, 300, (7, 68, 3))
    return truth + random.normal(0, 5, truth.shape), truth


def naive_nme(predicted, truth):
    """One point at a time, as eq 25 of SADRNet has it."""
    xs, ys = [p[0] for p in truth], [p[1] for p in truth]
    size = math.sqrt((max(xs) - min(xs)) * (max(ys) - min(ys)))
    gaps = [math.dist(p, g) for p, g in zip(predicted, truth, strict=True)]
    return 100 * sum(gaps) / len(gaps) / size


@pytest.mark.parametrize("dimensions", [2, 3])
def test_nme_is_the_naive_loop(faces, dimensions):
    predicted, truth = (f[..., :dimensions] for f in faces)
    got = metrics.landmark_nme(predicted, truth, metrics.box_size(truth))
    want = [naive_nme(p.tolist(), t.tolist()) for p, t in zip(predicted, truth, strict=True)]
    np.testing.assert_allclose(got, want, rtol=1e-12)


def test_nme_is_the_formula_of_the_loss(faces):
    predicted, truth = (torch.from_numpy(f[..., :2]) for f in faces)
    loss = 100 * point_distance(predicted, truth, box_unit(truth)).mean(1)
    got = metrics.landmark_nme(faces[0][..., :2], faces[1][..., :2], metrics.box_size(faces[1]))
    np.testing.assert_allclose(got, loss.numpy(), rtol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_nme_on_tensors_is_that_on_arrays(faces, seed):
    """With points that are not known, whose truth is NaN on tensors and hidden on arrays."""
    predicted, truth = (f[..., :2] for f in faces)
    known = np.random.default_rng(seed).random(truth.shape[:2]) > 0.3
    sizes = [metrics.box_size(t[k][None])[0] for t, k in zip(truth, known, strict=True)]
    want = metrics.landmark_nme(predicted, truth, sizes, known)
    lacking = np.where(known[..., None], truth, np.nan)
    tensors = (torch.from_numpy(a) for a in (predicted, lacking, known))
    np.testing.assert_allclose(batch_nme(*tensors).numpy(), want, rtol=1e-12)
    whole = (torch.from_numpy(a) for a in (predicted, truth, known, np.ones_like(known)))
    want = metrics.landmark_nme(predicted, truth, metrics.box_size(truth), known)
    np.testing.assert_allclose(batch_nme(*whole).numpy(), want, rtol=1e-12)


def test_the_nme_on_tensors_by_hand():
    points = torch.tensor([[[0.0, 0], [4, 0], [4, 9], [0, 9]]])
    moved = points + torch.tensor([3.0, 4.0])
    every = torch.ones(1, 4, dtype=torch.bool)
    assert batch_nme(moved, points, every)[0] == pytest.approx(100 * 5 / 6)
    holes, known = points.clone(), every.clone()
    holes[0, 3], known[0, 3] = torch.nan, False
    wrong = points + torch.tensor([0.6, 0.0])
    assert batch_nme(wrong, holes, known)[0] == pytest.approx(10)


def test_the_nme_of_a_face_without_points_is_nan():
    points = torch.rand(2, 5, 2, requires_grad=True)
    known = torch.tensor([[True] * 5, [False] * 5])
    error = batch_nme(points, points.detach().flip(1), known)
    assert torch.isfinite(error[0]) and torch.isnan(error[1])


@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_fits_of_landmarks_are_judged_by_the_same_nme(faces, dimensions):
    """facemodels lies below evaluate and has a formula of its own."""
    predicted, truth = faces
    want = metrics.landmark_nme(
        predicted[..., :dimensions], truth[..., :dimensions], metrics.box_size(truth)
    )
    np.testing.assert_allclose(nme_percent(predicted, truth, dimensions), want, rtol=1e-12)
    yaw = np.array([-30.0, 30.1, 0, 61, -60, -95, 12])
    means = metrics.bin_means(want, metrics.yaw_bins(yaw)).means
    np.testing.assert_allclose(bin_means(want, yaw), means, rtol=1e-12)


@pytest.mark.parametrize("cut", [1, 3, 6])
def test_batches_may_be_cut_anywhere(faces, cut, monkeypatch):
    predicted, truth = faces
    size = metrics.box_size(truth)
    whole = metrics.landmark_nme(predicted, truth, size), metrics.aligned(predicted, truth)
    parts = [
        (
            metrics.landmark_nme(predicted[s], truth[s], metrics.box_size(truth[s])),
            metrics.aligned(predicted[s], truth[s]),
        )
        for s in (slice(None, cut), slice(cut, None))
    ]
    np.testing.assert_array_equal(whole[0], np.concatenate([p[0] for p in parts]))
    np.testing.assert_allclose(whole[1], np.concatenate([p[1] for p in parts]), atol=1e-9)
    monkeypatch.setattr(metrics, "_CHUNK", 300)
    np.testing.assert_array_equal(whole[0], metrics.landmark_nme(predicted, truth, size))


def test_hidden_points_do_not_count(faces):
    predicted, truth = faces[0].copy(), faces[1].copy()
    visible = np.ones((7, 68), bool)
    visible[:, 60:] = False
    size = metrics.box_size(truth)
    want = metrics.landmark_nme(predicted[:, :60], truth[:, :60], size)
    predicted[:, 60:], truth[:, 60:] = 1e9, -1
    np.testing.assert_allclose(metrics.landmark_nme(predicted, truth, size, visible), want)
    predicted[:, 60:] = np.nan
    np.testing.assert_allclose(metrics.landmark_nme(predicted, truth, size, visible), want)


def test_a_failed_item_is_nan_and_leaves_the_others(faces):
    predicted, truth = faces[0].copy(), faces[1]
    size = metrics.box_size(truth)
    want = metrics.landmark_nme(predicted, truth, size)
    predicted[2, 5, 1] = np.nan
    predicted[4] = np.nan
    got = metrics.landmark_nme(predicted, truth, size)
    assert np.isnan(got[[2, 4]]).all()
    np.testing.assert_array_equal(np.delete(got, [2, 4]), np.delete(want, [2, 4]))
    assert np.isnan(metrics.aligned(predicted, truth)[[2, 4]]).all()


def test_refuses_what_cannot_be_measured(faces):
    predicted, truth = faces
    size = metrics.box_size(truth)
    broken = truth.copy()
    broken[1, 0, 0] = np.nan
    for arguments in (
        (predicted[:, None, :], truth, size),
        (predicted[:6], truth, size),
        (predicted, broken, size),
        (predicted, truth, size[:, None]),
        (predicted, truth, size * 0),
        (predicted, truth, size, np.zeros((7, 68), bool)),
    ):
        with pytest.raises(InputError):
            metrics.landmark_nme(*arguments)
    with pytest.raises(InputError, match="area"):
        metrics.box_size(np.ones((1, 4, 2)))


def test_alignment_undoes_a_known_similarity(faces):
    truth = faces[1]
    turn = Rotation.from_euler("xyz", [40, -70, 15], degrees=True).as_matrix()
    moved = 0.3 * truth @ turn.T + [5, -20, 300]
    np.testing.assert_allclose(metrics.aligned(moved, truth), truth, atol=1e-9)
    mirrored = truth * [-1, 1, 1]
    assert np.abs(metrics.aligned(mirrored, truth) - truth).mean() > 10


def test_depth_is_free_up_to_a_constant(faces):
    predicted, truth = faces[0].copy(), metrics.centre_depth(faces[1])
    size = metrics.box_size(truth)
    want = metrics.landmark_nme(metrics.centre_depth(predicted), truth, size)
    predicted[..., 2] += 123
    np.testing.assert_allclose(
        metrics.landmark_nme(metrics.centre_depth(predicted), truth, size), want
    )


def test_failed_images_never_count_as_good():
    errors = np.array([1.0, 2.0, np.nan, 50.0])
    got = metrics.cumulative(errors, np.array([0.5, 1.0, 2.0, 10.0, 100.0]))
    np.testing.assert_allclose(got, [0, 25, 50, 50, 75])
