"""Terms that hold matrix products or convolutions give the same under autocast."""

from __future__ import annotations

import pytest
import torch
from selfie3d.geometry.dense_points import PointBasis
from selfie3d.geometry.topology import uniform_laplacian
from selfie3d.losses.parameter_distance import AffineBasis, vdc, wpdc
from selfie3d.losses.shape import cosine_distance
from selfie3d.losses.ssim import ssim_loss, ssim_map_loss
from selfie3d.losses.surface import laplacian_difference, normal_deviation, smoothness

FACES = torch.tensor([[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 4, 1]])


def random(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def basis() -> AffineBasis:
    points = PointBasis(100 * random(9, 3), random(4, 9, 3), random(3, 9, 3))
    return AffineBasis(points, random(19), random(19) + 0.1, 0.6)


def images() -> tuple[torch.Tensor, torch.Tensor]:
    image = random(1, 3, 24, 24)
    return image, (image + 0.1 * random(1, 3, 24, 24)).clamp(max=1)


LAPLACIAN = uniform_laplacian(FACES, 5)
MESH = 100 * random(2, 5, 3)
CASES = {
    "ssim": lambda: ssim_loss(*images()),
    "ssim-windowed": lambda: ssim_map_loss(*images()),
    "smoothness": lambda: smoothness(MESH, LAPLACIAN),
    "laplacian": lambda: laplacian_difference(MESH, MESH.flip(0), LAPLACIAN),
    "normal": lambda: normal_deviation(MESH, MESH.flip(0), FACES),
    "vdc": lambda: vdc(random(2, 19), random(2, 19).flip(0), basis()),
    "wpdc": lambda: wpdc(random(2, 19), random(2, 19).flip(0), basis()),
}


@pytest.mark.parametrize("name", CASES)
def test_same_under_autocast(name):
    expected = CASES[name]()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = CASES[name]()
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected)


def test_half_precision_embeddings_are_widened():
    a, b = random(2, 3, 16).sub(0.5).to(torch.bfloat16)
    found = cosine_distance(a, b)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, cosine_distance(a.float(), b.float()))
