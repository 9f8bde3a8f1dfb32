from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.geometry.mesh import face_areas, face_normals
from selfie3d.losses.uv_maps import grid_edges, grid_interior, grid_triangles, map_points


def some_mask() -> torch.Tensor:
    mask = torch.rand(7, 6, generator=torch.Generator().manual_seed(2)) > 0.3
    assert 10 < int(mask.sum()) < 40
    return mask


def test_points_are_the_texels():
    maps = torch.arange(2 * 3 * 4 * 5.0).view(2, 3, 4, 5)
    points = map_points(maps)
    for b, r, c in np.ndindex(2, 4, 5):
        assert torch.equal(points[b, r * 5 + c], maps[b, :, r, c])


def test_edges_against_a_loop():
    mask = some_mask()
    expected = set()
    for r, c in np.ndindex(7, 6):
        for r2, c2 in ((r, c + 1), (r + 1, c)):
            if r2 < 7 and c2 < 6 and mask[r, c] and mask[r2, c2]:
                expected.add((r * 6 + c, r2 * 6 + c2))
    found = [tuple(edge) for edge in grid_edges(mask).tolist()]
    assert len(found) == len(set(found)) and set(found) == expected


def test_no_diagonals_and_nothing_outside():
    """SADRNet's code joins (r, c) to (r+1, c+1) where (r+1, c) is of the face."""
    mask = torch.tensor([[True, False], [True, False]])
    assert grid_edges(mask).tolist() == [[0, 2]]


def test_triangles_against_a_loop():
    mask = some_mask()
    expected = set()
    for r, c in np.ndindex(6, 5):
        for corners in (
            ((r, c), (r + 1, c), (r, c + 1)),
            ((r + 1, c), (r + 1, c + 1), (r, c + 1)),
        ):
            if all(bool(mask[corner]) for corner in corners):
                expected.add(tuple(y * 6 + x for y, x in corners))
    found = [tuple(t) for t in grid_triangles(mask).tolist()]
    assert len(found) == len(set(found)) and set(found) == expected


def test_triangles_cover_the_plane_and_face_outwards():
    rows, columns = torch.meshgrid(torch.arange(4.0), torch.arange(5.0), indexing="ij")
    plane = torch.stack([columns, -rows, torch.zeros(4, 5)])[None]  # row 0 at the top
    triangles = grid_triangles(torch.ones(4, 5, dtype=torch.bool))
    assert float(face_areas(map_points(plane), triangles).sum()) == pytest.approx(12)
    normals = face_normals(map_points(plane), triangles)
    assert torch.equal(normals[..., 2], torch.ones(1, len(triangles)))


def test_interior():
    mask = some_mask()
    for r, c in np.ndindex(7, 6):
        around = ((r, c), (r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1))
        inside = all(0 <= y < 7 and 0 <= x < 6 and bool(mask[y, x]) for y, x in around)
        assert bool(grid_interior(mask)[r, c]) == inside


def test_empty_and_wrong_masks():
    nothing = torch.zeros(3, 4, dtype=torch.bool)
    assert grid_edges(nothing).shape == (0, 2) and grid_triangles(nothing).shape == (0, 3)
    for function in (grid_edges, grid_triangles, grid_interior):
        with pytest.raises(InputError, match="mask"):
            function(torch.ones(3, 4))
        with pytest.raises(InputError, match="mask"):
            function(torch.ones(1, 3, 4, dtype=torch.bool))
    with pytest.raises(InputError, match="maps"):
        map_points(torch.zeros(3, 4, 5))
