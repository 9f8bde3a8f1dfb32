from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation
from selfie3d.core.errors import InputError
from selfie3d.geometry.align import Similarity
from selfie3d.geometry.icp import IcpOptions, iterative_closest_point
from selfie3d.geometry.mesh import vertex_normals

KINDS = ("point-to-point", "point-to-plane")


def icp(source, points, faces=None, *, source_faces=None, initial=None, **options):
    return iterative_closest_point(
        source,
        points,
        faces,
        source_faces=source_faces,
        initial=initial,
        options=IcpOptions(**options),
    )


def bumpy(steps=40):
    """A face-sized bumpy sheet in mm without symmetry: points (N, 3) and faces."""
    y, x = np.meshgrid(np.linspace(-80, 80, steps), np.linspace(-60, 60, steps), indexing="ij")
    z = 45 * np.exp(-((x - 8) ** 2 + (y + 5) ** 2) / 900) + 6 * np.sin(x / 9) * np.cos(y / 13)
    z -= 0.006 * x**2 + 0.004 * y**2
    index = np.arange(steps * steps).reshape(steps, steps)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.concatenate((np.stack((a, b, c), -1), np.stack((a, c, d), -1))).reshape(-1, 3)
    return np.stack((x, y, z), -1).reshape(-1, 3), faces


def transform(degrees=8.0, shift=6.0, scale=1.0, seed=0):
    rng = np.random.default_rng(seed)
    axis, direction = rng.normal(size=(2, 3))
    R = Rotation.from_rotvec(np.radians(degrees) * axis / np.linalg.norm(axis)).as_matrix()
    return scale, R, shift * direction / np.linalg.norm(direction)


def undo(points, scale, R, t):
    """The source whose way back to `points` is scale, R, t."""
    return (points - t) @ R / scale


def angle(result, R):
    return np.degrees(Rotation.from_matrix(result.similarity.rotation[0].numpy() @ R.T).magnitude())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [1.0, 1.06])
def test_recovers_a_known_transform(kind, scale):
    points, faces = bumpy()
    true = transform(scale=scale)
    result = icp(
        undo(points[::6], *true),
        points,
        faces,
        kind=kind,
        scale=scale != 1.0,
        tolerance=1e-9,
        max_iterations=500,
    )
    assert result.converged
    assert float(result.similarity.scale[0]) == pytest.approx(true[0], abs=1e-6)
    assert np.abs(result.similarity.rotation[0].numpy() - true[1]).max() < 1e-6
    assert np.abs(result.similarity.translation[0].numpy() - true[2]).max() < 1e-6
    assert result.rms < 1e-6
    assert np.abs(result.similarity.apply_array(undo(points, *true)) - points).max() < 1e-5


def test_planes_take_fewer_steps():
    points, faces = bumpy()
    source = undo(points[::6], *transform())
    steps = [icp(source, points, faces, kind=kind, tolerance=1e-4).iterations for kind in KINDS]
    assert steps[1] < steps[0] / 2


@pytest.mark.parametrize("kind", KINDS)
def test_noise(kind):
    points, faces = bumpy()
    true = transform()
    noisy = points[::4] + np.random.default_rng(1).normal(0, 0.3, (len(points[::4]), 3))
    result = icp(undo(noisy, *true), points, faces, kind=kind, tolerance=1e-4)
    assert result.converged
    assert angle(result, true[1]) < 0.5
    assert np.abs(result.similarity.apply_array(undo(points, *true)) - points).max() < 1.0
    assert 0.1 < result.rms < 0.6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("remedy", [{"trim": 0.45}, {"drop_boundary": True}])
def test_partial_overlap(kind, remedy):
    """The target lacks a third of what the source shows."""
    points, faces = bumpy()
    keep = points[:, 0] < 20
    new_id = np.cumsum(keep) - 1
    part, part_faces = points[keep], new_id[faces[keep[faces].all(1)]]
    true = transform(5, 4)
    source = undo(points[::7], *true)
    plain = icp(source, part, part_faces, kind=kind, tolerance=1e-4)
    better = icp(source, part, part_faces, kind=kind, max_iterations=300, tolerance=1e-5, **remedy)
    assert angle(better, true[1]) < 0.05
    assert np.abs(better.similarity.apply_array(undo(points, *true)) - points).max() < 0.2
    assert angle(plain, true[1]) > 10 * angle(better, true[1])


@pytest.mark.parametrize("kind", KINDS)
def test_initial_makes_large_turns_possible_and_fixes_the_scale(kind):
    points, faces = bumpy()
    true = transform(120, 300, 2.5)
    near = Rotation.from_euler("x", 8, degrees=True).as_matrix() @ true[1]
    start = Similarity(
        torch.tensor([2.5]), torch.from_numpy(near)[None], torch.from_numpy(true[2])[None]
    )
    source = undo(points[::6], *true)
    result = icp(
        source, points, faces, kind=kind, initial=start, tolerance=1e-7, max_iterations=500
    )
    assert float(result.similarity.scale[0]) == 2.5
    assert angle(result, true[1]) < 1e-3


def test_open_directions_stay_put():
    """A plane slides on itself: point-to-plane must not run away."""
    y, x = np.meshgrid(np.arange(20.0), np.arange(20.0), indexing="ij")
    flat = np.stack((x, y, np.zeros_like(x)), -1).reshape(-1, 3)
    _, faces = bumpy(20)
    result = icp(flat + np.array([0, 0, 3.0]), flat, faces, kind="point-to-plane")
    assert result.converged and result.rms < 1e-12
    assert np.abs(result.similarity.translation[0].numpy() - [0, 0, -3]).max() < 1e-9


def test_stops_at_the_limit():
    points, faces = bumpy(30)
    result = icp(undo(points, *transform()), points, faces, max_iterations=2)
    assert result.iterations == 2 and not result.converged


def test_bad_input_is_refused():
    points, faces = bumpy(10)
    with pytest.raises(InputError, match="target_faces"):
        icp(points, points, kind="point-to-plane")
    with pytest.raises(InputError, match="target_faces"):
        icp(points, points, drop_boundary=True)
    with pytest.raises(InputError, match="source_faces"):
        icp(points, points, faces, match="target", kind="point-to-plane")
    with pytest.raises(InputError, match="match"):
        icp(points, points, faces, match="both")
    with pytest.raises(InputError, match="kind"):
        icp(points, points, faces, kind="plane")
    with pytest.raises(InputError, match="trim"):
        icp(points, points, faces, trim=1.0)
    with pytest.raises(InputError, match="max_iterations"):
        icp(points, points, faces, max_iterations=0)
    two = Similarity(torch.ones(2), torch.eye(3).expand(2, 3, 3), torch.zeros(2, 3))
    with pytest.raises(InputError, match="initial"):
        icp(points, points, faces, initial=two)
    with pytest.raises(InputError, match="finite"):
        icp(points * np.nan, points, faces)
    with pytest.raises(InputError, match="source"):
        icp(points[:3], points, faces)
    with pytest.raises(InputError, match="one point"):
        icp(points, np.ones((10, 3)))
    with pytest.raises(InputError, match=r"indices in 0\.\.99"):
        icp(points, points, faces + 1, kind="point-to-plane")
    with pytest.raises(InputError, match="kept matches"):
        icp(points[:10], points, faces, trim=0.9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_real_scan_from_perturbed_starts(kind, seed, shared_data):
    archive = np.load(shared_data("scans", "humface", "humfaceClean.npz"))
    points, faces = archive["vertices"], archive["faces"]
    points = points - points.mean(0)
    true = transform(10, 8, 1.04, seed)
    result = icp(
        undo(points[::25], *true),
        points,
        faces,
        kind=kind,
        scale=True,
        tolerance=1e-7,
        max_iterations=400,
    )
    assert result.converged
    assert np.abs(result.similarity.apply_array(undo(points, *true)) - points).max() < 1e-2


def test_resampled_real_scan(shared_data):
    """Other points of the same surface: face centres, with the planes between the vertices."""
    archive = np.load(shared_data("scans", "humface", "humfaceClean.npz"))
    points, faces = archive["vertices"], archive["faces"]
    points = points - points.mean(0)
    true = transform(8, 5, 1.0, 3)
    centres = points[faces[::9]].mean(1)
    result = icp(
        undo(centres, *true), points, faces, kind="point-to-plane", scale=True, drop_boundary=True
    )
    assert np.abs(result.similarity.apply_array(undo(points, *true)) - points).max() < 0.3
    assert result.rms < 0.3


def test_target_points_look_for_the_source():
    """The scan covers only a part of the source; the scale does not collapse."""
    points, faces = bumpy()
    part = points[np.abs(points).max(1) < 40]
    true = transform(6, 4, 1.1)
    source = undo(points, *true)
    start = Similarity(torch.tensor([1.0]), torch.eye(3)[None].double(), torch.zeros(1, 3).double())
    found = icp(
        source,
        part,
        source_faces=faces,
        match="target",
        kind="point-to-plane",
        scale=True,
        initial=start,
        tolerance=1e-9,
    )
    assert found.converged and found.kept == len(part)
    assert float(found.similarity.scale[0]) == pytest.approx(1.1, abs=1e-6)
    assert np.abs(found.similarity.apply_array(source) - points).max() < 1e-4


def test_thinning_ends_where_all_points_end():
    """Far more points than the coarse stage takes: the same pose, twice bit for bit."""
    points, faces = bumpy(110)
    true = transform()
    noisy = points + np.random.default_rng(2).normal(0, 0.2, points.shape)
    options = {"kind": "point-to-plane", "tolerance": 1e-5, "trim": 0.1}
    one = icp(undo(noisy, *true), points, faces, **options)
    other = icp(undo(noisy, *true), points, faces, **options)
    assert one.converged and one.motion < 1e-3
    assert (
        np.array_equal(one.similarity.rotation[0].numpy(), other.similarity.rotation[0].numpy())
        and one.rms == other.rms
    )
    # A start at the answer skips the coarse stage's way: the same fixed point.
    start = Similarity(
        torch.tensor([1.0]),
        one.similarity.rotation,
        one.similarity.translation,
    )
    again = icp(undo(noisy, *true), points, faces, initial=start, **options)
    assert (
        np.abs(again.similarity.rotation[0].numpy() - one.similarity.rotation[0].numpy()).max()
        < 1e-4
    )


def naive_point_to_plane(source, points, normals, steps=60):
    """Chen and Medioni with brute-force nearest points and a general least-squares solver."""
    R, t = np.eye(3), np.zeros(3)

    def residuals(x, p, q, n):
        return (((p @ Rotation.from_rotvec(x[:3]).as_matrix().T + x[3:]) - q) * n).sum(1)

    for _ in range(steps):
        moved = source @ R.T + t
        nearest = np.square(moved[:, None] - points[None]).sum(2).argmin(1)
        x = least_squares(residuals, np.zeros(6), args=(moved, points[nearest], normals[nearest])).x
        turn = Rotation.from_rotvec(x[:3]).as_matrix()
        R, t = turn @ R, turn @ t + x[3:]
    return R, t


def test_agrees_with_a_naive_implementation():
    """Noisy data, whose answer neither knows: both end in the same place."""
    points, faces = bumpy(60)
    normals = vertex_normals(torch.from_numpy(points)[None], torch.from_numpy(faces))[0].numpy()
    noisy = points[::9] + np.random.default_rng(4).normal(0, 0.4, points[::9].shape)
    source = undo(noisy, *transform(5, 3))
    R, t = naive_point_to_plane(source, points, normals)
    own = icp(source, points, faces, kind="point-to-plane", tolerance=1e-7)
    # The naive one matches vertices: apart by no more than the spacing of the vertices explains.
    assert angle(own, R) < 0.1
    assert np.abs(own.similarity.apply_array(source) - (source @ R.T + t)).max() < 0.15


def test_agrees_with_small_gicp():
    small_gicp = pytest.importorskip("small_gicp")
    points, faces = bumpy(120)
    noisy = points[::5] + np.random.default_rng(5).normal(0, 0.3, points[::5].shape)
    source = undo(noisy, *transform(5, 3))
    theirs = small_gicp.align(
        points,
        source,
        registration_type="PLANE_ICP",
        downsampling_resolution=0.01,
        max_correspondence_distance=20.0,
    )
    own = icp(source, points, faces, kind="point-to-plane", tolerance=1e-7)
    moved = source @ theirs.T_target_source[:3, :3].T + theirs.T_target_source[:3, 3]
    assert theirs.converged
    assert np.abs(own.similarity.apply_array(source) - moved).max() < 0.2
