from __future__ import annotations

import json

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.geometry.coefficients import Coefficients, ambient_light
from selfie3d.geometry.sh import shade


def some(batch: int = 3) -> Coefficients:
    generator = torch.Generator().manual_seed(0)
    shapes = ((4,), (5,), (2,), (9, 3))
    return Coefficients(*(torch.randn(batch, *s, generator=generator) for s in shapes))


def test_indexing_keeps_the_batch():
    all_of_them, one = some(), some()[1]
    assert len(all_of_them) == 3 and len(one) == 1
    assert torch.equal(one.expression, all_of_them.expression[1:2])
    assert torch.equal(some()[1:].light, all_of_them.light[1:])
    assert torch.equal(some()[-2:].identity, all_of_them.identity[1:])


@pytest.mark.parametrize("index", [-1, 2])
def test_last_face(index):
    assert torch.equal(some()[index].albedo, some().albedo[2:])


def test_iteration_ends():
    assert [len(face) for face in some()] == [1, 1, 1]
    with pytest.raises(IndexError):
        some()[3]


def test_detach_and_to():
    free = Coefficients(*(v.requires_grad_() for v in vars(some()).values()))
    assert not any(v.requires_grad for v in vars(free.detach()).values())
    assert torch.equal(free.to("cpu").identity, some().identity)


@pytest.mark.parametrize("batch", [1, 3])
def test_lists_for_json(batch):
    value = some(batch)
    read = json.loads(json.dumps(value.as_lists()))
    assert list(read) == ["identity", "expression", "albedo", "light"]
    for name, numbers in read.items():
        expected = getattr(value, name)[0] if batch == 1 else getattr(value, name)
        assert torch.equal(torch.tensor(numbers), expected)


def test_ambient_light_shades_every_normal_alike():
    normals = torch.nn.functional.normalize(torch.randn(2, 9, 3), dim=-1)
    assert torch.allclose(shade(normals, ambient_light(2, 0.7)), torch.tensor(0.7), atol=1e-6)


@pytest.mark.parametrize("field", ["identity", "expression", "albedo", "light"])
def test_shapes_are_named(field):
    parts = vars(some())
    parts[field] = parts[field][..., 0]
    with pytest.raises(InputError, match=field):
        Coefficients(**parts)


@pytest.mark.parametrize("field", ["expression", "albedo", "light"])
def test_one_batch(field):
    parts = vars(some())
    parts[field] = parts[field][:2]
    with pytest.raises(InputError, match=field):
        Coefficients(**parts)
