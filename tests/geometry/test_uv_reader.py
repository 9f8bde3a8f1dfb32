"""A few vertices read off a map are those of all vertices."""

from __future__ import annotations

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.uv import UVMapper
from selfie3d.models.sadrnet.self_alignment import UVReader


@pytest.fixture(scope="module")
def layout():
    model = load_face_model("default")
    kept = model.region("face")[model.faces].all(1)
    return model.uv, model.uv_faces[kept], model.faces[kept]


def test_reads_what_the_mapper_reads(layout):
    """Vertices within the chart, on its border and on slivers, in any order and twice."""
    mapper = UVMapper(*layout, 48)
    g = torch.Generator().manual_seed(0)
    used = torch.unique(layout[2])
    vertices = used[torch.randint(len(used), (500,), generator=g)]
    reader = UVReader(mapper, *layout, vertices)
    maps = torch.randn(2, 4, 48, 48, generator=g).requires_grad_()
    expected = mapper.sample(maps)[:, vertices]
    assert torch.equal(reader(maps), expected)
    weights = torch.randn(expected.shape, generator=g)
    slopes = [
        torch.autograd.grad((values * weights).sum(), maps, retain_graph=True)[0]
        for values in (reader(maps), expected)
    ]
    assert torch.allclose(*slopes, atol=1e-5)


def test_wrong_arguments_are_named(layout):
    mapper = UVMapper(*layout, 48)
    with pytest.raises(InputError, match="vertices"):
        UVReader(mapper, *layout, torch.tensor([int(layout[2].max()) + 1]))
    reader = UVReader(mapper, *layout, layout[2][0])
    with pytest.raises(InputError, match="uv_map"):
        reader(torch.zeros(1, 3, 32, 32))
