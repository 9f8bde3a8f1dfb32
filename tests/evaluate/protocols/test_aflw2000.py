"""The protocol `aflw2000` on the stored results of peers, and on a small set made here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.io import savemat
from selfie3d.core.errors import InputError, MissingFileError, UnknownNameError
from selfie3d.core.image_file import write_image
from selfie3d.datasets.photographs.aflw2000 import read_aflw2000
from selfie3d.evaluate.metrics.landmarks import box_size
from selfie3d.evaluate.metrics.mean_metrics import FAILED_AT
from selfie3d.evaluate.predict.predictions import Predictions, read_predictions
from selfie3d.evaluate.protocols.aflw2000_metrics import Scored, landmark_parts
from selfie3d.evaluate.protocols.aflw2000_options import Aflw2000Options
from selfie3d.evaluate.registry import PROTOCOLS, Request
from selfie3d.evaluate.report.report import load_report

ORIGINAL = "68 points, 2D: original points, bins by fitted pose"
AGAIN = "68 points, 2D: re-annotated points, bins by fitted pose"


def run(data, out, predictions=None, *overrides, weights=None):
    overrides = ("pictures=0", *overrides)
    request = Request(Path(data), Path(out), weights, predictions, overrides)
    return PROTOCOLS.create("aflw2000", overrides)(request)


def values(report, table=ORIGINAL):
    return {f.name: f.value for f in report.figures if f.table == table}


BINS = ("0 to 30", "30 to 60", "60 to 90", "mean of bins")


@pytest.fixture(scope="session")
def rows(shared_data):
    return shared_data("aflw2000_gt")


def test_mb05_on_all_rows(rows, tmp_path):
    report = run(rows.parent, tmp_path, rows / "mb05_aflw2000_pts68.npy")
    got = [values(report)[k] for k in BINS]
    np.testing.assert_allclose(got, [2.925, 3.667, 4.784, 3.792], atol=5e-4)
    got = [values(report, AGAIN)[k] for k in BINS]
    np.testing.assert_allclose(got, [2.232, 2.734, 4.099, 3.022], atol=5e-4)
    counts = {f.name: f.count for f in report.figures if f.table == ORIGINAL}
    assert [counts[k] for k in (*BINS, "balanced")] == [1312, 383, 305, 2000, 696]
    labels = [f for f in report.figures if f.split == "AFLW labels"]
    assert [f.count for f in labels[:3]] == [1306, 462, 232]
    assert not report.failures


def test_mb05_on_the_images_that_are_there(rows, shared_data, tmp_path):
    shared_data("aflw2000")
    report = run(
        rows.parent,
        tmp_path,
        rows / "mb05_aflw2000_pts68.npy",
        "rows=images",
        "depth=crop120",
        "pictures=3",
    )
    assert values(report)["mean of bins"] == pytest.approx(3.793, abs=5e-4)
    assert values(report, AGAIN)["mean of bins"] == pytest.approx(3.025, abs=5e-4)
    space = values(report, "68 points, 3D: original points, bins by fitted pose")
    assert 4 < space["sample mean"] < 5.5
    assert len(report.pictures) == 2
    assert report.pictures[0].image.std() > 20


def test_the_two_annotations_against_each_other(rows, tmp_path):
    report = run(rows.parent, tmp_path, rows / "AFLW2000-3D-Reannotated.pts68.npy")
    assert values(report)["mean of bins"] == pytest.approx(3.381, abs=5e-4)
    assert values(report, AGAIN)["mean of bins"] == 0
    assert not any("3D" in figure.table for figure in report.figures)


@pytest.mark.parametrize(("peer", "nme"), [("PRNet", 2.751), ("3DDFA", 2.523), ("2DASL", 2.372)])
def test_peers_on_forty_images(rows, tmp_path, peer, nme):
    report = run(rows.parent, tmp_path, rows / "peers40_pts68.npz", "rows=named", f"key={peer}")
    assert values(report)["sample mean"] == pytest.approx(nme, abs=5e-4)
    assert len(report.items.names) == 40


def test_half_a_pixel_shows(rows, tmp_path):
    points = np.load(rows / "mb05_aflw2000_pts68.npy")
    for shift, nme in ((0.5, 3.752), (-0.5, 3.876), (-1, 4.002)):
        moved = points.copy()
        moved[:, :2] += shift
        np.save(tmp_path / "p.npy", moved)
        report = run(rows.parent, tmp_path, tmp_path / "p.npy", "split=fitted")
        assert values(report)["mean of bins"] == pytest.approx(nme, abs=5e-4)


@pytest.fixture
def small(tmp_path):
    """Six images in the distributed layout, two of every bin, and exact predictions."""
    folder, random = tmp_path / "set", np.random.default_rng(0)
    folder.mkdir()
    points, pose = random.uniform(100, 300, (6, 3, 68)), np.zeros((6, 7), np.float32)
    pose[:, :3] = np.deg2rad([[5, y, -5] for y in (0, -20, 40, -50, 70, -100)])
    for k in range(6):
        name = folder / f"image{k:05d}"
        write_image(name.with_suffix(".jpg"), np.full((450, 450, 3), 40 * k, np.uint8))
        savemat(name.with_suffix(".mat"), {"pt3d_68": points[k], "Pose_Para": pose[k : k + 1]})
    names = [f"image{k:05d}.jpg" for k in range(6)]
    return folder, names, points, np.rad2deg(pose[:, :3].astype(float))


def predictions(path, names, points, pose=None):
    extra = {} if pose is None else {"pose_deg": pose}
    np.savez(path, names=names, landmarks_68=points, **extra)
    return path


def test_a_flat_folder_scores_exact_predictions_zero(small, tmp_path):
    folder, names, points, pose = small
    report = run(folder, tmp_path / "out", predictions(tmp_path / "p.npz", names, points, pose))
    for figure in report.figures:
        if figure.unit in ("%", "degrees"):
            assert figure.value == pytest.approx(0, abs=1e-4), figure
    assert {f.split for f in report.figures if f.split} == {"fitted pose"}
    counts = [
        f.count for f in report.figures if f.table.startswith("head pose") and f.name == "yaw"
    ]
    assert counts == [6, 5, 6]
    assert load_report(report.save(tmp_path / "out")).variant == report.variant
    again = read_predictions(tmp_path / "out" / "predictions.npz", names)
    np.testing.assert_allclose(again.landmarks, points, rtol=1e-6)


def test_failures_are_counted_and_never_help(small, tmp_path):
    folder, names, points, pose = small
    given = points + np.random.default_rng(1).normal(0, 3, points.shape)
    whole = values(run(folder, tmp_path, predictions(tmp_path / "p.npz", names, given, pose)))
    worst = given.copy()
    worst[3] = np.nan
    report = run(folder, tmp_path, predictions(tmp_path / "p.npz", names, worst, pose))
    for name, value in whole.items():
        assert values(report)[name] >= value
    assert report.failures == {names[3]: "NaN in its landmarks"}
    assert values(report, "images")["failed"] == pytest.approx(100 / 6)
    assert values(report)["sample mean"] > FAILED_AT / 6
    assert "mean of bins, found only" in values(report)
    cut = run(folder, tmp_path, predictions(tmp_path / "p.npz", names[:4], given[:4]))
    assert set(cut.failures) == set(names[4:])
    assert values(cut)["mean of bins"] > whole["mean of bins"]


def test_a_second_file_beside_the_first(small, tmp_path):
    folder, names, points, _ = small
    first = predictions(tmp_path / "first.npz", names, points)
    second = points + 2
    second[0] = np.nan
    beside = predictions(tmp_path / "second.npz", names, second)
    report = run(folder, tmp_path, first, f"beside={beside}")
    tables = {f.table for f in report.figures}
    assert any("[second]" in table for table in tables)
    assert any("[ours] where both found a face" in table for table in tables)


def test_options_select_a_fixed_list(small, tmp_path):
    folder, names, points, _ = small
    path = predictions(tmp_path / "p.npz", names, points)
    assert list(run(folder, tmp_path, path, "every=4", "offset=1").items.names) == names[1::4]
    drawn = run(folder, tmp_path, path, "frontal=1", "profile=2", "seed=3").items.names
    assert list(drawn) == list(
        run(folder, tmp_path, path, "frontal=1", "profile=2", "seed=3").items.names
    )
    assert [n in names[:2] for n in drawn] == [True, False, False]
    with pytest.raises(InputError, match="at most 2"):
        run(folder, tmp_path, path, "frontal=3")
    with pytest.raises(InputError, match="reannotated"):
        run(folder, tmp_path, path, "annotation=reannotated")
    with pytest.raises(InputError, match="split"):
        run(folder, tmp_path, path, "split=yaw")
    with pytest.raises(UnknownNameError, match="Did you mean 'seed'"):
        run(folder, tmp_path, path, "sede=1")


def test_bad_data(small, tmp_path):
    folder, names, points, _ = small
    path = predictions(tmp_path / "p.npz", names, points)
    with pytest.raises(MissingFileError, match="research only"):
        run(tmp_path / "nowhere", tmp_path, path)
    mat = folder / "image00002.mat"
    content = mat.read_bytes()
    savemat(mat, {"pt3d_68": points[2]})
    with pytest.raises(InputError, match=r"image00002\.mat.*Pose_Para.*pt3d_68"):
        run(folder, tmp_path, path)
    mat.write_bytes(content[:300])
    with pytest.raises(InputError, match="MATLAB"):
        run(folder, tmp_path, path)
    mat.unlink()
    with pytest.raises(MissingFileError, match=r"image00002\.mat"):
        run(folder, tmp_path, path)


def test_dense_points(small, tmp_path):
    folder, names, points, _ = small
    random = np.random.default_rng(2)
    truth = random.uniform(100, 300, (6, 500, 3)).astype(np.float32)
    np.save(tmp_path / "truth.npy", truth)
    np.save(tmp_path / "given.npy", truth * 1.1)
    np.savetxt(tmp_path / "rows.txt", np.arange(0, 500, 2))
    report = run(
        folder, tmp_path, predictions(tmp_path / "p.npz", names, points),
        f"dense.truth={tmp_path / 'truth.npy'}", f"dense.predictions={tmp_path / 'given.npy'}",
        f"dense.points={tmp_path / 'rows.txt'}",
    )  # fmt: skip
    chosen = truth[:, ::2].astype(float)
    size = np.sqrt(np.ptp(chosen[..., 0], axis=1) * np.ptp(chosen[..., 1], axis=1))
    want = 100 * np.linalg.norm(0.1 * chosen[..., :2], axis=2).mean(1) / size
    np.testing.assert_allclose(report.items.errors["dense, 2D"], want, rtol=1e-5)
    assert report.items.errors["reconstruction"].max() < 1e-4
    with pytest.raises(InputError, match=r"dense\.truth"):
        run(folder, tmp_path, None, "dense.predictions=x.npy")


def basis_of(model, tmp_path):
    """The default face in micrometres as a fitted basis of one mode each."""
    mean = 1000 * model.mean.numpy()
    modes = [
        1000 * basis[:1].permute(1, 2, 0).numpy() for basis in (model.identity, model.expression)
    ]
    np.savez(tmp_path / "basis.npz", mean=mean, identity=modes[0], expression=modes[1])
    return f"dense.basis={tmp_path / 'basis.npz'}"


@pytest.fixture
def fitted(tmp_path, face):
    """Photographs whose fits are known: the default face, turned."""
    from selfie3d.datasets.photographs.aflw2000_fit import points_of_fit, read_basis

    basis_option = basis_of(face.model, tmp_path)
    basis = read_basis(tmp_path / "basis.npz")
    folder, marks = tmp_path / "fits", face.model.landmark_set("ibug68").vertices[:, 0].numpy()
    folder.mkdir()
    for k, yaw in enumerate((0.0, 0.3, 0.6)):
        name = folder / f"image{k:05d}"
        pose = np.array([0.05, yaw, 0.0, 220, 230, 0, 1e-3], np.float32)
        shape, expression = np.zeros((199, 1)), np.zeros((29, 1))
        shape[0] = k - 1.0
        points = points_of_fit(basis, pose, shape[:, 0], expression[:, 0], height=450)
        write_image(name.with_suffix(".jpg"), np.full((450, 450, 3), 40 * k, np.uint8))
        savemat(name.with_suffix(".mat"), {
            "pt3d_68": points[marks].T, "Pose_Para": pose[None], "Shape_Para": shape,
            "Exp_Para": expression,
        })  # fmt: skip
    return folder, basis_option


class Fitted:
    """Says the fit of a photograph as a face of the default model, `scale` times as large."""

    name = "fitted"

    def __init__(self, face, scale):
        self.face, self.scale = face, scale

    def __call__(self, picture, box):
        import torch
        from selfie3d.datasets.photographs.aflw2000_fit import rotation_of_pose
        from selfie3d.geometry.camera import WeakPerspectiveCamera
        from selfie3d.pipeline.predicted import PredictedFace

        k = round(float(picture.mean()) / 40)
        coefficients = self.face.model.zero_coefficients()
        coefficients.identity[0, 0] = k - 1.0
        turn = rotation_of_pose(0.05, (0.0, 0.3, 0.6)[k], 0.0)
        camera = WeakPerspectiveCamera(
            torch.from_numpy(turn).float()[None], torch.tensor([self.scale]),
            torch.tensor([[220 - 0.5, 450 + 1 - 230 - 0.5]]),
        )  # fmt: skip
        return PredictedFace(self.face.model, coefficients, camera, box)


@pytest.mark.parametrize("scale", [1.0, 1.1])
def test_dense_points_of_a_network_need_no_file(fitted, face, tmp_path, monkeypatch, scale):
    """Against the fits: none is off with the true scale; a tenth too large by hand."""
    folder, basis = fitted
    monkeypatch.setattr(
        "selfie3d.evaluate.protocols.aflw2000.load_predictor",
        lambda *words, **named: Fitted(face, scale),
    )
    report = run(folder, tmp_path / "out", None, basis)
    errors = report.items.errors
    assert not report.failures
    for kind in ("reconstruction", "reconstruction after ICP"):
        assert errors[kind].max() < 0.02
    if scale == 1:
        assert errors["dense, 2D"].max() < 0.02 and errors["dense, 3D"].max() < 0.02
    else:
        plane = Fitted(face, 1.0)(np.full((2, 2, 3), 40, np.uint8), (0, 0, 1, 1))
        shown = plane.camera.project(plane.vertices[None])[0, :, :2].numpy()
        origin = np.array([220 - 0.5, 450 + 1 - 230 - 0.5])
        size = np.sqrt(np.ptp(shown, axis=0).prod())
        by_hand = 100 * 0.1 * np.linalg.norm(shown - origin, axis=1).mean() / size
        assert errors["dense, 2D"][1] == pytest.approx(by_hand, rel=1e-3)
    assert report.run["dense correspondence"] == "equal index, equal vertex"
    assert any(curve.title.endswith("reconstruction after ICP") for curve in report.curves)
    table = "reconstruction: original points, bins by fitted pose"
    assert {"0 to 30", "sample mean"} <= set(values(report, table))


def test_dense_truth_that_fits_nothing(fitted, small, face, tmp_path, monkeypatch):
    folder, basis = fitted
    monkeypatch.setattr(
        "selfie3d.evaluate.protocols.aflw2000.load_predictor",
        lambda *words, **named: Fitted(face, 1.0),
    )
    np.save(tmp_path / "truth.npy", np.ones((3, 9, 3), np.float32))
    with pytest.raises(InputError, match=r"dense\.truth: expected 9 vertices.*dense\.basis"):
        run(folder, tmp_path, None, f"dense.truth={tmp_path / 'truth.npy'}")
    other, names, points, _ = small
    with pytest.raises(InputError, match=r"dense\.predictions: expected the file.*--predictions"):
        run(other, tmp_path, predictions(tmp_path / "p.npz", names, points), basis)


class Known:
    """Finds the annotated face of some photographs, by its brightness, exactly."""

    name = "known"

    def __init__(self, points):
        self.points, self.boxes = points, []

    def __call__(self, picture, box):
        from selfie3d.core.errors import NoFaceError

        k = round(float(picture.mean()) / 40)
        self.boxes.append(box)
        if k == 5:
            raise NoFaceError("too bright")
        return KnownFace(self.points[k].T - [0.5, 0.5, 0])


class KnownFace:
    model = SimpleNamespace(landmarks={"300w-lp", "aflw2000-reannotated"})

    def __init__(self, points):
        self.points, self.pose_deg = points, {"pitch": 5.0, "yaw": 0.0, "roll": -5.0}

    def landmarks(self, name):
        assert name in self.model.landmarks
        return self.points


def test_a_predictor_is_run_in_the_protocols_box(small, tmp_path, monkeypatch):
    folder, names, points, _ = small
    known = Known(points)
    monkeypatch.setattr(
        "selfie3d.evaluate.protocols.aflw2000.load_predictor", lambda *words, **named: known
    )
    report = run(folder, tmp_path)
    assert report.failures == {names[5]: "too bright"}
    errors = report.items.errors["68 points, 2D, original"]
    assert np.nanmax(errors) < 1e-9
    assert np.isnan(errors).tolist() == [False] * 5 + [True]
    want = [*(points[0, :2].min(1) - 0.5), *(points[0, :2].max(1) - 0.5)]
    np.testing.assert_allclose(known.boxes[0], want)
    yaw = next(f for f in report.figures if f.name == "yaw, found only")
    assert yaw.count == 5
    assert yaw.value == pytest.approx(np.mean([0, 20, 40, 50, 70]), abs=1e-4)


def test_the_re_annotation_is_scored_by_its_own_set_as_well(small):
    """It lies 3 pixels to the right; a set that knows it hits, the usual one is 3 pixels off."""
    folder, names, points, _ = small
    moved = points + np.array([3.0, 0, 0])[:, None]
    data = replace(read_aflw2000(folder), reannotated=moved[:, :2])
    own = {"reannotated": moved.transpose(0, 2, 1)}
    scored = Scored(data, np.arange(6), points.transpose(0, 2, 1), own)
    part = landmark_parts(scored, Aflw2000Options(), Predictions(tuple(names), points, None, {}))
    means = {f.table: f.value for f in part.figures if f.name == "sample mean"}
    hit = means["68 points, 2D, the annotation's own landmark set: re-annotated points, "
                "bins by fitted pose"]  # fmt: skip
    assert hit == pytest.approx(0, abs=1e-9)
    missed = means["68 points, 2D: re-annotated points, bins by fitted pose"]
    assert missed == pytest.approx(float((3 / box_size(own["reannotated"][..., :2])).mean() * 100))


def test_the_protocols_crop_is_the_data_sets_own(rows):
    from selfie3d.evaluate.protocols.aflw2000 import crop_side

    roi = np.load(rows / "AFLW2000-3D_crop.roi_box.npy")
    sides = crop_side(read_aflw2000(rows.parent).points)
    whole = (roi[:, :2] > 1).all(1) & (roi[:, 2:] < 450).all(1)  # the others end at the border
    assert whole.sum() > 1900
    assert np.abs(sides - (roi[:, 2] - roi[:, 0]))[whole].max() <= 1.01
