"""300W-LP in its real layout: frames, the traps of its points, and damaged files."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from scipy.io import loadmat, savemat
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.datasets.batches.crops import face_box
from selfie3d.datasets.photographs.landmark_sets import mirrored_points
from selfie3d.datasets.photographs.w300lp import SUBSETS, W300LP, W300LPOptions

FIRST = 0.5  # ours of MATLAB's 1


def rows_by_name(data: W300LP) -> dict[str, int]:
    return {data.row_name(row): row for row in range(len(data))}


def test_points_come_from_the_landmarks_folder(w300lp_tree, face_68):
    data = W300LP(w300lp_tree().parent)  # the folder above it does as well
    rows = rows_by_name(data)
    assert sorted(rows) == [f"300w-lp/{f}/AFW_1_{k}" for f in ("AFW", "AFW_Flip") for k in (0, 1)]
    assert "4 of 122450 images; no HELEN" in data.summary
    for k in (0, 1):
        outline = face_68 * 200 + [120 + 7 * k, 150] - FIRST
        own = data[rows[f"300w-lp/AFW/AFW_1_{k}"]]
        np.testing.assert_allclose(own.landmarks["ibug68-2d"], outline, atol=1e-9)
        np.testing.assert_allclose(
            own.landmarks["ibug68-3d"], outline + np.array([0, 2]), atol=1e-9
        )
        flip = data[rows[f"300w-lp/AFW_Flip/AFW_1_{k}"]]
        assert np.abs(own.picture[:, ::-1].astype(int) - flip.picture).mean() < 2
        expected = mirrored_points("ibug68-2d", outline, 450)
        np.testing.assert_allclose(flip.landmarks["ibug68-2d"], expected, atol=1e-9)


def test_splits_keep_a_photograph_with_what_was_made_from_it(w300lp_tree):
    """All four images of the one photograph are in one split, whichever that is."""
    root = w300lp_tree()
    for held_out in (0.01, 0.99):
        split, other = ("train", "val") if held_out < 0.5 else ("val", "train")
        whole = W300LP(root, W300LPOptions(split=split, held_out=held_out))
        assert len(whole) == 4 and f"split {split}" in whole.summary
        with pytest.raises(InputError, match=f"photographs in '{other}'"):
            W300LP(root, W300LPOptions(split=other, held_out=held_out))
    for given in ({"split": "test"}, {"split": "val", "held_out": 1.5}):
        with pytest.raises(InputError, match=r"split|held_out"):
            W300LP(root, W300LPOptions(**given))


def test_without_that_folder_pt2d_serves_unturned_images_only(w300lp_tree, face_68):
    data = W300LP(w300lp_tree(landmarks=False))
    rows = rows_by_name(data)
    outline = face_68 * 200 + [120, 150] - FIRST
    own, flip = (data[rows[f"300w-lp/{folder}/AFW_1_0"]] for folder in ("AFW", "AFW_Flip"))
    np.testing.assert_allclose(own.landmarks["ibug68-2d"], outline, atol=1e-9)
    expected = mirrored_points("ibug68-2d", outline, 450)  # the file has the order of the original
    np.testing.assert_allclose(flip.landmarks["ibug68-2d"], expected, atol=1e-9)
    turned = data[rows["300w-lp/AFW/AFW_1_1"]]
    assert not turned.landmarks
    assert turned.box is not None
    assert "no landmarks/" in data.summary


def test_parameters_are_labels(w300lp_tree):
    sample = W300LP(w300lp_tree(), W300LPOptions(flipped=False))[0]
    np.testing.assert_allclose(
        sample.labels["pose_para"], [-0.1, 0.1, 0.05, 225, 200, -70, 0.0012], rtol=1e-6
    )
    assert sample.labels["exp_para"].shape == (29,)
    np.testing.assert_allclose(sample.labels["shape_para"], np.linspace(-1, 1, 199) * 1e5)


@pytest.mark.parametrize(
    ("name", "inner", "whole"), [("AFW_134212_1_0", 3.0, 5.0), ("IBUG_image_008_1_0", 2.5, 5.5)]
)
@pytest.mark.parametrize("flipped", [False, True])
def test_real_samples_agree_with_their_fits(shared_data, tmp_path, name, inner, whole, flipped):
    """The fitted points, in the picture they were fitted to, lie on pt2d as we read it.

    Percent of sqrt(box); 36 to 45 % where the mirrored order is forgotten. Jaw points differ more:
    one set has them on the outline, the other on the jaw.
    """
    real = shared_data("300wlp")
    if flipped and not (real / f"{name}_Flip.jpg").is_file():
        pytest.skip("no mirror image of this sample")
    folder = tmp_path / ("AFW_Flip" if flipped else "AFW")
    folder.mkdir()
    for suffix in (".jpg", ".mat"):
        source = real / f"{name}{'_Flip' if flipped else ''}{suffix}"
        shutil.copy(source, folder / f"{name}{suffix}")
    basis = shared_data("models", "3ddfa")
    arrays = {key: np.loadtxt(basis / f"{file}.txt") for key, file in (
        ("mean", "u_base"), ("identity", "w_shp_base"), ("expression", "w_exp_base"))}  # fmt: skip
    shapes = {"mean": (68, 3), "identity": (68, 3, 40), "expression": (68, 3, 10)}
    np.savez(tmp_path / "basis.npz", **{k: v.reshape(shapes[k]) for k, v in arrays.items()})
    sample = W300LP(tmp_path, W300LPOptions(basis=str(tmp_path / "basis.npz")))[0]
    fitted, outline = sample.landmarks["ibug68-3d"], sample.landmarks["ibug68-2d"]
    unit = np.sqrt(np.ptp(fitted, axis=0).prod()) / 100
    errors = np.linalg.norm(fitted - outline, axis=1) / unit
    assert errors[17:].mean() < inner
    assert errors.mean() < whole
    # The box from Pose_Para alone, for images without points.
    box, exact = np.array(sample.box), np.array(face_box(sample))
    middle = (box[:2] + box[2:] - exact[:2] - exact[2:]) / 2
    side = (exact[2:] - exact[:2]).max()
    assert np.abs(middle).max() < 0.12 * side
    assert (box[2] - box[0]) / side == pytest.approx(1, abs=0.12)


def test_bad_rows(w300lp_tree):
    root = w300lp_tree()
    jpg, mat = root / "AFW" / "AFW_1_0.jpg", root / "AFW" / "AFW_1_1.mat"
    flipped = root / "AFW_Flip"
    jpg.write_bytes(jpg.read_bytes()[:3000])
    content = {k: v for k, v in loadmat(mat).items() if not k.startswith("_")}
    savemat(mat, {**content, "Pose_Para": content["Pose_Para"] * np.nan})
    (flipped / "AFW_1_0.mat").unlink()
    (flipped / "AFW_1_1.mat").write_bytes((flipped / "AFW_1_1.mat").read_bytes()[:500])
    data = W300LP(root)
    for row, (kind, reason) in enumerate(
        [(InputError, "truncated"), (InputError, "Pose_Para"), (MissingFileError, "cbsr.ia.ac.cn"),
         (InputError, "MATLAB 5")]
    ):  # fmt: skip
        with pytest.raises(kind, match=reason):
            data[row]


def test_a_face_out_of_the_image(w300lp_tree):
    root = w300lp_tree(landmarks=False)
    mat = root / "AFW" / "AFW_1_0.mat"
    content = {k: v for k, v in loadmat(mat).items() if not k.startswith("_")}
    savemat(mat, {**content, "pt2d": content["pt2d"] + 900})
    with pytest.raises(InputError, match="68 of 68 points"):
        W300LP(root)[0]


def test_what_is_missing_is_named(tmp_path, w300lp_tree):
    with pytest.raises(MissingFileError, match="AFW, AFW_Flip, HELEN") as caught:
        W300LP(tmp_path)
    assert "research only" in str(caught.value)
    root = w300lp_tree()
    assert len(W300LP(root, W300LPOptions(subsets=["AFW"], flipped=False))) == 2
    assert "2 of 5207 images" in W300LP(root, W300LPOptions(subsets=["AFW"], flipped=False)).summary
    for subsets in (["AFLW"], []):
        with pytest.raises(InputError, match=", ".join(SUBSETS)):
            W300LP(root, W300LPOptions(subsets=subsets))
    np.savez(tmp_path / "b.npz", mean=np.zeros((4, 3)), identity=np.zeros((4, 3, 2)),
             expression=np.zeros((4, 3, 2)))  # fmt: skip
    with pytest.raises(InputError, match="68 points"):
        W300LP(root, W300LPOptions(basis=str(tmp_path / "b.npz")))
