"""Films that are written and read again."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from selfie3d.core.errors import InputError, MissingFileError, SettingError
from selfie3d.pipeline.video import clip as module
from selfie3d.pipeline.video.clip import Source, is_clip, is_webcam, open_clip
from selfie3d.pipeline.video.film import FilmWriter


def pictures(count, height=48, width=64):
    """Each brighter than the one before, red on the left."""
    for k in range(count):
        picture = np.full((height, width, 3), 20 * k, np.uint8)
        picture[:, : width // 2, 0] = 250
        yield picture


@pytest.fixture
def film(tmp_path):
    pytest.importorskip("av")
    path = tmp_path / "a.mp4"
    writer = FilmWriter(path, 25.0, (65, 49))
    times = [0.0, 0.04, 0.08, 0.2, 0.24]
    for picture, time in zip(pictures(5, 49, 65), times, strict=True):
        writer.add(picture, time)
    assert not path.exists(), "not before it is whole"
    writer.close()
    return path, times


def test_a_film_there_and_back(film):
    path, times = film
    with open_clip(Source.of(path)) as clip:
        assert clip.size == (64, 48) and 15 < clip.rate < 30
        frames = list(clip)
    assert [frame.time for frame in frames] == pytest.approx(times, abs=1e-3)
    for frame, picture in zip(frames, pictures(5), strict=True):
        assert np.abs(frame.picture.astype(int) - picture)[:, :28].mean() < 12
        assert np.abs(frame.picture.astype(int) - picture)[:, 36:].mean() < 6


def test_a_film_that_breaks_off_ends_there(film, tmp_path):
    path, _ = film
    content = path.read_bytes()
    broken = tmp_path / "broken.mp4"
    at = content.find(b"mdat")
    broken.write_bytes(content[: at + 4] + content[at + 4 :][:300] + bytes(len(content) - at - 304))
    try:
        with open_clip(Source.of(broken)) as clip:
            assert 1 <= len(list(clip)) <= 5
    except InputError as error:
        assert "a clip that can be read" in str(error)


@pytest.mark.parametrize("content", [b"", b"no film" * 99, b"\0\0\0\x20ftypisom"])
def test_no_film(tmp_path, content):
    pytest.importorskip("av")
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match="a clip that can be read"), open_clip(Source.of(path)):
        pass
    with pytest.raises(MissingFileError), open_clip(Source.of(tmp_path / "none.mp4")):
        pass


def test_a_playlist_leads_nowhere(film, tmp_path):
    """FFmpeg tells formats by content, and would open what a playlist names."""
    path, _ = film
    for name, text in {
        "a.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{path}\n#EXT-X-ENDLIST\n",
        "b.mp4": f"ffconcat version 1.0\nfile '{path.name}'\n",
    }.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError), open_clip(Source.of(tmp_path / name)):
            pass


def test_a_webcam_that_is_not_there():
    pytest.importorskip("av")
    with pytest.raises(InputError, match="webcam 98"), open_clip(Source.of("98")):
        pass


def test_what_is_a_clip(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_webcam("0") and is_webcam(12) and not is_webcam("123") and not is_webcam("a")
    assert is_clip("x/a.MKV") and not is_clip("a.jpg") and not is_clip("folder")
    (tmp_path / "7").write_text("")
    assert not is_webcam("7"), "a file of that name"


def test_without_pyav(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "av", None)
    with (
        pytest.raises(SettingError, match=r"pip install .selfie3d\[video\]"),
        open_clip(Source.of(tmp_path / "a.mp4")),
    ):
        pass


def test_huge_frames_are_refused():
    with pytest.raises(InputError, match="8192"):
        module._check_size("a.mp4", 9000, 20)
