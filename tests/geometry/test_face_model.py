"""`FaceModel.from_arrays`: units, origin, bases, and an error that names the array."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.geometry.coefficients import Coefficients
from selfie3d.geometry.face_model import FaceModel
from selfie3d.geometry.landmarks import LandmarkSet
from selfie3d.geometry.model_parts import ModelBases, ModelFacts, ModelMesh

V, F, T = 70, 30, 80
RNG = np.random.default_rng(0)
ARRAYS = {
    "mean": RNG.normal(size=(V, 3)),
    "faces": RNG.integers(0, V, (F, 3)),
    "identity": RNG.normal(size=(4, V, 3)),
    "expression": RNG.normal(size=(2, V, 3)),
    "albedo_mean": RNG.random((V, 3)),
    "albedo_basis": RNG.normal(size=(3, V, 3)),
    "uv": RNG.random((T, 2)),
    "uv_faces": RNG.integers(0, T, (F, 3)),
    "mirror": RNG.permutation(V),
    "origin": np.array([0.1, -0.2, 0.3]),
}


def build(**changes) -> FaceModel:
    given = {**ARRAYS, "landmarks": {"ibug68": ibug()}, "name": "m", **changes}
    parts = [
        kind(**{f.name: given.pop(f.name) for f in fields(kind) if f.name in given})
        for kind in (ModelFacts, ModelMesh, ModelBases)
    ]
    return FaceModel.from_arrays(*parts, **given)


def ibug(shift: int = 0, valid=None) -> LandmarkSet:
    return LandmarkSet.from_vertices("ibug68", torch.arange(68) + shift, valid=valid)


UNITS = {"mm": 1, "cm": 10, "dm": 100, "m": 1000, "um": 0.001}


@pytest.mark.parametrize("unit", UNITS)
def test_units_scale_shape_and_origin_but_not_colour(unit):
    model, mm = build(unit=unit), UNITS[unit]
    close = lambda a, b: np.allclose(a.numpy(), b, rtol=1e-5, atol=1e-6 * mm)  # noqa: E731
    assert close(model.mean, (ARRAYS["mean"] - ARRAYS["origin"]) * mm)
    assert close(model.identity, ARRAYS["identity"] * mm)
    assert close(model.expression, ARRAYS["expression"] * mm)
    assert close(model.albedo_basis, ARRAYS["albedo_basis"])
    assert close(model.albedo_mean, ARRAYS["albedo_mean"])


def test_unknown_unit():
    with pytest.raises(InputError, match="unit"):
        build(unit="inch")


@pytest.mark.parametrize("unit", ["mm", "cm"])
def test_estimated_origin_lies_behind_the_eyes(unit):
    model = build(origin=None, unit=unit)
    eyes = [ARRAYS["mean"][a:b].mean(0) for a, b in ((36, 42), (42, 48))]
    middle = np.mean(eyes, 0) * UNITS[unit] - [0, 0, 12]
    expected = ARRAYS["mean"] * UNITS[unit] - middle
    assert np.allclose(model.mean.numpy(), expected, atol=1e-4)


def test_estimated_origin_uses_the_eye_points_there_are():
    valid = torch.ones(68, dtype=torch.bool)
    valid[[37, 43, 44]] = False
    model = build(origin=None, landmarks={"ibug68": ibug(valid=valid)})
    eyes = [ARRAYS["mean"][i].mean(0) for i in ([36, 38, 39, 40, 41], [42, 45, 46, 47])]
    expected = ARRAYS["mean"] - np.mean(eyes, 0) + [0, 0, 12]
    assert np.allclose(model.mean.numpy(), expected, atol=1e-5)


def test_no_origin_and_nothing_to_estimate_it_from():
    valid = torch.ones(68, dtype=torch.bool)
    valid[36:42] = False
    for landmarks in ({}, {"ibug68": ibug(valid=valid)}):
        with pytest.raises(InputError, match="origin"):
            build(origin=None, landmarks=landmarks)


def test_vertices_and_albedo_against_a_loop():
    model = build()
    sizes = model.sizes
    assert sizes == (4, 2, 3)
    generator = torch.Generator().manual_seed(0)
    parts = [torch.randn(2, k, generator=generator) for k in sizes]
    face = Coefficients(*parts, light=torch.zeros(2, 9, 3))
    for b in range(2):
        shape, colour = model.mean.clone(), model.albedo_mean.clone()
        for k in range(4):
            shape += parts[0][b, k] * model.identity[k]
        for k in range(2):
            shape += parts[1][b, k] * model.expression[k]
        for k in range(3):
            colour += parts[2][b, k] * model.albedo_basis[k]
        assert torch.allclose(model.vertices(face)[b], shape, atol=1e-5)
        assert torch.allclose(model.albedo(face)[b], colour, atol=1e-5)
    zero = model.zero_coefficients(2)
    assert torch.equal(model.vertices(zero)[1], model.mean)


def test_landmarks_without_the_rest_of_the_mesh():
    rng = np.random.default_rng(3)
    valid = torch.arange(12) != 5
    weights, offset = (torch.from_numpy(rng.random((12, 3))).float() for _ in range(2))
    corners = torch.from_numpy(rng.integers(0, V, (12, 3)))
    points = LandmarkSet("some", corners, weights, offset, valid)
    model = build(landmarks={"some": points})
    numbers = [torch.from_numpy(rng.normal(size=(2, size))).float() for size in model.sizes]
    faces = Coefficients(*numbers, model.zero_coefficients(2).light)
    wanted = model.landmark_points(model.vertices(faces), "some")
    found = model.landmarks_of(faces, "some")
    assert bool(wanted[:, 5].isnan().all()) and not bool(wanted[:, valid].isnan().any())
    assert torch.allclose(found, wanted, atol=1e-4, equal_nan=True)


def test_a_model_of_mean_and_faces_alone():
    model = FaceModel.from_arrays(
        ModelFacts("m"), ModelMesh(ARRAYS["mean"], ARRAYS["faces"], origin=np.zeros(3))
    )
    assert model.sizes == (0, 0, 0) and model.mirror is None
    assert torch.equal(model.vertices(model.zero_coefficients())[0], model.mean)
    assert bool(model.region("nose").all()) and model.uv_faces.shape == (F, 3)


def test_uv_without_its_own_triangles_goes_by_vertex():
    model = build(uv=ARRAYS["uv"][:V], uv_faces=None)
    assert torch.equal(model.uv_faces, model.faces)
    with pytest.raises(InputError, match="uv"):
        build(uv=ARRAYS["uv"][:5], uv_faces=None)


def changed(name: str, index: tuple, value: float) -> np.ndarray:
    array = ARRAYS[name].copy()
    array[index] = value
    return array


FLOATS = ("mean", "identity", "expression", "albedo_mean", "albedo_basis", "uv", "origin")


@pytest.mark.parametrize("name", ["mean", "faces"])
def test_missing_arrays_are_named(name):
    with pytest.raises(InputError, match=f"{name}.*nothing"):
        build(**{name: None})


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_is_named(name, value):
    with pytest.raises(InputError, match=f"^{name}: .*finite"):
        build(**{name: changed(name, (0,), value)})


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("change", [lambda a: a[..., None], lambda a: a.reshape(-1)[:2]])
def test_wrong_shapes_are_named(name, change):
    with pytest.raises(InputError, match=f"^{name}: .*shape"):
        build(**{name: change(ARRAYS[name])})


@pytest.mark.parametrize("name", ["identity", "expression", "albedo_mean", "albedo_basis"])
def test_arrays_of_another_mesh_are_named(name):
    with pytest.raises(InputError, match=f"^{name}: .*{V}"):
        build(**{name: ARRAYS[name][..., : V - 1, :]})


@pytest.mark.parametrize(("name", "count"), [("faces", V), ("uv_faces", T)])
@pytest.mark.parametrize("past", [True, False])
def test_indices_out_of_range_are_named(name, count, past):
    with pytest.raises(InputError, match=f"^{name}: .*0..{count - 1}"):
        build(**{name: changed(name, (3, 1), count if past else -1)})


@pytest.mark.parametrize("name", ["faces", "uv_faces", "mirror"])
def test_indices_are_whole_numbers(name):
    with pytest.raises(InputError, match=f"^{name}: .*whole"):
        build(**{name: ARRAYS[name] + 0.5})
    same = build(**{name: ARRAYS[name].astype(np.float64)})
    assert torch.equal(getattr(same, name), torch.from_numpy(ARRAYS[name]))


@pytest.mark.parametrize("name", ["mean", "faces", "uv", "mirror"])
@pytest.mark.parametrize("content", [[["a", "b", "c"]], [[1.0, 2.0, 3.0], [4.0]]])
def test_content_that_is_no_array_of_numbers_is_named(name, content):
    with pytest.raises(InputError, match=f"^{name}: "):
        build(**{name: content})


@pytest.mark.parametrize("value", [V, -1, 0])
def test_mirror_is_a_permutation(value):
    with pytest.raises(InputError, match=r"^mirror: .*permutation"):
        build(mirror=np.r_[value, value, ARRAYS["mirror"][2:]])


@pytest.mark.parametrize("shift", [V - 67, -1])
def test_landmarks_off_the_mesh_are_named(shift):
    with pytest.raises(InputError, match="landmarks 'ibug68'"):
        build(landmarks={"ibug68": ibug(shift)})


def test_regions_and_names():
    model = build(regions={"nose": np.arange(V) < 9}, expression_names=["a", "b"])
    assert int(model.region("nose").sum()) == 9 and model.expression_names == ("a", "b")
    with pytest.raises(InputError, match="nose"):
        build(regions={"nose": np.ones(V - 1, bool)})
    with pytest.raises(InputError, match="expression_names"):
        build(expression_names=["a"])


def test_unknown_landmark_set_lists_the_known():
    with pytest.raises(InputError, match="ibug68"):
        build().landmark_set("fan")


@pytest.mark.parametrize("field", ["identity", "expression", "albedo"])
def test_coefficients_of_another_model_are_named(field):
    zero = build().zero_coefficients()
    parts = {**vars(zero), field: torch.zeros(1, 9)}
    use = build().albedo if field == "albedo" else build().vertices
    with pytest.raises(InputError, match=f"coefficients.{field}"):
        use(Coefficients(**parts))
