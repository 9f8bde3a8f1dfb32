"""SADRNet's maps on a face model: there and back, the ablation's rows, occlusion, gradients."""

from __future__ import annotations

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import WeakPerspectiveCamera
from selfie3d.geometry.rotation import euler_to_matrix, geodesic_angle
from selfie3d.models.sadrnet.layout import UvLayout, UvSpec
from selfie3d.models.sadrnet.network import POSE_NUMBERS, UvPrediction
from selfie3d.models.sadrnet.self_alignment import VertexFit

SIDE = 256


@pytest.fixture(scope="module")
def model():
    return load_face_model("default-face")


@pytest.fixture(scope="module")
def layout(model):
    return UvLayout(UvSpec("default-face", SIDE, SIDE), model)


def truth(model, batch=2, yaw=0.4):
    """Faces of the model and weak perspective cameras."""
    g = torch.manual_seed(0)
    coefficients = model.zero_coefficients(batch)
    coefficients.identity.copy_(torch.randn(coefficients.identity.shape, generator=g))
    coefficients.expression[:, 3] = 0.5
    angles = torch.tensor([[0.1, yaw, -0.2], [-0.3, -yaw, 0.1]])[:batch]
    camera = WeakPerspectiveCamera(
        euler_to_matrix(angles), torch.full((batch,), 1.2), torch.tensor([[120.0, 100.0]] * batch)
    )
    return coefficients, model.vertices(coefficients), camera


def prediction(layout, vertices, camera, attention=None):
    position, shape = layout.encode(vertices, camera)
    return UvPrediction(position, shape, attention, None)


def on_skin(layout, found, expected):
    return (found - expected)[:, layout.in_chart].norm(dim=-1)


@pytest.mark.parametrize("method", ["umeyama", "sadrnet"])
@pytest.mark.parametrize("absolute", [False, True])
def test_true_maps_give_face_and_camera_back(model, method, absolute):
    layout = UvLayout(UvSpec("default-face", SIDE, SIDE, absolute, method), model)
    _, vertices, camera = truth(model)
    faces = layout.decode(prediction(layout, vertices, camera, torch.ones(2, 1, 32, 32)))
    assert on_skin(layout, faces.vertices, vertices).mean() < 0.1  # mm
    assert torch.rad2deg(geodesic_angle(faces.camera.rotation, camera.rotation)).max() < 0.3
    assert torch.allclose(faces.camera.scale, camera.scale, rtol=3e-3)
    gap = faces.camera.project(faces.vertices) - camera.project(vertices)
    assert gap[:, layout.in_chart].norm(dim=-1).mean() < 0.3  # pixels
    assert on_skin(layout, faces.posed, camera.project(vertices)).mean() < 0.4  # blur of the map


def test_zeros_are_the_mean_face(model, layout):
    """Row 2's numbers: no rotation, the face in the middle of the crop."""
    zero = torch.zeros(1, 3, SIDE, SIDE)
    faces = layout.decode(UvPrediction(None, zero, None, torch.zeros(1, POSE_NUMBERS)))
    assert on_skin(layout, faces.vertices, model.mean[None]).mean() < 0.1
    points = faces.camera.project(model.landmark_points(faces.vertices))[0, :, :2]
    low, high = points.amin(0), points.amax(0)
    assert ((low + high) / 2 - SIDE / 2).abs().max() < 3
    assert float((high - low).max()) == pytest.approx(SIDE / 2**0.5, rel=0.02)


def test_a_position_map_alone_is_a_face_too(model, layout):
    """Rows 1 and 4: the pose by aligning the mean with it, the shape by the way back."""
    _, vertices, camera = truth(model)
    position = layout.encode(vertices, camera)[0]
    faces = layout.decode(UvPrediction(position, None, None, None))
    gap = faces.camera.project(faces.vertices) - camera.project(vertices)
    assert gap[:, layout.in_chart, :2].norm(dim=-1).mean() < 0.3
    assert torch.rad2deg(geodesic_angle(faces.camera.rotation, camera.rotation)).max() < 5


def test_attention_keeps_an_occluder_from_turning_the_face(model, layout):
    """The right half of the crop is hidden, and P wrong there; the map of the shape is not."""
    _, vertices, camera = truth(model, 1, 0.0)
    columns = camera.project(model.landmark_points(vertices))[..., 0]
    assert 29 <= int((columns > SIDE / 2).sum()) <= 39  # of 68, ten of them on the face's middle
    position, shape = layout.encode(vertices, camera)
    hidden = (position[:, :1] * layout.position_unit) > SIDE / 2
    wrong = position + hidden * torch.tensor([0.1, -0.15, 0.2])[:, None, None]
    attention = torch.ones(1, 1, 32, 32)
    attention[..., 16:] = 0
    angles = []
    for given in (attention, None):
        faces = layout.decode(UvPrediction(wrong, shape, given, None))
        angles.append(float(torch.rad2deg(geodesic_angle(faces.camera.rotation, camera.rotation))))
    assert angles[0] < 0.75 * angles[1]  # 0.1 of their weight stays


def test_the_shape_map_alone_makes_the_geometry_map(model, layout):
    _, vertices, camera = truth(model)
    position, shape = layout.encode(vertices, camera)
    geometry = layout.geometry_map(shape, camera)
    mask = layout.mapper.mask
    assert torch.allclose(geometry[..., mask], position[..., mask], atol=1e-4)


def test_gradients_are_finite_from_the_first_step_on(layout):
    """A new network's maps are about 0: all landmarks of P in one point."""
    for scale in (0.0, 1e-4, 0.1):
        g = torch.manual_seed(1)
        maps = [scale * torch.randn(2, 3, SIDE, SIDE, generator=g) for _ in range(2)]
        attention = torch.full((2, 1, 32, 32), 0.5)
        inputs = [m.requires_grad_() for m in (*maps, attention)]
        faces = layout.decode(UvPrediction(*inputs, None))
        points = faces.camera.project(faces.vertices)
        assert torch.isfinite(points).all()
        points.square().mean().backward()
        assert all(torch.isfinite(m.grad).all() for m in inputs if m.grad is not None)
        assert maps[0].grad is not None
        assert maps[1].grad is not None


def test_faces_become_coefficients(model, layout):
    coefficients, vertices, camera = truth(model)
    faces = layout.posed_faces(layout.decode(prediction(layout, vertices, camera)))
    again = model.vertices(faces.coefficients)
    assert on_skin(layout, again, vertices).mean() < 0.7
    mean = on_skin(layout, model.mean[None].expand_as(vertices), vertices).mean()
    assert on_skin(layout, again, vertices).mean() < 0.2 * mean
    assert torch.corrcoef(
        torch.stack([faces.coefficients.identity[0, :20], coefficients.identity[0, :20]])
    )[0, 1] > 0.9  # fmt: skip


def test_the_fit_is_the_maximum_of_its_posterior(model):
    g = torch.manual_seed(3)
    vertices = model.mean + 2 * torch.randn(1, *model.mean.shape, generator=g)
    fit = VertexFit(model)
    found = fit(vertices)

    def energy(c):
        gap = (model.vertices(c) - vertices)[:, fit.chosen].square().sum()
        prior = c.identity.square().sum() + (c.expression / 0.3).square().sum()
        return 300 / int(fit.chosen.sum()) * gap + prior

    parts = [p.clone().requires_grad_() for p in (found.identity, found.expression)]
    best = energy(type(found)(*parts, found.albedo, found.light))
    best.backward()
    assert max(float(p.grad.abs().max()) for p in parts) < 1e-2 * float(best.detach())


def test_half_precision_around_it_changes_nothing(model, layout):
    _, vertices, camera = truth(model)
    given = prediction(layout, vertices, camera)
    outside = layout.decode(given)
    with torch.autocast("cpu", torch.bfloat16):
        inside = layout.decode(given)
    assert torch.equal(inside.camera.rotation, outside.camera.rotation)
    assert torch.equal(inside.vertices, outside.vertices)


def test_other_models(shared_data):
    """One without regions, one whose landmarks are not all there."""
    for path in ("models/ict/ict_face9409.npz", "models/sfm/sfm_3448.npz"):
        model = load_face_model(shared_data(path))
        layout = UvLayout(UvSpec(model.name, SIDE, 128), model)
        _, vertices, camera = truth(model)
        faces = layout.decode(prediction(layout, vertices, camera))
        assert torch.rad2deg(geodesic_angle(faces.camera.rotation, camera.rotation)).max() < 1
        assert on_skin(layout, faces.vertices, vertices).median() < 1


def test_wrong_arguments_are_named(model, layout):
    with pytest.raises(InputError, match="other"):
        UvLayout(UvSpec("other", SIDE, 128), model)
    zero = torch.zeros(1, 3, SIDE, SIDE)
    with pytest.raises(InputError, match="pose"):
        layout.decode(UvPrediction(None, zero, None, None))
    with pytest.raises(InputError, match="neither"):
        layout.decode(UvPrediction(None, None, None, torch.zeros(1, POSE_NUMBERS)))
    with pytest.raises(InputError, match="deformation"):
        layout.decode(UvPrediction(zero, zero[..., :64], None, None))
