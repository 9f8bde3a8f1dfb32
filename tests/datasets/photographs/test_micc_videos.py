"""Frames of MICC Florence's videos in the layout of the protocol `micc`."""

from __future__ import annotations

import pytest
from PIL import Image
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.datasets.photographs.micc import SCENARIOS, MiccVideos


@pytest.fixture
def micc_tree(tmp_path, picture):
    """Two subjects with four frames of every scenario, a third without."""
    root = tmp_path / "florence"
    for subject in ("subject_01", "subject_02"):
        for folder in SCENARIOS.values():
            place = root / subject / "Videos" / folder
            place.mkdir(parents=True)
            for k in range(4):
                Image.fromarray(picture(90, 120, k)).save(place / f"frame{k + 1:04d}.jpg")
    (root / "subject_53" / "Model").mkdir(parents=True)
    (root / "MICC_landmarks").mkdir()
    return root


def test_frames_by_subject(micc_tree):
    data = MiccVideos(micc_tree)
    assert len(data) == 24 and data.people == 2
    assert "24 photographs of 2 people; 50 more subjects are not there" in data.summary
    assert "no frames in subject_53/Videos/Indoor-Cooperative and 2 more" in data.summary
    sample = data[0]
    assert sample.name == "micc/subject_01/Videos/Indoor-Cooperative/frame0001.jpg"
    assert sample.labels["identity"] == [0] and data.person(23) == "subject_02"


def test_some_scenarios_and_frames(micc_tree):
    data = MiccVideos(micc_tree, ["outdoor"], every=3)
    assert [data.file(row).name for row in range(len(data))] == [
        "frame0001.jpg",
        "frame0004.jpg",
    ] * 2
    assert all("PTZ-Outdoor" in str(data.file(row)) for row in range(len(data)))
    with pytest.raises(InputError, match="scenarios"):
        MiccVideos(micc_tree, ["garden"])
    with pytest.raises(InputError, match="every"):
        MiccVideos(micc_tree, every=0)


def test_missing_and_broken_files(micc_tree, tmp_path):
    data = MiccVideos(micc_tree)
    data.file(0).write_bytes(b"")
    with pytest.raises(InputError, match="empty file"):
        data[0]
    data.file(1).unlink()
    with pytest.raises(MissingFileError, match="ffmpeg"):
        data[1]
    with pytest.raises(MissingFileError, match=r"micc\.unifi\.it"):
        MiccVideos(tmp_path / "none")
    (tmp_path / "videos" / "subject_07" / "Videos").mkdir(parents=True)
    with pytest.raises(MissingFileError, match="ffmpeg"):
        MiccVideos(tmp_path / "videos")
