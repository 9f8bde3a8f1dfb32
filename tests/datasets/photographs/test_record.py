"""Records of what is known of a photograph: to JSON and back, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.errors import InputError
from selfie3d.datasets.photographs.record import (
    Record,
    format_record,
    parse_record,
    read_side_files,
)


def test_a_record_comes_back():
    points = np.random.default_rng(0).uniform(0, 100, (21, 2)).round(3)
    points[4] = np.nan
    record = Record({"aflw21": points}, points[6:11], (1.5, 2.0, 30.25, 44.0), {"yaw": np.ones(1)})
    text = format_record(record)
    assert json.loads(text)["landmarks"]["aflw21"][4] is None
    back = parse_record(text, "a.json")
    np.testing.assert_array_equal(back.landmarks["aflw21"], points)
    np.testing.assert_array_equal(back.five_points, points[6:11])
    assert back.box == record.box
    np.testing.assert_array_equal(back.labels["yaw"], [1])


def test_everything_is_optional_and_other_keys_are_ignored():
    assert parse_record("{}", "a") == Record()
    assert parse_record('{"version": 1, "camera": {"kind": "x"}}', "a") == Record()
    assert format_record(Record()) == "{}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "JSON"),
        ("[1]", "object"),
        ('{"box": [1, 2, 3, NaN]}', "NaN is no number"),
        ('{"box": [1, 2, 3, 1e999]}', "finite"),
        ('{"box": [1, 2, 3, null]}', "finite"),
        ('{"box": [1, 2, 3]}', "shape"),
        ('{"box": [1, 2, 3, "x"]}', "numbers"),
        ('{"five_points": [[1, 2]]}', "five_points"),
        ('{"landmarks": [1]}', "landmarks: expected an object"),
        ('{"landmarks": {"ibug68": []}}', "ibug68-3d"),
        ('{"landmarks": {"aflw21": [[1, 2]]}}', "shape"),
        ('{"landmarks": {"aflw21": 3}}', "shape"),
        ('{"landmarks": {"aflw21": [[[1]]]}}', "aflw21"),
        ('{"labels": {"yaw": [null]}}', "yaw: expected finite"),
        ("[" * 100_000, "JSON"),
    ],
)
def test_damaged_records_are_named(text, reason):
    with pytest.raises(InputError, match=reason) as caught:
        parse_record(text, "folder/a.json")
    assert "folder/a.json" in str(caught.value)


def test_side_files(tmp_path):
    record, skin = read_side_files(tmp_path / "a.b")
    assert record == Record() and skin is None
    (tmp_path / "a.b.json").write_text('{"box": [1, 2, 3, 4]}')
    Image.fromarray(np.full((4, 5), 255, np.uint8)).save(tmp_path / "a.b_skin.png")
    record, skin = read_side_files(tmp_path / "a.b")
    assert record.box == (1, 2, 3, 4)
    assert skin.shape == (4, 5) and skin.min() == 255
    (tmp_path / "a.b_skin.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"a\.b_skin\.png"):
        read_side_files(tmp_path / "a.b")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"five_points": [[1, 2], [1, 2], [1, 2], [1e300, 2], [-1e300, 2]]}', "1,000,000.*1e"),
        ('{"box": ["1", "2", "3", "4"]}', "finite numbers, got str"),
        ('{"box": [true, 2, 3, 4]}', "finite numbers, got bool"),
        ('{"labels": {"yaw": ["7"]}}', "yaw: expected finite numbers, got str"),
        ('{"landmarks": {"aflw21": [[null, 3]' + ", null" * 20 + "]}}", "got null"),
        ('{"labels": {"yaw": ' + "[" * 40 + "1" + "]" * 40 + "}}", "yaw"),
        ('{"labels": {"yaw": [1' + "0" * 400 + "]}}", "yaw"),
        ('{"box": [1, 2, 3, ' + "9" * 5000 + "]}", "JSON"),
        (b"\xff\xfe\x00", "JSON"),
        (b" " * 20_000_000, "at most"),
    ],
)
def test_what_numpy_would_take_for_numbers_or_is_out_of_reach(text, reason):
    with pytest.raises(InputError, match=reason):
        parse_record(text, "folder/a.json")
