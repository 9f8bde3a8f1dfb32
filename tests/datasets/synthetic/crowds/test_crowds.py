"""Composed pictures of drawn faces: labels that fit them, the same again from the same seed."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.crowds.crowds import CrowdConfig, CrowdMaker, five_of
from selfie3d.datasets.synthetic.crowds.decoys import CutOut, make_decoy
from selfie3d.datasets.synthetic.crowds.paste import paste_people, placed
from selfie3d.datasets.synthetic.panorama_view import look_around
from selfie3d.datasets.synthetic.places import Places, draw_place
from selfie3d.datasets.synthetic.shards import open_shards, write_shards


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("faces")
    write_shards(out, SyntheticConfig(size=96, seed=4, margin=1.75, degradation=0, border=0), 6)
    return out


@pytest.fixture(scope="module")
def maker(folder: Path) -> CrowdMaker:
    return CrowdMaker([open_shards(folder)], Places(None, 128, 4, 1), CrowdConfig(size=128))


def test_the_same_seed_gives_the_same_batch(maker: CrowdMaker) -> None:
    rows = torch.tensor([0, 3, 5])
    first, again, other = maker(rows, 7), maker(rows, 7), maker(rows, 8)
    for name in ("images", "boxes", "points", "kinds"):
        torch.testing.assert_close(getattr(first, name), getattr(again, name), rtol=0, atol=0)
    assert not torch.equal(first.images, other.images)


def test_labels_lie_where_faces_are(maker: CrowdMaker) -> None:
    batch = maker(torch.arange(6).repeat(6), 1)
    assert batch.images.shape == (36, 3, 128, 128)
    assert float(batch.images.min()) >= 0 and float(batch.images.max()) <= 1
    faces = batch.kinds == 1
    assert int(faces.sum()) > 10
    boxes, points = batch.boxes[faces], batch.points[faces]
    side = (boxes[:, 2:] - boxes[:, :2]).amax(-1)
    assert float(side.min()) >= maker.config.smallest
    assert float(side.max()) <= maker.config.largest
    slack = 0.05 * side[:, None]
    assert bool((points >= boxes[:, None, :2] - slack[..., None]).all())
    assert bool((points <= boxes[:, None, 2:] + slack[..., None]).all())
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    assert bool(((middle > 0) & (middle < 128)).all())
    assert bool((batch.boxes[batch.kinds == 0] == 0).all())


def test_views_are_the_same_pictures_turned(folder: Path) -> None:
    config = CrowdConfig(size=128, views=2, turned=0.6)
    maker = CrowdMaker([open_shards(folder)], Places(None, 128, 4, 1), config)
    batch = maker(torch.arange(6), 3)
    assert len(batch) == 12
    for k in range(6):
        one, other = batch[k : k + 1], batch[k + 6 : k + 7]
        ways = [torch.rot90(one.images, q, (2, 3)) for q in range(4)]
        ways += [torch.rot90(one.images.flip(3), q, (2, 3)) for q in range(4)]
        hits = [q for q, way in enumerate(ways) if torch.equal(way, other.images)]
        assert hits and hits[0] != 0
        # An eye is left of the way from mouth to eyes in both, or in neither if mirrored.
        for m in torch.nonzero(one.kinds[0] == 1)[:, 0].tolist():
            assert _handed(one.points[0, m]) == _handed(other.points[0, m])


def _handed(points: torch.Tensor) -> bool:
    across, down = points[1] - points[0], points[3:].mean(0) - points[:2].mean(0)
    return float(across[0] * down[1] - across[1] * down[0]) > 0


def test_a_hidden_face_teaches_nothing(folder: Path) -> None:
    config = CrowdConfig(size=128, decoys=0)
    maker = CrowdMaker([open_shards(folder)], Places(None, 128, 2, 1), config)
    kinds = maker(torch.arange(6).repeat(8), 2).kinds
    assert int((kinds == 2).sum()) > 0  # crowds overlap


NO_MARKS = np.zeros((68, 2))


def test_pasting_puts_points_where_the_matrix_says() -> None:
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[10:14, 24:28] = 255
    alpha, face = np.ones((40, 40), np.float32), np.zeros((40, 40), bool)
    face[10:14, 24:28] = True
    for mirrored in (False, True):
        canvas, owner = np.zeros((64, 64, 3), np.float32), np.zeros((64, 64), np.int32)
        matrix = placed(
            0.9, 0.7, mirrored, middle=np.array([20.0, 20.0]), to=np.array([30.0, 34.0])
        )
        cut = CutOut(picture, alpha, face, NO_MARKS)
        paste_people(canvas, owner, cut, matrix=matrix, gain=np.ones(3), number=3)
        expected = matrix[:, :2] @ [26.0, 12.0] + matrix[:, 2]
        rows, columns = np.nonzero(owner == 3)
        np.testing.assert_allclose([columns.mean() + 0.5, rows.mean() + 0.5], expected, atol=0.6)
        weight = canvas[..., 0] / canvas[..., 0].sum()
        y, x = np.mgrid[:64, :64] + 0.5
        np.testing.assert_allclose([(weight * x).sum(), (weight * y).sum()], expected, atol=0.1)


def test_shrinking_averages() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    canvas, owner = np.zeros((16, 16, 3), np.float32), np.zeros((16, 16), np.int32)
    matrix = placed(0.2, 0.0, False, middle=np.full(2, 40.0), to=np.full(2, 8.0))
    alpha, face = np.ones((80, 80), np.float32), np.zeros((80, 80), bool)
    cut = CutOut(picture, alpha, face, NO_MARKS)
    paste_people(canvas, owner, cut, matrix=matrix, gain=np.ones(3), number=1)
    blocks = picture.reshape(16, 5, 16, 5, 3).mean((1, 3))
    assert canvas[3:13, 3:13].std() < 0.3 * picture.std()
    assert np.corrcoef(canvas[3:13, 3:13].ravel(), blocks[3:13, 3:13].ravel())[0, 1] > 0.8


def test_five_points_change_sides_in_a_mirror() -> None:
    marks = np.arange(136.0).reshape(68, 2)
    plain, mirrored = five_of(marks, False), five_of(marks, True)
    np.testing.assert_array_equal(plain[[1, 0, 2, 4, 3]], mirrored)
    np.testing.assert_array_equal(plain[2], marks[30])


def test_decoys_have_no_face(maker: CrowdMaker) -> None:
    rng = np.random.default_rng(0)
    cut, segments = maker._cut_out(rng, 2, False)
    assert cut.face.any()
    for _ in range(20):
        decoy = make_decoy(rng, cut, segments)
        assert isinstance(decoy, CutOut) and not decoy.face.any()
        assert decoy.alpha.shape == decoy.picture.shape[:2] and decoy.alpha.max() > 0


def test_places_are_the_same_again() -> None:
    places = Places(None, 64, 3, 5)
    first = places[1]
    np.testing.assert_array_equal(first, Places(None, 64, 3, 5)[1])
    assert first.shape == (64, 64, 3) and first.dtype == np.uint8
    assert not np.array_equal(first, places[2])
    rng = np.random.default_rng(3)
    assert draw_place(rng, 80, None).shape == (80, 80, 3)


def test_looking_around_a_panorama() -> None:
    from selfie3d.datasets.synthetic.panorama import Panorama

    picture = np.full((32, 64, 3), 0.2, np.float32)
    picture[:, 46:50] = 3.0  # a quarter turn to the right of the middle
    panorama = Panorama.of("line", picture)
    seen = [
        look_around(panorama, (yaw, 0.0, 0.0), 0.6, gain=np.ones(3), size=16).mean()
        for yaw in (0.0, -math.pi / 2, math.pi / 2)
    ]
    assert seen[1] > 3 * seen[0] and seen[1] > 3 * seen[2]


@pytest.mark.parametrize(
    ("change", "name"),
    [({"size": 100}, "size"), ({"smallest": 2}, "smallest"), ({"turned": 1.5}, "turned"),
     ({"views": 0}, "views")],
)  # fmt: skip
def test_settings_that_make_no_sense(change: dict[str, float], name: str) -> None:
    with pytest.raises(InputError, match=name):
        CrowdConfig(**change)
