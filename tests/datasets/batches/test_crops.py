"""Each system's square, against its own rule written out again."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.io import loadmat
from selfie3d.core.errors import InputError, UnknownNameError
from selfie3d.datasets.batches.augment import NO_AUGMENTATION, draw_frames
from selfie3d.datasets.batches.crops import CROPS, crop_of, face_box
from selfie3d.datasets.batches.sample import FaceSample
from selfie3d.datasets.photographs.aflw2000 import read_aflw2000, to_pixels
from selfie3d.datasets.photographs.landmark_sets import five_points
from selfie3d.geometry.euler import euler_to_matrix

PICTURE = np.zeros((300, 400, 3), np.uint8)
TEMPLATE = np.array(  # the mean face as the module rounds it
    [[-0.31, 0.29, 0.13], [0.31, 0.29, 0.13], [0, -0.05, 0.55], [-0.25, -0.38, 0.22],
     [0.25, -0.38, 0.22]]
)  # fmt: skip


@pytest.fixture
def known(face_68) -> FaceSample:
    return FaceSample("a/b", PICTURE, {"ibug68-3d": face_68 * [150, 110] + [100, 80]})


def square(kind: str, sample: FaceSample, size: int = 64) -> tuple[float, float, float]:
    """Middle and side of a crop in the photograph."""
    crop = crop_of(kind, sample, size)
    assert crop.size == (size, size)
    x, y = crop.to_photo(torch.tensor([size / 2, size / 2], dtype=torch.float64)).tolist()
    linear = crop.matrix[:, :2]
    torch.testing.assert_close(linear, crop.scale * torch.eye(2, dtype=torch.float64))
    return x, y, size / crop.scale


def test_tight_is_the_square_of_rendered_training(known):
    points = torch.from_numpy(known.landmarks["ibug68-3d"]).float()[None]
    frame = draw_frames(points, 64, NO_AUGMENTATION, torch.Generator())[0]
    found = crop_of("tight", known, 64).matrix.float()
    torch.testing.assert_close(found, frame, atol=1e-3, rtol=1e-5)


def test_roi_is_3ddfas_box_in_whole_pixels(known):
    points = known.landmarks["ibug68-3d"]
    (x0, y0), (x1, y1) = points.min(0), points.max(0)
    radius = max(x1 - x0, y1 - y0) / 2
    length = math.hypot(2 * radius, 2 * radius)  # of the square box's diagonal
    x, y, side = square("roi", known)
    assert side == pytest.approx(length, abs=1)
    assert np.allclose([x, y], [(x0 + x1) / 2, (y0 + y1) / 2], atol=1)
    assert np.allclose(np.array([x - side / 2, y - side / 2, side]) % 1, 0, atol=1e-6)


def test_sadrnet_takes_one_and_a_half_mean_sides(known):
    width, height = np.ptp(known.landmarks["ibug68-3d"], axis=0)
    assert square("sadrnet", known)[2] == pytest.approx(1.5 * (width + height) / 2)


def test_whole_keeps_the_longer_side():
    assert square("whole", FaceSample("a/b", PICTURE)) == pytest.approx((200, 150, 400))


def test_deep3d_finds_the_camera_that_made_the_points():
    """Weakly projected template points give back the camera's scale and the origin's place."""
    turn = euler_to_matrix(torch.tensor([0.1, 0.5, -0.3])).double().numpy()
    pixels, origin = 70.0, np.array([210.0, 120.0])
    seen = pixels * (TEMPLATE @ turn.T)[:, :2] * [1, -1] + origin
    x, y, side = square("deep3d", FaceSample("a/b", PICTURE, five_points=seen), 224)
    assert (x, y) == pytest.approx(tuple(origin))
    assert side == pytest.approx(224 * pixels / 102)  # 102 px of 224 are one unit (100 mm)


def test_deep3d_is_its_authors_alignment(shared_data):
    """On AFLW2000-3D's points, against their formula with their own template: 0.6 px of 224."""
    marks = loadmat(shared_data("models", "deep3d", "similarity_Lm3D_all.mat"))["lm"]
    groups = [[36, 39], [42, 45], [30], [48], [54]]
    template = np.stack([marks[group].mean(0) for group in groups])
    points = to_pixels(read_aflw2000(shared_data("aflw2000_gt").parent).points[::40])
    for own in points[:, :2].transpose(0, 2, 1):
        five = five_points({"ibug68-3d": own})
        rows = []  # two equations a point, for 8 unknowns
        for corner in template:
            rows += [[*corner, 1, 0, 0, 0, 0], [0, 0, 0, 0, *corner, 1]]
        answer = np.linalg.lstsq(np.array(rows), (five * [1, -1]).ravel(), rcond=None)[0]
        pixels = (np.linalg.norm(answer[:3]) + np.linalg.norm(answer[4:7])) / 2
        scale, shift = 102 / pixels, np.array([answer[3], -answer[7]])
        expected = (own - shift) * scale + 112
        large = np.zeros((900, 900, 3), np.uint8)
        crop = crop_of("deep3d", FaceSample("a/b", large, {"ibug68-3d": own}), 224)
        found = crop.to_crop(torch.from_numpy(own)).numpy()
        assert np.abs(found - expected).max() < 1.2


def test_five_points_and_boxes_stand_in_for_each_other(shared_data):
    """The measured relation of the two squares, on AFLW2000-3D: half the faces within 4 %."""
    points = to_pixels(read_aflw2000(shared_data("aflw2000_gt").parent).points[::10])
    errors = []
    for own in points[:, :2].transpose(0, 2, 1):
        exact = FaceSample("a/b", PICTURE, {"ibug68-3d": own})
        five = FaceSample("a/b", PICTURE, five_points=five_points(exact.landmarks))
        box = FaceSample("a/b", PICTURE, box=face_box(exact))
        for kind, rough in (("tight", five), ("deep3d", box)):
            found, true = square(kind, rough), square(kind, exact)
            assert found[2] / true[2] == pytest.approx(1, abs=0.35)
            errors.append([found[2] / true[2] - 1, *(np.subtract(found, true)[:2] / true[2])])
    middle = np.median(errors, 0)
    assert np.abs(middle).max() < 0.02
    assert np.median(np.abs(errors), 0).max() < 0.06


def test_what_is_known_best_is_taken(known, face_68):
    points = known.landmarks["ibug68-3d"]
    other = FaceSample("a/b", PICTURE, {"ibug68-2d": points}, box=(0, 0, 9, 9))
    assert square("tight", other) == pytest.approx(square("tight", known))
    boxed = FaceSample("a/b", PICTURE, box=(10, 20, 50, 80))
    assert square("tight", boxed) == pytest.approx((30, 50, 60 * math.sqrt(2)))
    for kind in CROPS.names():  # nothing is known: the photograph is the crop
        assert square(kind, FaceSample("a/b", PICTURE)) == pytest.approx((200, 150, 400))


def test_errors():
    flat = FaceSample("a/b", PICTURE, five_points=np.full((5, 2), 20.0))
    with pytest.raises(InputError, match="a/b: crop"):
        crop_of("deep3d", flat, 64)
    with pytest.raises(UnknownNameError, match="tight"):
        crop_of("tigth", flat, 64)
