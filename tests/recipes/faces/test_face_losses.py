"""The terms of training by rendering, on faces whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from selfie3d.core.errors import InputError, MissingFileError, UnknownNameError
from selfie3d.datasets.batches.batch import FaceBatch
from selfie3d.evaluate.metrics.face_chip import align_chip
from selfie3d.evaluate.metrics.identity import Embedder, align_arcface
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.posed import PosedFaces
from selfie3d.geometry.rotation import euler_to_matrix
from selfie3d.models.public.dlib_resnet import DlibResNet
from selfie3d.models.public.iresnet import IResNet
from selfie3d.recipes.faces.losses import FaceLossConfig, FaceLosses
from selfie3d.recipes.faces.metrics import FaceViewer, face_mask, face_metrics
from selfie3d.recipes.faces.targets import IdentityTerm, landmark_targets
from torch import nn

SIZE, COUNT = 64, 2
EVERYTHING = FaceLossConfig(
    ssim=1.0, prior_light=1.0, reflectance=1.0, smoothness=1.0, landmarks=1.0, prior=1.0
)


@pytest.fixture(scope="module")
def viewer():
    return FaceViewer(load_face_model("default"), "cpu", "ibug68")


@pytest.fixture(scope="module")
def faces(viewer):
    g = torch.Generator().manual_seed(0)
    start = viewer.model.zero_coefficients(COUNT)
    coefficients = replace(
        start,
        identity=torch.randn(start.identity.shape, generator=g) * 0.5,
        albedo=torch.randn(start.albedo.shape, generator=g) * 0.5,
        light=start.light + 0.1 * torch.randn(start.light.shape, generator=g),
    )
    rotation = euler_to_matrix(torch.tensor([[0.0, 0.3, 0.1], [0.1, -0.6, 0.0]]))
    camera = PerspectiveCamera(
        rotation,
        torch.tensor([[0.0, 10, -800]]).expand(COUNT, 3),
        torch.full((COUNT,), SIZE * 3.6),
        torch.full((COUNT, 2), SIZE / 2),
    )
    return PosedFaces(coefficients, camera)


@pytest.fixture(scope="module")
def batch(viewer, faces):
    """Photographs that the faces explain fully."""
    seen = viewer(faces, SIZE)
    grey = torch.full_like(seen.rendering.image, 0.4)
    return FaceBatch(
        seen.rendering.over(grey).clamp(0, 1),
        ("a", "b"),
        {"ibug68-3d": seen.landmarks["3d"].clone()},
        truth=faces,
        known=torch.tensor([True, False]),
    )


def leaves(faces: PosedFaces, noise: float = 0.3) -> tuple[PosedFaces, dict[str, torch.Tensor]]:
    """The faces a little off, as leaves of the graph."""
    g = torch.Generator().manual_seed(1)
    values = {
        name: (value + noise * torch.randn(value.shape, generator=g) * 0.3).requires_grad_()
        for name, value in vars(faces.coefficients).items()
    }
    shift = (faces.camera.translation + 4 * noise).requires_grad_()
    camera = replace(faces.camera, translation=shift)
    return PosedFaces(replace(faces.coefficients, **values), camera), {**values, "shift": shift}


def losses_of(viewer, config=EVERYTHING, **more):
    return FaceLosses(viewer, landmark_targets(), config, **more)


def test_what_explains_everything_costs_nothing_but_priors(viewer, faces, batch):
    terms = losses_of(viewer)(viewer(faces, SIZE), batch)
    assert float(terms["photometric"]) < 1.9 * 0.02  # the norm's floor and the clamped pixels
    assert float(terms["ssim"]) < 0.01
    for name in ("landmarks", "points", "depth", "coefficients"):
        assert float(terms[name]) < 1e-5, name
    assert float(terms["prior"]) > 0.1


@pytest.mark.parametrize(
    ("term", "moved"),
    [
        ("photometric", ("identity", "albedo", "light", "shift")),
        ("ssim", ("identity", "albedo", "light", "shift")),
        ("landmarks", ("identity", "expression", "shift")),
        ("prior", ("identity", "expression", "albedo")),
        ("prior_light", ("light",)),
        ("reflectance", ("albedo",)),
        ("smoothness", ("identity", "expression")),
        ("points", ("identity", "shift")),
        ("coefficients", ("identity", "expression", "albedo", "light")),
    ],
)
def test_each_term_falls_along_its_gradient(viewer, faces, batch, term, moved):
    """And reaches the coefficients that it should."""
    off, values = leaves(faces)
    run = losses_of(viewer)
    value = run(viewer(off, SIZE), batch)[term]
    gradients = torch.autograd.grad(value, list(values.values()), allow_unused=True)
    found = dict(zip(values, gradients, strict=True))
    for name in moved:
        assert found[name] is not None and float(found[name].abs().max()) > 0, name
    with torch.no_grad():
        size = sum(float(g.square().sum()) for g in found.values() if g is not None)
        step = 0.01 * float(value) / size
        stepped = {k: v if found[k] is None else v - step * found[k] for k, v in values.items()}
        shift = stepped.pop("shift")
        nearer = PosedFaces(
            replace(off.coefficients, **stepped), replace(off.camera, translation=shift)
        )
        assert float(run(viewer(nearer, SIZE), batch)[term]) < float(value)


def test_terms_without_weight_are_left_out(viewer, faces, batch):
    config = FaceLossConfig(photometric=0, landmarks=1, prior=0, points=0, depth=0, coefficients=0)
    assert set(losses_of(viewer, config)(viewer(faces, SIZE), batch)) == {"landmarks"}


def test_landmarks_are_a_mean_of_squares_in_papers_pixels(viewer, faces, batch):
    """By hand: every known point 3 pixels off to the right in a crop of 64."""
    moved = batch.landmarks["ibug68-3d"] + torch.tensor([3.0, 0.0])
    moved[0, 40:] = torch.nan
    wrong = replace(batch, landmarks={"ibug68-3d": moved}, truth=None, known=None)
    config = FaceLossConfig(photometric=0, prior=0, landmarks=1)
    (value,) = losses_of(viewer, config)(viewer(faces, SIZE), wrong).values()
    assert float(value) == pytest.approx((3 * 224 / SIZE) ** 2, rel=1e-4)


def test_outlines_are_compared_with_outlines(viewer, faces, batch):
    """A turned face's jaw differs from its outline; each kind costs nothing against its own."""
    seen = viewer(faces, SIZE)
    config = FaceLossConfig(photometric=0, prior=0, landmarks=1)
    run = losses_of(viewer, config)
    for kind, points, cheap in (("2d", "2d", True), ("2d", "3d", False)):
        given = replace(
            batch, landmarks={f"ibug68-{kind}": seen.landmarks[points]}, truth=None, known=None
        )
        value = float(run(seen, given)["landmarks"])
        assert (value < 1e-6) == cheap


def test_masks_take_pixels_out(viewer, faces, batch):
    """A photograph wrong outside the attention mask costs nothing; nor does an empty mask."""
    half = torch.zeros(COUNT, 1, SIZE, SIZE)
    half[..., : SIZE // 2] = 1
    wrong = replace(batch, images=torch.where(half > 0, batch.images, 1 - batch.images))
    run = losses_of(viewer, FaceLossConfig(landmarks=0, prior=0))
    off, values = leaves(faces, 0.0)
    bare = float(run(viewer(off, SIZE), wrong)["photometric"])
    masked = float(run(viewer(off, SIZE), replace(wrong, skin=half))["photometric"])
    assert masked < 0.1 * bare
    empty = run(viewer(off, SIZE), replace(wrong, skin=torch.zeros_like(half)))["photometric"]
    assert float(empty) == 0
    (gradient,) = torch.autograd.grad(empty, values["albedo"])
    assert float(gradient.abs().max()) == 0


def test_nonsense_is_named(viewer, faces, batch):
    with pytest.raises(InputError, match="photometric_kind"):
        FaceLossConfig(photometric_kind="l3")
    with pytest.raises(InputError, match="identity"):
        losses_of(viewer, FaceLossConfig(identity=0.2))
    with pytest.raises(UnknownNameError, match="aflw21"):
        unknown = replace(batch, landmarks={"aflw22": torch.zeros(COUNT, 22, 2)})
        losses_of(viewer)(viewer(faces, SIZE), unknown)


@pytest.mark.parametrize("kind", ["five points", "68 landmarks"])
def test_identity_falls_as_the_rendering_comes_nearer(viewer, faces, batch, kind):
    torch.manual_seed(0)
    embedder = Embedder("random", align_arcface, IResNet(18).eval())
    if kind == "68 landmarks":
        embedder = Embedder("random", align_chip, DlibResNet().eval(), takes_landmarks=True)
    term = IdentityTerm(embedder)
    config = FaceLossConfig(photometric=0, prior=0, landmarks=0, identity=1)
    run = losses_of(viewer, config, identity=term)
    off, values = leaves(faces, 1.0)
    value = run(viewer(off, SIZE), batch)["identity"]
    (gradient,) = torch.autograd.grad(value, values["albedo"])
    assert float(gradient.abs().max()) > 0
    with torch.no_grad():
        same = float(run(viewer(faces, SIZE), batch)["identity"])
    assert same < 0.1 * float(value)


def test_missing_identity_weights_name_the_options(tmp_path):
    with pytest.raises(MissingFileError, match=r"backbone\.pth.*loss\.identity_weights_dir"):
        IdentityTerm.load("arcface", str(tmp_path))


class Saying(nn.Module):
    """A network that gives the same answer to every picture."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, images):
        return self.answer


def test_figures_of_a_perfect_network(viewer, faces, batch):
    figures = face_metrics(
        Saying(faces), lambda out: out, viewer, batches=[batch], targets=landmark_targets()
    )
    assert figures["error"] < 1e-3
    assert figures["L1"] < 0.01
    assert figures["SSIM"] > 0.99
    shifted = replace(batch, landmarks={"ibug68-3d": batch.landmarks["ibug68-3d"] + 1.0})
    (low, high) = (batch.landmarks["ibug68-3d"].amin(1), batch.landmarks["ibug68-3d"].amax(1))
    expected = float((100 * 2**0.5 / (high - low).prod(1).sqrt()).mean())
    figures = face_metrics(
        Saying(faces), lambda out: out, viewer, batches=[shifted], targets=landmark_targets()
    )
    assert figures["error"] == pytest.approx(expected, rel=1e-3)


def test_masks_stay_masks_when_a_face_is_a_few_pixels(viewer):
    """Antialiasing overshoots there: a mean over such a mask would be anything, also below 0."""
    rotation = euler_to_matrix(torch.linspace(-1.5, 1.5, 120).reshape(40, 3))
    count = len(rotation)
    camera = PerspectiveCamera(
        rotation,
        torch.tensor([[0.0, 0, -1]]) * torch.linspace(4e3, 3e4, count)[:, None],
        torch.full((count,), 200.0),
        torch.full((count, 2), 24.0),
    )
    seen = viewer(PosedFaces(viewer.model.zero_coefficients(count), camera), 48)
    assert float(seen.rendering.mask.min()) < -1e-3
    given = FaceBatch(torch.zeros(count, 3, 48, 48), tuple(map(str, range(count))))
    mask = face_mask(seen.rendering, given)
    assert float(mask.min()) >= 0 and float(mask.max()) <= 1
