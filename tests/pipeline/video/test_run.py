"""A clip from its frames to its files, with the shipped network."""

from __future__ import annotations

import csv
import json
import os
import signal

import numpy as np
import pytest
from selfie3d.core.errors import InputError, NoFaceError, SettingError
from selfie3d.core.image_file import read_image
from selfie3d.pipeline.demo import PHOTO
from selfie3d.pipeline.options import ReconstructOptions
from selfie3d.pipeline.reconstructor import Reconstructor
from selfie3d.pipeline.video import run as module
from selfie3d.pipeline.video.clip import Source, open_clip
from selfie3d.pipeline.video.film import FilmWriter
from selfie3d.pipeline.video.options import ClipOptions
from selfie3d.pipeline.video.run import reconstruct_clip

NUMBERS = ReconstructOptions(write=("json",))
COUNT = 8


def film(path, pictures):
    pytest.importorskip("av")
    pictures = list(pictures)
    height, width = pictures[0].shape[:2]
    writer = FilmWriter(path, 30.0, (width, height))
    for k, picture in enumerate(pictures):
        writer.add(picture, k / 30)
    writer.close()
    return path


@pytest.fixture(scope="module")
def maker():
    return Reconstructor(NUMBERS)


@pytest.fixture
def one_maker(monkeypatch, maker):
    """Clips that share network, detector and face model."""
    monkeypatch.setattr(module, "Reconstructor", lambda options: maker)


@pytest.fixture
def portrait(tmp_path):
    """The demo's portrait, which a camera pans over by two pixels a frame."""
    photo = read_image(PHOTO)
    return film(tmp_path / "anna.mp4", (photo[:360, k : k + 480] for k in range(0, 2 * COUNT, 2)))


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_numbers_alone(portrait, tmp_path, one_maker):
    out = tmp_path / "out"
    summary = reconstruct_clip(portrait, out, options=NUMBERS, clip=ClipOptions(smooth=None))
    assert (summary.frames, summary.people, summary.cuts) == (COUNT, 1, 0)
    assert sorted(path.name for path in out.iterdir()) == ["anna.csv", "anna.json"]
    assert sorted(summary.files) == sorted(out.iterdir())
    table = rows(out / "anna.csv")
    assert [row["frame"] for row in table] == [str(k) for k in range(COUNT)]
    places = np.array([float(row["x30"]) for row in table])
    assert np.diff(places) == pytest.approx(-2, abs=0.7), "the nose goes with the picture"
    record = json.loads((out / "anna.json").read_text())
    assert record["clip"]["frames_with_face"] == COUNT and record["files"] == ["anna.csv"]
    best = table[record["clip"]["best_frame"]]
    found = np.array([[float(best[f"{a}{k}"]) for a in "xy"] for k in range(68)])
    marks = np.array(record["landmarks_68"])[:, :2]
    assert np.linalg.norm(found - marks, axis=1).mean() < 3


@pytest.mark.slow
def test_all_files(portrait, tmp_path):
    out = tmp_path / "out"
    reconstruct_clip(portrait, out, clip=ClipOptions(live_link=True))
    names = {f"anna{end}" for end in ("_overlay.mp4", ".csv", "_live_link.csv", ".glb", ".json")}
    assert {path.name for path in out.iterdir()} == names | {"anna_viewer.html"}
    with open_clip(Source.of(out / "anna_overlay.mp4")) as clip:
        shown = [frame.picture for frame in clip]
    with open_clip(Source.of(portrait)) as clip:
        before = [frame.picture for frame in clip]
    assert len(shown) == COUNT
    assert 2 < np.abs(shown[3].astype(int) - before[3]).mean() < 60


def test_asked_to_end_it_ends_with_whole_files(portrait, tmp_path, monkeypatch, one_maker):
    """Ctrl-C in the fifth frame; results of before are replaced."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "anna.json").write_text('{"clip": {}, "files": ["anna.glb"]}')
    (tmp_path / "out" / "anna.glb").write_text("")
    see, seen = module.Performance.see, []

    def once(self, frame):
        seen.append(frame.time)
        if len(seen) == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return see(self, frame)

    monkeypatch.setattr(module.Performance, "see", once)
    summary = reconstruct_clip(portrait, tmp_path / "out", options=NUMBERS)
    assert summary.asked == signal.SIGINT and summary.frames == 5
    assert len(rows(tmp_path / "out" / "anna.csv")) == 5
    assert not (tmp_path / "out" / "anna.glb").exists()


def test_an_error_leaves_nothing(portrait, tmp_path, monkeypatch, one_maker):
    see, seen = module.Performance.see, []

    def broken(self, frame):
        seen.append(frame.time)
        if len(seen) == 3:
            raise InputError("disk", "some space", "none")
        return see(self, frame)

    monkeypatch.setattr(module.Performance, "see", broken)
    both = ReconstructOptions(write=("overlay",))
    with pytest.raises(InputError, match="some space"):
        reconstruct_clip(portrait, tmp_path / "out", options=both)
    assert list((tmp_path / "out").iterdir()) == []


def test_nobody_there(tmp_path, one_maker):
    empty = film(tmp_path / "empty.mp4", [np.full((120, 160, 3), 90, np.uint8)] * 3)
    with pytest.raises(NoFaceError, match="3 frames"):
        reconstruct_clip(empty, tmp_path / "out", options=NUMBERS)
    assert list((tmp_path / "out").iterdir()) == []


def test_what_clips_do_not_have(portrait, tmp_path):
    with pytest.raises(SettingError, match="'depth'"):
        reconstruct_clip(portrait, tmp_path, options=ReconstructOptions(write=("depth",)))
    with pytest.raises(SettingError, match="dense points"):
        reconstruct_clip(portrait, tmp_path, options=ReconstructOptions(weights="fit"))
