"""What is written of a person frame by frame."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
from selfie3d.core.errors import InputError, SettingError
from selfie3d.pipeline.video.live_link import COLUMNS, SHAPES, LiveLinkRows
from selfie3d.pipeline.video.person_files import ClipPlace, PersonTables
from selfie3d.pipeline.video.room import make_room
from selfie3d.pipeline.video.table import TableFile, table_columns

LIVE_LINK = (
    "Timecode,BlendShapeCount,EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,"
    "EyeLookUpLeft,EyeSquintLeft,EyeWideLeft,EyeBlinkRight,EyeLookDownRight,EyeLookInRight,"
    "EyeLookOutRight,EyeLookUpRight,EyeSquintRight,EyeWideRight,JawForward,JawRight,JawLeft,"
    "JawOpen,MouthClose,MouthFunnel,MouthPucker,MouthRight,MouthLeft,MouthSmileLeft,"
    "MouthSmileRight,MouthFrownLeft,MouthFrownRight,MouthDimpleLeft,MouthDimpleRight,"
    "MouthStretchLeft,MouthStretchRight,MouthRollLower,MouthRollUpper,MouthShrugLower,"
    "MouthShrugUpper,MouthPressLeft,MouthPressRight,MouthLowerDownLeft,MouthLowerDownRight,"
    "MouthUpperUpLeft,MouthUpperUpRight,BrowDownLeft,BrowDownRight,BrowInnerUp,BrowOuterUpLeft,"
    "BrowOuterUpRight,CheekPuff,CheekSquintLeft,CheekSquintRight,NoseSneerLeft,NoseSneerRight,"
    "TongueOut,HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,LeftEyePitch,LeftEyeRoll,RightEyeYaw,"
    "RightEyePitch,RightEyeRoll"
)
"""The first line of the app's files."""


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def place(tmp_path):
    return ClipPlace(tmp_path, "anna", "anna.mp4", (640, 480), 30.0, live_link=True)


def test_the_layout_of_live_link_face(default_model, moment):
    assert ",".join(COLUMNS) == LIVE_LINK and len(SHAPES) == 52
    rows = LiveLinkRows(default_model, 30.0)
    shown = moment(45, jawOpen=0.5, eyeLookOutLeft=1.0, eyeLookDownLeft=0.5, eyeLookOutRight=0.2)
    row = dict(zip(COLUMNS, rows.row(shown), strict=True))
    assert row["Timecode"] == "00:00:01:15.000" and row["BlendShapeCount"] == "61"
    assert float(row["JawOpen"]) == pytest.approx(0.5) and float(row["JawLeft"]) == 0
    angles = [math.degrees(float(row[f"Head{name}"])) for name in ("Pitch", "Yaw", "Roll")]
    assert angles == pytest.approx([10, -20, 5], abs=1e-3), "yaw and roll the other way round"
    eyes = ("LeftEyeYaw", "LeftEyePitch", "RightEyeYaw", "RightEyePitch")
    expected = [-25, 11, 5, 0]  # to the person's right and down
    assert [math.degrees(float(row[name])) for name in eyes] == pytest.approx(expected, abs=1e-3)
    assert rows.empty(3661.5) == ["01:01:01:15.000", "0"]
    assert LiveLinkRows(default_model, 29.97).timecode(0.99999) < "00:00:00:29.970"


def test_live_link_needs_its_expressions(small_model):
    with pytest.raises(SettingError, match="ARKit"):
        LiveLinkRows(small_model, 30.0)


def test_a_row_says_what_the_frame_shows(place, default_model, moment):
    tables = PersonTables(place, default_model, [0.0, 1 / 30])
    shown = moment(2, mouthPucker=0.25)
    tables.add(shown)
    tables.miss(0.1)
    assert not place.path(".csv").exists(), "not before it is whole"
    files = tables.close()
    assert [file.name for file in files] == ["anna.csv", "anna_live_link.csv"]
    (row,) = read(files[0])
    assert list(row) == table_columns(default_model)
    assert (row["frame"], float(row["yaw_deg"])) == ("2", pytest.approx(20, abs=0.01))
    assert float(row["mouthPucker"]) == 0.25 and float(row["focal_px"]) == 800
    expected = shown.landmarks(default_model)
    found = np.array([[float(row[f"{axis}{k}"]) for axis in "xyz"] for k in range(68)])
    assert found == pytest.approx(expected, abs=0.006)
    counts = [line["BlendShapeCount"] for line in read(files[1])]
    assert counts == ["0", "0", "61", "0"], "a line for every frame"


def test_what_is_discarded_leaves_nothing(place, default_model, moment):
    tables = PersonTables(place, default_model, [])
    tables.add(moment())
    tables.discard()
    tables.discard()
    assert list(place.out.iterdir()) == []


def test_a_folder_that_cannot_be_written_to(tmp_path):
    with pytest.raises(InputError, match=r"no_folder/a\.csv"):
        TableFile(tmp_path / "no_folder" / "a.csv", ["x"])


def test_only_what_a_record_names_is_replaced(tmp_path):
    for name in ("anna.csv", "anna_2.glb", "anna_overlay.mp4", "anna_22x.csv", "other.csv"):
        (tmp_path / name).write_text("")
    with pytest.raises(InputError, match="may be written"):
        make_room(tmp_path, "anna")
    assert len(list(tmp_path.iterdir())) == 5
    record = '{"clip": {}, "files": ["anna.csv", "anna_2.glb", "anna_overlay.mp4", "other.csv"]}'
    (tmp_path / "anna.json").write_text(record)
    make_room(tmp_path, "anna")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["anna_22x.csv", "other.csv"]
