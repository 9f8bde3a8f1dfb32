from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_erosion, binary_fill_holes
from selfie3d.core.errors import InputError
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import PerspectiveCamera, WeakPerspectiveCamera
from selfie3d.geometry.coefficients import Coefficients
from selfie3d.geometry.rotation import euler_to_matrix, matrix_to_euler, matrix_to_rotvec
from selfie3d.prepare.profiling.camera import Eye, turned_camera, turned_partly
from selfie3d.prepare.profiling.fill import ColourExtension, fill_holes
from selfie3d.prepare.profiling.turn import FaceTurner, OpenPhotograph
from selfie3d.render.face import FaceRenderer
from selfie3d.render.overlay import to_picture

SIZE = 224
PIVOT = torch.tensor([0.0, -13.0, -22.0])


@pytest.fixture(scope="module")
def model():
    return load_face_model()


@pytest.fixture(scope="module")
def turner(model):
    return FaceTurner(model)


@pytest.fixture(scope="module")
def coefficients(model):
    generator = torch.Generator().manual_seed(3)
    zero = model.zero_coefficients()
    identity = 0.7 * torch.randn(zero.identity.shape, generator=generator)
    return Coefficients(identity, zero.expression, zero.albedo, zero.light)


def camera(yaw: float = 0.0, weak: bool = False) -> PerspectiveCamera | WeakPerspectiveCamera:
    rotation = euler_to_matrix(torch.tensor([[0.05, math.radians(yaw), 0.1]]))
    middle = torch.tensor([[SIZE / 2, SIZE / 2]])
    if weak:
        return WeakPerspectiveCamera(rotation, torch.tensor([0.9]), middle)
    shift = torch.tensor([[0.0, 10.0, -700.0]])
    return PerspectiveCamera(rotation, shift, torch.tensor([0.9 * 700]), middle)


def photograph(model, coefficients, seen_by) -> np.ndarray:
    """A smooth pattern, the same on both halves of the face, on a slanted ground."""
    places = model.mean / 25
    waves = torch.stack(
        [torch.sin(places[:, 1]), torch.cos(places[:, 1] + places[:, 2]), torch.cos(places[:, 0])],
        1,
    )
    vertices = model.vertices(coefficients)
    seen = FaceRenderer(model.faces)(
        vertices, seen_by, (SIZE, SIZE), albedo=(0.5 + 0.25 * waves)[None]
    )
    ramp = torch.linspace(0.2, 0.9, SIZE)
    ground = torch.stack([ramp.expand(SIZE, SIZE), ramp[:, None].expand(SIZE, SIZE)] * 2)[:3]
    return to_picture(seen.over(ground[None])[0])


def opened(turner, coefficients, seen_by, **options) -> OpenPhotograph:
    picture = photograph(turner.model, coefficients, seen_by)
    return turner.open(picture, coefficients, seen_by, **options)


@pytest.mark.parametrize("weak", [False, True])
@pytest.mark.parametrize(("yaw", "turn"), [(0, 30), (10, 50), (-35, 50), (25, -60)])
def test_as_if_rendered_there(turner, coefficients, yaw, turn, weak):
    """What the turned photograph shows is what our renderer shows of the turned face."""
    before = camera(yaw, weak)
    result = opened(turner, coefficients, before).turn(turn)
    direct = photograph(turner.model, coefficients, result.face.camera)
    difference = np.abs(result.picture.astype(float) - direct) / 255
    inside = binary_erosion(result.mask > 0.99, iterations=2)
    own, mirrored = (inside & (result.shares[..., k] > 0.98) for k in (0, 1))
    assert inside.sum() > 5000 and own.sum() > 1500
    assert difference[own].mean() < 0.01
    assert np.quantile(difference[own].max(-1), 0.98) < 0.06
    if mirrored.sum() > 200:
        assert difference[mirrored].mean() < 0.04


def test_the_mirror_image_fills_the_hidden_half(turner, coefficients):
    result = opened(turner, coefficients, camera(45)).turn(-80)
    inside = result.mask > 0.99
    assert result.shares[inside][:, 1].mean() > 0.3


@pytest.mark.parametrize("weak", [False, True])
def test_a_turn_of_nothing_changes_nothing(turner, coefficients, weak):
    seen_by = camera(20, weak)
    noise = np.random.default_rng(0).integers(0, 256, (SIZE, 180, 3), dtype=np.uint8)
    result = turner.open(noise, coefficients, seen_by).turn(0)
    assert np.abs(result.picture.astype(int) - noise).max() <= 1
    assert torch.equal(result.face.camera.rotation, seen_by.rotation)
    small = turner.open(noise, coefficients, seen_by).turn(0.01)
    assert np.abs(small.picture.astype(int) - noise).mean() < 2


@pytest.mark.parametrize("turn", [(40, 0), (-90, 0), (100, -15), (0, 25)])
def test_no_holes(turner, model, coefficients, turn):
    """All of the silhouette that shows the outside of the face is painted from the face."""
    result = opened(turner, coefficients, camera(8)).turn(*turn)
    vertices = model.vertices(coefficients)
    rendered = FaceRenderer(model.faces)(
        vertices, result.face.camera, (SIZE, SIZE), albedo=torch.ones_like(vertices)
    )
    silhouette = rendered.fragments.covered[0].numpy()
    inside = result.shares.sum(-1) > 0
    assert np.allclose(result.shares[inside].sum(-1), 1, atol=1e-5)
    assert not (binary_fill_holes(inside) & ~inside & silhouette).any()
    assert not (inside & ~silhouette).any()
    assert (
        inside.sum()
        > (0.97 if abs(turn[0]) < 60 else 0.9 if abs(turn[0]) <= 90 else 0.6) * silhouette.sum()
    )


def test_the_ground_has_no_holes(turner, coefficients):
    """On a white ground a turned face of black pixels leaves no other colour behind it."""
    seen_by = camera(0)
    white = np.full((SIZE, SIZE, 3), 255, np.uint8)
    for turn in (-90, -40, 40, 90):
        result = turner.open(white, coefficients, seen_by).turn(turn)
        assert result.picture[result.mask == 0].min() >= 254


def test_landmarks_follow(turner, model, coefficients):
    """Against a turn that is written out: the angle is added, the pivot stays."""
    seen_by = camera(12)
    page = opened(turner, coefficients, seen_by)
    result = page.turn(45, 10)
    points = model.landmark_points(model.vertices(coefficients), "ibug68").double()
    angles = matrix_to_euler(seen_by.rotation.double())[0]
    pitch, yaw, roll = (angles + torch.tensor([math.radians(10), math.radians(45), 0])).tolist()
    c, s = np.cos, np.sin
    turn_x = np.array([[1, 0, 0], [0, c(pitch), s(pitch)], [0, -s(pitch), c(pitch)]])
    turn_y = np.array([[c(yaw), 0, -s(yaw)], [0, 1, 0], [s(yaw), 0, c(yaw)]])
    turn_z = np.array([[c(roll), s(roll), 0], [-s(roll), c(roll), 0], [0, 0, 1]])
    pivot = page.pivot.double().numpy()
    place = seen_by.rotation[0].double().numpy() @ pivot + seen_by.translation[0].numpy()
    xyz = (points[0].numpy() - pivot) @ (turn_x @ turn_y @ turn_z).T + place
    expected = SIZE / 2 + 630 * xyz[:, :2] * [1, -1] / -xyz[:, 2:]
    found = result.face.camera.project(points.float())[0, :, :2].numpy()
    assert np.abs(found - expected).max() < 1e-3
    nose = result.face.camera.project(points.float())[0, 30, 0] - SIZE / 2
    assert nose < -20  # positive yaw: to the image's left


def test_skin_turns_along(turner, coefficients):
    seen_by = camera(0)
    picture = photograph(turner.model, coefficients, seen_by)
    skin = np.zeros((SIZE, SIZE), np.uint8)
    skin[:, : SIZE // 2] = 255  # the subject's right half
    result = turner.open(picture, coefficients, seen_by, skin).turn(-15)
    inside = result.mask > 0.99
    assert set(np.unique(result.skin)) == {0, 255}
    assert not result.skin[result.mask == 0].any()
    columns = np.nonzero(inside.any(0))[0]
    left, right = np.array_split(columns, 2)
    share = [(result.skin[:, part] > 0)[inside[:, part]].mean() for part in (left, right)]
    assert share[0] > 0.9 and share[1] < 0.6
    assert opened(turner, coefficients, seen_by).turn(30).skin is None


def test_light_turns_with_the_head(turner, model, coefficients):
    light = torch.zeros(1, 9, 3)
    light[:, 1:4] = torch.tensor([0.1, 0.3, -0.4])[None, :, None]
    lit = Coefficients(coefficients.identity, coefficients.expression, coefficients.albedo, light)
    page = opened(turner, lit, camera(0))
    before, after = page.turn(0).face, page.turn(60).face
    assert torch.equal(before.coefficients.light, light)
    assert not torch.allclose(after.coefficients.light, light, atol=1e-2)
    norms = [face.coefficients.light[:, 1:4].norm() for face in (before, after)]
    assert norms[0] == pytest.approx(float(norms[1]), abs=1e-4)


@pytest.mark.parametrize("weak", [False, True])
def test_pixels_and_back(weak):
    seen_by = camera(30, weak)
    eye = Eye.of(seen_by, PIVOT)
    pixels = torch.tensor([[3.0, 5.0], [100.0, 150.5], [220.0, 60.0]])
    depth = torch.tensor([0.0, -40.0, 25.0])
    points = eye.unproject(pixels, depth)
    assert torch.allclose(eye.camera.project((points - eye.shift)[None])[0, :, :2], pixels, 1e-4)
    assert torch.allclose(points[:, 2] - eye.centre[2], depth, atol=1e-3)
    at_pivot = eye.camera.project((eye.centre - eye.shift)[None, None])[0, 0, :2]
    assert torch.allclose(at_pivot, seen_by.project(PIVOT[None, None])[0, 0, :2], atol=1e-3)


@pytest.mark.parametrize("weak", [False, True])
def test_the_pivot_stays(weak):
    before = camera(15, weak)
    after = turned_camera(before, 50, -10, PIVOT)
    places = [c.project(PIVOT[None, None])[0, 0, :2] for c in (before, after)]
    assert torch.allclose(*places, atol=1e-3)
    angles = matrix_to_euler(after.rotation)[0] - matrix_to_euler(before.rotation)[0]
    assert torch.allclose(
        angles, torch.tensor([math.radians(-10), math.radians(50), 0.0]), atol=1e-5
    )


def test_a_share_of_a_turn():
    turn = euler_to_matrix(torch.tensor([0.2, 1.1, -0.3]))
    points = torch.randn(5, 3)
    centre = torch.tensor([1.0, 2.0, 3.0])
    whole = turned_partly(points, turn, centre, torch.ones(5))
    assert torch.allclose(whole, (points - centre) @ turn.T + centre, atol=1e-5)
    still = turned_partly(points, turn, centre, torch.zeros(5))
    assert torch.allclose(still, points, atol=1e-5)
    half = turned_partly(points, turn, centre, torch.full((5,), 0.5))
    again = turned_partly(half, turn, centre, torch.full((5,), 0.5))
    assert torch.allclose(again, whole, atol=1e-5)
    assert matrix_to_rotvec(turn[None]).norm() > 1


def test_holes_are_filled_between_what_is_known():
    image = torch.zeros(1, 2, 37, 50)
    image[:, 0], image[:, 1] = torch.linspace(0, 1, 50), 0.25
    known = torch.ones(1, 1, 37, 50)
    known[:, :, 10:25, 12:40] = 0
    filled = fill_holes(image * known, known)
    assert torch.equal(filled[known.expand_as(image) > 0], image[known.expand_as(image) > 0])
    assert (filled[:, 1] - 0.25).abs().max() < 1e-5
    assert filled.min() >= 0 and filled.max() <= 1
    assert filled[0, 0, 17, 13] < 0.45 < 0.55 < filled[0, 0, 17, 38]
    assert torch.isfinite(fill_holes(image, torch.zeros_like(known))).all()


def test_colours_are_extended(model):
    extension = ColourExtension(model)
    left = (model.mean[:, 0] > 0).float()
    tone = torch.tensor([0.9, 0.7, 0.6])
    colours = (model.albedo_mean.clamp(0, 1) + 0.05) * tone
    assert torch.allclose(extension.colours(colours * left[:, None], left), colours, atol=1e-3)
    assert torch.isfinite(extension.colours(colours, torch.zeros(len(colours)))).all()


def test_light_from_one_side_is_measured(model):
    extension = ColourExtension(model)
    mirror, x = model.mirror, model.mean[:, :1]
    plain = model.albedo_mean.clamp(0, 1)
    assert torch.allclose(
        extension.gain((plain + plain[mirror]) / 2, torch.ones(len(x)), mirror), torch.ones(1)
    )
    lit = torch.exp(x / 200) * torch.tensor([0.3, 0.3, 0.3])
    seen = (x[:, 0] < 15).float()  # the right half and a strip of the left
    gain = extension.gain(lit, seen, mirror)
    hidden = (x[:, 0] > 15) & (x[:, 0] < 60) & model.regions["face"]
    assert gain[hidden].min() > 1 and gain[mirror[hidden]].max() < 1
    assert torch.equal(
        extension.gain(lit, (x[:, 0] < -5).float(), mirror), torch.ones_like(lit.expand(-1, 3))
    )


def test_what_is_wrong_is_said(turner, coefficients, model):
    seen_by = camera(0)
    picture = np.zeros((SIZE, SIZE, 3), np.uint8)
    with pytest.raises(InputError, match="picture"):
        turner.open(picture.astype(np.float32), coefficients, seen_by)
    with pytest.raises(InputError, match="skin"):
        turner.open(picture, coefficients, seen_by, picture[:5, :, 0])
    with pytest.raises(InputError, match="one face"):
        two = PerspectiveCamera(*(torch.cat([v, v]) for v in vars(seen_by).values()))
        turner.open(picture, model.zero_coefficients(2), two)
    with pytest.raises(InputError, match="camera"):
        turner.open(picture, model.zero_coefficients(2), seen_by)
    aside = PerspectiveCamera(
        seen_by.rotation, seen_by.translation, seen_by.focal, seen_by.center + 5000
    )
    with pytest.raises(InputError, match="outside of it"):
        turner.open(picture, coefficients, aside)
    page = turner.open(picture, coefficients, seen_by)
    for turn in ((130.0, 0.0), (0.0, 70.0), (float("nan"), 0.0)):
        with pytest.raises(InputError, match="degrees"):
            page.turn(*turn)
