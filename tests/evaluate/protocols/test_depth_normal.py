from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.errors import InputError, MissingFileError, NoFaceError
from selfie3d.evaluate.metrics.depth import covered, mad, normals_of_depth, side
from selfie3d.evaluate.protocols import depth_normal
from selfie3d.evaluate.protocols.depth_files import DepthMap, read_depth_map
from selfie3d.evaluate.protocols.depth_normal import compare_depth, make_protocol, rendered_depth
from selfie3d.evaluate.registry import Request

SIZE, FOCAL = 48, 100.0


def sphere(radius: float = 40.0, distance: float = 300.0) -> np.ndarray:
    """Depth of a sphere before a camera of `FOCAL`, by the exact intersection of each ray."""
    rows, columns = np.indices((SIZE, SIZE)) + 0.5
    rays = np.stack([(columns - SIZE / 2) / FOCAL, (rows - SIZE / 2) / FOCAL, np.ones_like(rows)])
    squared = (rays**2).sum(0)
    root = distance**2 - squared * (distance**2 - radius**2)
    return np.where(root > 0, (distance - np.sqrt(np.maximum(root, 0))) / squared, 0.0)


def test_side_against_a_loop():
    random = np.random.default_rng(0)
    a, b = random.uniform(1, 3, (2, 3, 6, 5))
    mask = random.random((3, 6, 5)) > 0.3
    a[1, 2, 2], b[2, 0, 0] = np.nan, 0
    for n, value in enumerate(side(a, b, mask)):
        gaps = [
            math.log(a[n, r, c]) - math.log(b[n, r, c])
            for r, c in np.ndindex(6, 5)
            if mask[n, r, c] and np.isfinite(a[n, r, c]) and b[n, r, c] > 0
        ]
        mean_square = sum(g * g for g in gaps) / len(gaps)
        wanted = math.sqrt(mean_square - (sum(gaps) / len(gaps)) ** 2)
        assert value == pytest.approx(wanted, abs=1e-12)
        one = side(a[n : n + 1], b[n : n + 1], mask[n : n + 1])
        assert float(one[0]) == pytest.approx(value, abs=1e-15)


def test_side_does_not_see_scale_and_sees_shape():
    depth = sphere()[None]
    mask = covered(depth)
    assert side(3.7 * depth, depth, mask)[0] < 1e-12
    assert side(depth + 50, depth, mask)[0] > 1e-3


def test_mad_of_a_known_turn():
    random = np.random.default_rng(1)
    normals = random.normal(size=(2, 4, 4, 3))
    axis = np.cross(normals, random.normal(size=normals.shape))
    axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
    for angle in (0.0, 1e-4, 30.0, 90.0, 175.0):
        a = math.radians(angle)  # Rodrigues, about an axis at right angles
        turned = normals * math.cos(a) + np.cross(axis, normals) * math.sin(a)
        result = mad(turned * 2, normals, np.ones((2, 4, 4)))
        np.testing.assert_allclose(result, angle, atol=1e-9)


def test_nothing_to_compare_is_nan():
    depth, empty = np.ones((1, 3, 3)), np.zeros((1, 3, 3))
    assert np.isnan(side(depth, depth, empty)).all() and np.isnan(side(empty, depth, depth)).all()
    normals = np.ones((1, 3, 3, 3))
    assert np.isnan(mad(normals, normals, empty)).all()
    assert np.isnan(mad(normals * np.nan, normals, depth)).all()


def test_normals_of_a_plane_are_exact():
    """The plane n . X = -d seen by rays X = depth * (x, -y, -1)."""
    normal = np.array([0.3, -0.2, 1.0]) / np.linalg.norm([0.3, -0.2, 1.0])
    rows, columns = np.indices((9, 11)) + 0.5
    rays = np.stack([(columns - 4) / 50, (5 - rows) / 50, -np.ones((9, 11))], -1)
    depth = -20.0 / (rays @ normal)
    found = normals_of_depth(depth, 50.0, (4.0, 5.0))
    np.testing.assert_allclose(found[1:-1, 1:-1], np.broadcast_to(normal, (7, 9, 3)), atol=1e-12)
    assert np.isnan(found[0]).all() and np.isnan(found[:, -1]).all()


def test_normals_of_a_sphere_point_away_from_its_centre():
    depth = sphere()
    found = normals_of_depth(depth, FOCAL, (SIZE / 2, SIZE / 2))
    rows, columns = np.indices(depth.shape) + 0.5
    space = np.stack([(columns - SIZE / 2) / FOCAL, (SIZE / 2 - rows) / FOCAL, -np.ones_like(rows)])
    outward = np.moveaxis(space * depth, 0, -1) + np.array([0.0, 0, 300])
    centre = slice(SIZE // 2 - 6, SIZE // 2 + 6)
    wanted = (outward / np.linalg.norm(outward, axis=-1, keepdims=True))[centre, centre]
    assert (found[centre, centre] * wanted).sum(-1).min() > math.cos(math.radians(0.5))
    assert np.isnan(found[depth == 0]).all()


@pytest.fixture
def folder(tmp_path):
    """Three truths, and predictions: equal, scaled, and one that is missing."""
    truth, made = tmp_path / "truth", tmp_path / "made"
    truth.mkdir()
    made.mkdir()
    for name in ("a", "b", "c"):
        np.savez(truth / f"{name}.npz", depth=sphere(), focal=FOCAL)
    np.savez(made / "a.npz", depth=sphere(), focal=FOCAL)
    np.savez(made / "b.npz", depth=5 * sphere(38), focal=FOCAL)
    return tmp_path


def run(folder, **given):
    request = Request(
        folder / "truth", folder / "out", **({"predictions": folder / "made"} | given)
    )
    return make_protocol()(request)


def test_protocol_on_a_folder_of_pairs(folder):
    report = run(folder)
    assert report.items.names == ["a", "b", "c"] and list(report.failures) == ["c"]
    side_of, mad_of = report.items.errors["SIDE"], report.items.errors["MAD"]
    assert side_of[0] < 1e-9 and mad_of[0] < 1e-5 and report.items.errors["coverage"][0] == 100
    small = sphere(38)
    seen = (small > 0) & (sphere() > 0)
    gap = np.log(small[seen]) - np.log(sphere()[seen])
    assert side_of[1] == pytest.approx(100 * gap.std(), rel=1e-9) and np.isnan(side_of[2])
    names = [figure.name for figure in report.figures]
    assert names == ["SIDE, found only", "MAD, found only", "coverage, found only"]
    assert [figure.count for figure in report.figures] == [2, 2, 2]
    assert report.pictures[0].image.shape == (SIZE, 3 * SIZE, 3)
    assert report.save(folder / "out").is_file()


def test_whole_set_has_the_plain_names(folder):
    np.savez(folder / "made/c.npz", depth=sphere(), focal=FOCAL)
    figures = {figure.name: figure for figure in run(folder).figures}
    assert set(figures) == {"SIDE", "MAD", "coverage"} and figures["SIDE"].count == 3


def test_a_prediction_that_covers_little_has_failed(folder):
    part = sphere()
    part[:, SIZE // 2 - 3 :] = 0
    np.savez(folder / "made/c.npz", depth=part, focal=FOCAL)
    report = run(folder)
    assert "half of the truth covered" in report.failures["c"]
    assert np.isnan(report.items.errors["SIDE"][2])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"focal": 1.0}, "an array depth"),
        ({"depth": np.ones((4, 4))}, "an array focal"),
        ({"depth": np.ones((4, 4, 1)), "focal": 1.0}, r"shape \(any, any\)"),
        ({"depth": np.zeros((4, 4)), "focal": 1.0}, "a surface"),
        ({"depth": np.ones((4, 4)), "focal": -1.0}, "positive"),
        ({"depth": np.ones((4, 4)), "focal": 1.0, "mask": np.ones((4, 5))}, "mask"),
    ],
)
def test_unusable_files(tmp_path, arrays, message):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(InputError, match=message):
        read_depth_map(tmp_path / "x.npz")


def test_missing_and_damaged_files(tmp_path, folder):
    with pytest.raises(MissingFileError, match="Layout: NAME"):
        make_protocol()(Request(tmp_path / "made" / "nowhere", tmp_path))
    with pytest.raises(MissingFileError, match="folder of predicted"):
        run(folder, predictions=folder / "nothing")
    whole = (folder / "truth/a.npz").read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"half\.npz"):
        read_depth_map(tmp_path / "half.npz")


def test_sizes_must_agree():
    depth = sphere()
    truth = DepthMap(depth, FOCAL, (24, 24), depth > 0)
    small = DepthMap(depth[:40], FOCAL, (24, 24), depth[:40] > 0)
    with pytest.raises(InputError, match="truth's size"):
        compare_depth(small, truth)


def test_a_rendered_face_has_the_depth_of_its_vertices(face):
    """Against the mesh cut by the ray through one pixel, with trimesh-free arithmetic."""
    made = rendered_depth(face, (160, 160))
    vertices = face.camera.to_camera(face.model.vertices(face.coefficients))[0].double().numpy()
    corners = vertices[face.model.faces.numpy()]
    for row, column in ((80, 80), (70, 60), (95, 100)):
        ray = np.array([(column + 0.5 - 80) / 600, (80 - row - 0.5) / 600, -1.0])
        edges = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        matrix = np.stack([*edges, np.broadcast_to(-ray, edges[0].shape)], -1)
        usable = np.abs(np.linalg.det(matrix)) > 1e-9
        u, v, t = np.linalg.solve(matrix[usable], -corners[usable, 0][..., None])[..., 0].T
        hit = (u >= 0) & (v >= 0) & (u + v <= 1)
        assert made.depth[row, column] == pytest.approx(t[hit].min(), rel=1e-4)
    assert compare_depth(made, made) == pytest.approx({"SIDE": 0, "MAD": 0, "coverage": 100})


@pytest.fixture
def photographs(tmp_path, face, monkeypatch):
    """Two photographs with the depth of the made face, which the predictor finds in one."""
    made = rendered_depth(face, (160, 160))
    for name in ("found", "none"):
        Image.fromarray(np.zeros((160, 160, 3), np.uint8)).save(tmp_path / f"{name}.png")
        np.savez(tmp_path / f"{name}.npz", depth=made.depth, focal=made.focal, box=[1, 2, 3, 4])
    boxes = []

    def predict(picture, box):
        boxes.append(box)
        if len(boxes) == 2:
            raise NoFaceError("no face found")
        return face

    predict.name = "stub"
    monkeypatch.setattr(depth_normal, "load_predictor", lambda *given: predict)
    return tmp_path, boxes


def test_protocol_on_photographs(photographs):
    folder, boxes = photographs
    report = make_protocol()(Request(folder, folder / "out"))
    assert report.failures == {"none": "no face found"} and boxes == [(1, 2, 3, 4)] * 2
    np.testing.assert_allclose(report.items.errors["SIDE"], [0, np.nan], atol=1e-9)
    assert "stub" in report.variant


def test_a_photograph_of_another_size_or_none(photographs):
    folder, _ = photographs
    Image.fromarray(np.zeros((80, 80, 3), np.uint8)).save(folder / "found.png")
    (folder / "none.png").unlink()
    failures = make_protocol()(Request(folder, folder / "out")).failures
    assert "depth map's (160, 160)" in failures["found"] and "photograph" in failures["none"]
