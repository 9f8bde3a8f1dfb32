"""Weights say nothing of the machine that trained them, and which run they are of."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors import safe_open
from selfie3d.core.errors import InputError
from selfie3d.core.seal import without_folders
from selfie3d.geometry.dense_points import PointLayout
from selfie3d.models.header_paths import rewrite_header
from selfie3d.models.registry import NETWORKS
from selfie3d.models.weights import load_weights, pack_weights

POINTS = PointLayout("default", ("ibug68",), (5, 6, 7, 8), (1, 0, 3, 2))
SMALL = {"size": 32, "width": 4, "blocks": (1, 1), "points": 72, "coefficients": 5}
FACTS = {
    "configuration": {
        "output": "/work/somebody/runs/mine",
        "start": "C:\\Users\\me\\start.safetensors",
        "data": {"train": ["/mnt/disk one/shards/train/", "shards/more"], "rate": 0.5},
    },
    "changes": [{"key": "data.root", "before": "~/photos/a", "now": None}],
}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/work/runs/default", "default"),
        ("/home/me/my data/a.npz", "a.npz"),
        ("C:\\Users\\me\\x.pt", "x.pt"),
        ("C:/Users/me/x.pt", "x.pt"),
        ("~/data/x", "x"),
        ("../../up/x", "x"),
        ("file:///home/me/x.pt", "x.pt"),
        ("//server/share/x", "x"),
        ("/work/shards/train/", "train/"),
        ("going on from /root/x/y.st, then /root/z", "going on from y.st, then z"),
        *((same, same) for same in ("shards/train", "https://github.com/a/b", "1/2", "10 km/h")),
        *((same, same) for same in ("${oc.env:HOME}/x", "and/or", "default, refined", "", "a: b")),
    ],
)
def test_only_the_last_name_of_a_path_is_left(text, left):
    assert without_folders({"a": [text]}) == {"a": [left]}


@pytest.fixture
def packed():
    torch.manual_seed(0)
    network = NETWORKS.create("dense-points", **SMALL).eval()
    return pack_weights(network, "dense-points", network.options, layout=POINTS, facts=FACTS)


def test_written_weights(tmp_path, packed):
    path = tmp_path / "my_run" / "best.safetensors"
    path.parent.mkdir()
    path.write_bytes(packed)
    for trace in (b"somebody", b"Users", b"disk", b"photos"):
        assert trace not in packed
    facts = load_weights(path).facts
    assert facts["configuration"]["output"] == "mine"
    assert facts["configuration"]["data"] == {"train": ["train/", "shards/more"], "rate": 0.5}


def test_the_run_is_named(tmp_path, packed):
    for name, known in (("best", "my_run/best"), ("last", "my_run/last"), ("mine", "mine")):
        path = tmp_path / "my_run" / f"{name}.safetensors"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(packed)
        assert load_weights(path).name == known
    assert load_weights("default").name == "default"


def test_an_old_file_is_mended(tmp_path, packed):
    path = tmp_path / "old.safetensors"
    size = int.from_bytes(packed[:8], "little")
    header = json.loads(packed[8 : 8 + size])
    header["__metadata__"]["facts"] = json.dumps(FACTS)
    del header["__metadata__"]["crc32"]
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + packed[8 + size :])
    before = load_weights(path)
    rewrite_header(path)
    assert b"somebody" not in path.read_bytes() and b'"crc32"' in path.read_bytes()
    after = load_weights(path)
    assert after.facts["configuration"]["output"] == "mine" and after.output == before.output
    with safe_open(str(path), framework="pt") as file:
        state = before.network.state_dict()
        assert all(torch.equal(file.get_tensor(k).float(), state[k].float()) for k in file.keys())  # noqa: SIM118


@pytest.mark.parametrize("content", [b"", b"\x05\0\0\0\0\0\0\0{}   ", b"x" * 100])
def test_no_weights(tmp_path, content):
    path = tmp_path / "no.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match="weights file"):
        rewrite_header(path)
    assert path.read_bytes() == content


def test_shipped_weights_name_no_folder(repository):
    """Mended by `python -m selfie3d.models.header_paths weights/default.safetensors`."""
    for path in sorted((repository / "weights").glob("*.safetensors")):
        with safe_open(str(path), framework="pt") as file:
            facts = json.loads(file.metadata()["facts"])
        assert without_folders(facts) == facts, path.name
