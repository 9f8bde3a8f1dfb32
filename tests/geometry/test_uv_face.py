"""Parts of the face on the chart of the default model."""

from __future__ import annotations

import pytest
import torch
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.face_model import FaceModel
from selfie3d.geometry.model_parts import ModelFacts, ModelMesh
from selfie3d.geometry.uv import UVMapper
from selfie3d.recipes.uv.losses import landmark_texels, part_texels

SIDE = 128


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


def chart(model, size=SIDE):
    kept = model.region("face")[model.faces].all(1)
    return UVMapper(model.uv, model.uv_faces[kept], model.faces[kept], size)


@pytest.fixture(scope="module")
def mapper(model):
    return chart(model)


def test_a_texel_is_where_most_of_its_triangles_corners_are(model, mapper):
    kept = model.faces[model.region("face")[model.faces].all(1)]
    nose = part_texels(model, mapper)["nose"]
    rows, columns = torch.nonzero(mapper.mask, as_tuple=True)
    for k in range(0, len(rows), 97):
        r, c = int(rows[k]), int(columns[k])
        corners = kept[mapper.triangle[r, c]]
        share = sum(
            float(w) for w, v in zip(mapper.barycentric[r, c], corners, strict=True)
            if model.regions["nose"][v]
        )  # fmt: skip
        assert bool(nose[r, c]) == (share >= 0.5)


def test_parts_lie_where_a_face_has_them(model, mapper):
    parts = part_texels(model, mapper)
    assert torch.equal(parts["skin"], mapper.mask)
    assert all((mask <= mapper.mask).all() for mask in parts.values())
    height = {name: float(torch.nonzero(mask)[:, 0].float().mean()) for name, mask in parts.items()}
    assert height["eyes"] < height["nose"] < height["mouth"] < height["neck"]
    assert not (parts["eyes"] & parts["mouth"]).any()
    for name in ("eyes", "nose", "mouth"):
        assert (parts[name] & parts["landmarks"]).any(), name


def test_a_landmarks_texel_is_next_to_it(model, mapper):
    texels = landmark_texels(model, mapper)
    assert len(texels) == 68
    assert len(set(texels.tolist())) > 60
    surface = mapper.position_map(model.mean[None])[0].flatten(1).T[texels]
    points = model.landmark_points(model.mean[None])[0]
    assert (surface - points).norm(dim=1).max() < 3  # mm, about two texels


def test_a_model_without_regions_is_all_skin(model):
    bare = FaceModel.from_arrays(
        ModelFacts("bare"),
        ModelMesh(
            model.mean, model.faces, uv=model.uv, uv_faces=model.uv_faces, origin=[0.0, 0, 0]
        ),
        landmarks=model.landmarks,
    )
    parts = part_texels(bare, chart(bare, 64))
    assert parts["skin"].any()
    assert not any(parts[name].any() for name in ("eyes", "nose", "mouth", "neck"))
    assert parts["landmarks"].any()
