"""Triangles that change behind torch's back, through shared memory, reach no kernel unchecked."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.geometry.tensor_cache import TensorCache, index_range
from selfie3d.geometry.topology import check_faces
from selfie3d.render.arguments import check_triangles
from selfie3d.render.back_ends import get_rasterizer

FAR = 2**31 - 1


@pytest.fixture
def shared() -> tuple[np.ndarray, torch.Tensor]:
    memory = np.array([[0, 1, 2], [2, 1, 3]], np.int32)
    return memory, torch.from_numpy(memory)


def square() -> torch.Tensor:
    corners = torch.tensor([[-1.0, -1], [1, -1], [-1, 1], [1, 1]])
    return torch.cat([corners, torch.zeros(4, 1), torch.ones(4, 1)], 1)[None]


def test_every_primitive_sees_the_change(shared):
    memory, tri = shared
    cpu, pos = get_rasterizer("cpu"), square()
    rast = cpu.rasterize(pos, tri, (8, 8))
    attr, color = pos[..., :2].contiguous(), torch.rand(1, 8, 8, 3)
    before = cpu.interpolate(attr, rast, tri)
    assert rast.covered.all() and tri._version == 0
    for bad in (FAR, -1, 4):
        memory[1, 2] = bad
        assert tri._version == 0  # torch does not know of it
        for call in (
            lambda: cpu.rasterize(pos, tri, (8, 8)),
            lambda: cpu.interpolate(attr, rast, tri),
            lambda: cpu.antialias(color, rast, pos, tri),
        ):
            with pytest.raises(InputError, match=r"tri: expected indices in 0\.\.3"):
                call()
    memory[1, 2] = 3
    assert torch.equal(cpu.interpolate(attr, rast, tri), before)
    memory[1] = 0
    assert (~cpu.rasterize(pos, tri, (8, 8)).covered).any()


def test_the_way_back_keeps_the_triangles_of_the_way_there(shared):
    memory, tri = shared
    cpu, pos = get_rasterizer("cpu"), square().requires_grad_()
    attr = torch.rand(1, 4, 2, requires_grad=True)
    rast = cpu.rasterize(pos, tri, (8, 8))
    picture = cpu.antialias(cpu.interpolate(attr, rast, tri), rast, pos, tri)
    expected = torch.autograd.grad(picture.square().sum(), (pos, attr), retain_graph=True)
    memory[:] = FAR
    found = torch.autograd.grad(picture.square().sum(), (pos, attr))
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_checks_that_are_kept_per_tensor(shared):
    memory, tri = shared
    kept = TensorCache(index_range)
    assert kept(tri) == (0, 3)
    check_faces(tri, 4)
    check_triangles(tri, 4, "pos", torch.device("cpu"))
    memory[0, 0] = FAR
    assert kept(tri) == (1, FAR)
    for check in (
        lambda: check_faces(tri, 4),
        lambda: check_triangles(tri, 4, "pos", torch.device("cpu")),
    ):
        with pytest.raises(InputError, match="indices in"):
            check()
