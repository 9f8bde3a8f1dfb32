"""Every kind of file a user may call a photograph."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from selfie3d.core import image_file
from selfie3d.core.errors import InputError
from selfie3d.core.image_file import list_images, read_image, write_image


@pytest.fixture
def picture() -> np.ndarray:
    """No symmetry, so that every wrong turn shows; smooth, so that JPEG keeps it."""
    y, x = np.mgrid[0:24, 0:40]
    return np.stack([x * 6, y * 10, (x + y) * 3], axis=2).astype(np.uint8)


def png(width: int, height: int, depth: int, kind: int, rows: bytes) -> bytes:
    """A PNG put together by hand: the oracle for what Pillow cannot write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_exif_orientation_is_applied_as_pillow_does(
    tmp_path: Path, picture: np.ndarray, orientation: int, suffix: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"turned.{suffix}"
    Image.fromarray(picture).save(path, exif=exif, quality=95)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    read = read_image(path)
    assert read.shape == ((24, 40, 3) if orientation < 5 else (40, 24, 3))
    np.testing.assert_array_equal(read, expected)
    assert read.flags.c_contiguous and read.flags.writeable


@pytest.mark.filterwarnings("error")
def test_a_damaged_exif_block_does_not_cost_the_photograph(
    tmp_path: Path, picture: np.ndarray
) -> None:
    path = tmp_path / "odd.jpg"
    Image.fromarray(picture).save(path, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01")
    assert read_image(path).shape == (24, 40, 3)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr", "LAB"])
def test_colour_modes_become_rgb(tmp_path: Path, picture: np.ndarray, mode: str) -> None:
    suffix = {"CMYK": "jpg", "YCbCr": "tif", "LAB": "tif"}.get(mode, "png")
    path = tmp_path / f"mode.{suffix}"
    source = Image.fromarray(picture)
    if mode == "LAB":
        pytest.importorskip("PIL.ImageCms")
        from PIL import ImageCms

        rgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        source = ImageCms.profileToProfile(source, rgb, lab, outputMode="LAB")
    else:
        source = source.convert(mode)
    source.save(path, quality=95)
    read = read_image(path).astype(int)
    assert read.shape == (24, 40, 3)
    if mode == "L":
        expected = picture @ [0.299, 0.587, 0.114]
        np.testing.assert_allclose(read, np.repeat(expected[..., None], 3, 2), atol=1)
    elif mode in ("CMYK", "YCbCr"):
        assert np.abs(read - picture).mean() < 3  # an inverted one is off by about 100


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_become_white(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "cut.png"
    rgba = np.zeros((4, 6, 4), np.uint8)
    rgba[:, 3:, 3] = 255  # black, the left half transparent
    if mode == "P":
        image = Image.fromarray((rgba[..., 3] > 0).astype(np.uint8), "P")
        image.putpalette([255, 0, 0, 0, 0, 0])
        image.save(path, transparency=0)
    else:
        Image.fromarray(rgba).convert(mode).save(path)
    read = read_image(path)
    assert (read[:, :3] == 255).all() and (read[:, 3:] == 0).all()


def test_conversion_in_strips(
    tmp_path: Path, rng_image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    for mode in ("RGB", "P", "RGBA"):
        path = tmp_path / f"{mode}.png"
        Image.fromarray(rng_image).convert(mode).save(path, transparency=3 if mode == "P" else None)
        whole = read_image(path)
        monkeypatch.setattr(image_file, "_STRIP", 64 * 7)
        np.testing.assert_array_equal(read_image(path), whole)
        monkeypatch.undo()


def test_half_transparent_is_mixed_with_white(tmp_path: Path) -> None:
    path = tmp_path / "half.png"
    Image.fromarray(np.full((2, 2, 4), [200, 100, 0, 128], np.uint8)).save(path)
    expected = np.array([200, 100, 0]) * 128 / 255 + 255 * 127 / 255
    np.testing.assert_allclose(read_image(path)[0, 0], expected, atol=1)


@pytest.mark.parametrize("kind, channels", [(0, 1), (2, 3)])
def test_16_bit_png_is_scaled_to_8(tmp_path: Path, kind: int, channels: int) -> None:
    values = np.linspace(0, 65535, 8 * 5 * channels).astype(">u2").reshape(5, 8, channels)
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    path = tmp_path / "deep.png"
    path.write_bytes(png(8, 5, 16, kind, rows))
    expected = np.broadcast_to(values / 257.0, (5, 8, 3))
    np.testing.assert_allclose(read_image(path), expected, atol=1)


@pytest.mark.parametrize("full", [1.0, 255.0])
def test_floating_point_tiff(tmp_path: Path, full: float) -> None:
    values = np.linspace(0, full, 40, dtype=np.float32).reshape(5, 8)
    path = tmp_path / "float.tif"
    Image.fromarray(values).save(path)
    expected = np.repeat((values / full * 255)[..., None], 3, axis=2)
    np.testing.assert_allclose(read_image(path), expected, atol=0.51)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 70000.0])
def test_floating_point_nonsense_is_refused(tmp_path: Path, bad: float) -> None:
    values = np.full((5, 8), 0.5, np.float32)
    values[2, 3] = bad
    path = tmp_path / "float.tif"
    Image.fromarray(values).save(path)
    with pytest.raises(InputError, match=r"float\.tif"):
        read_image(path)


def test_one_pixel(tmp_path: Path) -> None:
    path = tmp_path / "one.png"
    Image.new("RGB", (1, 1), (1, 2, 3)).save(path)
    np.testing.assert_array_equal(read_image(path), [[[1, 2, 3]]])


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "bmp", "ppm"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_truncated_file_names_itself(
    tmp_path: Path, suffix: str, share: float, rng_image: np.ndarray
) -> None:
    buffer = io.BytesIO()
    names = {"jpg": "JPEG", "tif": "TIFF"}
    Image.fromarray(rng_image).save(buffer, format=names.get(suffix, suffix.upper()))
    path = tmp_path / f"cut.{suffix}"
    path.write_bytes(buffer.getvalue()[: int(len(buffer.getvalue()) * share)])
    with pytest.raises(InputError, match=rf"cut\.{suffix}.*damaged"):
        read_image(path)


@pytest.fixture
def rng_image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def test_what_is_no_photograph(tmp_path: Path) -> None:
    text, empty = tmp_path / "text.jpg", tmp_path / "empty.jpg"
    text.write_text("this is no image\n" * 50)
    empty.touch()
    for path, problem in [
        (text, "no image"),
        (empty, "an empty file"),
        (tmp_path, "a folder"),
        (tmp_path / "missing.jpg", "no such file"),
    ]:
        with pytest.raises(InputError, match=problem) as error:
            read_image(path)
        assert str(path) in str(error.value)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads anything")
def test_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "private.png"
    Image.new("RGB", (2, 2)).save(path)
    path.chmod(0)
    with pytest.raises(InputError, match="must not be read"):
        read_image(path)


def test_huge_photograph_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    path.write_bytes(png(20_000, 20_000, 8, 2, b""))  # the size is in the header
    with pytest.raises(InputError, match=r"200 megapixels.*20000 x 20000.*400 megapixels.*4,000"):
        read_image(path)


@pytest.mark.filterwarnings("error")
def test_our_limit_replaces_pillows(
    tmp_path: Path, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(picture).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # Pillow itself would refuse 960 pixels
    assert read_image(path).shape == picture.shape
    assert Image.MAX_IMAGE_PIXELS == 100
    monkeypatch.setattr(image_file, "MAX_MEGAPIXELS", 0.0005)
    with pytest.raises(InputError, match="40 x 24"):
        read_image(path)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_max_side(tmp_path: Path, suffix: str) -> None:
    ramp = np.repeat(np.linspace(0, 255, 400)[None, :, None], 200, 0).repeat(3, 2).astype(np.uint8)
    path = tmp_path / f"ramp.{suffix}"
    Image.fromarray(ramp).save(path, quality=95)
    small = read_image(path, max_side=40)
    assert small.shape == (20, 40, 3)
    centres = (np.arange(40) + 0.5) * 10 - 0.5
    np.testing.assert_allclose(
        small[10, 1:-1, 0], np.interp(centres, range(400), ramp[0, :, 0])[1:-1], atol=2
    )
    assert read_image(path, max_side=1000).shape == (200, 400, 3)
    with pytest.raises(InputError, match="max_side"):
        read_image(path, max_side=0)


def test_list_images(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "notes.txt", "c.webp"):
        (tmp_path / name).touch()
    (tmp_path / "deeper.png").mkdir()
    single = tmp_path / "notes.txt"  # a named file is taken as it is
    found = list_images([single, tmp_path])
    assert [path.name for path in found] == ["notes.txt", "a.png", "b.JPG", "c.webp"]
    with pytest.raises(InputError, match="nowhere"):
        list_images([tmp_path / "nowhere"])
    with pytest.raises(InputError, match="none in it"):
        list_images([tmp_path / "deeper.png"])


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4)])
def test_write_then_read(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path / "written.png"
    write_image(path, array)
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), array)
    assert [p.name for p in tmp_path.iterdir()] == ["written.png"]


def test_write_refuses_and_leaves_nothing(tmp_path: Path) -> None:
    good = np.zeros((4, 4, 3), np.uint8)
    for path, array in [
        (tmp_path / "a.png", good.astype(np.float32)),
        (tmp_path / "a.png", good[..., :2]),
        (tmp_path / "a.png", good[:0]),
        (tmp_path / "a.xyz", good),
        (tmp_path / "no folder" / "a.png", good),
        (tmp_path / "a.jpg", np.zeros((4, 4, 4), np.uint8)),  # JPEG holds no alpha
    ]:
        with pytest.raises(InputError):
            write_image(path, array)
    assert list(tmp_path.iterdir()) == []
