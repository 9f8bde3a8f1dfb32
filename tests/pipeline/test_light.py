"""The light of a sphere is found again, with and without pixels that show something else."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.geometry.coefficients import SH_AMBIENT, ambient_light
from selfie3d.geometry.sh import shade
from selfie3d.pipeline.fit import light as module
from selfie3d.pipeline.fit.light import ridge_light, solve_light

SIDE = 48


@pytest.fixture
def scene():
    """Photo, albedo, normals, weight of the front of two spheres, and their lights."""
    generator = torch.Generator().manual_seed(0)
    c = (torch.arange(SIDE) + 0.5) * (2 / SIDE) - 1
    y, x = torch.meshgrid(-c, c, indexing="ij")
    inside = x * x + y * y < 0.95
    z = (1 - x * x - y * y).clamp(min=0).sqrt()
    normals = torch.stack([x, y, z]).expand(2, -1, -1, -1).contiguous()
    normals = torch.nn.functional.normalize(normals, dim=1)
    albedo = 0.3 + 0.5 * torch.rand(2, 3, SIDE, SIDE, generator=generator)
    light = ambient_light(2, 0.9) + 0.15 * torch.randn(2, 9, 3, generator=generator)
    shading = shade(normals.flatten(2).transpose(1, 2), light).transpose(1, 2)
    photo = albedo * shading.reshape(2, 3, SIDE, SIDE)
    weight = inside.float().expand(2, 1, -1, -1).contiguous()
    return photo, albedo, normals, weight, light


def relative_error(light: torch.Tensor, truth: torch.Tensor, normals: torch.Tensor) -> float:
    """Of the shading, over the normals a face shows."""
    flat = normals.flatten(2).transpose(1, 2)
    own, expected = shade(flat, light), shade(flat, truth)
    return float((own - expected).abs().mean() / expected.abs().mean())


def test_known_light(scene, monkeypatch):
    photo, albedo, normals, weight, light = scene
    assert relative_error(solve_light(photo, albedo, normals, weight), light, normals) < 0.02
    monkeypatch.setattr(module, "_RIDGE", 0.0)
    exact = solve_light(photo, albedo, normals, weight, scale=10.0)
    # The front of a sphere tells ambient light and light from the front apart only weakly.
    assert float((exact - light).abs().max()) < 0.03
    assert relative_error(exact, light, normals) < 1e-3


def test_against_numpy(scene):
    """With no pixel an outlier it is one ridge regression per face and channel."""
    photo, albedo, normals, weight, _ = (v.double().numpy() for v in scene)
    own = solve_light(*(torch.from_numpy(v) for v in (photo, albedo, normals, weight)), scale=1e6)
    for b, k in np.ndindex(2, 3):
        x, y, z = normals[b].reshape(3, -1)
        constants = [0.282095, *[0.488603] * 3, 1.092548, 1.092548, 0.315392, 1.092548, 0.546274]
        terms = [x * 0 + 1, y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y]
        basis = np.stack([c * t for c, t in zip(constants, terms, strict=True)], -1)
        root = np.sqrt(weight[b].reshape(-1))
        rows = basis * (albedo[b, k].reshape(-1) * root)[:, None]
        pull = np.full(9, module._RIDGE)
        pull[0] = 1e-4
        strength = np.sqrt(pull * (rows[:, 0] @ rows[:, 0]) + 1e-6)
        target = np.r_[photo[b, k].reshape(-1) * root, strength[0] * SH_AMBIENT, np.zeros(8)]
        expected = np.linalg.lstsq(np.r_[rows, np.diag(strength)], target, rcond=None)[0]
        np.testing.assert_allclose(own[b, :, k], expected, atol=1e-4)


def test_a_pull_towards_one_colour_against_numpy():
    """Rows for the pull of every coefficient, and for its distance from the channels' mean."""
    random, tint = np.random.default_rng(5), 0.4
    design, target = random.normal(size=(3, 50, 9)), random.normal(size=(3, 50))
    weight = random.uniform(size=50)
    given = (torch.from_numpy(v)[None] for v in (design, target, weight[None]))
    own = ridge_light(*given, tint)[0].numpy()
    pull = np.full(9, module._RIDGE)
    pull[0] = 1e-4
    level = (weight * design[..., 0] ** 2).sum(1)
    strength = np.sqrt(pull * level[:, None] + 1e-6)
    rows, wanted = [np.diag(strength.ravel())], [(strength * SH_AMBIENT).ravel()]
    wanted[0] = np.where(np.arange(27) % 9 == 0, wanted[0], 0)
    for c in range(3):
        block = np.zeros((50, 27))
        block[:, 9 * c : 9 * c + 9] = design[c] * np.sqrt(weight)[:, None]
        rows.append(block)
        wanted.append(target[c] * np.sqrt(weight))
    apart = np.kron(np.eye(3) - 1 / 3, np.diag([0] + [1] * 8))
    seen = (weight * design[..., 0] ** 2).sum(1) + strength[:, 0] ** 2
    rows.append(np.sqrt((tint - module._RIDGE) * seen.mean()) * apart)
    wanted.append(np.zeros(27))
    expected = np.linalg.lstsq(np.concatenate(rows), np.concatenate(wanted), rcond=None)[0]
    np.testing.assert_allclose(own.ravel(), expected, atol=1e-6)


def test_a_fifth_of_the_pixels_shows_something_else(scene):
    photo, albedo, normals, weight, light = scene
    generator = torch.Generator().manual_seed(1)
    bad = torch.rand(2, 1, SIDE, SIDE, generator=generator) < 0.2
    spoilt = torch.where(bad, torch.rand(2, 3, 1, 1, generator=generator), photo)
    spoilt[:, :, :, : SIDE // 8] = 0.0  # and hair at one side
    robust = relative_error(solve_light(spoilt, albedo, normals, weight), light, normals)
    plain = relative_error(solve_light(spoilt, albedo, normals, weight, scale=1e3), light, normals)
    assert robust < 0.04 and robust < plain / 2


def test_pixels_without_weight_do_not_count(scene):
    photo, albedo, normals, weight, _ = scene
    weight[..., SIDE // 2 :] = 0
    spoilt = photo.clone()
    spoilt[..., SIDE // 2 :] = 7.0
    own = solve_light(spoilt, albedo, normals, weight)
    assert torch.allclose(own, solve_light(photo, albedo, normals, weight), atol=1e-5)


def test_nothing_seen_gives_white_ambient_light(scene):
    photo, albedo, normals, weight, _ = scene
    own = solve_light(photo, albedo, normals, torch.zeros_like(weight))
    assert torch.allclose(own, ambient_light(2), atol=1e-4)
    assert float(own[0, 0, 0]) == pytest.approx(math.sqrt(4 * math.pi), rel=1e-4)


def test_shapes(scene):
    photo, albedo, normals, weight, _ = scene
    for name, changed in (
        ("albedo", (photo, albedo[:1], normals, weight)),
        ("normals", (photo, albedo, normals[:, :2], weight)),
        ("weight", (photo, albedo, normals, weight.expand(-1, 3, -1, -1))),
    ):
        with pytest.raises(InputError, match=name):
            solve_light(*changed)
