from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation
from selfie3d.core.errors import InputError
from selfie3d.facemodels import landmark_fit
from selfie3d.facemodels.builder import registration
from selfie3d.geometry.align import Similarity, align_points, is_determined, similarity_align
from selfie3d.geometry.icp import iterative_closest_point
from selfie3d.geometry.rotation import rotvec_to_matrix
from selfie3d.models.sadrnet.alignment import sadrnet_alignment

F64 = torch.float64


def points(batch=2, count=8, seed=0):
    return torch.randn(batch, count, 3, dtype=F64, generator=torch.manual_seed(seed))


def similarity(batch=2, seed=5):
    g = torch.manual_seed(seed)
    R = rotvec_to_matrix(torch.randn(batch, 3, dtype=F64, generator=g))
    scale = torch.rand(batch, dtype=F64, generator=g) + 0.5
    return Similarity(scale, R, 10 * torch.randn(batch, 3, dtype=F64, generator=g))


def test_recovers_an_exact_similarity():
    true, source = similarity(), points()
    found = similarity_align(source, true.apply(source))
    assert torch.allclose(found.scale, true.scale, atol=1e-12)
    assert torch.allclose(found.rotation, true.rotation, atol=1e-12)
    assert torch.allclose(found.translation, true.translation, atol=1e-11)


@pytest.mark.parametrize("with_scale", [True, False])
def test_is_the_least_squares_optimum(with_scale):
    """Against a general optimiser with weights and noise."""
    source, target = points(1, 10, 1), points(1, 10, 2) + 0.8 * points(1, 10, 1)
    weights = torch.rand(1, 10, dtype=F64, generator=torch.manual_seed(3))
    found = similarity_align(source, target, weights, scale=with_scale)
    x, y, w = source[0].numpy(), target[0].numpy(), weights[0].numpy()

    def residual(p):
        factor = np.exp(p[6]) if with_scale else 1.0
        moved = factor * Rotation.from_rotvec(p[:3]).apply(x) + p[3:6]
        return (np.sqrt(w)[:, None] * (moved - y)).ravel()

    own = residual_of(found, source, target, weights)
    best = min(
        2 * least_squares(residual, np.r_[start, np.zeros(4)], xtol=1e-14, ftol=1e-14).cost
        for start in 2 * np.eye(3)
    )
    assert own == pytest.approx(best, rel=1e-9)


def residual_of(found, source, target, weights):
    square = (found.apply(source) - target).square().sum(-1)
    return float((weights * square).sum())


def test_scipy_agrees_on_the_rotation():
    source, target = points(1, 12, 1), points(1, 12, 2)
    found = similarity_align(source, target, scale=False)
    x = (source - source.mean(1, keepdim=True))[0].numpy()
    y = (target - target.mean(1, keepdim=True))[0].numpy()
    expected = Rotation.align_vectors(y, x)[0].as_matrix()
    assert np.abs(found.rotation[0].numpy() - expected).max() < 1e-10


def test_reflection_is_refused_or_allowed():
    source = points()
    mirrored = source * torch.tensor([-1.0, 1, 1], dtype=F64)
    proper = similarity_align(source, mirrored)
    assert torch.allclose(torch.linalg.det(proper.rotation), torch.ones(2, dtype=F64))
    free = similarity_align(source, mirrored, allow_reflection=True)
    assert torch.allclose(torch.linalg.det(free.rotation), -torch.ones(2, dtype=F64))
    assert (free.apply(source) - mirrored).abs().max() < 1e-12
    assert free.scale.allclose(torch.ones(2, dtype=F64))
    assert (proper.scale < 1).all()


def test_flat_points_get_a_proper_rotation():
    source = points() * torch.tensor([1.0, 1, 0], dtype=F64)
    true = similarity()
    found = similarity_align(source, true.apply(source))
    assert torch.allclose(found.rotation, true.rotation, atol=1e-12)
    assert is_determined(source, true.apply(source)).all()


def test_zero_weights_take_points_out():
    true, source = similarity(), points(2, 9)
    target = true.apply(source)
    target[:, 6:] += 100
    weights = torch.ones(2, 9, dtype=F64)
    weights[:, 6:] = 0
    assert torch.allclose(similarity_align(source, target, weights).rotation, true.rotation)
    assert (similarity_align(source, target).apply(source) - target).abs().max() > 1


@pytest.mark.parametrize("with_scale", [True, False])
@pytest.mark.parametrize("reflect", [True, False])
def test_gradients(with_scale, reflect):
    source, target = points(2, 6, 1).requires_grad_(), points(2, 6, 2).requires_grad_()
    weights = torch.rand(2, 6, dtype=F64, generator=torch.manual_seed(3)).requires_grad_()

    def function(s, t, w):
        found = similarity_align(s, t, w, scale=with_scale, allow_reflection=reflect)
        return found.scale, found.rotation, found.translation

    assert torch.autograd.gradcheck(function, (source, target, weights))


def test_gradients_with_equal_singular_values():
    """The corners of an octahedron: an SVD's own gradient is NaN here."""
    corners = torch.cat((torch.eye(3, dtype=F64), -torch.eye(3, dtype=F64)))[None]
    target = similarity(1).apply(corners).requires_grad_()

    def function(s, t):
        found = similarity_align(s, t)
        return found.scale, found.rotation, found.translation

    assert torch.autograd.gradcheck(function, (corners.requires_grad_(), target))


def degenerate(kind):
    source, target, weights = points(1), similarity(1).apply(points(1)), torch.ones(1, 8, dtype=F64)
    if kind == "line":
        source = source[:, :, :1] * torch.tensor([1.0, 2, 3], dtype=F64)
        target = similarity(1).apply(source)
    elif kind == "point":
        source = source[:, :1].expand(1, 8, 3).clone()
    elif kind == "target point":
        target = target[:, :1].expand(1, 8, 3).clone()
    elif kind == "both points":
        source, target = torch.ones_like(source), 2 * torch.ones_like(target)
    elif kind == "no weight":
        weights = torch.zeros_like(weights)
    elif kind == "two points":
        weights[:, 2:] = 0
    return source, target, weights


@pytest.mark.parametrize(
    "kind", ["line", "point", "target point", "both points", "no weight", "two points"]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("away", [0.0, 700.3])
def test_degenerate_input_is_finite_and_reported(kind, dtype, away):
    source, target, weights = (t.to(dtype) for t in degenerate(kind))
    tensors = [t.requires_grad_() for t in (source + away, target + away, weights)]
    found = similarity_align(*tensors)
    assert not is_determined(*tensors).any()
    identity = (found.rotation @ found.rotation.transpose(1, 2))[0]
    assert torch.allclose(identity, torch.eye(3, dtype=dtype), atol=1e-5)
    assert float(torch.linalg.det(found.rotation.detach())) == pytest.approx(1, abs=1e-5)
    moved = found.apply(tensors[0])
    assert moved.isfinite().all()
    gradients = torch.autograd.grad((moved * torch.randn_like(moved)).sum(), tensors)
    assert all(g.isfinite().all() for g in gradients)
    if kind in ("line", "two points"):
        error = (tensors[2][..., None] * (moved - tensors[1])).abs().max()
        assert error < (2e-3 if dtype == torch.float32 else 1e-11)
    if kind in ("point", "both points", "no weight"):
        assert float(found.scale.detach()) == 1


def test_determined_only_without_an_equally_good_reflection():
    corners = torch.cat((torch.eye(3, dtype=F64), -torch.eye(3, dtype=F64)))[None]
    mirrored = corners * torch.tensor([-1.0, 1, 1], dtype=F64)
    assert is_determined(corners, corners).all()
    assert not is_determined(corners, mirrored).any()
    assert is_determined(points(), points(seed=1)).all()


def test_inverse_and_compose():
    a, b, x = similarity(seed=1), similarity(seed=2), points()
    assert torch.allclose(a.inverse().apply(a.apply(x)), x)
    assert torch.allclose(a.compose(b).apply(x), a.apply(b.apply(x)))


def test_wrong_input_is_refused():
    x = points()
    with pytest.raises(InputError, match="target"):
        similarity_align(x, x[:1])
    with pytest.raises(InputError, match="at least 3"):
        similarity_align(x[:, :2], x[:, :2])
    with pytest.raises(InputError, match="weights"):
        similarity_align(x, x, torch.ones(8))
    with pytest.raises(InputError, match="negative"):
        similarity_align(x, x, -torch.ones(2, 8))
    with pytest.raises(InputError, match="points"):
        similarity().apply(x[:1])


def noisy_pair(mirrored: bool):
    """Two sets of 20 points in NumPy without an exact similarity between them."""
    rng = np.random.default_rng(7)
    source, noise = rng.normal(size=(2, 20, 3))
    R = Rotation.from_rotvec([0.3, -0.8, 0.5]).as_matrix()
    moved = source * [-1.0 if mirrored else 1.0, 1.0, 1.0] + 0.2 * noise
    return source, 1.7 * moved @ R.T + [5.0, -3.0, 2.0]


@pytest.mark.parametrize("mirrored", [False, True])
def test_every_other_solver_agrees(mirrored):
    """Those of torch, of NumPy, of SADRNet and of the face models' tools."""
    source, target = noisy_pair(mirrored)
    expected = similarity_align(torch.from_numpy(source)[None], torch.from_numpy(target)[None])
    scale, rotation, translation = expected.as_arrays()
    pair = [torch.from_numpy(p)[None] for p in (source, target)]
    others = [align_points(source, target).as_arrays(), sadrnet_alignment(*pair).as_arrays()]
    for row_vectors in (registration.similarity, landmark_fit._similarity):
        s, R, t = row_vectors(source, target)
        others.append((s, R.T, t))
    for s, R, t in others:
        assert s == pytest.approx(scale, rel=1e-9)
        assert np.abs(R - rotation).max() < 1e-9 and np.abs(t - translation).max() < 1e-9


def test_icp_ends_where_the_solver_puts_its_matches():
    """Points so far apart that every one finds its own partner."""
    rng = np.random.default_rng(3)
    target = 100 * rng.normal(size=(30, 3))
    source = (target - [1.0, 2.0, -1.0]) + 0.1 * rng.normal(size=(30, 3))
    expected = align_points(source, target, fixed_scale=1.0).as_arrays()
    for one, other in zip(
        iterative_closest_point(source, target).similarity.as_arrays(), expected, strict=True
    ):
        assert np.abs(one - np.asarray(other)).max() < 1e-9


def test_a_fixed_scale_is_kept_and_the_rest_is_optimal():
    source, target = noisy_pair(False)
    scale, rotation, translation = align_points(source, target, fixed_scale=1.5).as_arrays()
    assert scale == 1.5

    def error(turn, shift):
        moved = 1.5 * source @ (Rotation.from_rotvec(turn).as_matrix() @ rotation).T
        return float(np.square(moved + translation + shift - target).sum())

    best = error(np.zeros(3), np.zeros(3))
    for step in 1e-3 * np.concatenate([np.eye(6), -np.eye(6)]):
        assert error(step[:3], step[3:]) > best


def test_arrays_and_tensors_are_moved_alike():
    transform, points = similarity(batch=1), torch.randn(1, 9, 3, dtype=F64)
    moved = transform.apply_array(points[0].numpy())
    assert np.abs(moved - transform.apply(points)[0].numpy()).max() < 1e-12
    again = Similarity.from_arrays(*transform.as_arrays())
    for name, value in vars(transform).items():
        assert torch.equal(getattr(again, name), value)
    both = Similarity(torch.ones(2), torch.eye(3).expand(2, 3, 3), torch.zeros(2, 3))
    with pytest.raises(InputError, match="B = 2"):
        both.as_arrays()
