from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.errors import InputError
from selfie3d.datasets.shards.tar import TarShards
from selfie3d.prepare.options import PrepareOptions
from selfie3d.prepare.photographs import open_collection
from selfie3d.prepare.run import prepare


@pytest.fixture
def album(tmp_path, drawn_faces):
    """Eleven photographs of people's folders, and a twelfth that is broken."""
    root = tmp_path / "album"
    for k, face in enumerate(drawn_faces[:11]):
        folder = root / f"person {k // 2}"
        folder.mkdir(parents=True, exist_ok=True)
        canvas = np.full((260, 300, 3), 120, np.uint8)
        canvas[40:184, 60:204] = face.picture
        Image.fromarray(canvas).save(folder / f"{k}.{'png' if k % 3 == 0 else 'jpg'}", quality=95)
    whole = (root / "person 0" / "1.jpg").read_bytes()
    (root / "person 0" / "broken.jpg").write_bytes(whole[: len(whole) // 2])
    return root


def test_an_album_with_a_broken_photograph(album, tmp_path, drawn_faces):
    out = tmp_path / "out"
    result = prepare("folder", album, out, PrepareOptions(held_out=0.3))
    rejects = json.loads((out / "rejects.json").read_text())["rejects"]
    broken = [reject for reject in rejects if reject["name"] == "person 0/broken"]
    assert len(broken) == 1 and "truncated" in broken[0]["reason"]
    assert str(tmp_path) not in json.dumps(rejects)
    others = [reject["reason"] for reject in rejects if reject not in broken]
    assert all("face" in reason for reason in others) and len(others) <= 2
    assert sum(result.counts.values()) == 11 - len(others)
    for name in ("contact_sheet.png", "rejects.png", "manifest.json", "samples.tsv"):
        assert out / name in result.files
    data = TarShards(out, "*-*.tar")
    errors = []
    for row in range(len(data)):
        sample = data[row]
        number = int(sample.name.split("/")[-1])
        true = drawn_faces[number].points + np.array([60, 40])
        miss = np.linalg.norm(sample.landmarks["ibug68-3d"] - true, axis=1).mean()
        errors.append(miss / np.ptp(true, axis=0).max())
    assert np.median(errors) < 0.03


def test_large_photographs_are_cut_round_the_face(tmp_path, drawn_faces):
    root, out = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    face = drawn_faces[0]
    canvas = np.full((1300, 1500, 3), 120, np.uint8)
    large = np.asarray(Image.fromarray(face.picture).resize((576, 576), Image.Resampling.BICUBIC))
    canvas[400:976, 500:1076] = large
    image = Image.fromarray(np.rot90(canvas, 1))  # lies on its side, and EXIF says so
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(root / "a.jpg", quality=95, exif=exif)
    prepare("folder", root, out, PrepareOptions(held_out=0, size=256))
    sample = TarShards(out)[0]
    assert max(sample.picture.shape[:2]) == 256
    points = sample.landmarks["ibug68-3d"]
    true = face.points * 4 + [500, 400]
    scale = np.ptp(points[:, 0]) / np.ptp(true[:, 0])
    shape = (points - points.mean(0)) / scale - (true - true.mean(0))
    assert np.linalg.norm(shape, axis=1).mean() < 0.05 * np.ptp(true, axis=0).max()
    # Where the nose lies by all points together, not by what the network thinks of this one.
    x, y = (true[30] - true.mean(0)) * scale + points.mean(0)
    shown = sample.picture[int(y), int(x)].astype(int)
    there = canvas[int(true[30, 1]), int(true[30, 0])].astype(int)
    assert np.abs(shown - there).max() < 40
    assert sample.skin.shape == sample.picture.shape[:2]


def test_nothing_with_a_face(tmp_path):
    root = tmp_path / "in"
    root.mkdir()
    Image.fromarray(np.full((80, 80, 3), 120, np.uint8)).save(root / "grey.png")
    with pytest.raises(InputError, match=r"photographs with faces.*no face found"):
        prepare("folder", root, tmp_path / "out")


def test_names_are_plain_and_unlike(tmp_path):
    for name in ("a.jpg", "a.png", "b.skin.png", "c\nd.jpg", "e\\f.jpg", "g.h.jpg"):
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / name)
    collection = open_collection("folder", tmp_path, 0.1)
    names = [photograph.name for photograph in collection.photographs]
    assert sorted(names) == ["a_jpg", "a_png", "b_skin_png", "c_d", "e_f", "g.h"]
    assert collection.photographs[0].file.name == "a.jpg"


def test_people_of_a_folder_stay_together(album):
    collection = open_collection("folder", album, 0.5)
    splits: dict[str, set[str]] = {}
    for photograph in collection.photographs:
        splits.setdefault(photograph.file.parent.name, set()).add(photograph.split)
    assert len(splits) == 6 and all(len(found) == 1 for found in splits.values())
    assert set().union(*splits.values()) == {"train", "val"}


def test_side_files_that_would_lie_at_one_place(tmp_path):
    root = tmp_path / "in"
    root.mkdir()
    for name in ("a.jpg", "a.png"):
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(root / name)
    with pytest.raises(InputError, match=r"a\.jpg.*Rename it"):
        prepare("folder", root, tmp_path / "out", PrepareOptions(write="files"))
