"""Lights and expressions out of files, whole and damaged."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.facemodels import load_face_model
from selfie3d.pipeline.transfer.given import as_light, parse_weights, read_expression, read_light

LIGHT = (np.arange(27).reshape(9, 3) / 9 + 0.5).tolist()


def test_a_light_is_the_same_from_every_kind_of_file(tmp_path):
    record, plain, text = (tmp_path / n for n in ("face.json", "light.json", "light.txt"))
    record.write_text(json.dumps({"coefficients": {"light": LIGHT}}))
    plain.write_text(json.dumps({"light": LIGHT}))
    np.savetxt(text, LIGHT)
    found = [read_light(path) for path in (record, plain, text)]
    assert all(torch.allclose(light, torch.tensor([LIGHT])) for light in found)


def test_nine_numbers_are_a_white_light():
    light = as_light(np.arange(1, 10))
    assert light.shape == (1, 9, 3)
    assert torch.equal(light[0, :, 0], torch.arange(1.0, 10)) and light[0].std(1).max() == 0


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (np.ones((3, 9)), r"\(3, 9\)"),
        (np.full((9, 3), np.inf), "finite"),
        (np.full((9, 3), 200.0), "within 100"),
        (-np.ones((9, 3)), "ambient"),
        ([[1.0], [1.0, 2.0]], "9 x 3"),
    ],
)
def test_numbers_that_are_no_light(values, match):
    with pytest.raises(InputError, match=match):
        as_light(values)


def test_files_that_are_none(tmp_path):
    with pytest.raises(MissingFileError):
        read_light(tmp_path / "none.json")
    for name, content in (("a.json", "{}"), ("b.json", "[1]"), ("c.txt", "one two")):
        (tmp_path / name).write_text(content)
        with pytest.raises(InputError, match=name):
            read_light(tmp_path / name)


def test_an_expression_comes_from_a_record_of_the_same_face_model(tmp_path):
    model = load_face_model("default")
    values = np.linspace(0, 1, len(model.expression)).tolist()
    path = tmp_path / "face.json"
    record = {"face_model": model.name, "coefficients": {"expression": values}}
    path.write_text(json.dumps(record))
    assert torch.allclose(read_expression(path, model), torch.tensor([values]))
    path.write_text(json.dumps(record | {"face_model": "basel"}))
    with pytest.raises(InputError, match="basel"):
        read_expression(path, model)
    path.write_text(json.dumps(record | {"coefficients": {"expression": values[1:]}}))
    with pytest.raises(InputError, match=f"{len(values)} finite numbers"):
        read_expression(path, model)


def test_weights_are_names_and_numbers():
    assert parse_weights("jawOpen=0.5, mouthLeft=-1") == {"jawOpen": 0.5, "mouthLeft": -1.0}
    assert parse_weights("photo.jpg") is None
    with pytest.raises(InputError, match="jawOpen"):
        parse_weights("jawOpen=,mouthLeft=1")
