"""Neighbours and edges against a dictionary of edges; the cache."""

from __future__ import annotations

from collections import defaultdict

import pytest
import torch
from selfie3d.render.cpu.topology import topology_of


def naive_edges(tri):
    """Vertex pair -> the triangles that have it, with their opposite corners."""
    found = defaultdict(list)
    for t, corners in enumerate(tri.tolist()):
        for c in range(3):
            pair = tuple(sorted((corners[(c + 1) % 3], corners[(c + 2) % 3])))
            found[pair].append((t, c))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_tables_equal_the_naive_ones(meshes, seed) -> None:
    # Even seeds: a grid with missing triangles; odd ones: random triangles, not manifold.
    generator = torch.Generator().manual_seed(seed)
    tri = meshes.grid(6, 7)[torch.rand(84, generator=generator) > 0.2].contiguous()
    if seed % 2:
        tri = torch.rand(40, 12, generator=generator).argsort(1)[:, :3].int().contiguous()
    topology = topology_of(tri)
    expected = naive_edges(tri)
    edges = {tuple(e[:2]): tuple(e[2:]) for e in topology.edges.T.tolist()}
    assert set(edges) == set(expected)
    for pair, users in expected.items():
        first, second, corner = edges[pair]
        assert (first, corner) in users
        assert second == (users[1][0] if len(users) == 2 else -1)
        for t, c in users:
            others = [o for o, _ in users if o != t]
            assert topology.neighbours[t, c] == (others[0] if len(users) == 2 else -1)


def test_computed_once_per_tensor_and_again_after_a_change(meshes) -> None:
    tri = meshes.grid(3, 3)
    first = topology_of(tri)
    assert topology_of(tri) is first
    tri[0, 0] = 5
    assert topology_of(tri) is not first
    with torch.inference_mode():
        unversioned = meshes.grid(2, 2)
        assert topology_of(unversioned).highest == 8
