"""The head as a file: parts, materials, morph targets, eyes; read by hand, as the format says."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from selfie3d.core.errors import InputError, SettingError, UnknownNameError
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.pipeline.face import ReconstructedFace
from selfie3d.pipeline.formats.gltf import GltfBuilder
from selfie3d.pipeline.formats.head_parts import eye_centre, split_head
from selfie3d.pipeline.formats.head_targets import Targets
from selfie3d.pipeline.texture import Texture

SIZES = {5121: "u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}
LIMIT = 6_000_000  # bytes, with a texture of 1,024 texels


class Read:
    """A GLB: its tree, and accessors as arrays, sparse ones filled in."""

    def __init__(self, content: bytes) -> None:
        magic, version, length = struct.unpack_from("<4sII", content)
        assert (magic, version, length) == (b"glTF", 2, len(content))
        size, kind = struct.unpack_from("<I4s", content, 12)
        assert kind == b"JSON" and size % 4 == 0
        self.tree = json.loads(content[20 : 20 + size])
        size_of_rest, kind = struct.unpack_from("<I4s", content, 20 + size)
        assert kind == b"BIN\0" and 28 + size + size_of_rest == len(content)
        self.bytes = content[28 + size :]

    def array(self, index: int) -> np.ndarray:
        entry = self.tree["accessors"][index]
        width, dtype = WIDTHS[entry["type"]], SIZES[entry["componentType"]]
        if "bufferView" in entry:
            values = self._values(entry["bufferView"], dtype, entry["count"] * width)
        else:
            values = np.zeros(entry["count"] * width, dtype)
        values = values.reshape(-1, width).copy()
        if sparse := entry.get("sparse"):
            indices = sparse["indices"]
            count, dtype_of_index = sparse["count"], SIZES[indices["componentType"]]
            places = self._values(indices["bufferView"], dtype_of_index, count)
            assert (np.diff(places.astype(int)) > 0).all()
            content = self._values(sparse["values"]["bufferView"], dtype, count * width)
            values[places] = content.reshape(-1, width)
        if "min" in entry:
            assert np.array_equal(values.min(0), np.float32(entry["min"]))
            assert np.array_equal(values.max(0), np.float32(entry["max"]))
        return values

    def mesh(self, name: str) -> dict:
        return next(mesh for mesh in self.tree["meshes"] if mesh["name"] == name)

    def _values(self, view: int, dtype: str, count: int) -> np.ndarray:
        entry = self.tree["bufferViews"][view]
        assert entry["byteOffset"] % 4 == 0
        assert count * np.dtype(dtype).itemsize == entry["byteLength"]
        return np.frombuffer(self.bytes, dtype, count, entry["byteOffset"])


@pytest.fixture(scope="module")
def face(default_model):
    """Somebody who smiles and looks to a side."""
    generator = torch.Generator().manual_seed(0)
    own = default_model.zero_coefficients()
    own = replace(own, identity=0.5 * torch.randn(own.identity.shape, generator=generator))
    noise = torch.rand(3, 1024, 1024, generator=generator)
    camera = PerspectiveCamera(
        torch.eye(3)[None],
        torch.tensor([[0.0, 0, -600]]),
        torch.tensor([400.0]),
        torch.tensor([[128.0, 128.0]]),
    )
    texture = Texture(0.6 + 0.1 * noise, torch.ones(1, 1024, 1024))
    whole = ReconstructedFace(default_model, own, camera, (0, 0, 9, 9), texture, 0.9)
    return whole.animate({"mouthSmileLeft": 0.7, "eyeLookInLeft": 0.5, "jawOpen": 0.3})


@pytest.fixture(scope="module")
def content(face):
    return face.glb()


@pytest.fixture(scope="module")
def read(content):
    return Read(content)


def test_parts_are_the_whole_model_once(default_model):
    parts = {part.name: part for part in split_head(default_model)}
    assert list(parts) == ["skin", "teeth", "inner", "left_eye", "right_eye"]
    assert sum(len(part.faces) for part in parts.values()) == len(default_model.faces)
    for part in parts.values():
        assert len(np.unique(part.faces)) == len(part.vertices) == len(part.uv)
    for name in ("left_eye", "right_eye"):
        assert default_model.regions[name][torch.from_numpy(parts[name].vertices)].all()
    assert (default_model.mean[torch.from_numpy(parts["left_eye"].vertices), 0] > 0).all()


def test_a_model_without_regions_is_skin(small_model):
    (part,) = split_head(small_model)
    assert part.name == "skin" and len(part.faces) == len(small_model.faces)


def test_materials_and_nodes(read):
    tree = read.tree
    names = [material["name"] for material in tree["materials"]]
    assert names == ["skin", "teeth", "inner", "eyes"]
    (scene,) = tree["scenes"]
    (root,) = (tree["nodes"][k] for k in scene["nodes"])
    assert root["name"] == "head" and "translation" not in root
    children = [tree["nodes"][k] for k in root["children"]]
    assert [child["name"] for child in children] == ["left_eye", "right_eye"]
    left, right = (np.array(child["translation"]) for child in children)
    assert left[0] > 0.02 and right[0] < -0.02  # the subject's left is +x, in metres
    assert np.abs(left - right)[1:].max() < 0.01
    assert 0.05 < left[0] - right[0] < 0.08
    for mesh in tree["meshes"]:
        for primitive in mesh["primitives"]:
            assert (
                primitive["material"] == names.index({"head": names[0]}.get(mesh["name"], "eyes"))
                or mesh["name"] == "head"
            )


def test_the_head_is_upright_in_metres_and_faces_z(read, face):
    skin = read.array(read.mesh("head")["primitives"][0]["attributes"]["POSITION"])
    still = face.animate({}, neutral=True).vertices.numpy()
    skin_of = face.model.regions["skin"].numpy()
    assert np.allclose(skin.min(0), still[skin_of].min(0) / 1000, atol=0.02)
    nose = still[np.argmax(still[:, 2] * skin_of)]
    assert nose[2] / 1000 == pytest.approx(skin[:, 2].max(), abs=1e-6)
    assert skin[:, 1].max() > 0.05 and skin[:, 1].min() < -0.08  # crown above, neck below the eyes


def test_expressions_are_morph_targets_by_name(read, face):
    names = list(face.model.expression_names)
    assert len(names) == 52
    for mesh in read.tree["meshes"]:
        assert mesh["extras"]["targetNames"] == names
        assert np.allclose(mesh["weights"], face.coefficients.expression[0])
        assert all(len(p["targets"]) == 52 for p in mesh["primitives"])
    sparse = [a for a in read.tree["accessors"] if "sparse" in a]
    assert len(sparse) > 52


def test_targets_with_their_weights_are_the_expression(read, face):
    """At rest + weights x targets = the face that was fitted, for every part."""
    model, wanted = face.model, face.vertices.numpy() / 1000
    parts = {part.name: part for part in split_head(model)}
    groups = {"head": ["skin", "teeth", "inner"], "left_eye": ["left_eye"]}
    places = {n["name"]: n.get("translation", [0, 0, 0]) for n in read.tree["nodes"]}
    for name, own in groups.items():
        mesh = read.mesh(name)
        for primitive, part in zip(mesh["primitives"], own, strict=True):
            points = read.array(primitive["attributes"]["POSITION"]).astype(float)
            for weight, target in zip(mesh["weights"], primitive["targets"], strict=True):
                if weight:
                    points += weight * read.array(target["POSITION"])
            error = points + places[name] - wanted[parts[part].vertices]
            assert np.abs(error).max() < 3e-5


def test_normals_turn_with_the_surface(read, face):
    names, part = list(face.model.expression_names), split_head(face.model)[0]
    primitive = read.mesh("head")["primitives"][0]
    target = primitive["targets"][names.index("jawOpen")]
    normals = read.array(primitive["attributes"]["NORMAL"]) + read.array(target["NORMAL"])
    opened = face.animate({"jawOpen": 1.0}, neutral=True)
    from selfie3d.geometry.mesh import vertex_normals

    wanted = vertex_normals(opened.vertices[None], face.model.faces)[0].numpy()[part.vertices]
    assert np.linalg.norm(normals - wanted, axis=1).max() < 0.1
    assert np.abs(read.array(target["NORMAL"])).max() > 0.3


def test_turned_normals_are_those_of_the_moved_surface(default_model):
    """Of every target, by the sum over all faces of the whole mesh, moved."""
    from selfie3d.geometry.mesh import vertex_normals

    model, targets = default_model, Targets.of(default_model)
    rest = model.mean + 0.3 * torch.randn(model.mean.shape, generator=torch.Generator())
    normals = vertex_normals(rest[None], model.faces)[0]
    turns, turned = targets.turns(rest.numpy(), normals.numpy(), 1.2)
    assert len(turns) == targets.start[-1] and 0.05 < turned.mean() < 0.95
    for name in ("jawOpen", "mouthSmileLeft"):
        k = targets.names.index(name)
        own = slice(targets.start[k], targets.start[k + 1])
        moved = rest.clone()
        moved[targets.vertices[own]] += 1.2 * model.expression[k][targets.vertices[own]]
        wanted = (vertex_normals(moved[None], model.faces)[0] - normals)[targets.vertices[own]]
        np.testing.assert_allclose(turns[own], wanted.numpy(), atol=2e-5)


def test_tables_of_a_model_go_with_it(small_model):
    assert Targets.of(small_model) is Targets.of(small_model)
    assert not Targets.of(small_model).names


def test_a_texture_of_few_texels_is_exact(small_face):
    read = Read(small_face.glb())
    assert read.tree["images"][0]["mimeType"] == "image/png"
    view = read.tree["bufferViews"][read.tree["images"][0]["bufferView"]]
    start = view["byteOffset"]
    stored = np.asarray(Image.open(io.BytesIO(read.bytes[start : start + view["byteLength"]])))
    wanted = small_face.texture.image.permute(1, 2, 0).numpy() * 255
    np.testing.assert_array_equal(stored, wanted.astype(np.uint8))


def test_eyes_turn_about_their_middle(read, face):
    """Every point of the white keeps its distance to the node's origin."""
    part = {p.name: p for p in split_head(face.model)}["right_eye"]
    points = read.array(read.mesh("right_eye")["primitives"][0]["attributes"]["POSITION"])
    white = face.model.regions["sclera"].numpy()[part.vertices]
    radii = np.linalg.norm(points[white], axis=1)
    assert 0.012 < radii.mean() < 0.018
    assert radii.std() < 0.0003


def test_targets_turn_the_eyes_about_the_same_middle(read):
    """`eyeLookOutLeft` is a turn by 25 degrees to the subject's left."""
    mesh = read.mesh("left_eye")
    (primitive,), names = mesh["primitives"], mesh["extras"]["targetNames"]
    points = read.array(primitive["attributes"]["POSITION"]).astype(float)
    target = primitive["targets"][names.index("eyeLookOutLeft")]["POSITION"]
    moved = points + read.array(target)
    affine = np.linalg.lstsq(np.c_[points, np.ones(len(points))], moved, rcond=None)[0]
    assert np.abs(affine[3]).max() < 5e-4  # the middle stays
    assert np.rad2deg(np.arctan2(affine[2, 0], affine[2, 2])) == pytest.approx(25, abs=2)


def test_the_texture_lies_as_in_gltf(read, face):
    """v = 0 is the picture's first row."""
    part = split_head(face.model)[0]
    given = face.model.uv.numpy()[part.uv]
    stored = read.array(read.mesh("head")["primitives"][0]["attributes"]["TEXCOORD_0"])
    assert np.allclose(stored, np.stack([given[:, 0], 1 - given[:, 1]], 1), atol=1e-6)


def test_size_of_the_file(content, read):
    assert len(content) <= LIMIT
    assert read.tree["images"][0]["mimeType"] == "image/jpeg"  # it has many texels


def test_the_mask(face):
    mask, whole = Read(face.glb("face")), Read(face.glb())
    count = [
        sum(m.tree["accessors"][p["indices"]]["count"] for x in m.tree["meshes"]
            for p in x["primitives"]) // 3
        for m in (mask, whole)
    ]  # fmt: skip
    assert count[1] == len(face.model.faces) > count[0] > 30_000
    assert len(face.mesh("face").faces) == count[0]
    assert np.ptp(face.mesh("face").vertices[:, 2]) < np.ptp(face.mesh().vertices[:, 2]) - 30


def test_the_mask_of_another_model_is_refused(small_face):
    with pytest.raises(SettingError, match="'face' of the shipped model only"):
        small_face.glb("face")
    with pytest.raises(InputError, match="mesh: expected one of head, face"):
        small_face.mesh("skull")


def test_true_size(face):
    larger = replace(face, ipd_mm=1.1 * face.model_ipd_mm)
    assert larger.scale == pytest.approx(1.1)
    assert np.allclose(larger.mesh().extents, 1.1 * face.mesh().extents)
    grown, plain = (Read(one.glb()) for one in (larger, face))
    for name in ("head", "left_eye"):
        one, other = (r.mesh(name)["primitives"][0] for r in (grown, plain))
        bigger = grown.array(one["attributes"]["POSITION"])
        assert np.allclose(bigger, 1.1 * plain.array(other["attributes"]["POSITION"]), atol=1e-6)
        opened = grown.array(one["targets"][24]["POSITION"])
        assert np.allclose(opened, 1.1 * plain.array(other["targets"][24]["POSITION"]), atol=1e-4)


def test_pupils_of_the_mean_face(default_model, face):
    mean = replace(face, coefficients=default_model.zero_coefficients())
    assert mean.model_ipd_mm == pytest.approx(62, abs=1)
    assert mean.animate({"eyeLookInLeft": 1.0}).model_ipd_mm == mean.model_ipd_mm


def test_animate(face):
    moved = face.animate({"jawOpen": 1.0})
    names = list(face.model.expression_names)
    assert moved.coefficients.expression[0, names.index("jawOpen")] == 1
    assert moved.coefficients.expression[0, names.index("mouthSmileLeft")] == pytest.approx(0.7)
    rest = face.animate({}, neutral=True)
    assert not rest.coefficients.expression.any()
    chin = face.landmarks_68[8, 1], moved.landmarks_68[8, 1]
    assert chin[1] > chin[0] + 5
    with pytest.raises(UnknownNameError, match="Did you mean 'jawOpen'"):
        face.animate({"jawopen": 1.0})
    with pytest.raises(InputError, match="jawOpen"):
        face.animate({"jawOpen": float("nan")})


def test_the_nearest_ball():
    points = torch.nn.functional.normalize(torch.randn(50, 3), dim=1) * 12 + torch.tensor(
        [3, 4, 5.0]
    )
    assert torch.allclose(
        eye_centre(points[points[:, 2] > 5]), torch.tensor([3, 4, 5.0]), atol=1e-3
    )
    assert torch.equal(eye_centre(torch.ones(2, 3)), torch.ones(3))


def test_many_vertices_have_wide_indices():
    built = GltfBuilder("test")
    for largest, kind in ((65534, 5123), (65535, 5125)):
        index = built.triangles(np.array([[0, 1, largest]]))
        assert built.tree["accessors"][index]["componentType"] == kind
        index = built.changes(largest + 1, np.array([largest]), np.ones((1, 3), np.float32))
        sparse = built.tree["accessors"][index]["sparse"]
        assert sparse["count"] == 1 and sparse["indices"]["componentType"] == kind


VALIDATE = """
const validator = require(process.argv[1] + '/gltf-validator');
const content = new Uint8Array(require('fs').readFileSync(process.argv[2]));
validator.validateBytes(content).then(report => console.log(JSON.stringify(report.issues)));
"""


@pytest.mark.parametrize("kind", ["head", "face", "small"])
def test_the_khronos_validator_finds_nothing(face, small_face, kind, tmp_path):
    """`SELFIE3D_NODE_MODULES` names a folder of npm's with gltf-validator."""
    modules = os.environ.get("SELFIE3D_NODE_MODULES", "")
    if not os.path.isdir(os.path.join(modules, "gltf-validator")):
        pytest.skip("SELFIE3D_NODE_MODULES names no folder with gltf-validator")
    path = tmp_path / "head.glb"
    path.write_bytes(small_face.glb() if kind == "small" else face.glb(kind))
    command = ["node", "-e", VALIDATE, modules, str(path)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert not found["messages"]
