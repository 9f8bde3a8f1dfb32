"""Panoramas are read from files of both formats, and every file that is none is named."""

from __future__ import annotations

import builtins

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.datasets.synthetic import panorama as panorama_files
from selfie3d.datasets.synthetic.panorama import read_panoramas

oiio = pytest.importorskip("OpenImageIO")


def picture(height=32, width=64):
    """A gradient with a bright window."""
    rng = np.random.default_rng(0)
    light = 0.2 + rng.random((height, width, 3), dtype=np.float32)
    light[height // 4 : height // 3, width // 2 : width // 2 + 5] = 40
    return light


def write(path, light, names=("R", "G", "B"), compression="zip", full_width=None):
    spec = oiio.ImageSpec(light.shape[1], light.shape[0], light.shape[2], oiio.FLOAT)
    spec.channelnames = names
    spec["compression"] = compression
    spec.full_width = full_width or light.shape[1]
    file = oiio.ImageOutput.create(str(path))
    assert file.open(str(path), spec), file.geterror()
    assert file.write_image(np.ascontiguousarray(light, np.float32)), file.geterror()
    file.close()


@pytest.fixture
def good(tmp_path):
    """A folder with one panorama that can be used."""
    write(tmp_path / "good.exr", picture())
    return tmp_path


def problem(folder):
    """The only problem of a folder with one good panorama."""
    panoramas = read_panoramas(folder)
    assert [p.name for p in panoramas] == ["good.exr"]
    assert len(panoramas.problems) == 1
    return panoramas.problems[0]


@pytest.mark.parametrize("name", ["a.hdr", "a.exr", "A.EXR", "dwa.exr"])
def test_both_formats_give_the_light_that_was_written(tmp_path, name):
    light = picture()
    write(tmp_path / name, light, compression="dwab" if name.startswith("dwa") else "zip")
    panoramas = read_panoramas(tmp_path)
    assert panoramas.problems == [] and len(panoramas) == 1
    read = panoramas.all[0].picture
    ratio = read[light < 30].mean() / light[light < 30].mean()
    np.testing.assert_allclose(read[light < 30] / ratio, light[light < 30], atol=0.15)
    assert panoramas.all[0].name == name


def test_files_come_in_the_order_of_their_names_and_others_are_left_alone(tmp_path):
    for name in ("b.exr", "a.hdr", "c.exr"):
        write(tmp_path / name, picture())
    (tmp_path / "notes.txt").write_text("not a panorama")
    (tmp_path / "folder.exr").mkdir()
    panoramas = read_panoramas(tmp_path)
    assert [p.name for p in panoramas] == ["a.hdr", "b.exr", "c.exr"]
    assert panoramas.problems == []
    drawn = {panoramas.draw(np.random.default_rng(s)).name for s in range(20)}
    assert drawn == {"a.hdr", "b.exr", "c.exr"}


@pytest.mark.parametrize(
    ("light", "reason"),
    [
        (picture(32, 60), "60 x 32 pixels, not twice as wide"),
        (picture(64, 64), "64 x 64 pixels, not twice as wide"),
        (picture(8, 16), "16 x 8 pixels, too small"),
        (np.where(picture() > 30, np.nan, picture()), "not finite"),
        (np.where(picture() > 30, np.inf, picture()), "not finite"),
        (-picture(), "negative light in 100 %"),
        (0 * picture(), "black"),
    ],
)
def test_pictures_that_are_no_panorama_are_named(good, light, reason):
    write(good / "bad.exr", light)
    assert problem(good).startswith("bad.exr: ") and reason in problem(good)


def test_files_that_are_no_panorama_are_named(good):
    write(good / "grey.exr", picture()[..., :1], names=("Y",))
    write(good / "normal.exr", picture(), names=("X", "Y", "Z"))
    write(good / "part.exr", picture(), full_width=200)
    Image.fromarray(np.zeros((32, 64, 3), np.uint8)).save(good / "png.png")
    (good / "png.png").rename(good / "png.hdr")
    (good / "empty.hdr").write_bytes(b"")
    (good / "zero.hdr").write_bytes(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 0 +X 0\n")
    (good / "words.exr").write_text("no picture at all")
    panoramas = read_panoramas(good)
    assert [p.name for p in panoramas] == ["good.exr"]
    reasons = dict(sentence.split(": ", 1) for sentence in panoramas.problems)
    assert sorted(reasons) == ["empty.hdr", "grey.exr", "normal.exr", "part.exr", "png.hdr",
                               "words.exr", "zero.hdr"]  # fmt: skip
    assert "has the channels Y, not R, G and B" in reasons["grey.exr"]
    assert "has the channels X, Y, Z" in reasons["normal.exr"]
    assert "part of a picture" in reasons["part.exr"]
    assert all(reasons.values())


@pytest.mark.parametrize("suffix", ["exr", "hdr"])
def test_damaged_files_are_named(good, suffix):
    write(good / f"whole.{suffix}", picture(64, 128))
    whole = (good / f"whole.{suffix}").read_bytes()
    (good / f"whole.{suffix}").unlink()
    (good / f"cut.{suffix}").write_bytes(whole[: len(whole) // 2])
    assert problem(good).startswith(f"cut.{suffix}: ")


def test_files_that_are_too_wide_are_refused_before_they_are_decoded(good, monkeypatch):
    write(good / "wide.exr", picture(64, 128))
    whole = (good / "wide.exr").read_bytes()
    (good / "wide.exr").write_bytes(whole[: len(whole) // 2])
    monkeypatch.setattr(panorama_files, "_WIDEST", 100)
    assert problem(good) == "wide.exr: is 128 x 64 pixels; make it 100 wide at most"


def test_few_values_below_zero_are_what_compression_left(tmp_path):
    light = picture()
    light[10, 31] = -5
    write(tmp_path / "rings.exr", light)
    panoramas = read_panoramas(tmp_path)
    assert panoramas.problems == []
    filled = panoramas.all[0].picture[10, 31]
    assert filled.min() > 0.5 * panoramas.all[0].picture[12:, :20].mean()


def test_a_folder_without_panoramas_is_refused(tmp_path):
    with pytest.raises(InputError, match="hdri"):
        read_panoramas(tmp_path)
    write(tmp_path / "square.exr", picture(64, 64))
    with pytest.raises(InputError, match=r"hdri.*square\.exr: is 64 x 64"):
        read_panoramas(tmp_path)
    with pytest.raises(MissingFileError, match="folder of panoramas"):
        read_panoramas(tmp_path / "nowhere")


def test_a_missing_library_is_named_with_its_remedy(good, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "OpenImageIO":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingFileError, match=r"pip install 'selfie3d\[assets\]'"):
        read_panoramas(good)
