"""Protocol `activation`: shares by hand, pictures, several networks, and what it refuses."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.core.image_file import write_image
from selfie3d.evaluate.protocols import activation
from selfie3d.evaluate.protocols.activation import EVEN, box_mask
from selfie3d.evaluate.registry import PROTOCOLS, Request
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.crop import Crop
from selfie3d.models.heads.layouts import make_layout
from selfie3d.models.registry import NETWORKS
from selfie3d.models.weights import pack_weights

FACE = SimpleNamespace(
    box=(40.0, 30.0, 100.0, 110.0),
    points=np.array([[55.0, 60], [85, 60], [70, 75], [58, 92], [82, 92]]),
)


@pytest.fixture
def weights(tmp_path):
    layout = make_layout("3ddfa", load_face_model("default-face"), 64)
    options = {"size": 64, "width": 0.25, "outputs": layout.size}
    paths = []
    for name in ("one", "two"):  # whose files have one name, as those of runs
        network = NETWORKS.create("mobilenet_v1", **options).eval()
        (tmp_path / name).mkdir()
        paths.append(tmp_path / name / "last.safetensors")
        content = pack_weights(network, "mobilenet_v1", options, layout=layout, facts={})
        paths[-1].write_bytes(content)
    return paths


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    folder, random = tmp_path / "photos", np.random.default_rng(0)
    folder.mkdir()
    for name in ("a.png", "b.png", "dark.png"):
        pixels = random.integers(1, 255, (140, 140, 3), np.uint8) * (name != "dark.png")
        write_image(folder / name, pixels)

    def detect(picture):
        return [FACE] if picture.any() else []

    monkeypatch.setattr(activation, "get_face_detector", lambda: SimpleNamespace(detect=detect))
    return folder


def run(folder, out, weights, *overrides):
    return PROTOCOLS.create("activation", overrides)(
        Request(folder, out, None if weights is None else str(weights), overrides=overrides)
    )


def test_several_networks_side_by_side(photographs, weights, tmp_path):
    one, two = weights
    report = run(photographs, tmp_path / "out", one, f"beside=[{two}]")
    assert set(report.items.errors) == {"one/last", "two/last", EVEN}
    assert "no face" in report.failures["dark.png"] and len(report.failures) == 1
    assert [p.title for p in report.pictures] == ["a.png", "b.png"]
    assert report.pictures[0].image.shape == (224, 3 * 224, 3)
    assert all(0 < v < 100 for v in report.items.errors["one/last"][:2])
    assert np.isnan(report.items.errors["one/last"][2])
    assert "found only" in report.figures[0].name


def test_the_share_of_a_known_map(photographs, weights, tmp_path, monkeypatch):
    """An even map has in the box what the box has of the crop; that of a corner nothing."""
    monkeypatch.setattr(activation, "activation_map", lambda *given: torch.ones(1, 1, 4, 4))
    report = run(photographs, tmp_path / "out", weights[0])
    even, own = (report.items.errors[name][:2] for name in (EVEN, "last"))
    np.testing.assert_allclose(own, even, rtol=1e-5)
    corner = torch.zeros(1, 1, 64, 64)
    corner[..., 0, 0] = 1
    monkeypatch.setattr(activation, "activation_map", lambda *given: corner)
    assert run(photographs, tmp_path / "out", weights[0]).items.errors["last"][0] == 0


def test_the_box_in_a_crop_by_hand():
    """Twice as large, moved by (10, 20): columns 20 to 60 of the photograph are 20 to 100 here."""
    matrix = torch.tensor([[2.0, 0.0, -20.0], [0.0, 2.0, -40.0]], dtype=torch.float64)
    mask = box_mask(Crop(matrix, (120, 80)), (20.0, 30.0, 60.0, 50.0))
    assert mask.shape == (80, 120)
    rows, columns = np.nonzero(mask.numpy())
    assert (columns.min(), columns.max()) == (20, 99) and (rows.min(), rows.max()) == (20, 59)


def test_what_is_refused(photographs, weights, tmp_path):
    with pytest.raises(InputError, match="a network of parameters, got points"):
        run(photographs, tmp_path / "out", "default")
    with pytest.raises(InputError, match="--weights: expected weights"):
        run(photographs, tmp_path / "out", None)
    with pytest.raises(InputError, match=r"outputs: expected \[first, last\]"):
        run(photographs, tmp_path / "out", weights[0], "outputs=[5]")
