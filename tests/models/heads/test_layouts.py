"""Parameter layouts: round trips, gradients, Deep3D's and 3DDFA's formulas written out."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError, UnknownNameError
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.coefficients import ambient_light
from selfie3d.geometry.dense_points import PointBasis, PointLayout
from selfie3d.geometry.face_model import FaceModel
from selfie3d.geometry.landmarks import LandmarkSet
from selfie3d.geometry.model_parts import ModelBases, ModelFacts, ModelMesh
from selfie3d.geometry.sh import shade
from selfie3d.models.heads.layouts import LAYOUTS, LayoutSpec, make_layout, restore_layout
from selfie3d.models.tddfa.layout import principal_expressions
from selfie3d.models.tddfa.whitening import Whitening

F64 = torch.float64
SIZES = {"deep3d": 224, "mobile_facernet": 64, "3ddfa": 120}
NAMES = sorted(SIZES)


@pytest.fixture(scope="module")
def face_model():
    return load_face_model("default")


def basel_like(sizes=(199, 64, 199), vertices=80):
    """A model of the Basel's sizes, standard deviations throughout, with a face's 68 landmarks."""
    g = torch.manual_seed(0)
    mean = 60 * torch.randn(vertices, 3, generator=g)
    bases = [torch.randn(n, vertices, 3, generator=g) for n in sizes]
    return FaceModel.from_arrays(
        ModelFacts("basel-like"),
        ModelMesh(mean, [[0, 1, 2]], origin=[0, 0, 0]),
        ModelBases(
            identity=bases[0],
            expression=bases[1],
            expression_kind="gaussian",
            albedo_basis=0.01 * bases[2],
        ),
        landmarks={"ibug68": LandmarkSet.from_vertices("ibug68", range(68))},
    )


def random_outputs(layout, batch=3, scale=0.4, dtype=F64):
    noise = torch.randn(batch, layout.size, dtype=F64, generator=torch.manual_seed(1))
    return (scale * noise).to(dtype)


@pytest.mark.parametrize(
    ("name", "sizes", "total"),
    [
        ("deep3d", (80, 64, 80), 257),
        ("mobile_facernet", (199, 64, 199), 495),
        ("3ddfa", (199, 64, 199), 62),
    ],
)
def test_sizes_are_the_papers_for_basel(name, sizes, total):
    layout = make_layout(name, basel_like(sizes), SIZES[name])
    assert layout.size == total
    assert sum(layout.parts.values()) == total


def test_orders_are_the_codes():
    model = basel_like((80, 64, 80))
    ends = np.cumsum(list(make_layout("deep3d", model, 224).parts.values())).tolist()
    assert ends == [80, 144, 224, 227, 254, 257]  # split_coeff of Deep3D's bfm.py
    ends = np.cumsum(list(make_layout("mobile_facernet", basel_like(), 64).parts.values()))
    assert ends.tolist() == [199, 398, 462, 465, 468, 495]


@pytest.mark.parametrize("path", ["default", "models/ict/ict_face9409.npz", "models/sfm"])
@pytest.mark.parametrize("name", NAMES)
def test_zeros_are_a_face_in_the_middle_of_the_crop(name, path, shared_data):
    if path != "default":
        path = shared_data(path)
        path = path if path.is_file() else path / "sfm_3448.npz"
    model, side = load_face_model(path), SIZES[name]
    layout = make_layout(name, model, side)
    faces = layout.decode(torch.zeros(2, layout.size))
    points = model.landmark_points(model.vertices(faces.coefficients))
    pixels = faces.camera.project(points)[0, :, :2]
    pixels = pixels[torch.isfinite(pixels).all(1)]
    low, high = pixels.amin(0), pixels.amax(0)
    assert ((low + high) / 2 - side / 2).abs().max() < 0.03 * side
    assert 0.5 * side < float((high - low).max()) < 0.8 * side
    zeros = model.zero_coefficients(2)
    assert torch.equal(model.vertices(faces.coefficients), model.vertices(zeros))


@pytest.mark.parametrize("name", NAMES)
def test_decoding_what_was_encoded_gives_the_faces_back(name, face_model):
    layout = make_layout(name, face_model, SIZES[name])
    faces = layout.decode(random_outputs(layout))
    again = layout.decode(layout.encode(faces))
    for part in ("identity", "expression", "albedo", "light"):
        own, other = (getattr(f.coefficients, part) for f in (faces, again))
        assert torch.allclose(own, other, atol=1e-6)  # the modes are float32
    points = face_model.mean.to(F64).expand(3, -1, -1)
    assert torch.allclose(faces.camera.project(points), again.camera.project(points), atol=1e-8)


@pytest.mark.parametrize("name", ["deep3d", "mobile_facernet"])
def test_encoding_what_was_decoded_gives_the_outputs_back(name, face_model):
    layout = make_layout(name, face_model, SIZES[name])
    outputs = random_outputs(layout)
    assert torch.allclose(layout.encode(layout.decode(outputs)), outputs, atol=1e-12)


def test_of_affine_outputs_only_the_similarity_comes_back(face_model):
    layout = make_layout("3ddfa", face_model, 120)
    outputs = layout.encode(layout.decode(random_outputs(layout)))
    assert torch.allclose(layout.encode(layout.decode(outputs)), outputs, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_both_ways_are_differentiable(name):
    layout = make_layout(name, basel_like((3, 2, 2)), SIZES[name])
    outputs = random_outputs(layout, 2).requires_grad_()

    def numbers(x):
        faces = layout.decode(x)
        c = faces.coefficients
        points = faces.camera.project(torch.ones(2, 4, 3, dtype=F64) * torch.arange(3) * 20)
        return c.identity, c.expression, c.albedo, c.light, points, layout.encode(faces)

    assert torch.autograd.gradcheck(numbers, [outputs])


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_around_it_changes_nothing(name, face_model):
    layout = make_layout(name, face_model, SIZES[name])
    outputs = random_outputs(layout, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        inside = layout.decode(outputs)
        back = layout.encode(inside)
    outside = layout.decode(outputs)
    assert torch.equal(inside.camera.rotation, outside.camera.rotation)
    assert torch.equal(inside.camera.translation, outside.camera.translation)
    assert torch.equal(back, layout.encode(outside))


def deep3d_in_numpy(outputs, mean, bases, focal, middle, normals):
    """compute_for_render of Deep3D's bfm.py for one face, lengths in 100 mm.

    Returns pixels with y down (its renderer's frame), and the shading at normals.
    """
    identity, expression = outputs[:80], outputs[80:144]
    x, y, z = outputs[224:227]
    gamma, t = outputs[227:254].reshape(3, 9), outputs[254:]
    shape = mean - mean.mean(0) + np.einsum("k,kvc->vc", identity, bases[0])
    shape += np.einsum("k,kvc->vc", expression, bases[1])
    rx = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    ry = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    rz = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    rot = (rz @ ry @ rx).T
    vertices = shape @ rot + t
    vertices[:, 2] = 10 - vertices[:, 2]
    pixels = vertices[:, :2] / vertices[:, 2:] * focal + middle
    pixels[:, 1] = 2 * middle - pixels[:, 1]
    n = normals @ rot
    a = np.pi, 2 * np.pi / np.sqrt(3), 2 * np.pi / np.sqrt(8)
    c = (
        1 / np.sqrt(4 * np.pi),
        np.sqrt(3) / np.sqrt(4 * np.pi),
        3 * np.sqrt(5) / np.sqrt(12 * np.pi),
    )
    Y = np.stack(
        [
            np.full(len(n), a[0] * c[0]),
            -a[1] * c[1] * n[:, 1],
            a[1] * c[1] * n[:, 2],
            -a[1] * c[1] * n[:, 0],
            a[2] * c[2] * n[:, 0] * n[:, 1],
            -a[2] * c[2] * n[:, 1] * n[:, 2],
            0.5 * a[2] * c[2] / np.sqrt(3) * (3 * n[:, 2] ** 2 - 1),
            -a[2] * c[2] * n[:, 0] * n[:, 2],
            0.5 * a[2] * c[2] * (n[:, 0] ** 2 - n[:, 1] ** 2),
        ],
        1,
    )
    lights = gamma.copy()
    lights[:, 0] += 0.8
    return pixels, Y @ lights.T


@pytest.mark.parametrize("side", [224, 96])
def test_deep3d_is_its_code(side):
    model = basel_like((80, 64, 80))
    layout = make_layout("deep3d", model, side, pivot=model.mean.mean(0).tolist())
    outputs = random_outputs(layout, 1)
    normals = torch.nn.functional.normalize(torch.randn(1, 9, 3, dtype=F64), dim=2)
    pixels, shading = deep3d_in_numpy(
        outputs[0].numpy(),
        model.mean.double().numpy() / 100,
        [b.double().numpy() / 100 for b in (model.identity, model.expression)],
        1015.0 * side / 224,
        side / 2,
        normals[0].numpy(),
    )
    faces = layout.decode(outputs)
    own = faces.camera.project(model.double().vertices(faces.coefficients))[0, :, :2]
    np.testing.assert_allclose(own.numpy(), pixels, atol=1e-4)
    turned = normals @ faces.camera.rotation.transpose(1, 2)
    colour = shade(turned, faces.coefficients.light)[0]
    np.testing.assert_allclose(colour.numpy(), shading, atol=1e-6)


def test_mobile_facernet_has_deep3ds_camera_at_its_size(face_model):
    camera = (
        make_layout("mobile_facernet", face_model, 64)
        .decode(torch.zeros(1, sum(face_model.sizes) + 33))
        .camera
    )
    assert float(camera.focal[0]) == pytest.approx(290, abs=1e-4)
    assert camera.center[0].tolist() == [32, 32]
    assert float(camera.translation[0, 2] + face_model.mean[:, 2].mean()) == pytest.approx(-1000)


def test_3ddfa_affine_is_its_formula(face_model):
    layout = make_layout("3ddfa", face_model, 120)
    outputs = random_outputs(layout, 2, 1.0)
    numbers = layout.parameters_of(outputs)
    points = 50 * torch.randn(2, 7, 3, dtype=F64, generator=torch.manual_seed(2))
    found = layout.affine(outputs).project(points)
    for k in range(2):
        M = numbers[k, :12].numpy().reshape(3, 4)
        x, y, z = M[:, :3] @ (points[k].numpy() - np.array(layout.spec.pivot)).T + M[:, 3:]
        np.testing.assert_allclose(found[k].numpy(), np.stack([x, 121 - y, z], 1) - [0.5, 0.5, 0])


def test_3ddfa_decodes_a_scaled_rotation_as_it_is(face_model):
    layout = make_layout("3ddfa", face_model, 120)
    faces = layout.decode(random_outputs(layout))
    outputs = layout.encode(faces)
    points = face_model.mean.to(F64).expand(3, -1, -1)
    affine, weak = layout.affine(outputs), faces.camera
    assert torch.allclose(affine.project(points)[..., :2], weak.project(points)[..., :2], atol=1e-8)


def test_3ddfa_cuts_and_mixes_the_coefficients(face_model):
    layout = make_layout("3ddfa", face_model, 120)
    c = layout.coefficients(random_outputs(layout))
    assert bool((c.identity[:, :40].abs() > 0).all())
    assert bool((c.identity[:, 40:] == 0).all())
    assert int((c.expression.abs() > 0.01).any(0).sum()) > 30  # of 52
    assert torch.allclose(c.light.float(), ambient_light(3))
    gaussian = make_layout("3ddfa", basel_like(), 120)
    expression = gaussian.coefficients(random_outputs(gaussian)).expression
    assert bool((expression[:, :10].abs() > 0).all())
    assert bool((expression[:, 10:] == 0).all())


def test_principal_expressions_lose_least(face_model):
    """No other 10 orthonormal directions keep more of the blendshapes; single ones far less."""
    modes = principal_expressions(face_model, 10).double()
    assert torch.allclose(modes.T @ modes, torch.eye(10, dtype=F64), atol=1e-5)
    skin = face_model.expression[:, face_model.region("face")].flatten(1).double()
    kept = (modes.T @ skin).square().sum() / skin.square().sum()
    best = torch.linalg.svdvals(skin).square()
    assert float(kept) == pytest.approx(float(best[:10].sum() / best.sum()), rel=1e-6)
    assert float(kept) > 0.8


def test_3ddfas_point_basis_is_the_model_in_the_layouts_terms(face_model):
    layout = make_layout("3ddfa", face_model, 120)
    points = PointLayout("default", ("ibug68",), (5, 600), ())
    basis = layout.point_basis(PointBasis.of(face_model, points))
    outputs = random_outputs(layout, dtype=torch.float32)
    numbers = layout.split(outputs)
    matrix = numbers["pose"].unflatten(1, (3, 4))
    body = basis.points(numbers["identity"], numbers["expression"])
    x, y, _ = (body @ matrix[..., :3].transpose(1, 2) + matrix[:, None, :, 3]).unbind(-1)
    vertices = face_model.vertices(layout.coefficients(outputs))
    marks = torch.cat([face_model.landmark_points(vertices), vertices[:, [5, 600]]], 1)
    expected = layout.affine(outputs).project(marks)[..., :2]
    assert torch.allclose(torch.stack([x - 0.5, 120.5 - y], -1), expected, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_whitening_only_rescales(name, face_model):
    size = make_layout(name, face_model, SIZES[name]).size
    g = torch.manual_seed(3)
    whitening = Whitening(torch.rand(size, generator=g), 0.5 + torch.rand(size, generator=g))
    layout = make_layout(name, face_model, SIZES[name], whitening=whitening)
    plain = make_layout(name, face_model, SIZES[name], whitening=Whitening.identity(size))
    outputs = random_outputs(layout)
    own, other = layout.decode(outputs), plain.decode(whitening.undo(outputs))
    assert torch.allclose(own.camera.rotation, other.camera.rotation, atol=1e-12)
    assert torch.allclose(own.coefficients.identity, other.coefficients.identity, atol=1e-12)
    assert torch.allclose(layout.encode(own), whitening.apply(plain.encode(other)), atol=1e-9)


def test_scaled_parts_move_less(face_model):
    """A tenth of an output in radians is what ten of a tenth are; the rest stays."""
    plain, scaled = (make_layout("deep3d", face_model, 224) for _ in range(2))
    scaled.scale({"angles": 0.1, "translation": 0.5})
    outputs = random_outputs(plain)
    wanted, found = plain.split(outputs), scaled.split(outputs)
    for part, value in wanted.items():
        factor = {"angles": 0.1, "translation": 0.5}.get(part, 1.0)
        torch.testing.assert_close(found[part], factor * value)
    again = restore_layout(scaled.describe(), scaled.state_dict())
    assert torch.equal(again.std, scaled.std)


@pytest.mark.parametrize("name", NAMES)
def test_layouts_go_through_json_and_tensors(name, face_model):
    layout = make_layout(name, face_model, SIZES[name])
    layout.use_whitening(Whitening(torch.rand(layout.size), 1 + torch.rand(layout.size)))
    found = restore_layout(json.loads(json.dumps(layout.describe())), layout.state_dict())
    assert (found.name, found.size, found.spec) == (name, layout.size, layout.spec)
    outputs = random_outputs(layout)
    own, other = layout.decode(outputs), found.decode(outputs)
    assert torch.equal(own.coefficients.expression, other.coefficients.expression)
    assert torch.equal(own.camera.translation, other.camera.translation)
    assert not list(found.parameters())


def test_wrong_arguments_are_named(face_model):
    with pytest.raises(UnknownNameError, match="deep3d"):
        make_layout("deep-3d", face_model, 224)
    with pytest.raises(InputError, match="whitening"):
        make_layout("deep3d", face_model, 224, whitening=Whitening.identity(62))
    layout = make_layout("3ddfa", face_model, 120)
    with pytest.raises(InputError, match="outputs"):
        layout.decode(torch.zeros(1, 61))
    with pytest.raises(InputError, match=r"scales.*pose.*angels"):
        layout.scale({"angels": 0.1})
    for factor in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match=r"scales.*positive.*pose"):
            layout.scale({"pose": factor})
    with pytest.raises(InputError, match="crop_size"):
        LayoutSpec("m", (1, 1, 1), 0, (0, 0, 0), 100.0)
    description = layout.describe()
    with pytest.raises(InputError, match="tensors"):
        restore_layout(description, {})
    with pytest.raises(UnknownNameError):
        restore_layout(description | {"layout": "flame"}, layout.state_dict())
    with pytest.raises(InputError, match="description"):
        restore_layout({"layout": "3ddfa"}, layout.state_dict())
    assert sorted(LAYOUTS.names()) == NAMES
