from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.losses.reduction import masked_mean
from selfie3d.losses.surface import edge_length_difference
from selfie3d.losses.uv_maps import grid_edges, map_points

EDGES = torch.tensor([[0, 1], [1, 2], [3, 0], [4, 2]])


def points(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)


def test_against_a_loop():
    a, b = points(0), points(1)
    own = edge_length_difference(a, b, EDGES)
    assert own.shape == (2, 4)
    for n, e in np.ndindex(2, 4):
        i, j = EDGES[e].tolist()
        lengths = [np.linalg.norm(x[n, i].numpy() - x[n, j].numpy()) for x in (a, b)]
        assert float(own[n, e]) == pytest.approx(abs(lengths[0] - lengths[1]))


def test_does_not_see_where_the_face_is_or_how_it_turns():
    a = points(0)
    turn, _ = torch.linalg.qr(points(2)[0, :3])
    assert float(edge_length_difference(a @ turn + 3, a, EDGES).max()) < 1e-12


def test_gradient_also_of_an_edge_without_length():
    a, b = points(0).requires_grad_(), points(1)
    assert torch.autograd.gradcheck(lambda x: edge_length_difference(x, b, EDGES), a)
    folded = torch.zeros(2, 5, 3, dtype=torch.float64, requires_grad=True)
    edge_length_difference(folded, b, EDGES).sum().backward()
    assert torch.equal(folded.grad, torch.zeros_like(folded))


def test_on_a_map_without_texels():
    maps = torch.randn(2, 3, 4, 4, requires_grad=True)
    edges = grid_edges(torch.zeros(4, 4, dtype=torch.bool))
    values = edge_length_difference(map_points(maps), map_points(maps.detach() + 1), edges)
    loss = masked_mean(values, torch.ones_like(values))
    loss.backward()
    assert float(loss.detach()) == 0 and torch.equal(maps.grad, torch.zeros_like(maps))


def test_shapes():
    a = points(0)
    with pytest.raises(InputError, match="target"):
        edge_length_difference(a, a[:1], EDGES)
    with pytest.raises(InputError, match="edges"):
        edge_length_difference(a, a, EDGES[0])
