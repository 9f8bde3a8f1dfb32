"""What Python users may give as a photograph, and what they are told where it is none."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import selfie3d
import torch
from PIL import Image
from selfie3d.core.errors import InputError
from selfie3d.pipeline.photo import as_picture

PICTURE = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)


def content(image: Image.Image | None = None, **options) -> bytes:
    file = io.BytesIO()
    (image or Image.fromarray(PICTURE)).save(file, "PNG", **options)
    return file.getvalue()


def test_everything_that_holds_a_photograph(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(content())
    with open(path, "rb") as file:
        given = [
            str(path),
            path,
            path.as_uri(),
            PICTURE,
            np.asfortranarray(PICTURE),
            Image.fromarray(PICTURE),
            Image.open(path),
            content(),
            bytearray(content()),
            memoryview(content()),
            io.BytesIO(content()),
            file,
        ]
        for photo in given:
            found = as_picture(photo)
            np.testing.assert_array_equal(found, PICTURE)
            assert found.flags.c_contiguous and found.dtype == np.uint8


def test_arrays_that_torch_would_refuse():
    """Channels turned round by a slice, as from BGR, and arrays that must not be written."""
    turned = PICTURE[..., ::-1]
    np.testing.assert_array_equal(as_picture(turned), turned)
    locked = PICTURE.copy()
    locked.flags.writeable = False
    assert as_picture(locked).flags.writeable


def test_pictures_of_pillow_are_read_as_files_are():
    """Upright, without colours under transparent parts, of any mode."""
    image = Image.fromarray(PICTURE)
    image.getexif()[0x0112] = 6
    assert as_picture(image).shape == (20, 12, 3)
    clear = Image.fromarray(np.dstack([PICTURE, np.zeros((12, 20), np.uint8)]))
    assert (as_picture(clear) == 255).all() and (as_picture(content(clear)) == 255).all()
    for mode in ("L", "P", "CMYK", "I;16", "F", "1", "LA"):
        assert as_picture(Image.new(mode, (20, 12))).shape == (12, 20, 3)


REFUSED = {
    "a tensor": (torch.rand(3, 8, 8), r"a tensor \(3, 8, 8\).*permute\(1, 2, 0\)"),
    "grey": (PICTURE[..., 0], "greyscale"),
    "floats": (PICTURE / 255, "float64.*astype"),
    "channels first": (PICTURE.transpose(2, 0, 1), "channels last"),
    "nothing": (None, "photo: expected one photograph.*NoneType"),
    "a number": (3, "got int"),
    "a list": ([PICTURE], "list.*each"),
    "an address of another kind": ("ftp://example.org/a.jpg", "http://, https:// or file://.*ftp:"),
    "a picture in an address": ("data:image/png;base64,AAAA", "data:.*bytes"),
    "no such file of an address": ("file:///nowhere/a.jpg", r"/nowhere/a\.jpg.*no such file"),
    "text": (io.StringIO("x"), "binary mode"),
    "no picture": (b"no picture", r"photo \(bytes\).*no image"),
    "half a picture": (content()[:200], "truncated|damaged"),
    "an empty picture": (Image.new("RGB", (0, 5)), "0 x 5"),
    "no such file": (Path("nowhere.jpg"), r"nowhere\.jpg.*no such file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_by_name_before_anything_is_loaded(case, monkeypatch):
    photo, message = REFUSED[case]
    monkeypatch.setattr("selfie3d.pipeline.reconstructor.Reconstructor", lambda *a: pytest.fail())
    with pytest.raises(InputError, match=message):
        selfie3d.reconstruct(photo)


@pytest.mark.parametrize("name", ["x.obj", "x", "x.gltf", "x.glb.obj"])
def test_a_glb_is_called_glb(small_face, tmp_path, name):
    with pytest.raises(InputError, match=r"\.glb.*face\.mesh\(\)\.export"):
        small_face.save_glb(tmp_path / name)
    assert not list(tmp_path.iterdir())
    small_face.save_glb(str(tmp_path / "x.GLB"))
