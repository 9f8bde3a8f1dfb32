"""Bad input through the command line: a clear message, a failing status, nothing half-written."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import selfie3d.pipeline.demo
from PIL import Image
from selfie3d.cli import app
from typer.testing import CliRunner

PHOTO = Path(selfie3d.pipeline.demo.__file__).parent / "data" / "astronaut.jpg"


def selfie3d_command(*arguments: object):
    """With a small texture, whose tables are made in no time."""
    size = ["--size", "32"] if arguments[0] == "reconstruct" else []
    return CliRunner().invoke(app, [str(a) for a in arguments] + size)


def check_nothing(out: Path) -> None:
    """No result, whole or half; only the journal's empty folder may be there."""
    if out.is_dir():
        assert [p.relative_to(out).as_posix() for p in out.rglob("*")] in ([], [".selfie3d"])


def no_face() -> bytes:
    file = io.BytesIO()
    y, x = np.mgrid[0:240, 0:320]
    Image.fromarray(np.stack([x % 256, y, (x + y) // 3], 2).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def one_pixel() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (1, 1), (200, 150, 120)).save(file, "PNG")
    return file.getvalue()


def huge() -> bytes:
    """20,000 x 20,000 pixels of one bit each, all black: valid, and 50 kB as a file."""

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(20_000 * (1 + 20_000 // 8)), 1)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


BAD_PHOTOS = {
    "landscape.png": (no_face, "no face found"),
    "truncated.jpg": (lambda: PHOTO.read_bytes()[:20_000], "damaged or truncated"),
    "text.jpg": (lambda: b"this is a text file\n" * 50, "no image"),
    "empty.jpg": (lambda: b"", "empty"),
    "pixel.png": (one_pixel, "no face found"),
    "huge.png": (huge, "20000 x 20000 pixels"),
}


@pytest.mark.parametrize("name", BAD_PHOTOS)
def test_bad_photographs(tmp_path, name):
    make, said = BAD_PHOTOS[name]
    (tmp_path / name).write_bytes(make())
    result = selfie3d_command("reconstruct", tmp_path / name, "--out", tmp_path / "out")
    assert result.exit_code == 1, result.output
    assert name in result.stderr and said in result.stderr
    assert result.stderr.count("\n") == 1 and "Traceback" not in result.output
    assert "0 faces" in result.stdout and "1 failed" in result.stdout
    check_nothing(tmp_path / "out")


def test_bad_photographs_among_a_good_one(tmp_path, fake_reconstructor):
    """The rest is whole, the bad ones are counted, and the status says that some failed."""
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for name in ("empty.jpg", "text.jpg", "truncated.jpg"):
        (photos / name).write_bytes(BAD_PHOTOS[name][0]())
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[..., 0] = 50
    Image.fromarray(picture).save(photos / "me.png")
    result = selfie3d_command("reconstruct", photos, "--out", out)
    assert result.exit_code == 1
    assert "1 face from 1 photograph" in result.stdout and "3 failed" in result.stdout
    assert sum(str(photos) in line for line in result.stderr.splitlines()) == 3
    record = json.loads((out / "me.json").read_text())
    assert all((out / name).is_file() for name in record["files"])
    strict = selfie3d_command("reconstruct", photos, "--out", tmp_path / "strict", "--strict")
    assert strict.exit_code == 1 and "empty.jpg" in strict.stderr
    check_nothing(tmp_path / "strict")


def tetrahedron(**changes) -> dict[str, np.ndarray]:
    arrays = {
        "mean": np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32),
        "faces": np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int64),
        "identity": np.ones((2, 4, 3), np.float32),
        "origin": np.zeros(3, np.float32),
        "uv": np.eye(4, 2, dtype=np.float32),
        **changes,
    }
    return {name: array for name, array in arrays.items() if array is not None}


NAN = np.array([[0, 0, 0], [1, np.nan, 0], [0, 1, 0], [0, 0, 1]], np.float32)
BAD_MODELS = {
    "no mean": (tetrahedron(mean=None), "mean"),
    "no faces": (tetrahedron(faces=None), "faces"),
    "no landmarks": (tetrahedron(), "landmark"),
    "flat mean": (tetrahedron(mean=np.zeros(12, np.float32)), "mean"),
    "modes of another mesh": (tetrahedron(identity=np.ones((2, 5, 3))), "identity"),
    "short origin": (tetrahedron(origin=np.zeros(2)), "origin"),
    "NaN in the mean": (tetrahedron(mean=NAN), "mean"),
    "NaN in a mode": (tetrahedron(identity=np.full((2, 4, 3), np.nan)), "identity"),
    "index out of range": (tetrahedron(faces=np.array([[0, 1, 4]])), "faces"),
    "text for numbers": (tetrahedron(mean=np.array(["a", "b"])), "mean"),
    "nothing at all": ({}, "face model"),
}


@pytest.mark.parametrize("case", BAD_MODELS)
def test_bad_face_models(tmp_path, case):
    arrays, named = BAD_MODELS[case]
    np.savez(tmp_path / "model.npz", **arrays)
    out = tmp_path / "out"
    options = ["--out", out, "--face-model", tmp_path / "model.npz"]
    result = selfie3d_command("reconstruct", PHOTO, *options)
    assert result.exit_code == 1, repr(result.exception)
    assert "model.npz" in result.stderr or case == "no landmarks"
    assert named in result.stderr and "Traceback" not in result.output
    check_nothing(out)


def test_face_model_files_that_are_none(tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    for name, status in (("text.npz", 1), ("missing.npz", 1)):
        options = ["--out", tmp_path / "out", "--face-model", tmp_path / name]
        result = selfie3d_command("reconstruct", PHOTO, *options)
        assert result.exit_code == status and name in result.stderr
    result = selfie3d_command("reconstruct", PHOTO, "--out", tmp_path, "--face-model", "defualt")
    assert result.exit_code == 2 and "Did you mean 'default'" in result.stderr
    check_nothing(tmp_path / "out")


@pytest.mark.parametrize("below", ["file", "file/deeper"])
@pytest.mark.parametrize("command", [["reconstruct", PHOTO], ["demo"], ["model", "info"]])
def test_unwritable_output_folder(tmp_path, below, command):
    (tmp_path / "file").write_text("in the way")
    result = selfie3d_command(*command, "--out", tmp_path / below)
    assert result.exit_code == 1 and "output folder" in result.stderr
    assert "file" in result.stderr and "Traceback" not in result.output
    assert (tmp_path / "file").read_text() == "in the way"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_disk_that_fills_up(tmp_path, monkeypatch, fake_reconstructor):
    """The photograph is counted as failed and its half-written file is gone."""

    def full(path, array):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("selfie3d.pipeline.output.files.write_image", full)
    picture = np.full((40, 40, 3), 50, np.uint8)
    Image.fromarray(picture).save(tmp_path / "me.png")
    result = selfie3d_command("reconstruct", tmp_path / "me.png", "--out", tmp_path / "out")
    assert result.exit_code == 1 and "No space left on device" in result.stderr
    assert not [p for p in (tmp_path / "out").rglob("*") if ".part" in p.name]
    assert not list((tmp_path / "out").glob("*.json"))


def test_ctrl_c_and_the_same_command_again(tmp_path, monkeypatch, fake_reconstructor):
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for name, red in (("a.png", 50), ("b.png", 250), ("c.png", 50)):
        Image.fromarray(np.full((40, 40, 3), red, np.uint8)).save(photos / name)
    result = selfie3d_command("reconstruct", photos, "--out", out)
    assert result.exit_code == 130 and "same command continues" in result.stderr
    assert (out / "a.json").exists() and not (out / "b.json").exists()
    Image.fromarray(np.full((40, 40, 3), 50, np.uint8)).save(photos / "b.png")
    again = selfie3d_command("reconstruct", photos, "--out", out)
    assert again.exit_code == 0 and "1 were done before" in again.stdout
    assert sorted(p.name for p in out.glob("*.json")) == ["a.json", "b.json", "c.json"]
