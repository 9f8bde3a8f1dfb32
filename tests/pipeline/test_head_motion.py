"""A head that moves: the animation and the camera of a GLB, read by hand."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from selfie3d.pipeline.formats.head_glb import HeadFile
from selfie3d.pipeline.formats.head_motion import HeadMotion

COUNT = 5


@pytest.fixture(scope="module")
def motion(default_model):
    random = np.random.default_rng(0)
    turns = Rotation.from_euler("y", [[0], [100], [170], [190], [260]], degrees=True)
    return HeadMotion(
        np.arange(COUNT) / 30 + 0.5,
        turns.as_matrix(),
        random.normal(0, 50, (COUNT, 3)) - [0, 0, 900],
        random.uniform(0, 1, (COUNT, len(default_model.expression))),
        800.0,
        (640, 480),
    )


@pytest.fixture(scope="module")
def read(default_model, motion):
    """The tree, and a function that reads an accessor."""
    texture = np.zeros((8, 8, 3), np.uint8)
    face = default_model.zero_coefficients()
    content = HeadFile(default_model, face, texture, 1.1, motion).content()
    (size,) = struct.unpack_from("<I", content, 12)
    tree, rest = json.loads(content[20 : 20 + size]), content[28 + size :]

    def array(index):
        entry = tree["accessors"][index]
        view = tree["bufferViews"][entry["bufferView"]]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[entry["type"]]
        values = np.frombuffer(rest, "<f4", entry["count"] * width, view["byteOffset"])
        return values.reshape(-1, width)

    return tree, array


def test_the_head_moves_as_it_was_seen(read, motion):
    tree, array = read
    (animation,) = tree["animations"]
    found = {}
    for channel in animation["channels"]:
        sampler = animation["samplers"][channel["sampler"]]
        assert array(sampler["input"])[:, 0] == pytest.approx(motion.times)
        name = tree["nodes"][channel["target"]["node"]]["name"]
        found[name, channel["target"]["path"]] = array(sampler["output"])
    turns = found["pose", "rotation"]
    assert Rotation.from_quat(turns).as_matrix() == pytest.approx(motion.rotations, abs=1e-6)
    assert ((turns[1:] * turns[:-1]).sum(1) > 0).all(), "the short way round"
    assert found["pose", "translation"] == pytest.approx(motion.translations * 1.1e-3, abs=1e-6)
    for node in ("head", "left_eye", "right_eye"):
        weights = found[node, "weights"].reshape(COUNT, -1)
        assert weights == pytest.approx(motion.weights, abs=1e-6)
    times = tree["accessors"][animation["samplers"][0]["input"]]
    assert (times["min"], times["max"]) == ([np.float32(0.5)], [np.float32(0.5 + 4 / 30)])


def test_the_camera_is_the_clips(read):
    tree, _ = read
    roots = [tree["nodes"][k] for k in tree["scenes"][0]["nodes"]]
    assert [node["name"] for node in roots] == ["pose", "camera"]
    assert tree["nodes"][roots[0]["children"][0]]["name"] == "head"
    view = tree["cameras"][roots[1]["camera"]]["perspective"]
    assert math.tan(view["yfov"] / 2) == pytest.approx(240 / 800)
    assert view["aspectRatio"] == pytest.approx(640 / 480)


def test_a_model_without_expressions_moves_too(small_model, motion):
    few = replace(motion, weights=np.zeros((COUNT, 0)))
    content = HeadFile(
        small_model, small_model.zero_coefficients(), np.zeros((8, 8, 3), np.uint8), motion=few
    ).content()
    (size,) = struct.unpack_from("<I", content, 12)
    (animation,) = json.loads(content[20 : 20 + size])["animations"]
    assert {c["target"]["path"] for c in animation["channels"]} == {"rotation", "translation"}
