"""PNCC against its definition, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import AffineCamera, WeakPerspectiveCamera
from selfie3d.geometry.rotation import euler_to_matrix
from selfie3d.render.pncc import PnccRenderer, normalised_coordinates

SIZE = 48


def bumpy_sheet(side=7):
    """A curved sheet that hides parts of itself when it is turned: (V,3), (F,3)."""
    x, y = np.meshgrid(np.linspace(-1, 1, side), np.linspace(1, -1, side))
    z = 0.9 * np.cos(2.2 * x) * np.cos(1.1 * y)
    vertices = 15 * np.stack([x, y, z], -1).reshape(-1, 3)
    a = np.arange(side * side).reshape(side, side)[:-1, :-1].reshape(-1)
    faces = np.concatenate(
        [np.stack([a, a + side, a + 1], 1), np.stack([a + 1, a + side, a + side + 1], 1)]
    )
    return torch.from_numpy(vertices).float(), torch.from_numpy(faces)


def slow_pncc(pixels, colours, faces):
    """Every pixel against every triangle: the nearest one's colour, and how near its edge it is."""
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    places = np.stack([x, y, np.ones_like(x)], -1)
    image, margin = np.zeros((SIZE, SIZE, 3)), np.full((SIZE, SIZE), np.inf)
    nearest = np.full((SIZE, SIZE), -np.inf)
    for face in faces:
        corners = pixels[face]
        weights = places @ np.linalg.inv(np.vstack([corners[:, :2].T, np.ones(3)])).T
        margin = np.minimum(margin, np.abs(weights).min(-1))
        depth = weights @ corners[:, 2]
        front = (weights.min(-1) >= 0) & (depth > nearest)
        nearest[front], image[front] = depth[front], (weights @ colours[face])[front]
    return image, margin


def test_against_a_slow_evaluation():
    """The mean gives the colours, the posed vertices the places; hidden parts are hidden."""
    mean, faces = bumpy_sheet()
    posed = mean * torch.tensor([1.1, 0.9, 1.2]) + 0.5
    turn = euler_to_matrix(torch.tensor([0.2, 0.9, 0.1]))
    matrix = torch.cat([1.05 * turn, torch.tensor([[23.0], [25.0], [40.0]])], 1)
    camera = AffineCamera(matrix[None], SIZE)
    seen = PnccRenderer(mean, faces)(posed[None], camera, (SIZE, SIZE))[0].permute(1, 2, 0).numpy()
    by_hand = posed.numpy() @ matrix[:, :3].numpy().T + matrix[:, 3].numpy()
    pixels = np.stack([by_hand[:, 0] - 0.5, SIZE + 0.5 - by_hand[:, 1], by_hand[:, 2]], 1)
    low, high = mean.numpy().min(0), mean.numpy().max(0)
    expected, margin = slow_pncc(pixels, (mean.numpy() - low) / (high - low), faces.numpy())
    clear = margin > 1e-3
    assert clear.mean() > 0.8 and (expected[clear].sum(1) > 0).mean() > 0.2
    np.testing.assert_allclose(seen[clear], expected[clear], atol=2e-4)


def test_codes_are_places_on_the_mean_face():
    """A pose or an identity moves the colours, and does not change them."""
    model = load_face_model("default")
    code = normalised_coordinates(model.mean)
    assert code.amin(0).tolist() == [0, 0, 0] and code.amax(0).tolist() == [1, 1, 1]
    draw = PnccRenderer(model.mean, model.faces)
    turn = euler_to_matrix(torch.tensor([[0.0, 0.5, 0.0]]))
    camera = WeakPerspectiveCamera(turn, torch.tensor([0.5]), torch.tensor([[60.0, 40.0]]))
    coefficients = model.zero_coefficients()
    coefficients.identity[:, :5] = 2.0
    vertices = model.vertices(coefficients)
    image = draw(vertices, camera, (120, 120))
    tip = model.landmark_points(vertices)[:, 30:31]
    x, y = camera.project(tip)[0, 0, :2].int().tolist()
    expected = model.landmark_points(code[None])[0, 30]
    assert (image[0, :, y, x] - expected).abs().max() < 0.02
    assert image[0, :, 2, 2].tolist() == [0, 0, 0]
    assert not draw(vertices.requires_grad_(), camera, (120, 120)).requires_grad


def test_what_cannot_be_drawn():
    mean, faces = bumpy_sheet()
    with pytest.raises(InputError, match="every axis"):
        normalised_coordinates(mean * torch.tensor([1.0, 1.0, 0.0]))
    with pytest.raises(InputError, match="triangles"):
        PnccRenderer(mean, faces[:0])
