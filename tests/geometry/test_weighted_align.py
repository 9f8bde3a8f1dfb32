"""Self-alignment from weighted landmarks: values, gradients, and inputs that break an SVD's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import polar
from scipy.spatial.transform import Rotation
from selfie3d.core.errors import InputError
from selfie3d.geometry.rotation import euler_to_matrix
from selfie3d.models.sadrnet.alignment import (
    METHODS,
    nearest_rotation,
    sadrnet_alignment,
    sample_attention,
    visibility_weights,
)

F64 = torch.float64


def posed(batch=3, count=9, noise=0.0, seed=0):
    """Points, their weights, and the same points scaled, turned and moved."""
    g = torch.manual_seed(seed)
    source = torch.randn(batch, count, 3, dtype=F64, generator=g)
    weights = torch.rand(batch, count, dtype=F64, generator=g)
    R = euler_to_matrix(torch.randn(batch, 3, dtype=F64, generator=g))
    target = 2.5 * source @ R.transpose(1, 2) + torch.tensor([5.0, -3.0, 1.0], dtype=F64)
    return source, target + noise * torch.randn(target.shape, dtype=F64, generator=g), weights, R


def sadrnet_in_numpy(source, target, weights):
    """Its equations 12 to 18 for one face as its code evaluates them."""
    x, y, w = (t.numpy() for t in (source, target, weights))
    centre_x, centre_y = ((w[:, None] * p).sum(0) / w.sum() for p in (x, y))
    f = sum(np.linalg.norm(p - centre_y) for p in y) / sum(np.linalg.norm(p - centre_x) for p in x)
    A = f * x
    H = np.zeros((3, 3))
    for i in range(len(x)):
        H += w[i] * np.outer(A[i] - A.mean(0), y[i] - y.mean(0))
    U, _, Vt = np.linalg.svd(H)
    R = Vt.T @ U.T
    return f, R, np.mean([y[i] - R @ A[i] for i in range(len(x))], 0)


@pytest.mark.parametrize("method", METHODS)
def test_both_recover_an_exact_pose(method):
    source, target, weights, R = posed()
    found = sadrnet_alignment(source, target, weights, method)
    assert torch.allclose(found.rotation, R, atol=1e-10)
    assert torch.allclose(found.scale, torch.full((3,), 2.5, dtype=F64), atol=1e-10)
    assert torch.allclose(found.apply(source), target, atol=1e-9)


def test_sadrnet_is_its_code():
    source, target, weights, _ = posed(noise=0.7)
    found = sadrnet_alignment(source, target, weights, "sadrnet")
    for k in range(3):
        f, R, t = sadrnet_in_numpy(source[k], target[k], weights[k])
        assert float(found.scale[k]) == pytest.approx(f, rel=1e-12)
        np.testing.assert_allclose(found.rotation[k].numpy(), R, atol=1e-10)
        np.testing.assert_allclose(found.translation[k].numpy(), t, atol=1e-10)


def test_umeyama_is_the_weighted_optimum():
    """Rotation against scipy's; no similarity nearby has a smaller weighted residual."""
    source, target, weights, _ = posed(1, noise=0.7)
    found = sadrnet_alignment(source, target, weights)
    w = (weights / weights.sum())[..., None]
    x, y = ((p - (w * p).sum(1, keepdim=True))[0].numpy() for p in (source, target))
    expected = Rotation.align_vectors(y, x, weights[0].numpy())[0].as_matrix()
    np.testing.assert_allclose(found.rotation[0].numpy(), expected, atol=1e-9)

    def residual(similarity):
        return float((weights[..., None] * (similarity.apply(source) - target).square()).sum())

    best = residual(found)
    other = sadrnet_alignment(source, target, weights, "sadrnet")
    assert best < residual(other)
    g = torch.manual_seed(1)
    for _ in range(20):
        moved = type(found)(
            found.scale * (1 + 0.02 * torch.randn(1, dtype=F64, generator=g)),
            found.rotation,
            found.translation + 0.02 * torch.randn(1, 3, dtype=F64, generator=g),
        )
        assert residual(moved) > best


def test_only_sadrnet_reflects():
    source, _, weights, _ = posed()
    mirrored = source * torch.tensor([1.0, 1, -1], dtype=F64)
    proper = sadrnet_alignment(source, mirrored, weights)
    code = sadrnet_alignment(source, mirrored, weights, "sadrnet")
    assert torch.linalg.det(proper.rotation).allclose(torch.ones(3, dtype=F64))
    assert torch.linalg.det(code.rotation).allclose(-torch.ones(3, dtype=F64))


@pytest.mark.parametrize("method", METHODS)
def test_gradients_are_the_derivatives(method):
    source, target, weights, _ = posed(2, 5, noise=0.5, seed=3)
    inputs = [t.requires_grad_() for t in (source, target, weights)]

    def numbers(*tensors):
        found = sadrnet_alignment(*tensors, method)
        return found.scale, found.rotation, found.translation

    assert torch.autograd.gradcheck(numbers, inputs)


def degenerate(kind, count=6):
    g = torch.manual_seed(4)
    line = torch.linspace(-1, 1, count, dtype=F64)[None, :, None]
    direction = torch.tensor([1.0, 2.0, 3.0], dtype=F64)
    plane = torch.randn(1, count, 3, dtype=F64, generator=g)
    plane[..., 2] = 0
    cube = torch.tensor(
        [[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], dtype=F64
    )[None]
    return {
        "coincident": torch.full((1, count, 3), 2.0, dtype=F64),
        "collinear": line * direction,
        "coplanar": plane,
        "equal singular values": cube,
        "zero": torch.zeros(1, count, 3, dtype=F64),
    }[kind]


KINDS = ("coincident", "collinear", "coplanar", "equal singular values", "zero")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", ["itself", *KINDS])
def test_gradients_are_finite_where_an_svd_has_none(kind, other, dtype, method):
    source = degenerate(kind).to(dtype).requires_grad_()
    partner = degenerate(kind if other == "itself" else other)
    target = (1.5 * partner + 0.25).to(dtype).requires_grad_()
    weights = torch.full(source.shape[:2], 0.5, dtype=dtype, requires_grad=True)
    found = sadrnet_alignment(source, target, weights, method)
    moved = found.apply(source)
    assert torch.isfinite(moved).all()
    (moved.square().sum() + moved.sum() + found.rotation.sum()).backward()
    for tensor in (source, target, weights):
        assert torch.isfinite(tensor.grad).all()
        assert float(tensor.grad.abs().max()) < 1e4
    assert torch.linalg.det(found.rotation).abs().allclose(torch.ones(1, dtype=dtype), atol=1e-5)


def test_torch_svd_does_have_none():
    """What the above guards against: SADRNet's own way through `torch.linalg.svd`."""
    points = degenerate("equal singular values").requires_grad_()
    U, _, Vh = torch.linalg.svd(points.transpose(1, 2) @ points)
    (Vh.transpose(1, 2) @ U.transpose(1, 2))[0, 0, 1].backward()
    assert not torch.isfinite(points.grad).all()


@pytest.mark.parametrize("method", METHODS)
def test_weights_of_zero_are_finite(method):
    source, target, _, _ = posed(1)
    weights = torch.zeros(1, 9, dtype=F64, requires_grad=True)
    found = sadrnet_alignment(source, target, weights, method)
    found.apply(source).sum().backward()
    assert torch.isfinite(found.apply(source)).all()
    assert torch.isfinite(weights.grad).all()


def test_points_without_weight_do_not_turn_the_face():
    """Hidden landmarks that a network got wrong; SADRNet's code centres by all, so they turn it."""
    source, target, weights, R = posed(1, 12)
    wrong = target.clone()
    wrong[:, :3] += 4 * torch.randn(1, 3, 3, dtype=F64, generator=torch.manual_seed(9))
    weights[:, :3] = 0
    assert (sadrnet_alignment(source, wrong, weights).rotation - R).abs().max() < 1e-9
    assert (sadrnet_alignment(source, wrong, weights, "sadrnet").rotation - R).abs().max() > 1e-3


@pytest.mark.parametrize("method", METHODS)
def test_a_diverged_item_gives_nan_and_spares_the_others(method):
    source, target, weights, R = posed()
    target[1, 4, 2] = float("inf")
    found = sadrnet_alignment(source, target, weights, method)
    assert torch.isnan(found.rotation[1]).all()
    assert torch.isnan(found.scale[1])
    assert torch.allclose(found.rotation[[0, 2]], R[[0, 2]], atol=1e-9)


def test_half_precision_around_it_changes_nothing():
    source, target, weights, _ = (t.float() for t in posed())
    with torch.autocast("cpu", torch.bfloat16):
        inside = sadrnet_alignment(source, target, weights)
    outside = sadrnet_alignment(source, target, weights)
    assert torch.equal(inside.rotation, outside.rotation)
    assert torch.equal(inside.translation, outside.translation)


def test_nearest_rotation_is_the_polar_factor():
    matrices = torch.randn(20, 3, 3, dtype=F64, generator=torch.manual_seed(2))
    proper = nearest_rotation(matrices)
    assert torch.linalg.det(proper).allclose(torch.ones(20, dtype=F64))
    free = nearest_rotation(matrices, reflections=True)
    for found, given, kept in zip(free, matrices, proper, strict=True):
        expected = polar(given.numpy())[0]
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-9)
        if np.linalg.det(expected) > 0:
            np.testing.assert_allclose(kept.numpy(), expected, atol=1e-9)


def test_nearest_rotation_has_a_gradient_at_a_scaled_rotation():
    """Where all singular values are equal: the truth of every weak perspective camera."""
    R = posed(2)[3]
    assert torch.autograd.gradcheck(nearest_rotation, [(0.4 * R).requires_grad_()])


def test_attention_is_read_by_row_and_column():
    attention = torch.arange(32.0 * 32).view(1, 1, 32, 32)
    points = torch.tensor([[[8.0, 16.0, 3.0], [255.9, 0.0, 0.0], [-1.0, 5.0, 0.0], [256.0, 5, 0]]])
    found = sample_attention(attention, points, 256)
    assert found.tolist() == [[2 * 32 + 1, 31, 0, 0]]


def test_visibility_weights_by_paper_and_code():
    facing = torch.tensor([[True, True, False]])
    attention = torch.tensor([[0.9, 0.2, 0.5]])
    paper = visibility_weights(facing, attention)
    assert paper.allclose(torch.tensor([[1.0, 0.3, 0.1]]))
    code = visibility_weights(facing, attention, "sadrnet")
    assert code.allclose(torch.tensor([[0.9, 0.2, 0.05]]))
    assert visibility_weights(facing, None, "sadrnet").allclose(torch.tensor([[1.0, 1, 0.1]]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "procrustes"}, "method"),
        ({"target": torch.zeros(1, 4, 3)}, "target"),
        ({"weights": torch.ones(1, 3)}, "weights"),
        ({"weights": -torch.ones(1, 5)}, "weights"),
    ],
)
def test_wrong_arguments_are_named(change, message):
    given = {"source": torch.zeros(1, 5, 3), "target": torch.zeros(1, 5, 3)} | change
    with pytest.raises(InputError, match=message):
        sadrnet_alignment(**given)
