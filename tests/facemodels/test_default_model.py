"""The shipped model: counts, orientation, symmetry, landmarks, texture chart, spread."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.face_model import SHIPPED_VERSION
from selfie3d.geometry.landmarks import IBUG68_MIRROR

FLIP = torch.tensor([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def face():
    return load_face_model("default-face")


@pytest.fixture(scope="module")
def head():
    return load_face_model("default")


def edge_counts(faces: np.ndarray) -> np.ndarray:
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), 1)
    return np.unique(edges, axis=0, return_counts=True)[1]


def test_counts(face, head):
    assert (len(face.mean), len(face.faces)) == (16354, 31764)
    assert (len(head.mean), len(head.faces)) == (21727, 42646)
    assert face.sizes == head.sizes == (120, 52, 38)
    assert (face.name, head.name) == ("default-face", "default")
    assert face.version == head.version == SHIPPED_VERSION == 3
    assert face.expression_kind == "blendshape" and face.identity_kind == "gaussian"
    assert "jawOpen" in face.expression_names
    assert "CC0" in face.licence and "MIT" in face.licence and "ICT-FaceKit" in face.source


@pytest.mark.parametrize("name", ["default", "default-face"])
def test_every_vertex_is_used_and_edges_are_manifold(name):
    model = load_face_model(name)
    faces = model.faces.numpy()
    assert len(np.unique(faces)) == len(model.mean)
    assert edge_counts(faces).max() == 2
    directed = faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    assert len(np.unique(directed, axis=0)) == len(directed)  # consistently oriented


def test_eyeballs_and_face_are_oriented_outwards(face):
    corners = face.mean[face.faces]
    normal = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    for side in ("left_eye", "right_eye"):
        inside = face.regions[side][face.faces].all(1)
        volume = (corners[inside, 0] * normal[inside]).sum() / 6
        # an inscribed sphere of the 15 mm eyeball: 14,137 mm^3 for the perfect one
        assert 11_000 < volume < 14_500
    nose = face.regions["nose"][face.faces].all(1)
    assert (normal[nose].sum(0)[2] / normal[nose].norm(dim=1).sum()) > 0.3
    skin = face.regions["face"][face.faces].all(1)
    assert normal[skin].sum(0)[2] > 0


def test_origin_and_axes(face):
    eyes = [eye_centre(face, s) for s in ("left_eye", "right_eye")]
    assert torch.allclose((eyes[0] + eyes[1]) / 2, torch.zeros(3), atol=1e-2)
    assert 59 < eyes[0][0] - eyes[1][0] < 66  # +x is the subject's left; people's millimetres
    points = face.landmark_points(face.mean[None])[0]
    assert points[8, 1] < points[33, 1] < points[27, 1] < points[19, 1]


def eye_centre(model, side: str) -> torch.Tensor:
    """Centre of the sphere through the white of an eye of the mean."""
    white = model.mean[model.regions[side] & model.regions["sclera"]].double()
    rows = torch.cat([2 * white, torch.ones(len(white), 1).double()], 1)
    return torch.linalg.lstsq(rows, white.square().sum(1)).solution[:3].float()


def test_mean_bases_and_albedo_are_symmetric(face):
    mirror = face.mirror
    assert torch.equal(mirror[mirror], torch.arange(len(mirror)))
    assert (face.mean[mirror] * FLIP - face.mean).abs().max() < 1e-3
    assert (face.albedo_mean[mirror] - face.albedo_mean).abs().max() < 1e-4
    for basis, flip in ((face.identity, FLIP), (face.albedo_basis, torch.ones(3))):
        swapped = basis[:, mirror] * flip
        size = basis.flatten(1).norm(dim=1)
        even = (swapped - basis).flatten(1).norm(dim=1) / size
        odd = (swapped + basis).flatten(1).norm(dim=1) / size
        assert torch.minimum(even, odd).max() < 0.01


def test_left_and_right_expressions_mirror_each_other(face):
    names = list(face.expression_names)
    for i, name in enumerate(names):
        for a, b in (("Left", "Right"), ("Right", "Left")):
            if name.endswith(a):
                partner = names.index(name.removesuffix(a) + b)
                break
        else:
            partner = i
        swapped = face.expression[partner][face.mirror] * FLIP
        assert (swapped - face.expression[i]).abs().max() < 0.02, name


def test_landmarks_are_anatomical(face):
    points = face.landmark_points(face.mean[None])[0]
    mirrored = points[list(IBUG68_MIRROR)] * FLIP
    assert (mirrored - points).abs().max() < 1e-3
    skin = face.regions["face"]
    assert points[30, 2] >= face.mean[skin][:, 2].max() - 1.0  # the nose tip is in front of all
    for eye, side in ((range(36, 42), "right_eye"), (range(42, 48), "left_eye")):
        centre = face.mean[face.regions[side]].mean(0)
        distance = (points[list(eye)] - centre).norm(dim=1)
        assert distance.max() < 19 and points[list(eye)].mean(0)[2] > centre[2]
    ids = face.landmarks["ibug68"].vertices[:, 0]
    assert face.regions["lips"][ids[48:60]].float().mean() > 0.8  # the corners lie on the edge
    assert face.regions["brows"][ids[17:27]].float().mean() >= 0.6
    assert len(torch.unique(ids)) == 68
    assert (points[22, 0] - points[21, 0]) > 20  # the brows' inner ends, not the glabella


def test_both_models_share_landmarks(face, head):
    for name in ("ibug68", "300w-lp"):
        a = face.landmark_points(face.mean[None], name)
        b = head.landmark_points(head.mean[None], name)
        assert (a - b).abs().max() < 1e-3
    offset = face.landmarks["300w-lp"].offset
    assert 2 < offset.norm(dim=1).square().mean().sqrt() < 9
    assert face.landmarks["300w-lp"].contour == "3d"


def test_spread_is_that_of_real_faces(face):
    skin = face.regions["face"] & ~face.regions["ears"]
    deviation = face.identity[:, skin].square().sum((0, 2)).sqrt().mean()
    assert 2.5 < deviation < 3.5


def rasterised_twice(uv: np.ndarray, corners: np.ndarray, size: int) -> tuple[int, int]:
    """Texels whose centre lies in one, and in more than one, triangle (borders shrunk a little)."""
    count = np.zeros((size, size), np.int32)
    for triangle in uv[corners].astype(np.float64) * size:
        low = np.maximum(np.floor(triangle.min(0)).astype(int), 0)
        high = np.minimum(np.ceil(triangle.max(0)).astype(int), size)
        x, y = np.meshgrid(*(np.arange(a, b) + 0.5 for a, b in zip(low, high, strict=True)))
        (ax, ay), (bx, by), (cx, cy) = triangle
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        v = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / area
        w = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / area
        inside = (v > 1e-6) & (w > 1e-6) & (v + w < 1 - 1e-6)
        count[low[1] : high[1], low[0] : high[0]] += inside
    return int((count == 1).sum()), int((count > 1).sum())


@pytest.mark.parametrize("name", ["default", "default-face"])
def test_texture_atlas_does_not_overlap(name):
    model = load_face_model(name)
    uv, corners = model.uv.numpy(), model.uv_faces.numpy()
    assert uv.min() >= 0 and uv.max() <= 1
    c = uv[corners].astype(np.float64)
    a, b = c[:, 1] - c[:, 0], c[:, 2] - c[:, 0]
    area = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2
    # as the surface seen from outside; only slivers in the folds of ears and mouth may be flat
    assert (area < -1e-9).sum() == 0
    once, twice = rasterised_twice(uv, corners, 512)
    assert twice == 0
    assert once > 0.8 * 512 * 512


def test_texture_density_is_even_on_the_face(face):
    part = face.regions["face"] & ~face.regions["ears"]
    chosen = part[face.faces].all(1)
    p, t = face.mean[face.faces[chosen]], face.uv[face.uv_faces[chosen]]
    surface = torch.linalg.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]).norm(dim=1)
    a, b = t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]
    density = ((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).abs() / surface).sqrt() * 1024
    low, high = np.percentile(density.numpy(), [5, 95])
    assert low > 1.8 and high / low < 3.5  # texels per millimetre at 1024


def test_texture_is_mirrored(face):
    skin = face.regions["face"][face.faces].all(1)
    uv_of = torch.full((len(face.mean), 2), torch.nan)
    uv_of[face.faces[skin]] = face.uv[face.uv_faces[skin]]
    seen = ~uv_of[:, 0].isnan()
    flipped = uv_of[face.mirror[seen]] * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
    assert (flipped - uv_of[seen]).abs().max() < 1e-4
    nose, left = face.regions["nose"], seen & (face.mean[:, 0] > 20)
    assert uv_of[left][:, 0].min() > 0.5 and 0.3 < uv_of[nose & seen][:, 1].mean() < 0.6


def test_albedo_of_mean_looks_like_a_face(face):
    mean = face.albedo_mean

    def luminance(name: str) -> torch.Tensor:
        return mean[face.regions[name]].mean()

    assert ((mean >= 0) & (mean <= 1)).all()
    forehead = luminance("forehead")
    assert luminance("brows") < forehead - 0.05 and luminance("lips") < forehead - 0.02
    red, green, blue = mean[face.regions["cheeks"]].mean(0)
    assert red > green > blue


def test_loads_quickly():
    load_face_model("default")
    best = min(_seconds() for _ in range(3))
    assert best < 1.0


def _seconds() -> float:
    start = time.process_time()
    load_face_model("default")
    return time.process_time() - start
