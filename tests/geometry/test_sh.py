from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import sph_harm_y
from selfie3d.core.errors import InputError
from selfie3d.geometry import sh
from selfie3d.geometry.rotation import rotvec_to_matrix


def random_normals(batch, count, seed=0):
    n = torch.randn(batch, count, 3, dtype=torch.float64, generator=torch.manual_seed(seed))
    return torch.nn.functional.normalize(n, dim=-1)


def random_light(batch, seed=1):
    return torch.randn(batch, 9, 3, dtype=torch.float64, generator=torch.manual_seed(seed))


def test_basis_is_scipys_real_harmonics_in_our_order():
    n = random_normals(1, 200)
    x, y, z = n[0].numpy().T
    theta, phi = np.arccos(z), np.arctan2(y, x)
    # real harmonics without the Condon-Shortley phase
    columns = []
    for degree, m in [(0, 0), (1, -1), (1, 0), (1, 1), (2, -2), (2, -1), (2, 0), (2, 1), (2, 2)]:
        Y = sph_harm_y(degree, abs(m), theta, phi)
        sign = np.sqrt(2) * (-1.0) ** m
        columns.append(Y.real if m == 0 else sign * (Y.real if m > 0 else Y.imag))

    assert np.abs(sh.sh_basis(n)[0].numpy() - np.stack(columns, -1)).max() < 1e-12


def test_constants_as_printed_in_the_paper():
    basis = sh.sh_basis(torch.tensor([[[0.0, 0, 1], [1, 0, 0], [0.6, 0.8, 0]]]))[0]
    assert basis[0, 0] == pytest.approx(0.282095, abs=1e-6)
    assert basis[0, 2] == pytest.approx(0.488603, abs=1e-6)
    assert basis[2, 4] == pytest.approx(1.092548 * 0.48, abs=1e-6)
    assert basis[0, 6] == pytest.approx(0.315392 * 2, abs=1e-6)
    assert basis[1, 8] == pytest.approx(0.546274, abs=1e-6)


def test_shade_is_basis_times_light():
    n, light = random_normals(2, 5), random_light(2)
    expected = np.einsum("bnk,bkc->bnc", sh.sh_basis(n).numpy(), light.numpy())
    assert np.abs(sh.shade(n, light).numpy() - expected).max() < 1e-14
    assert torch.autograd.gradcheck(sh.shade, (n.requires_grad_(), light.requires_grad_()))


def test_ambient_light_shades_evenly():
    shading = sh.shade(random_normals(3, 10).float(), sh.ambient_light(3, 0.7))
    assert torch.allclose(shading, torch.tensor(0.7))


def test_lamp_is_the_projected_clamped_cosine():
    """Against a numerical projection of max(0, cos) on the sphere."""
    direction = torch.tensor([[1.0, 2, -0.5], [0, 0, 3]], dtype=torch.float64)
    light = sh.light_from_direction(direction, 0.0, 1.0)
    nodes, weights = np.polynomial.legendre.leggauss(400)
    phi = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    z, p = np.meshgrid(nodes, phi, indexing="ij")
    r = np.sqrt(1 - z * z)
    n = np.stack((r * np.cos(p), r * np.sin(p), z), -1).reshape(1, -1, 3)
    area = np.repeat(weights, 400) * 2 * np.pi / 400
    basis = sh.sh_basis(torch.from_numpy(n))[0].numpy()
    for d, own in zip(direction.numpy(), light.numpy(), strict=True):
        cosine = np.maximum(0, n[0] @ d / np.linalg.norm(d))
        assert np.abs(basis.T @ (cosine * area) - own[:, 1]).max() < 1e-4
        shading = basis @ own[:, 0]
        assert np.abs(shading - cosine).max() < 0.094
        assert shading.min() > -0.04


def test_lamp_with_ambient_and_colours():
    direction = torch.tensor([[0.0, 0, 1]])
    colour = torch.tensor([[0.2, 0.4, 0.6]])
    light = sh.light_from_direction(direction, 0.3, colour)
    facing = sh.shade(torch.tensor([[[0.0, 0, 1]]]), light)[0, 0]
    assert torch.allclose(facing, 0.3 + 1.0625 * colour[0], atol=1e-6)
    with pytest.raises(InputError, match="direction"):
        sh.light_from_direction(torch.zeros(1, 3), 0.3, 1.0)
    with pytest.raises(InputError, match="diffuse"):
        sh.light_from_direction(direction, 0.3, torch.ones(3))


def deep3d_shading(n, gamma):
    """Written from the published formula, not from our code."""
    a = [np.pi, 2 * np.pi / np.sqrt(3.0), 2 * np.pi / np.sqrt(8.0)]
    c = [1 / np.sqrt(4 * np.pi), np.sqrt(3.0) / np.sqrt(4 * np.pi)]
    c.append(3 * np.sqrt(5.0) / np.sqrt(12 * np.pi))
    x, y, z = np.moveaxis(n, -1, 0)
    one = np.ones_like(x)
    Y = [a[0] * c[0] * one, -a[1] * c[1] * y, a[1] * c[1] * z, -a[1] * c[1] * x]
    Y += [a[2] * c[2] * x * y, -a[2] * c[2] * y * z]
    Y += [0.5 * a[2] * c[2] / np.sqrt(3.0) * (3 * z * z - 1), -a[2] * c[2] * x * z]
    Y += [0.5 * a[2] * c[2] * (x * x - y * y)]
    gamma = gamma.reshape(-1, 3, 9).copy()
    gamma[:, :, 0] += 0.8
    return np.einsum("bnk,bck->bnc", np.stack(Y, -1), gamma)


def test_deep3d_light_shades_identically():
    n = random_normals(2, 50)
    gamma = torch.randn(2, 27, dtype=torch.float64, generator=torch.manual_seed(3))
    ours = sh.shade(n, sh.from_deep3d(gamma))
    assert np.abs(ours.numpy() - deep3d_shading(n.numpy(), gamma.numpy())).max() < 1e-13


def test_flat27_layout():
    vector = torch.arange(54.0).reshape(2, 27)
    light = sh.from_flat27(vector)
    assert torch.equal(light[1], vector[1].reshape(3, 9).T)
    with pytest.raises(InputError, match="vector"):
        sh.from_flat27(torch.zeros(27))


def test_rotated_light_follows_the_surface():
    n, light = random_normals(4, 60), random_light(4)
    R = rotvec_to_matrix(torch.randn(4, 3, dtype=torch.float64, generator=torch.manual_seed(2)))
    turned = sh.shade(n @ R.transpose(1, 2), sh.rotate_light(light, R))
    assert (turned - sh.shade(n, light)).abs().max() < 1e-13
    assert (sh.rotate_light(light, R) - light).abs().max() > 0.1
    back = sh.rotate_light(sh.rotate_light(light, R), R.transpose(1, 2))
    assert (back - light).abs().max() < 1e-13


def test_batches_are_not_broadcast():
    with pytest.raises(InputError, match="light"):
        sh.shade(torch.zeros(2, 5, 3), torch.zeros(1, 9, 3))
    with pytest.raises(InputError, match="R"):
        sh.rotate_light(torch.zeros(2, 9, 3), torch.zeros(1, 3, 3))
    with pytest.raises(InputError, match="normals"):
        sh.sh_basis(torch.zeros(5, 3))
