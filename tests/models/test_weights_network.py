"""Weights files by strangers: the network is built only where the file has its tensors."""

from __future__ import annotations

import json
import resource

import pytest
import torch
from safetensors.torch import load, save
from selfie3d.core.errors import InputError, UnknownNameError
from selfie3d.geometry.dense_points import PointLayout
from selfie3d.models.registry import NETWORKS
from selfie3d.models.weights import load_weights, pack_weights

OPTIONS = {"points": 68, "width": 8, "size": 32, "coefficients": 4, "reduced": 8}


@pytest.fixture(scope="module")
def packed() -> bytes:
    network = NETWORKS.create("dense-points", **OPTIONS)
    layout = PointLayout("x", ("ibug68",), (), ())
    return pack_weights(network, "dense-points", OPTIONS, layout=layout, facts={"a": 1})


def header_of(content: bytes) -> dict[str, str]:
    length = int.from_bytes(content[:8], "little")
    own: dict[str, str] = json.loads(content[8 : 8 + length])["__metadata__"]
    return {key: value for key, value in own.items() if key != "crc32"}


def refused(tmp_path, content: bytes, problem: str, error=InputError) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(error, match=problem):
        load_weights(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # KiB


def test_it_is_read_as_it_was_written(tmp_path, packed):
    path = tmp_path / "w.safetensors"
    path.write_bytes(packed)
    weights = load_weights(path)
    state = weights.network.state_dict()
    assert all(torch.equal(state[k], v.float()) for k, v in load(packed).items())
    assert not weights.network.training


@pytest.mark.parametrize(
    "options, problem",
    [
        ({"width": 900_000}, r"w\.safetensors.*instead of"),  # terabytes
        ({"width": 10**12}, "options: width: expected numbers up to"),
        ({"size": 100_000}, "options: size: expected numbers up to 4,096"),
        ({"blocks": [1, 2, 2, 10**9]}, "options: blocks: expected numbers up to"),
        ({"blocks": [1] * 1000}, "options: blocks"),
        ({"width": "8"}, "options"),
        ({"width": None}, "options: width: expected a plain value"),
        ({"width": float("nan")}, "options: width"),
        ({"blocks": {"a": 1}}, "options: blocks"),
    ],
)
def test_options_that_ask_for_anything(tmp_path, packed, options, problem):
    header = header_of(packed) | {"options": json.dumps(OPTIONS | options)}
    refused(tmp_path, save(load(packed), header), problem)


def test_options_that_name_files_or_nothing(tmp_path, packed):
    header = header_of(packed)
    imagenet = {"network": "resnet18", "options": json.dumps({"imagenet": "/etc/passwd"})}
    refused(tmp_path, save(load(packed), header | imagenet), "imagenet: expected no file to read")
    unknown = header | {"options": json.dumps({"depth": 3})}
    refused(tmp_path, save(load(packed), unknown), "depth", UnknownNameError)
    nested = header | {"options": "[" * 100_000}
    refused(tmp_path, save(load(packed), nested), "options: expected JSON")


def test_tensors_of_another_kind(tmp_path, packed):
    header, state = header_of(packed), load(packed)
    name = next(key for key, value in state.items() if value.dim() == 4)
    whole = state[name].to(torch.int8)
    refused(tmp_path, save(state | {name: whole}, header), rf"{name}: expected torch\.float32")
    holed = state[name].clone()
    holed[0, 0, 0, 0] = torch.nan
    refused(tmp_path, save(state | {name: holed}, header), f"{name}: expected finite numbers")
    less = {key: value for key, value in state.items() if key != name}
    refused(tmp_path, save(less, header), "without")
    refused(tmp_path, save(state | {"more": torch.ones(1)}, header), "with .*more")


def test_a_layout_of_other_things(tmp_path, packed):
    for layout in ({}, {"face_model": "x", "landmark_sets": 3, "vertices": [], "mirror": []}):
        header = header_of(packed) | {"layout": json.dumps(layout)}
        refused(tmp_path, save(load(packed), header), "layout: expected a description of points")


def test_what_is_no_weights_file(tmp_path, packed):
    for content in (packed[:100], b"\xff" * 8 + packed[8:], b"{}", b"<!DOCTYPE html>"):
        refused(tmp_path, content, r"w\.safetensors")
