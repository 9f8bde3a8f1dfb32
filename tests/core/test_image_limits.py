"""What a picture declares is judged before a pixel is decoded."""

from __future__ import annotations

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.errors import InputError
from selfie3d.core.image_file import read_image
from selfie3d.core.picture_limits import MAX_SCANS, check_image, count_scans


def png(width: int, height: int, data: bytes, depth: int = 8, kind: int = 2) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        body = name + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def jpeg(side: int = 64, **options: object) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def wider(content: bytes, width: int, height: int) -> bytes:
    """A JPEG whose header says another size."""
    at = max(content.find(b"\xff\xc0"), content.find(b"\xff\xc2"))
    return content[: at + 5] + struct.pack(">HH", height, width) + content[at + 9 :]


def refused(path, content: bytes, problem: str) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match=problem) as error:
        read_image(path)
    assert path.name in str(error.value) and error.value.remedy


@pytest.mark.parametrize("size", [(200_000_000, 1), (1, 200_000_000), (70_000, 10)])
def test_too_long_a_side(tmp_path, size):
    refused(tmp_path / "long.png", png(*size, b""), "65,535 pixels")


def tiff(width: int, height: int, tile: int = 0) -> bytes:
    """A grey TIFF that declares a size, with ten bytes of pixels; in tiles if so wanted."""
    place = [(322, tile), (323, tile), (324, 8), (325, 10)] if tile else [(273, 8), (279, 10)]
    tags = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (277, 1), *place]
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags))
    return (
        b"II*\0"
        + struct.pack("<I", 18)
        + bytes(10)
        + struct.pack("<H", len(tags))
        + table
        + bytes(4)
    )


def bitmap(side: int) -> bytes:
    return b"BM" + struct.pack("<IIIIiiHHII", 70, 0, 54, 40, side, side, 1, 24, 0, 0) + bytes(40)


@pytest.mark.parametrize(
    "name, content",
    [
        ("lie.png", png(10_000, 10_000, b"\0" * 100)),
        ("lie.jpg", wider(jpeg(8), 12_000, 12_000)),
        ("lie.ppm", b"P6 10000 10000 255\n" + bytes(300)),
        ("lie.bmp", bitmap(10_000)),
        ("lie.tif", tiff(10_000, 10_000)),
    ],
)
def test_a_few_bytes_that_declare_a_large_picture(tmp_path, name, content):
    refused(tmp_path / name, content, "truncated one .* pixels")


def test_an_even_picture_packs_well_and_is_read(tmp_path):
    Image.new("1", (4000, 4000)).save(tmp_path / "even.png", optimize=True)
    assert (tmp_path / "even.png").stat().st_size < 10_000
    assert read_image(tmp_path / "even.png").shape == (4000, 4000, 3)
    Image.new("L", (2000, 2000)).save(tmp_path / "even.jpg", quality=1, optimize=True)
    assert read_image(tmp_path / "even.jpg").shape == (2000, 2000, 3)


def test_scans_are_counted_and_limited(tmp_path):
    assert count_scans(jpeg()) == 1
    content = jpeg(progressive=True)
    assert 2 < count_scans(content) <= 12
    thumbnail = b"Exif\0\0" + content
    assert count_scans(jpeg(exif=thumbnail)) == 1
    start = content.rindex(b"\xff\xda")
    many = content[:start] + content[start:-2] * (MAX_SCANS + 1) + b"\xff\xd9"
    refused(tmp_path / "many.jpg", many, "at most 64 scans, got 7. scans")
    path = tmp_path / "usual.jpg"
    path.write_bytes(content)
    assert read_image(path).shape == (64, 64, 3)


def test_other_formats_than_the_named_ones_are_not_opened(tmp_path, monkeypatch):
    """EPS would start Ghostscript."""
    monkeypatch.setattr("subprocess.check_call", lambda *_, **__: pytest.fail("a program ran"))
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"
    refused(tmp_path / "a.jpg", eps, "no image")
    for kind in ("TGA", "PCX", "ICO", "DDS", "SGI"):
        buffer = io.BytesIO()
        Image.new("RGB", (16, 16)).save(buffer, kind)
        refused(tmp_path / "b.jpg", buffer.getvalue(), "no image")


def test_tiles_far_larger_than_the_picture(tmp_path):
    refused(tmp_path / "tiles.tif", tiff(16, 16, 40_000), "tiles of 40000 x 40000")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(InputError, match="a pipe"):
        read_image(tmp_path / "pipe.jpg")


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "GIF", "JPEG2000"])
def test_formats_that_are_decoded_several_times_over_have_less(kind):
    image = Image.new("1", (11_000, 10_000))
    image.format = kind
    with pytest.raises(InputError, match=r"at most (100|60) megapixels.*110 megapixels"):
        check_image("a", image, None, length=1 << 20, megapixels=200)
    image.format = "TIFF"
    check_image("a", image, None, length=1 << 24, megapixels=200)
