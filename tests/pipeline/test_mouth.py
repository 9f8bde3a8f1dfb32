"""How far a network sees lips apart: closed, slightly open and open mouths."""

from __future__ import annotations

import pytest
import torch
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.lip_columns import PLACES, LipColumns
from selfie3d.geometry.point_solver import SolvedFaces
from selfie3d.geometry.point_view import PIVOT_MM
from selfie3d.geometry.rotation import euler_to_matrix
from selfie3d.geometry.segments import Segment
from selfie3d.models.heads.points import PointPrediction
from selfie3d.pipeline.network.mouth import SHUT, lips_seen

MIDDLE = len(PLACES) // 2
PER_MM = 0.01  # half sides of the crop


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


def answer(model, jaw, cells=None, visible=5.0, yaw=0.0):
    """A network's words on a face whose jaw is open, and where that face is.

    Args:
        jaw: weight of jawOpen. cells: of 784 that show the mouth's inside; the true share if None.
    """
    coefficients = model.zero_coefficients()
    coefficients.expression[0, model.expression_names.index("jawOpen")] = jaw
    marks = model.landmark_points(model.vertices(coefficients))
    rotation = euler_to_matrix(torch.tensor([[0.0, yaw, 0.0]]))
    away = torch.tensor([[0.0, 0.0, -1000.0]]) - rotation @ torch.tensor(PIVOT_MM)
    camera = PerspectiveCamera(rotation, away, torch.tensor([10.0]), torch.zeros(1, 2))
    points = camera.project(marks)
    columns = LipColumns.of(model)
    opening = columns.openings(coefficients.identity, coefficients.expression)[0].clamp(min=0)
    width = float((points[0, 54] - points[0, 48])[:2].norm()) / PER_MM
    if cells is None:
        cells = float(opening.mean()) * 0.8 * width * PER_MM**2 * 28**2 / 4
    inside = torch.zeros(784)
    whole = int(cells)
    inside[:whole] = 1
    inside[whole] = cells - whole
    shares = torch.full((1, 16, 784), 1e-9)
    shares[0, Segment.TEETH], shares[0, Segment.SKIN] = inside + 1e-9, 1 - inside + 1e-9
    said = PointPrediction(
        points,
        torch.zeros(1, 68),
        torch.zeros(1, 1),
        torch.full((1, 68), visible),
        shares.log().unflatten(2, (28, 28)),
    )
    return said, SolvedFaces(coefficients.identity, coefficients.expression, camera, points)


def seen(model, *args, **kwargs):
    said, placed = answer(model, *args, **kwargs)
    return lips_seen(said, placed, slice(0, 68), LipColumns.of(model))


def test_closed_lips_touch_in_every_column(model):
    found = seen(model, 0.0)
    torch.testing.assert_close(found.opening[0], LipColumns.of(model).touching)
    assert bool(found.error.isfinite().all())


def test_the_wider_a_mouth_the_further_lips_are_apart(model):
    found = [seen(model, jaw) for jaw in (0.1, 0.2, 0.4, 0.8)]
    heights = [float(one.opening[0, MIDDLE]) for one in found]
    assert SHUT < heights[0] < heights[1] < heights[2] < heights[3]
    for one in found:  # the middle alone is known
        assert one.error.isfinite().sum() == 1 and bool(one.error[0, MIDDLE].isfinite())


def test_an_opening_is_that_of_the_face(model):
    """To the 2.5 mm that photographs show more, and a tenth."""
    columns = LipColumns.of(model)
    for jaw in (0.2, 0.4, 0.8):
        said, placed = answer(model, jaw)
        true = float(columns.openings(placed.identity, placed.expression)[0, MIDDLE])
        found = float(lips_seen(said, placed, slice(0, 68), columns).opening[0, MIDDLE])
        assert abs(found - 2.5 - true) < 1 + 0.15 * true


def test_points_alone_do_not_open_a_mouth(model):
    """Lips that points see 2 mm apart, with nothing between them, touch."""
    found = seen(model, 0.06, cells=0)
    assert float(found.opening.max()) < 0


@pytest.mark.parametrize("change", [{"visible": -5.0}, {"yaw": 1.3}])
def test_nothing_is_known_of_lips_that_are_not_seen(model, change):
    assert bool(seen(model, 0.3, **change).error.isinf().all())


def test_networks_without_a_segmentation_say_nothing(model):
    said, placed = answer(model, 0.3)
    said = said._replace(segmentation=None)
    assert lips_seen(said, placed, slice(0, 68), LipColumns.of(model)) is None
