from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from selfie3d.core.errors import InputError, UnknownNameError
from selfie3d.geometry import rotation as rot

SCIPY = {
    "300w-lp": lambda a: Rotation.from_euler("XYZ", -a),
    "deep3d": lambda a: Rotation.from_euler("xyz", a),
    "xyz-intrinsic": lambda a: Rotation.from_euler("XYZ", a),
    "zyx-intrinsic": lambda a: Rotation.from_euler("ZYX", a),
}
HALF_TURNS = [
    *np.eye(3),
    np.array([1, 1, 0]) / np.sqrt(2),
    np.array([-1, 2, 2]) / 3,
    np.array([0, 1, -1]) / np.sqrt(2),
]


def special_matrices() -> torch.Tensor:
    """Identity, tiny rotations, half turns, nearly half turns, random ones."""
    vectors = [np.zeros(3), np.array([1e-9, 0, 2e-9]), np.array([1e-4, -2e-4, 0])]
    vectors += [np.pi * axis for axis in HALF_TURNS]
    vectors += [(np.pi - 1e-4) * axis for axis in HALF_TURNS]
    random = Rotation.random(40, rng=np.random.default_rng(0)).as_matrix()
    return torch.from_numpy(
        np.concatenate([Rotation.from_rotvec(np.array(vectors)).as_matrix(), random])
    )


def assert_gradient_along_rotations(convert, without_sign, jumps=False):
    """Gradcheck of convert(R exp(d)) at d = 0; exact half turns, where the sign jumps, if asked."""
    R = special_matrices()
    half_turn = R.diagonal(dim1=-2, dim2=-1).sum(-1) < -1 + 1e-12
    R = R[half_turn if jumps else ~half_turn]
    d = torch.zeros(len(R), 3, dtype=torch.float64, requires_grad=True)

    def function(d):
        return without_sign(convert(R @ rot.rotvec_to_matrix(d)))

    assert torch.autograd.gradcheck(function, d)


@pytest.mark.parametrize("order", rot.EULER_ORDERS)
def test_euler_matches_scipy_both_ways(order):
    angles = np.random.default_rng(1).uniform([-3, -3, -3], [3, 3, 3], (200, 3))
    R = rot.euler_to_matrix(torch.from_numpy(angles), order)
    assert np.abs(R.numpy() - SCIPY[order](angles).as_matrix()).max() < 1e-14
    back = rot.matrix_to_euler(R, order)
    assert back[:, 1].abs().max() <= np.pi / 2
    assert (rot.euler_to_matrix(back, order) - R).abs().max() < 1e-14
    inside = np.abs(angles[:, 1]) < np.pi / 2
    assert np.abs(back.numpy() - angles)[inside].max() < 1e-12


@pytest.mark.parametrize("order", rot.EULER_ORDERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("offset", [0.0, 1e-12, 1e-7, 1e-5, 1e-3])
def test_euler_in_and_near_gimbal_lock(order, dtype, offset):
    middle = torch.tensor([np.pi / 2 - offset, -np.pi / 2 + offset], dtype=torch.float64)
    angles = torch.tensor([[0.4, 0.0, -0.7]], dtype=torch.float64).repeat(2, 1)
    angles[:, 1] = middle
    R = rot.euler_to_matrix(angles, order).to(dtype).requires_grad_()
    back = rot.matrix_to_euler(R, order)
    tolerance = 64 * torch.finfo(dtype).eps
    assert (rot.euler_to_matrix(back, order) - R).abs().max() < tolerance
    (gradient,) = torch.autograd.grad(back.sum(), R)
    assert gradient.isfinite().all()


def test_euler_gradients():
    angles = torch.tensor([[0.3, -0.8, 1.0], [0.0, 0.0, 0.0], [0.2, np.pi / 2, 0.1]]).double()
    angles.requires_grad_()
    for order in rot.EULER_ORDERS:
        assert torch.autograd.gradcheck(lambda a, o=order: rot.euler_to_matrix(a, o), angles)
    R = special_matrices()[-10:].requires_grad_()
    for order in rot.EULER_ORDERS:
        assert torch.autograd.gradcheck(lambda m, o=order: rot.matrix_to_euler(m, o), R)


def test_gimbal_lock_gradient_is_right_where_it_is_defined():
    """At the lock the middle and the remaining angle still follow the rotation."""
    R = rot.euler_to_matrix(torch.tensor([0.0, np.pi / 2, 0.5], dtype=torch.float64))
    R[1, 2] = R[2, 2] = 0.0  # exactly locked
    for direction, unit in ((1, -1.0), (2, 1.0)):
        angles = torch.tensor([0.0, np.pi / 2, 0.5], dtype=torch.float64).requires_grad_()
        J = torch.autograd.functional.jacobian(rot.euler_to_matrix, angles)[..., direction]
        M = R.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(rot.matrix_to_euler(M)[direction], M)
        assert abs(float((gradient * J).sum())) == pytest.approx(abs(unit), abs=1e-12)


def test_quaternion_matches_scipy():
    R = special_matrices()
    q = rot.matrix_to_quaternion(R)
    reference = Rotation.from_matrix(R.numpy()).as_quat()[:, [3, 0, 1, 2]]
    assert np.abs(np.abs((q.numpy() * reference).sum(-1)) - 1).max() < 1e-12
    assert (q[:, 0] >= 0).all()
    assert (rot.quaternion_to_matrix(q) - R).abs().max() < 1e-9
    arbitrary = torch.randn(30, 4, dtype=torch.float64, generator=torch.manual_seed(0)) * 7
    expected = Rotation.from_quat(arbitrary.numpy()[:, [1, 2, 3, 0]]).as_matrix()
    assert np.abs(rot.quaternion_to_matrix(arbitrary).numpy() - expected).max() < 1e-14


def test_quaternion_gradients_at_identity_and_half_turns():
    assert_gradient_along_rotations(rot.matrix_to_quaternion, lambda q: q)
    assert_gradient_along_rotations(
        rot.matrix_to_quaternion, lambda q: q[..., :, None] * q[..., None, :], jumps=True
    )
    q = rot.matrix_to_quaternion(special_matrices()).requires_grad_()
    assert torch.autograd.gradcheck(rot.quaternion_to_matrix, q)


def test_zero_quaternion_is_the_identity_without_gradient():
    q = torch.zeros(2, 4, requires_grad=True)
    R = rot.quaternion_to_matrix(q)
    R.sum().backward()
    assert torch.equal(R, torch.eye(3).expand(2, 3, 3))
    assert torch.equal(q.grad, torch.zeros(2, 4))
    assert torch.allclose(rot.quaternion_to_matrix(torch.tensor([1e-30, 0, 0, 0])), torch.eye(3))


def test_sixd_round_trip_and_gram_schmidt():
    R = special_matrices()
    assert (rot.sixd_to_matrix(rot.matrix_to_sixd(R)) - R).abs().max() < 1e-9
    d6 = torch.randn(50, 6, dtype=torch.float64, generator=torch.manual_seed(0))
    M = rot.sixd_to_matrix(d6).numpy()
    for row, matrix in zip(d6.numpy(), M, strict=True):
        Q, T = np.linalg.qr(row.reshape(2, 3).T)
        assert np.abs(matrix[:, :2] - Q * np.sign(np.diag(T))).max() < 1e-12
        assert np.linalg.det(matrix) == pytest.approx(1)
    d6.requires_grad_()
    assert torch.autograd.gradcheck(rot.sixd_to_matrix, d6)


@pytest.mark.parametrize(
    "d6",
    [
        [1.0, 2, 3, 2, 4, 6],
        [1.0, 2, 3, -1, -2, -3],
        [0.0, 0, 0, 0, 1, 0],
        [0.0, 0, 0, 0, 0, 0],
        [0.0, 0, 5, 0, 0, 0],
        [1e-25, 0, 0, 0, 1e-25, 0],
    ],
)
def test_degenerate_sixd_is_a_rotation_with_finite_gradient(d6):
    d6 = torch.tensor(d6, requires_grad=True)
    R = rot.sixd_to_matrix(d6)
    assert (R.T @ R - torch.eye(3)).abs().max() < 1e-6
    assert float(torch.linalg.det(R.detach())) == pytest.approx(1, abs=1e-6)
    (R * torch.arange(9.0).view(3, 3)).sum().backward()
    assert d6.grad.isfinite().all()


def test_rotvec_matches_scipy():
    rng = np.random.default_rng(0)
    r = rng.normal(size=(60, 3)) * np.geomspace(1e-12, 3, 60)[:, None]
    R = rot.rotvec_to_matrix(torch.from_numpy(r))
    assert np.abs(R.numpy() - Rotation.from_rotvec(r).as_matrix()).max() < 1e-14
    back = rot.matrix_to_rotvec(R).numpy()
    assert np.abs(back - Rotation.from_matrix(R.numpy()).as_rotvec()).max() < 1e-9
    M = special_matrices()
    assert (rot.rotvec_to_matrix(rot.matrix_to_rotvec(M)) - M).abs().max() < 1e-9


def test_rotvec_gradients():
    r = torch.tensor(
        [[0.0, 0, 0], [1e-8, 0, 0], [1e-3, 2e-3, 0], [0.0099, 0, 0], [1, 2, 0.5], [np.pi, 0, 0]]
    ).double()
    r.requires_grad_()
    assert torch.autograd.gradcheck(rot.rotvec_to_matrix, r)
    assert torch.autograd.gradgradcheck(rot.rotvec_to_matrix, r)
    assert_gradient_along_rotations(rot.matrix_to_rotvec, lambda v: v)
    assert_gradient_along_rotations(rot.matrix_to_rotvec, rot.rotvec_to_matrix, jumps=True)


def test_geodesic_angle():
    angles = np.array([0, 1e-9, 1e-4, 0.5, 3.0, np.pi - 1e-7, np.pi])
    rng = np.random.default_rng(0)
    base = Rotation.random(7, rng=rng)
    axes = rng.normal(size=(7, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    R1 = torch.from_numpy(base.as_matrix())
    R2 = torch.from_numpy((base * Rotation.from_rotvec(axes * angles[:, None])).as_matrix())
    R2.requires_grad_()
    result = rot.geodesic_angle(R1, R2)
    assert np.abs(result.detach().numpy() - angles).max() < 1e-14 + 1e-9
    (gradient,) = torch.autograd.grad(result.sum(), R2)
    assert gradient.isfinite().all()
    assert torch.autograd.gradcheck(
        lambda m: rot.geodesic_angle(R1[2:5], m), R2[2:5].detach().requires_grad_()
    )
    same = torch.eye(3, requires_grad=True)
    (zero,) = torch.autograd.grad(rot.geodesic_angle(torch.eye(3), same), same)
    assert torch.equal(zero, torch.zeros(3, 3))


def test_batch_prefixes_and_float32():
    r = torch.randn(2, 3, 4, 3, generator=torch.manual_seed(0))
    R = rot.rotvec_to_matrix(r)
    assert R.shape == (2, 3, 4, 3, 3) and R.dtype == torch.float32
    for there, back in (
        (rot.matrix_to_quaternion, rot.quaternion_to_matrix),
        (rot.matrix_to_sixd, rot.sixd_to_matrix),
        (rot.matrix_to_rotvec, rot.rotvec_to_matrix),
        (rot.matrix_to_euler, rot.euler_to_matrix),
    ):
        assert (back(there(R)) - R).abs().max() < 3e-6
        assert (back(there(R[0, 0, 0])) - R[0, 0, 0]).abs().max() < 3e-6
    assert rot.geodesic_angle(R, R).shape == (2, 3, 4)


def test_wrong_input_is_refused():
    with pytest.raises(UnknownNameError, match="300w-lp"):
        rot.euler_to_matrix(torch.zeros(3), "300wlp")
    with pytest.raises(InputError, match="angles"):
        rot.euler_to_matrix(torch.zeros(4))
    with pytest.raises(InputError, match="d6"):
        rot.sixd_to_matrix(torch.zeros(5))
    with pytest.raises(InputError, match="R2"):
        rot.geodesic_angle(torch.zeros(2, 3, 3), torch.zeros(3, 3))
