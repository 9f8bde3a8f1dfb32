"""Networks of every kind reconstruct: geometry is placed where their numbers say.

The photograph's colours are its coordinates, and the fake networks find out from the colours of
their crop where it lies. They answer with a known face in that crop, whatever crop they are given.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.detect.face import Face
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import PerspectiveCamera, WeakPerspectiveCamera
from selfie3d.geometry.posed import PosedFaces
from selfie3d.geometry.rotation import euler_to_matrix
from selfie3d.models.heads.layouts import make_layout
from selfie3d.models.heads.nearest_camera import to_far_perspective
from selfie3d.models.registry import NETWORKS
from selfie3d.models.sadrnet.layout import UvLayout, UvSpec
from selfie3d.models.sadrnet.network import UvPrediction
from selfie3d.models.weights import load_weights, pack_weights
from selfie3d.pipeline.fit.model import five_points
from selfie3d.pipeline.network import start as starting
from selfie3d.pipeline.network import trained_model as trained
from selfie3d.pipeline.network.start import open_start
from selfie3d.pipeline.options import ReconstructOptions
from selfie3d.pipeline.output.pictures import overlay_picture
from selfie3d.pipeline.reconstructor import Reconstructor
from torch import Tensor, nn

SIDE = 240  # of the photograph, pixels
KINDS = {
    "62 numbers": ("3ddfa", "roi", 120),
    "257 numbers": ("deep3d", "deep3d", 224),
    "495 numbers": ("mobile_facernet", "deep3d", 64),
    "495 numbers in a tight crop": ("mobile_facernet", "tight", 64),
    "UV maps": ("uv", "sadrnet", 256),
    "UV maps with a perspective camera": ("uv perspective", "sadrnet", 256),
}
WEAK = ("62 numbers", "UV maps", "UV maps with a perspective camera")
"""Seen from far: two have no other camera, and the perspective alignment draws near ones away."""


def coordinates_picture() -> np.ndarray:
    """Red is x, green y, blue 255 - x: red and blue together tell how averages were rounded."""
    place = np.arange(SIDE)
    picture = np.empty((SIDE, SIDE, 3), np.uint8)
    picture[..., 0], picture[..., 1], picture[..., 2] = place, place[:, None], 255 - place
    return picture


def crop_matrices(images: Tensor) -> Tensor:
    """(B,2,3) photograph to crop pixels, read off the colours."""
    found = []
    for image in images.double() * 255:
        rounded = (image[0] + image[2] - 255) / 2
        rows, columns = torch.nonzero(rounded > -1, as_tuple=True)  # the rest lies outside
        seen = (image[:2] - rounded)[:, rows, columns] + 0.5
        places = torch.stack([columns, rows]).double() + 0.5
        design = torch.cat([seen, torch.ones_like(seen[:1])])
        found.append(torch.linalg.lstsq(design.T, places.T).solution.T)
    return torch.stack(found)


class KnownFace(nn.Module):
    """A network that answers a known face, wherever it is asked."""

    def __init__(self, kind: str, model, face: PosedFaces, size: int) -> None:
        super().__init__()
        self.input_shape, self.output_kind = (3, size, size), "parameters"
        self.face, self.model = face, model
        if kind.startswith("uv"):
            camera = "perspective" if "perspective" in kind else "weak"
            self.layout = UvLayout(UvSpec(model.name, size, size, camera=camera), model)
        else:
            self.layout = make_layout(kind, model, size)

    def forward(self, images: Tensor):
        said = [self._said(matrix) for matrix in crop_matrices(images).float()]
        if isinstance(self.layout, UvLayout):
            return UvPrediction(*(torch.cat(maps) for maps in zip(*said, strict=True)), None, None)
        return torch.cat(said)

    def _said(self, matrix: Tensor):
        camera = self.face.camera.moved(matrix)
        if isinstance(self.layout, UvLayout):
            return self.layout.encode(self.model.vertices(self.face.coefficients), camera)
        return self.layout.encode(PosedFaces(self.face.coefficients, camera))

    def weights(self, name: str, crop: str) -> SimpleNamespace:
        uv = isinstance(self.layout, UvLayout)
        layout = None if uv else self.layout
        return SimpleNamespace(
            name=name, network=self, kind="uv" if uv else "parameters", parameters=layout,
            maps=self.layout.spec if uv else None, face_model=self.model.name,
            facts={"configuration": {"data": {"crop": crop}}},
        )  # fmt: skip


@pytest.fixture(scope="module")
def model():
    return load_face_model("default-face")


def known_face(model, weak: bool) -> PosedFaces:
    generator = torch.Generator().manual_seed(4)
    numbers = model.zero_coefficients()
    identity = torch.randn(1, model.sizes[0], generator=generator)
    expression = 0.5 * torch.rand(1, model.sizes[1], generator=generator)
    albedo = torch.randn(1, model.sizes[2], generator=generator)
    if weak:  # 3DDFA's numbers hold so much of a face
        identity[:, 40:] = 0
        expression = 0 * expression
    turn = euler_to_matrix(torch.deg2rad(torch.tensor([[8.0, 25.0, -6.0]])))
    light = numbers.light * 0.9
    numbers = replace(
        numbers, identity=0.5 * identity, expression=expression, albedo=0.5 * albedo, light=light
    )
    if weak:
        camera = WeakPerspectiveCamera(turn, torch.tensor([0.8]), torch.tensor([[128.0, 105.0]]))
    else:
        camera = PerspectiveCamera(
            turn, torch.tensor([[20.0, -5.0, -1000.0]]), torch.tensor([800.0]),
            torch.tensor([[112.0, 112.0]]),
        )  # fmt: skip
    return PosedFaces(numbers, camera)


def detected(model, face: PosedFaces) -> Face:
    """As a detector that is a little off sees it."""
    vertices = model.vertices(face.coefficients)
    points = face.camera.project(five_points(model, vertices))[0, :, :2].numpy()
    noise = np.random.default_rng(0).normal(0, 1.5, (5, 2))
    low, high = points.min(0) - 30, points.max(0) + 30
    return Face((*low.tolist(), *high.tolist()), 0.99, (points + noise).astype(np.float64))


@pytest.fixture
def known(model, monkeypatch):
    """Makes the weights `known` answer a face; gives that face."""

    def make(kind: str) -> PosedFaces:
        layout, crop, size = KINDS[kind]
        truth = known_face(model, kind in WEAK)
        weights = KnownFace(layout, model, truth, size).weights("known", crop)
        monkeypatch.setattr(starting, "load_weights", lambda path: weights)
        monkeypatch.setattr(Reconstructor, "_check_network", lambda self: None)
        return truth

    return make


def errors(face, model, truth: PosedFaces) -> np.ndarray:
    """Pixels (68,) between landmarks."""
    points = model.landmark_points(model.vertices(truth.coefficients), "ibug68")
    wanted = truth.camera.project(points)[0, :, :2].numpy()
    return np.linalg.norm(face.landmarks_68[:, :2] - wanted, axis=1)


@pytest.mark.parametrize("kind", KINDS)
def test_landmarks_are_where_the_network_says(kind, model, known):
    truth = known(kind)
    reconstructor = Reconstructor(ReconstructOptions(weights="known", texture_size=64))
    assert reconstructor.model.name == model.name
    face = reconstructor.reconstruct_face(coordinates_picture(), detected(model, truth))
    assert errors(face, model, truth).max() < 1.0
    assert isinstance(face.camera, PerspectiveCamera) and face.is_finite
    assert face.weights == "known" and face.landmark_sigma is None
    light = torch.isclose(face.coefficients.light, truth.coefficients.light, atol=1e-4)
    assert bool(light.all()) == kind.startswith(("257", "495"))  # else the photograph's
    shown = np.asarray(overlay_picture(face, coordinates_picture()))
    assert shown.shape[2] == 3 and shown.std() > 1


def test_the_mask_is_solved_and_the_whole_head_shown(model, known):
    truth = known("257 numbers")
    options = ReconstructOptions(face_model="default", weights="known", texture_size=64)
    reconstructor = Reconstructor(options)
    face = reconstructor.reconstruct_face(coordinates_picture(), detected(model, truth))
    assert len(face.vertices) > len(model.mean)
    assert errors(face, model, truth).max() < 1.0


def test_one_person_has_one_identity(model, known):
    truth = known("257 numbers")
    network, face = open_start("known").network, detected(model, truth)
    picture = coordinates_picture()
    one, other = network.of_one_person([picture, picture], [face, face])
    torch.testing.assert_close(one.coefficients.identity, other.coefficients.identity)
    wanted = truth.coefficients.identity
    torch.testing.assert_close(one.coefficients.identity, wanted, atol=1e-3, rtol=0)


def test_a_far_camera_sees_what_a_weak_one_sees(model):
    weak = known_face(model, True).camera
    far = to_far_perspective(weak, torch.zeros(3))
    gap = far.project(model.mean[None]) - weak.project(model.mean[None])
    depth = gap[..., 2]
    assert float(gap[..., :2].norm(dim=-1).max()) < 0.5
    assert float((depth - depth.mean()).abs().max()) < 1.0


def packed(path, model, layout="3ddfa"):
    own = make_layout(layout, model, 64)
    options = {"size": 64, "width": 0.25, "outputs": own.size}
    network = NETWORKS.create("mobilenet_v1", **options).eval()
    path.write_bytes(pack_weights(network, "mobilenet_v1", options, layout=own, facts={}))
    return str(path)


def test_a_model_that_is_not_registered_must_be_given(model, tmp_path, monkeypatch):
    models = {name: model.named(name) for name in ("mine.npz", "other.npz", "default")}
    for module in (starting, trained):
        monkeypatch.setattr(module, "load_face_model", models.__getitem__)
    weights = packed(tmp_path / "net.safetensors", models["mine.npz"])
    with pytest.raises(InputError, match=r"the file of 'mine.npz'.*--face-model FILE"):
        open_start(weights)
    for name in ("other.npz", "default"):
        with pytest.raises(InputError, match=rf"for the face model '{name}'.*for 'mine.npz'"):
            open_start(weights, name)
    start = open_start(weights, "mine.npz")
    assert start.model.name == "mine.npz" and start.network.name == "net"


def test_a_model_without_a_surface_shows_nothing(model, tmp_path):
    points = tmp_path / "u_base.txt"
    points.write_text("0")
    weights = packed(tmp_path / "net.safetensors", model)
    with pytest.raises(InputError, match=r"a model with a surface.*68 points.*evaluate"):
        open_start(weights, str(tmp_path))


def test_a_model_of_other_sizes_is_refused(model, small_model, tmp_path):
    weights = load_weights(packed(tmp_path / "net.safetensors", model))
    with pytest.raises(InputError, match=r"face model: expected default-face \(120, 52, 38\)"):
        starting.open_crop_network(weights, small_model.named(model.name))
