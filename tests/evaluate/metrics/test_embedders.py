from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError, MissingFileError, UnknownNameError
from selfie3d.core.torchvision_shim import ensure_torchvision
from selfie3d.core.weights_dir import KNOWN_WEIGHTS
from selfie3d.evaluate.metrics.identity import (
    EMBEDDERS,
    Embedder,
    align_arcface,
    align_facenet,
    align_lightcnn,
    five_points,
    grey,
)
from selfie3d.models.public.iresnet import IResNet
from selfie3d.models.public.lightcnn import LightCnn29

FILES = {
    "arcface": "backbone.pth",
    "lightcnn29": "LightCNN_29Layers_checkpoint.pth.tar",
    "facenet": "20180402-114759-vggface2.pt",
}
SIDES = {"arcface": 112, "lightcnn29": 128, "facenet": 160}
POINTS = torch.tensor([[210.0, 300], [290, 310], [245, 350], [212, 395], [280, 402]])


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights of all three under their public names."""
    tmp_path = tmp_path_factory.mktemp("weights")
    ensure_torchvision()
    from facenet_pytorch import InceptionResnetV1

    torch.manual_seed(0)
    torch.save(IResNet(18).state_dict(), tmp_path / FILES["arcface"])
    torch.save({"state_dict": LightCnn29().state_dict()}, tmp_path / FILES["lightcnn29"])
    facenet = InceptionResnetV1(classify=True, num_classes=4)
    torch.save(facenet.state_dict(), tmp_path / FILES["facenet"])
    return tmp_path


@pytest.mark.parametrize("name", sorted(FILES))
def test_missing_weights_say_what_where_and_whose(name, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SELFIE3D_WEIGHTS", raising=False)
    with pytest.raises(MissingFileError) as caught:
        EMBEDDERS.create(name, tmp_path)
    file = KNOWN_WEIGHTS[FILES[name]]
    for text in (file.name, file.source, file.licence, str(tmp_path), "--weights-dir"):
        assert text in str(caught.value)


def test_unknown_embedder():
    with pytest.raises(UnknownNameError, match="arcface, dlib, facenet, lightcnn29"):
        EMBEDDERS.create("arcfaces")


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_embedder_from_its_file(name, weights):
    embedder = EMBEDDERS.create(name, weights)
    crop = embedder.align(POINTS)
    assert crop.size == (SIDES[name], SIDES[name])
    photo = torch.rand(2, 3, 480, 480, generator=torch.Generator().manual_seed(1))
    crops, _ = crop.warp(photo)
    vectors = embedder.embed(crops)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(embedder.similarity(crops, crops), torch.ones(2))
    other = embedder.similarity(crops, crops.flip(0))
    assert other[0] == pytest.approx(float(other[1]), abs=1e-5)
    assert not torch.equal(vectors[0], vectors[1])


def test_wrong_weights_are_refused(weights, tmp_path):
    shutil.copy(weights / FILES["arcface"], tmp_path / FILES["facenet"])
    with pytest.raises(InputError, match=r"vggface2.*InceptionResnetV1"):
        EMBEDDERS.create("facenet", tmp_path)


def test_cosine_is_cosine():
    embedder = Embedder("channels", align_arcface, lambda crops: crops.mean((2, 3)) - 0.5)
    first, second = torch.rand(2, 4, 3, 5, 5)
    a = first.mean((2, 3)).numpy() - 0.5
    b = second.mean((2, 3)).numpy() - 0.5
    wanted = [x @ y / np.linalg.norm(x) / np.linalg.norm(y) for x, y in zip(a, b, strict=True)]
    assert embedder.similarity(first, second).tolist() == pytest.approx(wanted, abs=1e-5)


TEMPLATE = [
    (38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655),
    (70.7299, 92.2041),
]  # fmt: skip


def test_arcface_alignment_is_the_least_squares_similarity_of_the_plane():
    """In complex numbers q = a p + b; insightface's pixels have their first centre at 0."""
    p = np.array([complex(x - 0.5, y - 0.5) for x, y in POINTS.tolist()])
    q = np.array([complex(x, y) for x, y in TEMPLATE])
    centred = p - p.mean()
    a = (centred.conj() @ (q - q.mean())) / (centred.conj() @ centred)
    wanted = a * centred + q.mean()
    placed = align_arcface(POINTS).to_crop(POINTS.double()).numpy() - 0.5
    np.testing.assert_allclose(placed[:, 0], wanted.real, atol=1e-9)
    np.testing.assert_allclose(placed[:, 1], wanted.imag, atol=1e-9)


def test_facenet_sees_a_quarter_more_than_arcface():
    wide, narrow = align_facenet(POINTS), align_arcface(POINTS)
    assert wide.scale * 112 / 160 * 1.25 == pytest.approx(narrow.scale)
    middles = [crop.to_photo(torch.tensor([[s / 2, s / 2]], dtype=torch.float64))
               for crop, s in ((wide, 160), (narrow, 112))]  # fmt: skip
    torch.testing.assert_close(*middles)


def test_points_in_their_template_stay_there():
    template = torch.tensor(TEMPLATE, dtype=torch.float64)
    wanted = torch.tensor([[1.0, 0, 0], [0, 1, 0]], dtype=torch.float64)
    torch.testing.assert_close(align_arcface(template + 0.5).matrix, wanted, atol=1e-9, rtol=0)


def test_lightcnn_has_level_eyes_48_above_the_mouth():
    placed = align_lightcnn(POINTS).to_crop(POINTS.double())
    right, left = placed[:2]
    assert float(right[1]) == pytest.approx(40) and float(left[1]) == pytest.approx(40)
    assert float(right[0] + left[0]) / 2 == pytest.approx(64) and right[0] < left[0]
    assert float(placed[3:, 1].mean()) == pytest.approx(88)


def test_five_points_of_68():
    landmarks = np.zeros((68, 3))
    landmarks[36:42] = [10, 20, 5]
    landmarks[42:48] = np.arange(18).reshape(6, 3)
    landmarks[30], landmarks[48], landmarks[54] = [1, 2, 3], [4, 5, 6], [7, 8, 9]
    wanted = [[10, 20], [7.5, 8.5], [1, 2], [4, 5], [7, 8]]
    assert five_points(landmarks).tolist() == wanted
    landmarks[30] = np.nan
    with pytest.raises(InputError, match="finite"):
        five_points(landmarks)


def test_degenerate_points_are_refused():
    for align in (align_arcface, align_facenet, align_lightcnn):
        with pytest.raises(InputError, match="points"):
            align(torch.ones(5, 2))


def test_grey_is_pillows():
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    wanted = np.asarray(image.fromarray(pixels).convert("L"))
    ours = grey(torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255)[0, 0] * 255
    np.testing.assert_allclose(ours.numpy(), wanted, atol=1.0)
