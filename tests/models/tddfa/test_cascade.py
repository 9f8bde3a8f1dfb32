"""3DDFA's cascade: anchors, patches, what the network sees, and the order of its steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.facemodels import load_face_model
from selfie3d.models.heads.layouts import make_layout
from selfie3d.models.registry import NETWORKS
from selfie3d.models.tddfa.cascade import Cascade, anchor_patches, face_anchors, unrolled
from selfie3d.render.pncc import PnccRenderer
from torch import nn

SIZE = 48


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


@pytest.fixture(scope="module")
def cascade(model):
    layout = make_layout("3ddfa", model, SIZE)
    return Cascade(layout, model, PnccRenderer(model.mean, model.faces))


def some_outputs(cascade, count=2):
    g = torch.Generator().manual_seed(3)
    return 0.4 * torch.randn(count, cascade.layout.size, generator=g)


def test_anchors_lie_in_a_grid_on_the_unrolled_face(model):
    anchors = face_anchors(model, 12)
    points = anchors.points(model.mean[None])[0].numpy()
    skin = (model.region("face") & ~model.region("ears")).numpy()
    plane = unrolled(model.mean.numpy()[skin].astype(np.float64))
    low, high = plane.min(0), plane.max(0)
    right = low[0] + (np.arange(12) + 0.5) / 12 * (high[0] - low[0])
    down = high[1] - (np.arange(12) + 0.5) / 12 * (high[1] - low[1])
    middle = points.reshape(12, 12, 3)[3:9, 3:9]  # within the outline
    np.testing.assert_allclose(middle[..., 1], np.repeat(down[3:9, None], 6, 1), atol=1e-3)
    assert (np.diff(middle[..., 0], axis=1) > 0).all()  # to the subject's left, the image's right
    assert (np.abs(middle[..., 0] - right[3:9]) < 25).all()
    assert (np.abs(anchors.weights.sum(1).numpy() - 1) < 1e-5).all()
    assert (anchors.weights >= -1e-6).all()
    assert set(anchors.vertices.flatten().tolist()) <= set(np.flatnonzero(skin).tolist())


def test_unrolling_keeps_angles_and_heights():
    angles, heights = np.deg2rad([-90.0, -30, 0, 60, 90]), np.array([0.0, 5, -3, 2, 1])
    points = np.stack([7 * np.sin(angles) + 4, heights, 7 * np.cos(angles) - 9], 1)
    plane = unrolled(points)
    np.testing.assert_allclose(plane, np.stack([7 * angles, heights], 1), atol=1e-9)


def bilinear(image, x, y):
    """One value (C,) of an image (C,H,W) at a pixel position; 0 beyond the border."""
    total = np.zeros(len(image))
    for column in (int(np.floor(x - 0.5)), int(np.floor(x - 0.5)) + 1):
        for row in (int(np.floor(y - 0.5)), int(np.floor(y - 0.5)) + 1):
            weight = (1 - abs(x - 0.5 - column)) * (1 - abs(y - 0.5 - row))
            if 0 <= column < image.shape[2] and 0 <= row < image.shape[1]:
                total += weight * image[:, row, column]
    return total


def test_patches_against_a_loop():
    g = torch.Generator().manual_seed(0)
    images = torch.rand(2, 3, 20, 20, generator=g)
    places = 24 * torch.rand(2, 9, 2, generator=g) - 2
    found = anchor_patches(images, places).numpy()
    assert found.shape == (2, 3, 9, 9)
    for b in range(2):
        for n in range(9):
            x, y = places[b, n].tolist()
            for i in range(3):
                for j in range(3):
                    expected = bilinear(images[b].numpy(), x + j - 1, y + i - 1)
                    own = found[b, :, 3 * (n // 3) + i, 3 * (n % 3) + j]
                    np.testing.assert_allclose(own, expected, atol=1e-5)
    with pytest.raises(InputError, match="square"):
        anchor_patches(images, places[:, :8])


def test_the_network_sees_photograph_code_and_patches(model, cascade):
    """By 3DDFA's formula in numpy: the parameters' own matrix, 1-based pixels, y up."""
    images = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    outputs = some_outputs(cascade)
    seen = cascade.inputs(images, outputs)
    assert seen.shape == (2, 9, SIZE, SIZE)
    assert torch.equal(seen[:, :3], images)
    layout = cascade.layout
    numbers = (outputs * layout.std + layout.mean).double().numpy()
    anchors = face_anchors(model, SIZE // 3)
    coefficients = layout.coefficients(outputs)
    body = anchors.points(model.vertices(coefficients)).double().numpy()
    for b in range(2):
        matrix = numbers[b, :12].reshape(3, 4)
        moved = (body[b] - np.array(layout.spec.pivot)) @ matrix[:, :3].T + matrix[:, 3]
        x, y = moved[:, 0] - 0.5, SIZE + 0.5 - moved[:, 1]
        for n in range(0, len(x), 37):
            row, column = divmod(n, SIZE // 3)
            own = seen[b, 6:, 3 * row + 1, 3 * column + 1].numpy()
            np.testing.assert_allclose(own, bilinear(images[b].numpy(), x[n], y[n]), atol=2e-3)
    affine, vertices = layout.affine(outputs), model.vertices(coefficients)
    code = PnccRenderer(model.mean, model.faces)(vertices, affine, (SIZE, SIZE))
    assert float((seen[:, 3:6] - code).abs().mean()) < 1e-4  # a pixel at an edge may differ


class Constant(nn.Module):
    """Gives the same update, and notes how it was called."""

    def __init__(self, update):
        super().__init__()
        self.update, self.modes, self.weight = update, [], nn.Parameter(torch.zeros(1))

    def forward(self, seen):
        self.modes.append(self.training)
        return self.update.expand(len(seen), -1) + self.weight


def test_steps_add_up(cascade):
    images = torch.rand(2, 3, SIZE, SIZE)
    update = 0.01 * torch.arange(cascade.layout.size).float()
    network = Constant(update).train()
    starts = cascade.starts(network, images)
    assert [s.shape for s in starts] == [(2, cascade.layout.size)] * 3
    for k, start in enumerate(starts):
        assert not start.requires_grad
        torch.testing.assert_close(start, (k * update).expand(2, -1))
    assert network.modes == [False, False] and network.training
    found = cascade.predict(network.eval(), images)
    torch.testing.assert_close(found, (3 * update).expand(2, -1))


def test_an_untrained_network_does_not_lose_the_face(cascade):
    images = torch.rand(1, 3, SIZE, SIZE)
    wild = Constant(torch.full((cascade.layout.size,), 1e9))
    assert cascade.starts(wild, images)[-1].abs().max() == 5
    assert torch.isfinite(cascade.inputs(images, cascade.starts(wild, images)[-1])).all()


def test_real_network_and_unusable_sizes(model, cascade):
    network = NETWORKS.create("3ddfa", outputs=cascade.layout.size, size=SIZE).eval()
    assert cascade.predict(network, torch.rand(2, 3, SIZE, SIZE)).shape == (2, cascade.layout.size)
    with pytest.raises(InputError, match="multiple of 3"):
        Cascade(make_layout("3ddfa", model, 64), model, cascade.pncc)
    with pytest.raises(InputError, match="iterations"):
        Cascade(cascade.layout, model, cascade.pncc, 0)
