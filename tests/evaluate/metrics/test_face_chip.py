"""dlib's alignment and descriptors; against dlib itself where an environment has it.

`SELFIE3D_DLIB_PYTHON` names the interpreter of an environment with dlib-bin and numpy; the
network's file comes with face-recognition-models.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.core.weights_dir import find_weight
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.faces import SyntheticFaces
from selfie3d.evaluate.metrics.face_chip import (
    SIDE,
    align_chip,
    align_chip_corners,
    cut_face_chip,
)
from selfie3d.evaluate.metrics.identity import EMBEDDERS, five_points
from selfie3d.models.public.dlib_file import DlibFile
from selfie3d.models.public.dlib_resnet import FILE, load_dlib_resnet

CORNERS = [45, 42, 36, 39, 33]
ORACLE = """
import sys
import dlib
import numpy as np
net = dlib.face_recognition_model_v1(sys.argv[1])
given = np.load(sys.argv[2])
chips, found = [], []
for picture, points in zip(given["pictures"], given["points"]):
    box = dlib.rectangle(0, 0, picture.shape[1] - 1, picture.shape[0] - 1)
    parts = [dlib.point(int(x), int(y)) for x, y in points]
    face = dlib.full_object_detection(box, parts)
    chips.append(dlib.get_face_chip(picture, face, 150, 0.25))
    found.append(np.array(net.compute_face_descriptor(picture, face)))
np.savez(sys.argv[3], chips=np.stack(chips), descriptors=np.stack(found))
"""
LAYERS = """
import sys
import dlib
import numpy as np
pictures = list(np.load(sys.argv[1])["pictures"])
found = []
for path in sys.argv[3:]:
    net = dlib.face_recognition_model_v1(path)
    found.append([np.array(net.compute_face_descriptor(p)) for p in pictures])
np.savez(sys.argv[2], descriptors=np.array(found))
"""


def face(scale=1.0, turn=0.0, middle=(200.0, 200.0)):
    """68 points of a face about 130 * scale pixels wide."""
    outline = np.linspace(-0.5, 0.5, 17)
    points = np.zeros((68, 2))
    points[:17] = np.stack([outline * 1.1, 0.9 - 3 * outline**2 + 0.1], 1)
    points[17:27] = np.stack([np.linspace(-0.45, 0.45, 10), np.full(10, -0.4)], 1)
    points[27:31] = np.stack([np.zeros(4), np.linspace(-0.2, 0.2, 4)], 1)
    points[31:36] = np.stack([np.linspace(-0.12, 0.12, 5), np.full(5, 0.28)], 1)
    ring = np.array([(-1, 0), (-0.4, -0.5), (0.4, -0.5), (1, 0), (0.4, 0.5), (-0.4, 0.5)]) * 0.1
    right, left = np.array([(-0.28, -0.2), (0.28, -0.2)])
    points[36:42], points[42:48] = ring + right, ring + left
    around = np.linspace(np.pi, 3 * np.pi, 12, endpoint=False)
    points[48:60] = np.stack([0.25 * np.cos(around), 0.5 + 0.1 * np.sin(around)], 1)
    around = np.linspace(np.pi, 3 * np.pi, 8, endpoint=False)
    points[60:] = np.stack([0.2 * np.cos(around), 0.5 + 0.03 * np.sin(around)], 1)
    c, s = np.cos(turn), np.sin(turn)
    return torch.tensor(points @ np.array([[c, s], [-s, c]]) * 130 * scale + middle)


@pytest.mark.parametrize("turn", [0.0, 0.4, -2.0])
def test_the_chip_turns_with_the_face(turn):
    points = face(1.3, turn)
    crop = align_chip(points)
    assert crop.size == (SIDE, SIDE)
    upright = align_chip(face(1.3)).to_crop(face(1.3))
    torch.testing.assert_close(crop.to_crop(points), upright, atol=1e-6, rtol=0)
    eyes = upright[36:42].mean(0), upright[42:48].mean(0)
    assert eyes[0][0] < 75 < eyes[1][0]
    assert float(upright[48:68, 1].mean()) > float(eyes[0][1]) + 30


def test_five_points_and_the_68_agree():
    points = face(1.2, 0.1)
    five, all_of_them = align_chip(five_points(points)), align_chip(points)
    corners = align_chip_corners(points[CORNERS])
    marks = all_of_them.to_crop(points[[36, 45, 30]])
    for other in (five, corners):
        assert (other.to_crop(points[[36, 45, 30]]) - marks).norm(dim=1).max() < 8


def test_the_exact_chip_is_the_warped_one_nearly():
    """Where nothing is halved the crop gives the same but for rounding."""
    picture = (np.random.default_rng(0).random((60, 60, 3)) * 255).astype(np.uint8)
    smooth = np.kron(picture, np.ones((8, 8, 1))).astype(np.uint8)
    crop = align_chip(face(1.1, 0.2))
    chip = cut_face_chip(smooth, crop)
    image = torch.from_numpy(smooth).permute(2, 0, 1)[None].float()
    warped = crop.warp(image)[0][0].permute(1, 2, 0).numpy()
    assert np.abs(chip + 0.5 - warped).max() < 0.52


def test_a_large_photograph_is_halved_first():
    """Stripes of one pixel become grey; taking every third pixel would keep them."""
    stripes = np.zeros((2000, 2000, 3), np.uint8)
    stripes[:, ::2] = 255
    chip = cut_face_chip(stripes, align_chip(face(5.0, middle=(1000.0, 1000.0))))
    assert np.abs(chip.astype(int) - 127).max() <= 1


@pytest.mark.parametrize(
    "points",
    [torch.zeros(6, 2), torch.zeros(5, 3), torch.zeros(5, 2), torch.full((68, 2), torch.nan)],
)
def test_points_that_are_no_face(points):
    with pytest.raises(InputError, match="points"):
        align_chip(points)


def test_the_outline_may_be_unknown():
    points = face()
    unknown = points.clone()
    unknown[:27] = torch.nan
    torch.testing.assert_close(align_chip(unknown).matrix, align_chip(points).matrix)


def test_a_face_beside_the_picture():
    with pytest.raises(InputError, match="beside it"):
        cut_face_chip(np.zeros((50, 50, 3), np.uint8), align_chip(face(middle=(900.0, 900.0))))


@pytest.fixture(scope="module")
def file():
    try:
        return find_weight(FILE)
    except MissingFileError:
        pytest.skip("face-recognition-models is not installed")


@pytest.fixture(scope="module")
def dlib_python():
    python = os.environ.get("SELFIE3D_DLIB_PYTHON", "")
    if not Path(python).is_file():
        pytest.skip("SELFIE3D_DLIB_PYTHON names no interpreter of an environment with dlib-bin")
    return python


def test_embedder(file):
    embedder = EMBEDDERS.create("dlib")
    points = face()
    crop = embedder.align_landmarks(points)
    torch.testing.assert_close(crop.matrix, align_chip(points).matrix)
    photo = torch.rand(2, 3, 400, 400, generator=torch.Generator().manual_seed(1))
    crops, _ = crop.warp(photo)
    torch.testing.assert_close(embedder.similarity(crops, crops), torch.ones(2))
    assert embedder.align(five_points(points)).size == (SIDE, SIDE)


@pytest.fixture(scope="module")
def drawn():
    """100 drawn faces, every other one twice as large, and their landmarks in whole pixels."""
    source = SyntheticFaces(SyntheticConfig(size=320, turns=0.6))
    pictures, points = np.zeros((100, 640, 640, 3), np.uint8), np.zeros((100, 68, 2), np.int64)
    for k in range(100):
        face, factor = source.item(k), 1 + k % 2
        image = np.kron(face.image, np.ones((factor, factor, 1), np.uint8))
        pictures[k, : len(image), : len(image)] = image
        points[k] = np.round(factor * face.landmarks["ibug68"][:, :2] - 0.5)
    return pictures, points


def asked(dlib_python, tmp_path, code, *arguments):
    subprocess.run([dlib_python, "-c", code, *map(str, arguments)], check=True, cwd=tmp_path)


def kept(path):
    """Offsets and numbers of the tensors that a file of dlib's holds, in their order."""
    found = []
    read = DlibFile.tensor

    def noted(self, shape):
        values = read(self, shape)
        if values.numel():
            found.append((self.at - 4 * values.numel(), values.numel()))
        return values

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DlibFile, "tensor", noted)
        load_dlib_resnet(path)
    return found


def only_first(content, places, units, half):
    """The file with the units from `units` on doing nothing, and one half of 256 channels out."""
    changed = np.frombuffer(content, np.uint8).copy()
    affine_of_second = places[2:-1][3::4]
    for start, count in affine_of_second[units:]:
        changed[start : start + 4 * count] = 0
    start, count = places[-1]
    out = np.zeros((256, 128), "<f4")
    out[128 * half + np.arange(128), np.arange(128)] = 1
    changed[start : start + 4 * count] = out.reshape(-1).view(np.uint8)
    return changed.tobytes()


@pytest.mark.parametrize("units", range(15))
def test_every_layer_is_dlibs(file, dlib_python, tmp_path, units):
    """What comes out after so many units, channel by channel, against dlib's own network.

    dlib shows descriptors only. So the later units are silenced in the file, and its last layer
    passes on the channels' means.
    """
    places, content = kept(file), file.read_bytes()
    paths = [tmp_path / f"{half}.dat" for half in (0, 1)]
    for half, path in enumerate(paths):
        path.write_bytes(only_first(content, places, units, half))
    random = np.random.default_rng(units)
    blocks = np.kron(random.random((2, 15, 15, 3)), np.ones((1, 10, 10, 1)))
    pictures = (255 * blocks).astype(np.uint8)
    np.savez(tmp_path / "in.npz", pictures=pictures)
    asked(dlib_python, tmp_path, LAYERS, "in.npz", "out.npz", *paths)
    wanted = torch.from_numpy(np.load(tmp_path / "out.npz")["descriptors"])
    images = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        for path, theirs in zip(paths, wanted, strict=True):
            ours = load_dlib_resnet(path)(images).double()
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("align", [align_chip, align_chip_corners])
def test_descriptors_are_dlibs(file, dlib_python, drawn, tmp_path, align):
    """From the photograph on: alignment, halving, interpolation and network."""
    pictures, points = drawn
    points = points[:, CORNERS] if align is align_chip_corners else points
    np.savez(tmp_path / "in.npz", pictures=pictures, points=points)
    asked(dlib_python, tmp_path, ORACLE, file, "in.npz", "out.npz")
    theirs, network = np.load(tmp_path / "out.npz"), load_dlib_resnet(file)
    crops = [align(torch.from_numpy(p) + 0.5) for p in points]
    chips = np.stack([cut_face_chip(*pair) for pair in zip(pictures, crops, strict=True)])
    assert (chips != theirs["chips"]).mean() < 1e-5
    with torch.no_grad():
        ours = network(torch.from_numpy(chips).permute(0, 3, 1, 2).float() / 255).numpy()
    assert np.abs(ours - theirs["descriptors"]).max() < 1e-3
