from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.geometry.landmarks import IBUG68_MIRROR, LandmarkSet, require_same_contour


def barycentric() -> LandmarkSet:
    rng = np.random.default_rng(0)
    weights = rng.dirichlet((1, 1, 1), 4)
    return LandmarkSet(
        "set",
        torch.from_numpy(rng.integers(0, 9, (4, 3))),
        torch.from_numpy(weights).float(),
        torch.from_numpy(rng.normal(size=(4, 3))).float(),
        torch.tensor([True, True, False, True]),
    )


def test_points_against_a_loop():
    points, mesh = barycentric(), torch.randn(2, 9, 3, generator=torch.Generator().manual_seed(0))
    own = points.points(mesh)
    assert own.shape == (2, 4, 3)
    for b, k in np.ndindex(2, 4):
        expected = points.offset[k].clone()
        for corner in range(3):
            expected += points.weights[k, corner] * mesh[b, int(points.vertices[k, corner])]
        if k == 2:
            assert bool(own[b, k].isnan().all())
        else:
            assert torch.allclose(own[b, k], expected, atol=1e-6)


def test_missing_points_give_no_nan_gradient():
    mesh = torch.randn(1, 9, 3, requires_grad=True)
    barycentric().points(mesh).nansum().backward()
    assert bool(mesh.grad.isfinite().all()) and bool((mesh.grad != 0).any())


def test_from_vertices():
    ids = [4, 99, 2]
    points = LandmarkSet.from_vertices("v", ids, "2d", valid=[True, False, True])
    mesh = torch.randn(1, 5, 3, generator=torch.Generator().manual_seed(0))
    own = points.points(mesh)[0]
    assert torch.equal(own[0], mesh[0, 4]) and torch.equal(own[2], mesh[0, 2])
    assert bool(own[1].isnan().all())  # id 99 is not looked up
    assert points.contour == "2d" and len(points) == 3


def test_same_set_on_a_device():
    moved = barycentric().to("cpu")
    assert torch.equal(moved.weights, barycentric().weights) and moved.name == "set"


def test_mirror_swaps_sides():
    """Of an upright face with mirrored coordinates every point is another face's point."""
    mirror = np.array(IBUG68_MIRROR)
    assert sorted(mirror) == list(range(68))
    for right, left in ((0, 16), (17, 26), (31, 35), (36, 45), (41, 46), (48, 54), (60, 64)):
        assert mirror[right] == left and mirror[left] == right


@pytest.mark.parametrize("field", ["vertices", "weights", "offset", "valid"])
def test_shapes_are_named(field):
    parts = {k: getattr(barycentric(), k) for k in ("vertices", "weights", "offset", "valid")}
    parts[field] = parts[field][:3] if field != "vertices" else parts[field][:, :2]
    with pytest.raises(InputError, match=f"'mine': {field}"):
        LandmarkSet("mine", **parts)


@pytest.mark.parametrize("field", ["weights", "offset"])
def test_nan_is_named(field):
    parts = {k: getattr(barycentric(), k) for k in ("vertices", "weights", "offset", "valid")}
    parts[field] = parts[field].clone()
    parts[field][1, 1] = torch.nan
    with pytest.raises(InputError, match=f"{field}.*finite"):
        LandmarkSet("mine", **parts)


def test_mesh_shape():
    with pytest.raises(InputError, match="mesh_vertices"):
        barycentric().points(torch.zeros(9, 3))


@pytest.mark.parametrize(("a", "b"), [("2d", "3d"), ("3d", "2d")])
def test_other_contours_are_refused(a, b):
    require_same_contour(a, a)
    with pytest.raises(InputError, match="jaw"):
        require_same_contour(a, b)
