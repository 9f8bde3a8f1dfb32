"""What random people of the default model have in common: they shut their eyes, and fits agree."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.facemodels import load_face_model
from selfie3d.facemodels.builder.ict_heads import chained, draw_coefficients
from selfie3d.pipeline.studio import studio_camera
from selfie3d.render.face import FaceRenderer

PEOPLE, SIDE = 16, 256
EYES = slice(36, 48)  # of `ibug68`
ROUND = torch.cartesian_prod(*map(torch.tensor, ((-55.0, 55.0), (-30.0, 30.0), (-20.0, 20.0))))


@pytest.fixture(scope="module")
def head():
    return load_face_model("default")


def eye_pixels(head, renderer, vertices: torch.Tensor, yaw: float) -> int:
    """How many pixels of a picture of the eyes show eyeballs or the pockets that they lie in."""
    names = ("left_eye", "right_eye", "cavities")
    eyes = torch.stack([head.regions[name] for name in names]).any(0)
    lids = vertices[:, head.landmark_set("ibug68").vertices[EYES, 0]]
    camera = studio_camera((lids.mean(1) + ROUND)[None], [(0.0, yaw, 0.0)], SIDE)
    colour = eyes.float()[None, :, None].repeat(1, 1, 3)
    with torch.no_grad():
        seen = renderer(vertices, camera, (SIDE, SIDE), albedo=colour, antialias=False)
    return int((seen.image[0, 0] > 0.5).sum())


@pytest.mark.parametrize("yaw", [0.0, 50.0])
def test_lids_close_on_everybodys_eyes(head, yaw):
    """At weight 1 of the blinks at most 5 % of the open eyes' pixels are left, of nobody more."""
    renderer = FaceRenderer(head.faces)
    names = list(head.expression_names)
    people = torch.randn(PEOPLE, 120, generator=torch.Generator().manual_seed(3))
    face = head.zero_coefficients()
    for person in people:
        face.identity[:], face.expression[:] = person, 0
        opened = eye_pixels(head, renderer, head.vertices(face), yaw)
        face.expression[:, [names.index("eyeBlinkLeft"), names.index("eyeBlinkRight")]] = 1
        closed = eye_pixels(head, renderer, head.vertices(face), yaw)
        assert opened > 500 and closed <= 0.05 * opened


def test_blinks_draw_the_eyes_back_a_little(head):
    names = list(head.expression_names)
    for side in ("Left", "Right"):
        moved = head.expression[names.index(f"eyeBlink{side}")]
        ball = moved[head.regions[f"{side.lower()}_eye"]]
        assert torch.allclose(ball, torch.tensor([0.0, 0.0, -2.5]).expand_as(ball), atol=1e-3)


def test_modes_neither_move_nor_turn_nor_enlarge_the_middle_of_the_face(head):
    """Else their coefficients would depend on how a fit takes the pose out."""
    skin = head.regions["face"] & ~head.regions["ears"] & ~head.regions["neck"]
    tip = head.landmark_points(head.mean[None])[0, 30]
    skin &= (head.mean - tip).norm(dim=1) < 95
    for region in ("left_eye", "right_eye", "cavities", "mouth", "mouth_interior"):
        skin &= ~head.regions[region]
    points, modes = head.mean[skin].double(), head.identity[:40, skin].double().flatten(1)
    arms = points - points.mean(0)
    turns = [torch.linalg.cross(axis.expand_as(arms), arms) for axis in torch.eye(3).double()]
    moves = [axis.expand_as(arms) for axis in torch.eye(3).double()]
    free = torch.linalg.qr(torch.stack([*moves, *turns, arms]).flatten(1).T).Q
    share = (modes @ free).norm(dim=1) / modes.norm(dim=1)
    assert share.max() < 0.1


def test_drawn_coefficients_have_exactly_unit_covariance():
    values = draw_coefficients(50, 7, 3)
    np.testing.assert_allclose(values.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(values.T @ values / 50, np.eye(7), atol=1e-12)


def test_similarities_are_chained_in_order():
    random = np.random.default_rng(0)
    turns = [np.linalg.qr(random.normal(size=(3, 3)))[0] for _ in range(2)]
    one, two = ((s, r, random.normal(size=3)) for s, r in zip((2.0, 0.7), turns, strict=True))
    points = random.normal(size=(5, 3))
    first = one[0] * points @ one[1] + one[2]
    scale, turn, shift = chained(one, two)
    after = scale * points @ turn + shift
    np.testing.assert_allclose(after, two[0] * first @ two[1] + two[2])
