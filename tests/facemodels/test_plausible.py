"""A face model is judged when it is read, and the likely mistake is named."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.facemodels import load_face_model
from selfie3d.facemodels.plausible import check_plausible
from selfie3d.facemodels.readers.npz import save_npz
from selfie3d.geometry.chart import with_chart
from selfie3d.geometry.face_model import MM_PER_UNIT
from selfie3d.geometry.uv import UVMapper


@pytest.fixture(scope="module")
def arrays(tmp_path_factory) -> dict[str, np.ndarray]:
    """The shipped face as somebody would write it: plain arrays, a few modes."""
    model = load_face_model("default-face")
    path = save_npz(model, tmp_path_factory.mktemp("face") / "face.npz")
    kept = dict(np.load(path))
    kept["identity"], kept["albedo_basis"] = kept["identity"][:5], kept["albedo_basis"][:3]
    names = ("expression", "expression_names", "mirror", "format", "uv_faces", "uv", "origin")
    for name in [n for n in kept if n in names or n.startswith(("region_", "landmarks_300w"))]:
        del kept[name]
    return kept


def load(tmp_path, arrays: dict[str, np.ndarray], **changes: object):
    np.savez(tmp_path / "face.npz", **arrays | changes)
    return load_face_model(tmp_path / "face.npz")


def refused(tmp_path, arrays, problem: str, **changes: object) -> None:
    with pytest.raises(InputError, match=rf"face\.npz: {problem}") as error:
        load(tmp_path, arrays, **changes)
    assert error.value.remedy


def test_it_is_right_as_it_is_and_in_every_unit(tmp_path, arrays):
    model = load(tmp_path, arrays)
    for unit, scale in MM_PER_UNIT.items():
        scaled = {n: (arrays[n] / scale).astype(np.float32) for n in ("mean", "identity")}
        again = load(tmp_path, arrays, unit=np.array(unit), **scaled)
        torch.testing.assert_close(again.mean, model.mean, atol=1e-2, rtol=0)


@pytest.mark.parametrize("unit", ["cm", "dm", "m", "um"])
def test_a_unit_that_was_not_said(tmp_path, arrays, unit):
    scaled = {n: (arrays[n] / MM_PER_UNIT[unit]).astype(np.float32) for n in ("mean", "identity")}
    refused(tmp_path, arrays, rf'unit: .*mm apart.*unit = "{unit}"', **scaled)
    bare = {"mean": scaled["mean"], "faces": arrays["faces"]}
    with pytest.raises(InputError, match=rf'unit: expected a face .*unit = "{unit}"'):
        load(tmp_path, bare)


def flipped(arrays: dict[str, np.ndarray], *signs: int) -> dict[str, np.ndarray]:
    return {n: arrays[n] * np.array(signs, np.float32) for n in ("mean", "identity")}


@pytest.mark.parametrize(
    "signs, problem",
    [
        ((1, -1, -1), "mean: .*the eyes lie in -y from the mouth.*y points down"),
        ((1, -1, 1), "mean: .*the eyes lie in -y from the mouth"),
        ((-1, 1, -1), "mean: .*the left eye lies in -x from the right"),
        ((1, 1, -1), "mean: .*nose's tip lies .* mm behind the eyes.*z points into the face"),
    ],
)
def test_axes_that_point_elsewhere(tmp_path, arrays, signs, problem):
    refused(tmp_path, arrays, problem, **flipped(arrays, *signs))


def test_z_up(tmp_path, arrays):
    turned = {n: arrays[n][..., [0, 2, 1]] * [1, -1, 1] for n in ("mean", "identity")}
    refused(tmp_path, arrays, "mean: .*the eyes lie in .z from the mouth.*z up", **turned)


def test_triangles_that_are_wound_clockwise(tmp_path, arrays):
    refused(tmp_path, arrays, "faces: .*clockwise", faces=arrays["faces"][:, ::-1])


def test_colours_and_texture_coordinates_of_another_range(tmp_path, arrays):
    colours = (255 * arrays["albedo_mean"]).astype(np.uint8)
    refused(tmp_path, arrays, r"albedo_mean: expected values of 0\.\.1.*255", albedo_mean=colours)
    basis = 255 * arrays["albedo_basis"]
    refused(tmp_path, arrays, r"albedo_basis: .*Divide by 255", albedo_basis=basis)
    places = np.random.default_rng(0).uniform(0, 512, (len(arrays["mean"]), 2))
    refused(tmp_path, arrays, "uv: .*width and height", uv=places)


def test_modes_of_another_unit(tmp_path, arrays):
    refused(tmp_path, arrays, "identity: .*mm per unit", identity=1000 * arrays["identity"])


def test_landmarks_of_another_mesh_or_order(tmp_path, arrays):
    name = "landmarks_ibug68_vertices"
    points = arrays[name][:, 0]
    bare = {n: a for n, a in arrays.items() if not n.startswith("landmarks_")}
    load(tmp_path, bare, **{name: points})
    others = np.random.default_rng(0).permutation(len(arrays["mean"]))[points]
    swapped = points.copy()
    swapped[[8, 30]] = swapped[[30, 8]]
    reversed_jaw = points.copy()
    reversed_jaw[:17] = reversed_jaw[16::-1]
    for wrong in (others, swapped, reversed_jaw, np.roll(points, 1)):
        with pytest.raises(InputError, match=r"face\.npz: (landmarks|mean|unit)"):
            load(tmp_path, bare, **{name: wrong})


def test_what_is_not_there_is_not_judged(tmp_path, arrays):
    only = {"mean": arrays["mean"], "faces": arrays["faces"]}
    model = load(tmp_path, only)
    assert model.sizes == (0, 0, 0) and not model.landmarks
    middle = (model.mean.amax(0) + model.mean.amin(0)) / 2
    torch.testing.assert_close(middle, torch.zeros(3), atol=1e-3, rtol=0)
    name = "landmarks_ibug68_"
    valid = np.isin(np.arange(68), (30, 36, 45))
    some = {k: v for k, v in arrays.items() if k.startswith(name)} | {f"{name}valid": valid}
    assert int(load(tmp_path, only | some).landmarks["ibug68"].valid.sum()) == 3


@pytest.mark.parametrize("name", ["default", "default-face"])
def test_the_shipped_models_are_faces(name, tmp_path):
    model = load_face_model(name)
    assert check_plausible(model, tmp_path) is model


def test_a_chart_round_a_whole_head():
    """The back is torn once: no triangle spans the chart, every place has one vertex."""
    model = load_face_model("default")
    bare = model.with_uv(torch.zeros(1, 2), torch.zeros_like(model.faces))
    made = with_chart(bare)
    corners = made.uv[made.uv_faces]
    assert float((corners.amax(1) - corners.amin(1))[:, 0].max()) < 0.5
    assert float(made.uv.min()) >= 0 and float(made.uv.max()) <= 1
    assert len(made.uv) > len(model.mean)  # those beyond the seam
    owner = torch.full((len(made.uv),), -1)
    owner[made.uv_faces.flatten()] = made.faces.flatten()
    first = owner[: len(model.mean)]
    assert torch.equal(first[first >= 0], torch.arange(len(first))[first >= 0])
    assert set(made.faces.flatten().tolist()) == set(owner[owner >= 0].tolist())


def test_parts_that_do_not_hang_together_have_places_of_their_own():
    """Eyeballs, teeth and the inside of the mouth: each has texels, even of a small texture."""
    model = load_face_model("default-face")
    made = with_chart(model.with_uv(torch.zeros(1, 2), torch.zeros_like(model.faces)))
    mapper = UVMapper(made.uv, made.uv_faces, made.faces, 64)
    assert float(made.uv.min()) >= 0 and float(made.uv.max()) <= 1
    eyes = made.region("sclera")[made.faces].all(1)
    shown = mapper.triangle[mapper.triangle >= 0].unique()
    assert bool(eyes[shown].any()) and float(made.uv[made.uv_faces[eyes]][..., 1].max()) < 0.2
