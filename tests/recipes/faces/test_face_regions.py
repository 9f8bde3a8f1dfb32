"""Images are compared over the projected face, albedo over plain skin: a model that tells apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from basel_like import basel_like
from selfie3d.core.errors import InputError
from selfie3d.datasets.batches.batch import FaceBatch
from selfie3d.evaluate.protocols.photometric import PhotometricOptions, Scorer
from selfie3d.evaluate.protocols.photometric_pair import PairMaker
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.posed import PosedFaces
from selfie3d.models.sadrnet.layout import UvLayout, UvSpec
from selfie3d.pipeline.predicted import PredictedFace
from selfie3d.recipes.faces.losses import FaceLossConfig, FaceLosses
from selfie3d.recipes.faces.metrics import FaceViewer, face_mask, face_metrics
from selfie3d.recipes.faces.targets import landmark_targets
from selfie3d.recipes.uv.losses import UvLossConfig, UvLosses, part_texels
from selfie3d.render.overlay import to_picture

SIZE = 96


@pytest.fixture(scope="module")
def model():
    return basel_like()


@pytest.fixture(scope="module")
def viewer(model):
    return FaceViewer(model, "cpu", "ibug68")


@pytest.fixture(scope="module")
def faces(model):
    camera = PerspectiveCamera(
        torch.eye(3)[None], torch.tensor([[0.0, 15.0, -900.0]]), torch.tensor([400.0]),
        torch.tensor([[SIZE / 2, SIZE / 2]]),
    )  # fmt: skip
    return PosedFaces(model.zero_coefficients(), camera)


def lips_painted(viewer, faces):
    """The face itself, but for its lips, which are green."""
    model = viewer.model
    seen = viewer(faces, SIZE).rendering
    albedo = model.albedo(faces.coefficients).clone()
    albedo[:, model.regions["lips"]] = torch.tensor([0.1, 0.9, 0.1])
    other = viewer.renderer(
        model.vertices(faces.coefficients), faces.camera, (SIZE, SIZE), albedo=albedo,
        light=faces.coefficients.light,
    )  # fmt: skip
    grey = torch.full_like(seen.image, 0.5)
    return seen.over(grey).clamp(0, 1), other.over(grey).clamp(0, 1)


def test_the_two_regions_differ(model):
    assert not (model.regions["reflectance"] & model.regions["lips"]).any()
    assert 0.1 < float(model.regions["reflectance"].float().mean()) < 0.6


def test_the_mask_is_all_of_the_projected_face(viewer, faces):
    seen = viewer(faces, SIZE).rendering
    batch = FaceBatch(torch.zeros(1, 3, SIZE, SIZE), ("a",))
    inside = seen.mask > 0.999  # away from the outline, which is antialiased
    assert float(inside.float().mean()) > 0.2
    assert (face_mask(seen, batch)[inside] > 0.99).all()


@pytest.mark.parametrize("term", ["photometric", "ssim"])
def test_lips_are_compared_in_training(viewer, faces, term):
    right, wrong = lips_painted(viewer, faces)
    config = FaceLossConfig(photometric=0, landmarks=0, prior=0)
    losses = FaceLosses(viewer, landmark_targets(), replace(config, **{term: 1.0}))
    seen = viewer(faces, SIZE)
    same, other = (float(losses(seen, FaceBatch(i, ("a",)))[term]) for i in (right, wrong))
    assert same < 0.3 * other and other > same + 0.004


def test_lips_are_compared_in_validation(viewer, faces):
    right, wrong = lips_painted(viewer, faces)
    network = torch.nn.Identity()
    figures = [
        face_metrics(
            network,
            lambda _: faces,
            viewer,
            batches=[FaceBatch(i, ("a",))],
            targets=landmark_targets(),
        )
        for i in (right, wrong)
    ]
    assert figures[0]["L1"] < 5e-4 and figures[1]["L1"] > 0.003
    assert figures[0]["PSNR"] > figures[1]["PSNR"] + 10


def test_lips_are_compared_in_evaluation(model, viewer, faces):
    _, wrong = lips_painted(viewer, faces)
    face = PredictedFace(model, faces.coefficients, faces.camera, (10.0, 10.0, 86.0, 86.0))
    picture = to_picture(wrong[0])
    scores = {
        region: Scorer()(PairMaker(SIZE, region, "predicted")(face, picture), picture)["L1"]
        for region in (PhotometricOptions().region, "reflectance")
    }
    assert scores["projected"] > 0.005 > 2 * scores["reflectance"]
    with pytest.raises(InputError, match=r"projected.*reflectance"):
        PairMaker(SIZE, "skin", "predicted")(face, picture)


def test_albedo_is_flat_over_the_reflectance_alone(model, viewer, faces):
    config = FaceLossConfig(photometric=0, landmarks=0, prior=0, reflectance=1.0)
    losses = FaceLosses(viewer, landmark_targets(), config)
    batch = FaceBatch(torch.zeros(1, 3, SIZE, SIZE), ("a",))

    def term(region):
        """With a pattern painted over a region."""
        painted = basel_like()
        albedo = painted.albedo_mean.clone()
        albedo[model.regions[region]] = torch.rand(
            int(model.regions[region].sum()), 3, generator=torch.Generator().manual_seed(0)
        )
        painted.albedo_mean.copy_(albedo)
        return float(losses(viewer(faces, SIZE, painted), batch)["reflectance"])

    plain = float(losses(viewer(faces, SIZE), batch)["reflectance"])
    assert term("lips") == pytest.approx(plain) and term("reflectance") > plain + 0.05


def test_sadrnets_weights_need_the_parts(model):
    """16:12:3:0: on Basel all of them are there; a model that does not say where is refused."""
    layout = UvLayout(UvSpec(model.name, SIZE, SIZE), model)
    weights = UvLosses(layout, model, UvLossConfig()).weights
    assert set(weights.unique().tolist()) == {0.0, 3.0, 12.0, 16.0}
    parts = part_texels(model, layout.mapper)
    marks = parts["landmarks"]
    for part in ("eyes", "nose", "mouth"):
        assert (weights[parts[part] & ~marks & ~parts["neck"]] == 12).all(), part
    bare = basel_like()
    for name in ("nose", "lips"):
        del bare.regions[name]
    with pytest.raises(InputError, match=r"loss\.weights: nose.*region nose.*model convert"):
        UvLosses(layout, bare, UvLossConfig())
    some = {"skin": 3.0, "eyes": 12.0, "landmarks": 16.0}
    assert float(UvLosses(layout, bare, UvLossConfig(weights=some)).weights.max()) == 16
    assert np.isfinite(weights.numpy()).all()
