"""The dense layout: enough points of every part, mirrored, both lips, whatever the model's size."""

from __future__ import annotations

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.dense_points import PointBasis, PointLayout, points_of, vertices_of
from selfie3d.geometry.face_model import FaceModel
from selfie3d.geometry.model_parts import ModelFacts, ModelMesh
from selfie3d.recipes.dense.point_parts import PARTS, make_part_layout, part_mask


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


@pytest.fixture(scope="module")
def layout(model):
    return make_part_layout(model)


def test_every_part_has_its_points(model, layout):
    assert len(layout) >= 600
    vertices = torch.tensor(layout.vertices)
    assert len(set(layout.vertices)) == len(vertices)
    for name, count in PARTS.items():
        own = int(part_mask(model, name)[vertices].sum())
        assert own >= count, name
    inside = torch.cat([vertices_of(model, layout)[:68], vertices])
    hidden = model.region("teeth") | model.region("tongue") | model.region("gums")
    assert not bool(hidden[inside].any())


def test_permutation_mirrors_the_mean_face(model, layout):
    mean = PointBasis.of(model, layout).mean
    order = layout.permutation
    flip = torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(mean[order] * flip, mean, atol=1e-3, rtol=0)
    assert torch.equal(order[order], torch.arange(len(layout)))


def test_both_lips_and_both_lids_are_there(model, layout):
    """With the jaw open the inner lips' points lie on two arcs of about as many."""
    vertices = torch.tensor(layout.vertices)
    rim = vertices[part_mask(model, "inner lips")[vertices]]
    fall = model.expression[model.expression_names.index("jawOpen")][rim, 1]
    upper = int((fall > 0.5 * fall.min()).sum())
    assert 0.25 < upper / len(rim) < 0.75
    lids = vertices[part_mask(model, "lid rims")[vertices]]
    left = lids[model.mean[lids, 0] > 0]
    moved = model.expression[model.expression_names.index("eyeBlinkLeft")][left].norm(dim=-1)
    assert 0.25 < float((moved > 0.5 * moved.max()).float().mean()) < 0.75


def test_a_model_that_changes_a_little_keeps_the_parts(model):
    g = torch.Generator().manual_seed(0)
    noise = 0.3 * torch.randn(len(model.mean), 3, generator=g)
    flip = torch.tensor([-1.0, 1.0, 1.0])
    noise = (noise + noise[model.mirror] * flip) / 2
    other = FaceModel(
        {**model._buffers, "mean": model.mean * 1.05 + noise},
        ModelFacts(model.name),
        kinds=(model.identity_kind, model.expression_kind),
        expression_names=model.expression_names,
        landmarks=model.landmarks,
        regions=model.regions,
    )
    changed = make_part_layout(other)
    assert abs(len(changed) - len(make_part_layout(model))) <= 8
    vertices = torch.tensor(changed.vertices)
    assert all(int(part_mask(other, k)[vertices].sum()) >= n for k, n in PARTS.items())


def test_few_parts_and_plain_values(model, layout):
    few = make_part_layout(model, {"nose": 10, "neck": 4})
    assert 14 <= len(few.vertices) <= 16
    assert PointLayout.restore(few.describe()) == few
    with pytest.raises(KeyError):
        PointLayout.restore({"face_model": "default"})


def test_vertices_are_those_at_the_points(model, layout):
    rows = vertices_of(model, layout)
    expected = points_of(model, layout, model.mean[None])[0]
    torch.testing.assert_close(model.mean[rows], expected, atol=1e-3, rtol=0)


def test_what_cannot_be_laid_out_is_named(model):
    with pytest.raises(InputError, match=r"part.*inner lips.*'beard'"):
        make_part_layout(model, {"beard": 3})
    bare = FaceModel.from_arrays(
        ModelFacts("bare"),
        ModelMesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]], origin=[0, 0, 0]),
    )
    with pytest.raises(InputError, match="mirror image"):
        make_part_layout(bare)
    with pytest.raises(InputError, match="region 'nose'"):
        part_mask(bare, "nose")
