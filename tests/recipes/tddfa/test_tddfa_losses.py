"""The losses of 3DDFA's numbers: units, unknown rows, the points that are drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import WeakPerspectiveCamera
from selfie3d.geometry.posed import PosedFaces
from selfie3d.models.heads.layouts import make_layout
from selfie3d.recipes.tddfa.losses import PointSampler, TddfaLossConfig, TddfaLosses

EVERYTHING = TddfaLossConfig(wing=1.0, wpdc=0.5, pdc=0.1, vdc=0.01)


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


def losses_of(model, size=120, config=EVERYTHING):
    layout = make_layout("3ddfa", model, size)
    points = PointSampler(model, layout, config.landmark_set, config.vertices)
    return TddfaLosses(layout, points, config)


def rows(size, count=3):
    g = torch.Generator().manual_seed(0)
    target = torch.randn(count, size, generator=g)
    return target + 0.3 * torch.randn(count, size, generator=g), target


def test_points_are_landmarks_and_skin_drawn_anew(model):
    layout = make_layout("3ddfa", model, 120)
    draw = PointSampler(model, layout, "ibug68", 132)
    torch.manual_seed(0)
    one, other = draw(torch.device("cpu")), draw(torch.device("cpu"))
    assert one.mean.shape == (200, 3)
    assert one.identity.shape == (40, 200, 3) and one.expression.shape == (10, 200, 3)
    landmarks = model.landmark_points(model.mean[None])[0] - torch.tensor(layout.spec.pivot)
    torch.testing.assert_close(one.mean[:68], landmarks)
    assert torch.equal(one.mean[:68], other.mean[:68])
    assert not torch.equal(one.mean[68:], other.mean[68:])
    skin = model.mean[model.region("face")] - torch.tensor(layout.spec.pivot)
    assert torch.cdist(one.mean[68:].double(), skin.double()).amin(1).max() < 1e-3


def test_wing_and_vdc_by_hand(model):
    """Every point two pixels off to the right: known without any other code."""
    run = losses_of(model)
    layout = run.layout
    coefficients = model.zero_coefficients(2)
    turn = torch.eye(3).expand(2, 3, 3)
    camera = WeakPerspectiveCamera(turn, torch.full((2,), 0.6), torch.full((2, 2), 60.0))
    target = layout.encode(PosedFaces(coefficients, camera))
    moved = WeakPerspectiveCamera(turn, camera.scale, camera.translation + torch.tensor([2.0, 0]))
    found = run(layout.encode(PosedFaces(coefficients, moved)), target)
    one = 10 * math.log1p(2 / 2)
    assert float(found["wing"]) == pytest.approx(one / 3, rel=1e-4)
    assert float(found["vdc"]) == pytest.approx(0.01 * 4 / 3, rel=1e-4)
    error = (2 / layout.std[3]) ** 2 / layout.size
    assert float(found["pdc"]) == pytest.approx(0.1 * float(error), rel=1e-4)
    assert float(found["wpdc"]) == pytest.approx(0.5 * float(error), rel=1e-3)  # its weight is 1


def test_pixels_are_those_of_a_120_pixel_crop(model):
    """The same faces in a crop of half the size cost the same."""
    values = []
    for size in (120, 60):
        run = losses_of(model, size)
        predicted, target = rows(run.layout.size)
        torch.manual_seed(1)
        values.append({name: float(value) for name, value in run(predicted, target).items()})
    assert values[0].keys() == values[1].keys() == {"wing", "wpdc", "pdc", "vdc"}
    for name, value in values[0].items():
        assert values[1][name] == pytest.approx(value, rel=0.02), name


def test_the_offset_in_depth_is_the_targets(model):
    run = losses_of(model)
    predicted, target = rows(run.layout.size)
    torch.manual_seed(2)
    before = run(predicted, target)
    predicted[:, 11] += 100
    torch.manual_seed(2)
    after = run(predicted, target)
    for name in ("wing", "wpdc", "vdc"):
        torch.testing.assert_close(after[name], before[name])
    assert float(after["pdc"]) > float(before["pdc"])


def test_unknown_rows_count_nothing(model):
    run = losses_of(model)
    predicted, target = rows(run.layout.size, 4)
    predicted.requires_grad_()
    gaps = target.clone()
    gaps[2:] = torch.nan
    torch.manual_seed(3)
    found = run(predicted, gaps)
    torch.manual_seed(3)
    alone = run(predicted[:2], target[:2])
    for name, value in found.items():
        torch.testing.assert_close(value, alone[name] / 2)  # means over four rows
    (gradient,) = torch.autograd.grad(sum(found.values()), predicted)
    assert torch.isfinite(gradient).all()
    assert gradient[:2].abs().min() >= 0 and not gradient[2:].any()


def test_terms_without_weight_and_nonsense(model):
    run = losses_of(model, config=TddfaLossConfig())
    predicted, target = rows(run.layout.size)
    assert set(run(predicted, target)) == {"wing", "wpdc"}
    assert np.isfinite(float(run(predicted, target)["wing"]))
    with pytest.raises(InputError, match="loss"):
        TddfaLossConfig(wing=0, wpdc=0)
    with pytest.raises(InputError, match="vertices"):
        TddfaLossConfig(vertices=-1)
