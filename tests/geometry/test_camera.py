"""The three cameras against the formulas of their papers, point by point."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from selfie3d.core.errors import InputError
from selfie3d.geometry.camera import AffineCamera, PerspectiveCamera, WeakPerspectiveCamera

SIZE = (120, 200)
POINTS = 60 * torch.randn(2, 20, 3, generator=torch.Generator().manual_seed(0)).double()


def rotations() -> torch.Tensor:
    turns = Rotation.from_rotvec([[0.3, -0.5, 0.2], [-0.1, 0.7, 1.1]])
    return torch.from_numpy(turns.as_matrix())


def perspective() -> PerspectiveCamera:
    shift = torch.tensor([[5.0, -3.0, -600.0], [-20.0, 11.0, -900.0]])
    center = torch.tensor([[100.0, 60.0], [90.0, 71.0]])
    return PerspectiveCamera(
        rotations(), shift.double(), torch.tensor([500.0, 700.0]).double(), center.double()
    )


def weak() -> WeakPerspectiveCamera:
    shift = torch.tensor([[100.0, 60.0], [80.0, 55.0]])
    return WeakPerspectiveCamera(rotations(), torch.tensor([0.7, 1.1]).double(), shift.double())


def affine(shear: float = 0.0) -> AffineCamera:
    scale = torch.tensor([0.5, 0.8]).double()[:, None, None]
    shift = torch.tensor([[[100.0], [60.0], [7.0]], [[80.0], [50.0], [-3.0]]]).double()
    linear = scale * rotations()
    linear[:, 0] += shear * linear[:, 1]
    return AffineCamera(torch.cat((linear, shift), -1), SIZE[0])


CAMERAS = {"perspective": perspective, "weak": weak, "affine": affine}
each = pytest.mark.parametrize("kind", CAMERAS)


def by_numbers(described: dict, point: list[float]) -> list[float]:
    """Pixel of a point from the described numbers alone, in plain Python."""
    dot = lambda row: sum(a * b for a, b in zip(row, point, strict=False))  # noqa: E731
    if described["kind"] == "affine_3ddfa":
        u, v, z = (dot(row) + row[3] for row in described["matrix"])
        return [u - 0.5, described["height"] + 1 - v - 0.5, z]
    turned = [dot(row) for row in described["rotation"]]
    if described["kind"] == "weak_perspective":
        s, (tx, ty) = described["scale_px_per_mm"], described["translation_px"]
        return [s * turned[0] + tx, -s * turned[1] + ty, s * turned[2]]
    X, Y, Z = (a + b for a, b in zip(turned, described["translation_mm"], strict=True))
    f, (cx, cy) = described["focal_px"], described["center_px"]
    distance = -described["translation_mm"][2]
    return [cx + f * X / -Z, cy - f * Y / -Z, (Z + distance) * f / distance]


@each
def test_described_numbers_suffice_to_project(kind):
    camera = CAMERAS[kind]()
    described = json.loads(json.dumps(camera.describe(), allow_nan=False))
    own = camera.project(POINTS)[0]
    for point, pixel in zip(POINTS[0].tolist(), own.tolist(), strict=True):
        assert by_numbers(described, point) == pytest.approx(pixel, abs=1e-9)


@each
def test_each_camera_of_a_batch_projects_its_own_points(kind):
    camera = CAMERAS[kind]()
    second = type(camera)(*(v[1:] if torch.is_tensor(v) else v for v in vars(camera).values()))
    assert torch.allclose(second.project(POINTS[1:]), camera.project(POINTS)[1:])


@each
def test_clip_space_agrees_with_pixels(kind):
    camera, (height, width) = CAMERAS[kind](), SIZE
    clip, pixels = camera.to_clip(POINTS, SIZE), camera.project(POINTS)
    for b, n in np.ndindex(2, 20):
        x, y, z, w = clip[b, n].tolist()
        assert w > 0 and abs(z / w) < 1
        assert x / w == pytest.approx(2 * float(pixels[b, n, 0]) / width - 1, abs=1e-9)
        assert y / w == pytest.approx(1 - 2 * float(pixels[b, n, 1]) / height, abs=1e-9)
    nearer = pixels[0, :, 2].argsort(descending=True)
    assert (clip[0, nearer, 2] / clip[0, nearer, 3]).diff().min() > 0


def similarity(scale: float, angle: float, x: float, y: float) -> torch.Tensor:
    c, s = scale * math.cos(angle), scale * math.sin(angle)
    return torch.tensor([[c, -s, x], [s, c, y]], dtype=torch.float64)


@each
@pytest.mark.parametrize(
    "matrix",
    [similarity(2.5, 0.0, -30, 12), similarity(0.4, 0.7, 100, -50), similarity(1, 3, 0, 0)],
)
def test_moving_the_camera_moves_the_pixels(kind, matrix):
    camera = CAMERAS[kind]()
    expected = camera.project(POINTS)[..., :2] @ matrix[:, :2].T + matrix[:, 2]
    moved = camera.moved(matrix)
    assert torch.allclose(moved.project(POINTS)[..., :2], expected, atol=1e-8)
    R = moved.rotation
    assert torch.allclose(R @ R.transpose(1, 2), torch.eye(3).double().expand(2, 3, 3), atol=1e-9)
    factor = float(matrix[:, :2].det().sqrt())
    depth = camera.project(POINTS)[..., 2]
    offset = (moved.project(POINTS)[..., 2] - factor * depth).mean(1, keepdim=True)
    assert torch.allclose(moved.project(POINTS)[..., 2], factor * depth + offset, atol=1e-8)


@each
@pytest.mark.parametrize(
    "matrix",
    [[[1.0, 0, 0], [0, -1, 0]], [[1.0, 0, 0], [0, 2, 0]], [[1.0, 0.5, 0], [0, 1, 0]]],
    ids=["reflection", "stretch", "shear"],
)
def test_only_similarities_move_a_camera(kind, matrix):
    with pytest.raises(InputError, match="similarity"):
        CAMERAS[kind]().moved(torch.tensor(matrix))


def test_nearest_weak_perspective_of_a_sheared_affine():
    exact = affine().to_weak_perspective()
    assert torch.allclose(exact.rotation, rotations(), atol=1e-9)
    assert torch.allclose(exact.project(POINTS)[..., :2], affine().project(POINTS)[..., :2])
    near = affine(shear=0.02).to_weak_perspective()
    assert torch.allclose(near.rotation.det(), torch.ones(2).double())
    shift = (near.project(POINTS) - affine(shear=0.02).project(POINTS))[..., :2]
    assert 1e-3 < float(shift.abs().max()) < 2.5


@each
def test_gradients(kind):
    camera = CAMERAS[kind]()
    tensors = [v.requires_grad_() for v in vars(camera).values() if torch.is_tensor(v)]
    rest = [v for v in vars(camera).values() if not torch.is_tensor(v)]
    points = POINTS[:, :3]

    def run(*values):
        moved = type(camera)(*values, *rest)
        return moved.project(points), moved.to_clip(points, SIZE)

    assert torch.autograd.gradcheck(run, tensors)


def test_shapes_are_checked():
    eye = torch.eye(3)[None]
    with pytest.raises(InputError, match="translation"):
        PerspectiveCamera(eye, torch.zeros(3), torch.ones(1), torch.zeros(1, 2))
    with pytest.raises(InputError, match="center"):
        PerspectiveCamera(eye, torch.zeros(1, 3), torch.ones(1), torch.zeros(2))
    with pytest.raises(InputError, match="scale"):
        WeakPerspectiveCamera(eye, torch.ones(2), torch.zeros(1, 2))
    with pytest.raises(InputError, match="matrix"):
        AffineCamera(torch.zeros(3, 4), 120)
    with pytest.raises(InputError, match="points"):
        weak().project(POINTS[:1])
