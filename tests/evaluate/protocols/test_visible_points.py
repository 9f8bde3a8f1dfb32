"""The protocols `aflw` and `aflw-lfpa` on small sets in their layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.core.image_file import write_image
from selfie3d.datasets.photographs.aflw import aflw_from_68, read_aflw
from selfie3d.datasets.photographs.aflw_lfpa import read_aflw_lfpa
from selfie3d.evaluate.registry import PROTOCOLS, Request

COUNT = 6


@pytest.fixture
def landmarks():
    return np.random.default_rng(0).uniform(100, 300, (COUNT, 3, 68))


def run(name, data, out, predictions, *overrides):
    request = Request(Path(data), Path(out), None, predictions, overrides)
    return PROTOCOLS.create(name, overrides)(request)


def values(report):
    return {f.name: f.value for f in report.figures}


def photographs(folder, names, size):
    folder.mkdir(parents=True)
    for name in names:
        write_image(folder / name, np.full((size, size, 3), 90, np.uint8))


@pytest.fixture
def aflw(landmarks, tmp_path):
    """Six crops; of every face the even points are visible."""
    root = tmp_path / "aflw"
    names = [f"image{k:05d}.jpg" for k in range(COUNT)]
    photographs(root / "AFLW_GT_crop", names, 120)
    (root / "AFLW_GT_crop.list").write_text("\n".join(names))
    points = np.einsum("kl,ndl->ndk", aflw_from_68(), landmarks[:, :2])
    points[:, :, 1::2] = -1
    np.save(root / "AFLW_GT_pts21.npy", points)
    np.save(root / "AFLW_GT_pts68.npy", landmarks)
    np.save(root / "AFLW_GT_crop_yaws.npy", np.array([0, -20, 40, -50, 70, -80]))
    np.save(root / "AFLW_GT_crop_roi_box.npy", np.tile([61, 71, 300, 310], (COUNT, 1)))
    return root, names


def test_the_21_points_are_means_of_the_68():
    weights = aflw_from_68()
    assert weights.shape == (21, 68)
    np.testing.assert_allclose(weights.sum(1), 1)
    members = [np.flatnonzero(row).tolist() for row in weights]
    assert members[7] == [36, 37, 38, 39, 40, 41]  # centre of the right eye
    assert members[18] == list(range(60, 68))  # centre of the mouth
    assert members[14] == [30]  # tip of the nose


def test_aflw_counts_visible_points_only(aflw, landmarks, tmp_path):
    root, names = aflw
    moved = landmarks.copy()
    moved[:, 0] += 3
    moved[:, 1] += 4
    np.savez(tmp_path / "p.npz", names=names, landmarks_68=moved)
    report = run("aflw", root, tmp_path, tmp_path / "p.npz")
    size = np.sqrt(np.prod(np.ptp(landmarks[:, :2], axis=2), axis=1))
    np.testing.assert_allclose(report.items.errors["AFLW, 21 points"], 500 / size, rtol=1e-9)
    assert report.run["visible points"] == 11 * COUNT
    assert values(report)["mean of bins"] == pytest.approx(values(report)["sample mean"])
    assert any("Table" in row.source for row in report.published)
    assert len(report.pictures) == 2


def test_aflw_failures_never_help(aflw, landmarks, tmp_path):
    root, names = aflw
    np.savez(tmp_path / "p.npz", names=names[1:], landmarks_68=landmarks[1:])
    report = run("aflw", root, tmp_path, tmp_path / "p.npz")
    assert report.failures == {names[0]: "not in the file"}
    assert values(report)["0 to 30"] == pytest.approx(50)
    assert values(report)["0 to 30, found only"] == pytest.approx(0)


def test_aflw_crops_and_photographs(aflw):
    """A crop is the photograph's pixels sx to ex, both included: 240 of them in 120 here."""
    data = read_aflw(aflw[0])
    first, last = np.array([[0.25, 0.25]]), np.array([[119.75, 119.75]])
    np.testing.assert_allclose(data.to_annotation(0, first), [[61, 71]])
    np.testing.assert_allclose(data.to_annotation(0, last), [[300, 310]])
    np.testing.assert_allclose(data.to_photograph(0, [[61, 71]]), first)
    x0, y0, x1, y1 = data.boxes[0]
    assert (x1 - x0) * np.sqrt(2) == pytest.approx(120)
    assert (x0 + x1, y0 + y1) == pytest.approx((120, 120))


@pytest.mark.parametrize(
    "name", ["AFLW_GT_crop.list", "AFLW_GT_pts21.npy", "AFLW_GT_pts68.npy", "AFLW_GT_crop_yaws.npy"]
)
def test_aflw_says_what_is_missing(aflw, name):
    (aflw[0] / name).unlink()
    with pytest.raises(MissingFileError, match=rf"{name}.*cleardusk/3DDFA"):
        read_aflw(aflw[0])


def test_aflw_checks_crops_and_shapes(aflw):
    (aflw[0] / "AFLW_GT_crop" / aflw[1][2]).unlink()
    with pytest.raises(MissingFileError, match="1 of 6 photographs"):
        read_aflw(aflw[0])
    np.save(aflw[0] / "AFLW_GT_pts21.npy", np.zeros((5, 2, 21)))
    with pytest.raises(InputError, match="6 rows"):
        read_aflw(aflw[0])


@pytest.fixture
def lfpa(landmarks, tmp_path):
    root = tmp_path / "lfpa"
    names = [f"face{k}.jpg" for k in range(COUNT)]
    photographs(root / "images", names, 400)
    weights = np.zeros((34, 68))
    weights[np.arange(34), np.arange(0, 68, 2)] = 1
    points = np.einsum("kl,ndl->ndk", weights, landmarks[:, :2])
    points[:, :, 20:] = np.nan
    arrays = {"names": np.array(names), "landmarks_34": points, "from_68": weights}
    np.savez(root / "lfpa34.npz", **arrays)
    return root, names, arrays


def test_lfpa(lfpa, landmarks, tmp_path):
    root, names, arrays = lfpa
    moved = landmarks.copy()
    moved[:, 0] += 3
    np.savez(tmp_path / "p.npz", names=names, landmarks_68=moved)
    report = run("aflw-lfpa", root, tmp_path, tmp_path / "p.npz")
    seen = arrays["landmarks_34"][:, :, :20]
    size = np.sqrt(np.prod(np.ptp(seen, axis=2), axis=1))
    np.testing.assert_allclose(report.items.errors["AFLW-LFPA, 34 points"], 300 / size, rtol=1e-9)
    assert {"sample mean", "failed"} == set(values(report))
    assert {row.method for row in report.published} >= {"DeFA", "Mobile-FaceRNet"}


def test_lfpa_says_what_is_missing(lfpa):
    root, _, arrays = lfpa
    np.savez(root / "lfpa34.npz", **{k: v for k, v in arrays.items() if k != "from_68"})
    with pytest.raises(InputError, match="from_68"):
        read_aflw_lfpa(root)
    np.savez(root / "lfpa34.npz", **(arrays | {"from_68": arrays["from_68"] * 2}))
    with pytest.raises(InputError, match="sum to 1"):
        read_aflw_lfpa(root)
    (root / "lfpa34.npz").unlink()
    with pytest.raises(MissingFileError, match="PIFA"):
        read_aflw_lfpa(root)
