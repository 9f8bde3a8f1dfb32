from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from scipy.spatial import ConvexHull
from selfie3d.core.errors import InputError
from selfie3d.geometry import mesh


def grid(rows, columns):
    """A flat open grid in the xy plane, faces counter-clockwise seen from +z."""
    y, x = torch.meshgrid(
        torch.arange(rows, dtype=torch.float64),
        torch.arange(columns, dtype=torch.float64),
        indexing="ij",
    )
    vertices = torch.stack((x, y, torch.zeros_like(x)), -1).reshape(1, -1, 3)
    index = torch.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = torch.cat((torch.stack((a, b, c), -1), torch.stack((a, c, d), -1))).reshape(-1, 3)
    return vertices, faces


def sphere(count=300):
    """Random points of the unit sphere, hull faces turned outwards."""
    points = np.random.default_rng(0).normal(size=(count, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    faces = ConvexHull(points).simplices.astype(np.int64)
    normal = np.cross(
        points[faces[:, 1]] - points[faces[:, 0]], points[faces[:, 2]] - points[faces[:, 0]]
    )
    inwards = (normal * points[faces[:, 0]]).sum(1) < 0
    faces[inwards] = faces[inwards][:, ::-1]
    return torch.from_numpy(points)[None], torch.from_numpy(faces)


def naive_vertex_normals(vertices, faces):
    total = np.zeros_like(vertices)
    for a, b, c in faces:
        product = np.cross(vertices[b] - vertices[a], vertices[c] - vertices[a])
        for vertex in (a, b, c):
            total[vertex] += product
    return total / np.linalg.norm(total, axis=1, keepdims=True)


def test_normals_match_the_loop_and_point_outwards():
    vertices, faces = sphere()
    both = torch.cat((vertices, vertices * torch.tensor([1.0, 2.0, 0.5]).double()))
    result = mesh.vertex_normals(both, faces)
    for k in range(2):
        expected = naive_vertex_normals(both[k].numpy(), faces.numpy())
        assert np.abs(result[k].numpy() - expected).max() < 1e-12
    assert ((result[0] * vertices[0]).sum(-1) > 0.9).all()
    flat, grid_faces = grid(3, 4)
    up = torch.tensor([0.0, 0, 1]).double()
    assert torch.allclose(mesh.face_normals(flat, grid_faces), up)
    assert torch.allclose(mesh.vertex_normals(flat, grid_faces), up)


def test_normal_gradients():
    vertices, faces = sphere(12)
    vertices = vertices.clone().requires_grad_()
    for function in (
        mesh.vertex_normals,
        mesh.face_normals,
        mesh.face_areas,
        mesh.mean_edge_length,
    ):
        assert torch.autograd.gradcheck(lambda v, f=function: f(v, faces), vertices)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-12, 1e-7, 2e-6, 1e-5, 1.0])
def test_degenerate_faces_have_finite_values_and_gradients(dtype, size):
    """Collapsed, collinear and repeated corners, an unused vertex, and faces of any size."""
    vertices = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 1, 0], [9, 9, 9]], dtype=dtype)
    vertices = (vertices * size)[None].requires_grad_()
    faces = torch.tensor([[0, 1, 2], [0, 0, 3], [3, 3, 3], [0, 1, 3]])
    outputs = (
        mesh.vertex_normals(vertices, faces).sum(),
        mesh.face_normals(vertices, faces).sum(),
        mesh.face_areas(vertices, faces).sum(),
        mesh.mean_edge_length(vertices, faces[:1]).sum(),
    )
    for output in outputs:
        (gradient,) = torch.autograd.grad(output, vertices)
        assert output.isfinite() and gradient.isfinite().all()
    normals = mesh.vertex_normals(vertices, faces)[0]
    assert torch.equal(normals[4], torch.zeros(3, dtype=dtype))
    if size >= 1e-5:
        assert torch.allclose(normals[[0, 1, 3]], torch.tensor([0.0, 0, 1], dtype=dtype))
        assert torch.equal(normals[2], torch.zeros(3, dtype=dtype))


def test_areas_and_lengths():
    vertices, faces = grid(4, 6)
    assert torch.allclose(mesh.face_areas(vertices, faces), torch.tensor(0.5).double())
    straight, diagonal = 4 * 5 + 3 * 6, 3 * 5
    expected = (straight + diagonal * np.sqrt(2)) / (straight + diagonal)
    assert mesh.mean_edge_length(vertices, faces).item() == pytest.approx(expected)


def naive_edges(faces):
    owners: dict[tuple[int, int], list[int]] = {}
    for f, face in enumerate(faces.tolist()):
        for k in range(3):
            pair = tuple(sorted((face[k], face[(k + 1) % 3])))
            owners.setdefault(pair, []).append(f)
    return dict(sorted(owners.items()))


@pytest.mark.parametrize("make", [lambda: grid(4, 5), sphere])
def test_topology_matches_the_loop(make):
    vertices, faces = make()
    count = vertices.shape[1]
    owners = naive_edges(faces)
    assert mesh.edges(faces).tolist() == [list(pair) for pair in owners]
    pairs = [[*fs, -1][:2] for fs in owners.values()]
    assert mesh.edge_faces(faces).tolist() == pairs
    open_edges = {pair for pair, fs in owners.items() if len(fs) == 1}
    border = mesh.boundary_edges(faces)
    assert {tuple(sorted(pair)) for pair in border.tolist()} == open_edges
    half_edges = {(f[k], f[(k + 1) % 3]) for f in faces.tolist() for k in range(3)}
    assert all(tuple(pair) in half_edges for pair in border.tolist())
    expected = {vertex for pair in open_edges for vertex in pair}
    assert set(mesh.boundary_vertices(faces, count).nonzero()[:, 0].tolist()) == expected
    start, neighbours = mesh.vertex_adjacency(faces, count)
    for v in range(count):
        near = sorted({a if b == v else b for a, b in owners if v in (a, b)})
        assert neighbours[start[v] : start[v + 1]].tolist() == near


def test_laplacian_matches_the_loop():
    vertices, faces = grid(4, 5)
    vertices = torch.cat((vertices, torch.zeros(1, 1, 3).double()), 1)  # one without neighbours
    count = vertices.shape[1]
    values = torch.randn(2, count, 3, dtype=torch.float64, generator=torch.manual_seed(0))
    result = mesh.apply_sparse(mesh.uniform_laplacian(faces, count), values)
    start, neighbours = mesh.vertex_adjacency(faces, count)
    for v in range(count - 1):
        mean = values[:, neighbours[start[v] : start[v + 1]]].mean(1)
        assert torch.allclose(result[:, v], mean - values[:, v], atol=1e-6)
    assert torch.equal(result[:, -1], torch.zeros(2, 3).double())
    values = values.float().requires_grad_()
    mesh.apply_sparse(mesh.uniform_laplacian(faces, count), values).square().sum().backward()
    assert values.grad.isfinite().all()


def test_subset_keeps_faces_with_all_corners():
    vertices, faces = grid(4, 4)
    keep = torch.ones(16, dtype=torch.bool)
    keep[0] = keep[5] = False
    sub = mesh.subset_mesh(faces, keep)
    expected = [f for f, face in enumerate(faces.tolist()) if 0 not in face and 5 not in face]
    assert sub.face_ids.tolist() == expected
    assert sub.vertices.tolist() == [v for v in range(16) if v not in (0, 5)]
    assert torch.equal(sub.vertices[sub.faces], faces[sub.face_ids])
    assert torch.equal(vertices[:, sub.vertices][:, sub.faces], vertices[:, faces[sub.face_ids]])


def test_bad_meshes_are_refused():
    vertices, faces = grid(3, 3)
    with pytest.raises(InputError, match=r"0\.\.8"):
        mesh.vertex_normals(vertices, faces + 1)
    with pytest.raises(InputError, match="int"):
        mesh.vertex_normals(vertices, faces.float())
    with pytest.raises(InputError, match="vertices"):
        mesh.face_normals(vertices[0], faces)
    with pytest.raises(InputError, match="two faces"):
        mesh.edge_faces(torch.tensor([[0, 1, 2], [1, 0, 3], [0, 1, 4]]))
    with pytest.raises(InputError, match="bool"):
        mesh.subset_mesh(faces, torch.ones(9))


def test_normals_of_a_face_sized_mesh_are_fast():
    """25,000 triangles forward and backward; the bound is loose for busy machines."""
    vertices, faces = grid(113, 113)
    vertices = vertices.float().requires_grad_()
    durations = []
    for _ in range(5):
        start = time.perf_counter()
        mesh.vertex_normals(vertices, faces).square().sum().backward()
        durations.append(time.perf_counter() - start)
    assert min(durations) < 0.15
