"""NoW's photographs in their real layout, with boxes pickled as theirs are."""

from __future__ import annotations

import io
import os
import pickle

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.datasets.photographs.now import NowPhotographs, read_now_box

RELEASE = "NoW_Dataset/final_release_version"
PHOTOS = (
    "FaMoS_180424_03335_TA/multiview_neutral/IMG_0039.jpg",
    "FaMoS_180424_03335_TA/selfie/IMG_0050.jpg",
    "FaMoS_180425_03336_TA/multiview_occlusions/IMG_1.jpg",
)
BOX = {"left": 20, "top": 30, "right": 90, "bottom": 110}


@pytest.fixture
def now_tree(tmp_path, picture):
    root = tmp_path / "now"
    for k, name in enumerate(PHOTOS):
        photo = root / RELEASE / "iphone_pictures" / name
        box = (root / RELEASE / "detected_face" / name).with_suffix(".npy")
        for path in (photo, box):
            path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(140, 120, k)).save(photo)
        np.save(box, {side: value + k for side, value in BOX.items()}, allow_pickle=True)
    (root / "imagepathsvalidation.txt").write_text(f"{PHOTOS[0]}\n{PHOTOS[2]}\nA/b/c.jpg\n")
    return root


def test_photographs_with_boxes(now_tree):
    data = NowPhotographs(now_tree)
    assert data.summary == "now: 3 photographs of 2 people"
    assert [data.row_name(row) for row in range(3)] == [f"now/{name}" for name in PHOTOS]
    assert data[0].box == (20, 30, 90, 110) and data[2].box == (22, 32, 92, 112)
    assert [float(data[row].labels["identity"][0]) for row in range(3)] == [0, 0, 1]


def test_image_sets_and_other_places(now_tree):
    data = NowPhotographs(now_tree, "validation")
    assert data.summary == "now: 2 photographs of 2 people; 1 more are listed but not there"
    with pytest.raises(MissingFileError, match="imagepathstest"):
        NowPhotographs(now_tree, "test")
    with pytest.raises(InputError, match="image_set"):
        NowPhotographs(now_tree, "training")
    assert len(NowPhotographs(now_tree / "NoW_Dataset")) == 3
    (now_tree / "imagepathstest.txt").write_text("IMG_1.jpg\n")
    with pytest.raises(InputError, match="SUBJECT/CHALLENGE"):
        NowPhotographs(now_tree, "test")


def test_missing_and_broken_files(now_tree, tmp_path):
    data = NowPhotographs(now_tree)
    boxes = now_tree / RELEASE / "detected_face"
    (boxes / PHOTOS[1]).with_suffix(".npy").unlink()
    assert data[1].box is None
    (boxes / PHOTOS[0]).with_suffix(".npy").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"IMG_0039\.npy"):
        data[0]
    data.file(2).unlink()
    with pytest.raises(MissingFileError, match=r"now\.is\.tue\.mpg\.de"):
        data[2]
    boxes.rename(tmp_path / "away")
    assert "no detected_face/" in NowPhotographs(now_tree).summary
    with pytest.raises(MissingFileError, match=r"now\.is\.tue\.mpg\.de"):
        NowPhotographs(tmp_path / "none")


def object_npy(payload: bytes) -> bytes:
    """An .npy that holds one object, with any pickle in its place."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "|O", "fortran_order": False, "shape": ()}
    )
    return stream.getvalue() + payload


@pytest.mark.parametrize("protocol", range(6))
def test_boxes_of_every_pickle_protocol(tmp_path, protocol):
    path = tmp_path / "box.npy"
    path.write_bytes(object_npy(pickle.dumps(np.array(BOX, dtype=object), protocol=protocol)))
    assert read_now_box(path) == (20, 30, 90, 110)
    assert np.load(path, allow_pickle=True).item() == BOX  # it is what NumPy writes


def test_a_plain_array_is_a_box(tmp_path):
    np.save(tmp_path / "box.npy", np.float32([1, 2, 3, 4]))
    assert read_now_box(tmp_path / "box.npy") == (1, 2, 3, 4)
    assert read_now_box(tmp_path / "none.npy") is None


class Caller:
    """What an evil pickle looks like."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


def test_pickles_are_not_run(tmp_path):
    path, target = tmp_path / "box.npy", tmp_path / "ran"
    for content in (Caller(target), np.array({"left": Caller(target)}, dtype=object)):
        path.write_bytes(object_npy(pickle.dumps(content)))
        with pytest.raises(InputError, match="and nothing else"):
            read_now_box(path)
    assert not target.exists()


@pytest.mark.parametrize(
    "content",
    [{"left": 1, "top": 2}, {**BOX, "left": "x"}, {**BOX, "left": float("nan")}, [1, 2, 3, 4], 5],
)
def test_other_contents_are_refused(tmp_path, content):
    path = tmp_path / "box.npy"
    path.write_bytes(object_npy(pickle.dumps(np.array(content, dtype=object))))
    with pytest.raises(InputError, match=r"box\.npy"):
        read_now_box(path)
