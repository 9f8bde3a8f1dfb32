"""Jaw points on the outline: a sphere by formula, a naive loop, rendered faces."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_erosion
from scipy.spatial import KDTree
from selfie3d.core.errors import InputError
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import PerspectiveCamera, WeakPerspectiveCamera
from selfie3d.geometry.coefficients import Coefficients
from selfie3d.geometry.contour import (
    JAW,
    OutlineLandmarks,
    find_contour_lines,
    move_to_outline,
    upright,
)
from selfie3d.geometry.euler import euler_to_matrix
from selfie3d.geometry.face_model import FaceModel
from selfie3d.geometry.landmarks import LandmarkSet
from selfie3d.geometry.model_parts import ModelFacts, ModelMesh
from selfie3d.geometry.topology import subset_mesh
from selfie3d.render.face import FaceRenderer

FAR_RIGHT, FAR_LEFT = range(8), range(9, 17)  # hidden at positive and at negative yaw
SIDE = 224
ROOM = 24  # pixels round the picture, in which chins that reach its border end, too


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return load_face_model("default-face")


def rotation(pitch: float, yaw: float, roll: float) -> torch.Tensor:
    return euler_to_matrix(torch.deg2rad(torch.tensor([[pitch, yaw, roll]], dtype=torch.float32)))


def weak(pitch: float = 0, yaw: float = 0, roll: float = 0) -> WeakPerspectiveCamera:
    middle = torch.full((1, 2), SIDE / 2)
    return WeakPerspectiveCamera(rotation(pitch, yaw, roll), torch.tensor([1.0]), middle)


def near(pitch: float = 0, yaw: float = 0, roll: float = 0) -> PerspectiveCamera:
    """From 0.7 m."""
    place = torch.tensor([[0.0, 15, -700]])
    middle = torch.full((1, 2), SIDE / 2)
    return PerspectiveCamera(rotation(pitch, yaw, roll), place, torch.tensor([700.0]), middle)


def some_face(model: FaceModel, seed: int) -> torch.Tensor:
    """Vertices (1,V,3) of a random face with an open mouth."""
    mean, generator = model.zero_coefficients(1), torch.Generator().manual_seed(seed)
    identity = torch.randn(mean.identity.shape, generator=generator)
    expression = mean.expression.clone()
    expression[0, model.expression_names.index("jawOpen")] = 0.3
    return model.vertices(Coefficients(identity, expression, mean.albedo, mean.light))


def border_distance(mesh: FaceModel, keep: torch.Tensor, camera, vertices: torch.Tensor):
    """Distance from the border of a region's image, in pixels, at a quarter of a pixel."""
    fine, side = 4, SIDE + 2 * ROOM
    zoom = float(fine) * torch.tensor([[1.0, 0, ROOM], [0, 1, ROOM]])
    part = subset_mesh(mesh.faces, keep)
    shown = FaceRenderer(part.faces)(
        vertices[:, part.vertices],
        camera.moved(zoom),
        (side * fine, side * fine),
        albedo=torch.ones(1, len(part.vertices), 3),
        antialias=False,
    )
    mask = shown.mask[0, 0].numpy() > 0.5
    assert not (mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())
    rims = {inside: KDTree(np.argwhere(rim(mask == inside))) for inside in (True, False)}

    def at(points: torch.Tensor) -> np.ndarray:
        places = ((points[:, :2].numpy() + ROOM) * fine).astype(int).clip(0, side * fine - 1)
        return np.array([rims[not mask[y, x]].query((y, x))[0] / fine for x, y in places])

    return at


def rim(mask: np.ndarray) -> np.ndarray:
    """The pixels (H,W) of a mask that touch others: the nearest of it, seen from outside."""
    return mask & ~binary_erosion(mask, border_value=1)


def cheeks(model: FaceModel) -> torch.Tensor:
    off = model.regions["ears"] | model.regions["neck"] | model.regions["nose"]
    return model.regions["face"] & ~off


def behind_the_ears(model: FaceModel) -> torch.Tensor:
    """Vertices (V,) more than 1 mm behind the upper jaw points, which the ears hide in front."""
    _, y, z = model.landmark_points(model.mean[None])[0, :5].flip(0).numpy().T  # upwards to the ear
    height, depth = model.mean[:, 1].numpy(), model.mean[:, 2].numpy()
    return torch.from_numpy((height > y[0]) & (depth < np.interp(height, y, z) - 1))


@pytest.mark.parametrize("camera", [weak, near])
@pytest.mark.parametrize("sign", [1, -1])
def test_moved_points_lie_on_the_outline_of_the_rendered_face(model, camera, sign):
    """At 224 px, a face of about 1 px a mm: within a pixel or so from 0 to 70 degrees."""
    outline, vertices = OutlineLandmarks(model), some_face(model, 1)
    shown = cheeks(model) & ~behind_the_ears(model)
    far = list(FAR_RIGHT) if sign > 0 else list(reversed(FAR_LEFT))  # from the temple down
    for yaw in (0, 15, 30, 45, 60, 70):
        view = camera(0, sign * yaw)
        jaw = view.project(model.landmark_points(vertices))[0, far]
        points = outline(vertices, view)[0, far]
        moved = (points - jaw)[:, :2].norm(dim=1).numpy()
        gap = border_distance(model, shown, view, vertices)
        off = np.sort(gap(points)[moved > 0.5])
        assert off[:-1].max(initial=0) < 1.2 and off.max(initial=0) < 1.3, yaw
        if yaw >= 30:
            assert moved[:3].min() > 10, yaw
        if yaw >= 60:
            assert moved[:4].min() > 25 and gap(jaw)[:4].mean() > 20, yaw


def test_turned_and_tilted_faces(model):
    """The line is that of the plane across the face: a few pixels off where the face is tilted."""
    outline, vertices = OutlineLandmarks(model), some_face(model, 2)
    for pitch, roll in ((0, 30), (15, 0), (-15, -20)):
        for yaw in (30, 50):
            view = weak(pitch, yaw, roll)
            points = outline(vertices, view)[0, list(FAR_RIGHT)]
            gap = border_distance(model, cheeks(model), view, vertices)(points)
            jaw = view.project(model.landmark_points(vertices))[0, list(FAR_RIGHT)]
            moved = (points - jaw)[:, :2].norm(dim=1).numpy() > 3
            assert moved.sum() >= 4 and gap[moved].max() < 3


def test_the_near_side_the_chin_and_the_inner_points_stay(model):
    outline, vertices = OutlineLandmarks(model), some_face(model, 3)
    for yaw in (0, 30, 60):
        view = weak(0, yaw)
        jaw = view.project(model.landmark_points(vertices))[0]
        points = outline(vertices, view)[0]
        moved = (points - jaw)[:, :2].norm(dim=1)
        assert torch.equal(points[JAW:], jaw[JAW:]) and moved[8] == 0
        assert float(moved[9:JAW].max()) < 2


def sphere(rings: int = 60, radius: float = 80.0) -> FaceModel:
    """A ball as a face: 68 landmarks on it, the jaw points on a great circle tilted backwards."""
    latitude = torch.linspace(-math.pi / 2, math.pi / 2, rings + 1)[1:-1]
    around = torch.arange(2 * rings) * (math.pi / rings)
    v, u = torch.meshgrid(latitude, around, indexing="ij")
    mean = radius * torch.stack([v.cos() * u.sin(), v.sin(), v.cos() * u.cos()], -1).reshape(-1, 3)
    index = torch.arange(len(mean)).view(rings - 1, 2 * rings)
    a, b = index[:-1], index[:-1].roll(-1, 1)
    c, d = index[1:], index[1:].roll(-1, 1)
    faces = torch.cat([torch.stack(t, -1).reshape(-1, 3) for t in ((a, b, d), (a, d, c))])
    heights = np.interp(range(JAW), (0, 8, 16), (0, -70, 0))
    jaw = []
    for j, y in enumerate(heights):
        ring = math.sqrt(radius**2 - y**2)
        z = -0.6 * ring if j != 8 else ring
        jaw.append([(j > 8) * 2 - 1, y, z])
        jaw[-1][0] *= math.sqrt(max(ring**2 - z**2, 0))
    nose = torch.tensor([[0.0, 30, 75]]).repeat(68 - JAW, 1)
    wanted = torch.cat([torch.tensor(jaw, dtype=torch.float32), nose])
    ids = torch.cdist(wanted, mean).argmin(1)
    landmarks = {"ibug68": LandmarkSet.from_vertices("ibug68", ids)}
    return FaceModel.from_arrays(
        ModelFacts("ball"),
        ModelMesh(mean, faces, origin=[0, 0, 0]),
        landmarks=landmarks,
    )


@pytest.mark.parametrize("yaw", [0, 20, 45, 70])
def test_a_ball_by_formula(yaw):
    """A ring of radius r reaches r to the side, unless it ends before it turns away."""
    ball = sphere()
    outline = OutlineLandmarks(ball)
    points = outline(ball.mean[None], weak(0, yaw))[0, :JAW]
    jaw = ball.landmark_points(ball.mean[None])[0, :JAW]
    turn = math.radians(yaw)
    for j in [*FAR_RIGHT, *FAR_LEFT]:
        x, y, z = jaw[j].tolist()
        side = math.copysign(1, x)
        begin, ring = math.atan2(x, z), math.hypot(x, z)  # angle from the front, ring's radius
        peak = side * math.pi / 2 + turn  # where the ring is outermost in the image
        end = 0.0 if side * begin > 0 else begin
        stop = min(max(side * peak, end), side * begin) * side
        expected = SIDE / 2 + ring * math.sin(stop - turn)
        assert float(points[j, 0]) == pytest.approx(expected, abs=0.7), (j, yaw)
        assert float(points[j, 1]) == pytest.approx(SIDE / 2 - y, abs=1e-3)


def test_against_a_naive_loop(model):
    lines = find_contour_lines(model)
    vertices = torch.cat([some_face(model, 4), some_face(model, 5)])
    camera = WeakPerspectiveCamera(
        torch.cat([rotation(10, 40, 15), rotation(-5, -60, 0)]), torch.ones(2), torch.zeros(2, 2)
    )
    projected = camera.project(vertices)
    own = camera.project(model.landmark_points(vertices))
    up = upright(camera, vertices)
    found = move_to_outline(own, projected, lines, up)
    for b in range(2):
        right = np.array([-float(up[b, 1]), float(up[b, 0])])
        for j in range(JAW):
            best, place = -math.inf, None
            candidates = [own[b, j].numpy()]
            for n in range(lines.share.shape[1]):
                if lines.valid[j, n]:
                    (s, e), t = lines.edges[j, n].tolist(), float(lines.share[j, n])
                    candidates.append(
                        (1 - t) * projected[b, s].numpy() + t * projected[b, e].numpy()
                    )
            for candidate in candidates:
                outward = float(candidate[:2] @ right) * float(lines.side[j])
                if outward > best + 1e-6:
                    best, place = outward, candidate
            np.testing.assert_allclose(found[b, j].numpy(), place, atol=1e-3)


def test_lines_are_where_they_should_be(model):
    lines = find_contour_lines(model)
    jaw = model.landmark_points(model.mean[None])[0, :JAW]
    allowed = cheeks(model)
    for j in range(JAW):
        ends, share = lines.edges[j][lines.valid[j]], lines.share[j][lines.valid[j]]
        assert len(share) == 0 if j == 8 else len(share) > 10
        assert bool(allowed[ends].all())
        place = torch.lerp(model.mean[ends[:, 0]], model.mean[ends[:, 1]], share[:, None])
        assert float((place[:, 1] - jaw[j, 1]).abs().max() if len(share) else 0) < 1e-3
        assert bool((place[:, 0] * jaw[j, 0] >= 0).all())
        assert bool((place[:, 2] > jaw[j, 2] - 1.001).all())


def test_mirrored_views_mirror_the_points(model):
    outline = OutlineLandmarks(model)
    left, right = (outline(model.mean[None], weak(0, yaw))[0, :JAW] for yaw in (-50, 50))
    flipped = right.flip(0) * torch.tensor([-1, 1, 1]) + torch.tensor([SIDE, 0, 0])
    torch.testing.assert_close(left, flipped, atol=0.05, rtol=0)


def test_roll_turns_the_points_with_the_picture(model):
    outline = OutlineLandmarks(model)
    upright_face = outline(model.mean[None], weak(0, 50))[0, :, :2] - SIDE / 2
    view = weak(0, 50)
    c, s = math.cos(math.radians(35)), math.sin(math.radians(35))
    turned = view.moved(torch.tensor([[c, -s, 0], [s, c, 0]]))
    points = outline(model.mean[None], turned)[0, :, :2]
    middle = torch.tensor([[c, -s], [s, c]]) @ torch.full((2,), SIDE / 2)
    expected = upright_face @ torch.tensor([[c, s], [-s, c]]) + middle
    torch.testing.assert_close(points, expected, atol=1e-2, rtol=0)


def test_gradient_reaches_the_vertices_that_were_chosen():
    ball = sphere(8)
    lines, camera = find_contour_lines(ball), weak(0, 40)
    up = upright(camera, ball.mean[None]).double()
    own = camera.project(ball.landmark_points(ball.mean[None])).double()
    mesh = camera.project(ball.mean[None]).double()

    def term(points: torch.Tensor, vertices: torch.Tensor) -> torch.Tensor:
        return move_to_outline(points, vertices, lines, up)[:, :JAW]

    generator = torch.Generator().manual_seed(0)  # a ball has ties
    inputs = tuple(
        (p + torch.rand(p.shape, generator=generator).double()).requires_grad_()
        for p in (own, mesh)
    )
    assert torch.autograd.gradcheck(term, inputs)
    term(*inputs).sum().backward()
    chosen = (inputs[1].grad != 0).any(-1)
    assert 4 < int(chosen.sum()) <= 2 * JAW


def test_other_face_models_have_lines(shared_data):
    ict = load_face_model(shared_data("models", "ict", "ict_face9409.npz"))
    counts = find_contour_lines(ict).valid.sum(1)
    assert counts[8] == 0 and int(counts[[*FAR_RIGHT, *FAR_LEFT]].min()) > 8
    jaw, outline = ict.landmark_points(ict.mean[None]), OutlineLandmarks(ict)
    points = outline(ict.mean[None], weak(0, 50))[0]
    moved = (points - weak(0, 50).project(jaw)[0])[:, :2].norm(dim=1)
    assert float(moved[:4].min()) > 10 and float(moved[9:].max()) < 2


def test_wrong_input(model):
    lines, vertices = find_contour_lines(model), model.mean[None]
    up, points = torch.tensor([[0.0, -1]]), model.landmark_points(vertices)
    for name, arguments in {
        "points": (points[:, :10], vertices, lines, up),
        "vertices": (points, vertices[..., :2], lines, up),
        "up": (points, vertices, lines, up[0]),
    }.items():
        with pytest.raises(InputError, match=name):
            move_to_outline(*arguments)


def test_sets_that_cannot_be_moved_are_refused():
    ball = sphere(8)
    known = ball.landmarks["ibug68"]
    ids = known.vertices[:, 0]
    ball.landmarks["2d"] = LandmarkSet.from_vertices("2d", ids, contour="2d")
    some = torch.arange(68) > 0
    ball.landmarks["part"] = LandmarkSet.from_vertices("part", ids, valid=some)
    for name in ("2d", "part", "none"):
        with pytest.raises(InputError, match="landmark set"):
            find_contour_lines(ball, name)
