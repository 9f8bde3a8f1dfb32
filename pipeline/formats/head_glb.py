"""A head as one GLB: materials, morph targets by name, and eyes that turn.

Metres, y up, facing +z. The shape at rest is the neutral face; the expression that the photograph
shows is the default weight of the morph targets, so that viewers show it and programs can take it
away. `skin`, `teeth` and `inner` are primitives of the mesh of the node `head`; `left_eye` and
`right_eye` are meshes of nodes of their own below it, whose origin is the eyeball's middle. Turn
the nodes, or use the targets `eyeLook...`, not both.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...geometry.coefficients import Coefficients
from ...geometry.face_model import FaceModel
from ...geometry.mesh import vertex_normals
from .gltf import Floats, GltfBuilder
from .head_parts import EYES, Part, eye_centre, split_head

_METRES = 0.001  # a millimetre
_STILL = 0.02  # mm: what moves less is left out of a morph target
_EVEN = 0.08  # length of the change of a unit normal below which it is left out
_LARGEST_PNG = 1 << 20  # bytes: a texture that takes more is written as JPEG
_JPEG = {"quality": 95, "subsampling": 0}
_ROUGHNESS = {"skin": 0.8, "teeth": 0.35, "inner": 0.6, "eyes": 0.25}


@dataclass(frozen=True)
class HeadFile:
    """What a GLB shows.

    Attributes:
        model: the face model. coefficients: of one face.
        texture: (H,W,3) uint8, row 0 at v = 1.
        scale: true size over the model's.
        generator: what writes it, for the file.
    """

    model: FaceModel
    coefficients: Coefficients
    texture: NDArray[np.uint8]
    scale: float = 1.0
    generator: str = "selfie3d"

    def content(self) -> bytes:
        """The file's bytes."""
        built = GltfBuilder(self.generator)
        materials = _Materials(built, self.texture)
        parts = {part.name: part for part in split_head(self.model)}
        shape = _Shape.of(self)
        body = [part for name, part in parts.items() if name not in EYES]
        nodes = [_node(built, "head", body, shape, materials, None)]
        for name in EYES:
            if name in parts:
                centre = eye_centre(shape.rest[_white(self.model, parts[name])])
                nodes.append(_node(built, name, [parts[name]], shape, materials, centre))
        if nodes[1:]:
            built.tree["nodes"][nodes[0]]["children"] = nodes[1:]
        built.tree["scene"] = built.add("scenes", {"nodes": nodes[:1]})
        return built.content()


@dataclass(frozen=True)
class _Shape:
    """Positions in mm, true size: at rest, and how every expression changes it.

    Attributes:
        rest: (V,3). normals: (V,3), of unit length.
        moves, turns: name to the change (V,3) of positions and of normals by every morph target.
        weights: of these, as the photograph shows.
        uv: (T,2), v down as glTF has it.
    """

    rest: Tensor
    normals: Tensor
    moves: Mapping[str, Tensor]
    turns: Mapping[str, Tensor]
    weights: list[float]
    uv: Floats

    @classmethod
    def of(cls, head: HeadFile) -> _Shape:
        model, own = head.model, head.coefficients
        names = model.expression_names if model.expression_kind == "blendshape" else ()
        if names:
            still = replace(own, expression=torch.zeros_like(own.expression))
            weights = own.expression[0].tolist()
        else:  # modes that nobody can name are no morph targets
            still, weights = own, []
        rest = model.vertices(still)[0] * head.scale
        moves = {n: e * head.scale for n, e in zip(names, model.expression, strict=False)}
        normals = _normals(rest, model.faces)
        turns = {n: _normals(rest + move, model.faces) - normals for n, move in moves.items()}
        uv = torch.stack([model.uv[:, 0], 1 - model.uv[:, 1]], 1).float().numpy()
        return cls(rest, normals, moves, turns, weights, uv)


class _Materials:
    """Materials by name, made when a part asks; all of them show the one texture."""

    def __init__(self, built: GltfBuilder, texture: NDArray[np.uint8]) -> None:
        self._built, self._known = built, dict[str, int]()
        sampler = built.add("samplers", {"magFilter": 9729, "minFilter": 9987, "wrapS": 33071,
                                         "wrapT": 33071})  # fmt: skip
        image = built.image(*_picture(texture))
        self._texture = built.add("textures", {"source": image, "sampler": sampler})

    def __getitem__(self, part: str) -> int:
        name = "eyes" if part in EYES else part
        if name not in self._known:
            looks = {"baseColorTexture": {"index": self._texture}, "metallicFactor": 0.0}
            looks |= {"roughnessFactor": _ROUGHNESS[name]}
            entry = {"name": name, "pbrMetallicRoughness": looks}
            self._known[name] = self._built.add("materials", entry)
        return self._known[name]


def _node(
    built: GltfBuilder,
    name: str,
    parts: list[Part],
    shape: _Shape,
    materials: _Materials,
    centre: Tensor | None,
) -> int:
    """A node with the mesh of some parts, about `centre` (3,) where one is given."""
    origin = torch.zeros(3) if centre is None else centre
    primitives = [_primitive(built, part, shape, origin, materials[part.name]) for part in parts]
    mesh: dict[str, Any] = {"name": name, "primitives": primitives}
    if shape.moves:
        mesh |= {"weights": shape.weights, "extras": {"targetNames": list(shape.moves)}}
    node: dict[str, Any] = {"name": name, "mesh": built.add("meshes", mesh)}
    if centre is not None:
        node["translation"] = (centre.double() * _METRES).tolist()
    return built.add("nodes", node)


def _primitive(
    built: GltfBuilder, part: Part, shape: _Shape, origin: Tensor, material: int
) -> dict[str, Any]:
    own = torch.from_numpy(part.vertices)
    attributes = {
        "POSITION": built.vertices(_metres(shape.rest[own] - origin), bounds=True),
        "NORMAL": built.vertices(shape.normals[own].numpy()),
        "TEXCOORD_0": built.vertices(shape.uv[part.uv]),
    }
    primitive = {"attributes": attributes, "indices": built.triangles(part.faces)}
    if shape.moves:
        still = built.changes(*_nothing(len(own)), bounds=True)
        even = built.changes(*_nothing(len(own)))
        primitive["targets"] = [
            _target(built, own, shape, name, still, even) for name in shape.moves
        ]
    return primitive | {"material": material}


def _target(
    built: GltfBuilder, own: Tensor, shape: _Shape, name: str, still: int, even: int
) -> dict[str, int]:
    """Positions and normals of one morph target; `still` and `even` are those of no change."""
    move, turn = shape.moves[name][own], shape.turns[name][own]
    moved = (move.norm(dim=1) > _STILL).numpy()
    if not moved.any():
        return {"POSITION": still, "NORMAL": even}
    turned = (turn.norm(dim=1) > _EVEN).numpy() & moved
    position = built.changes(_metres(move), moved, bounds=True)
    return {
        "POSITION": position,
        "NORMAL": built.changes(turn.numpy(), turned) if turned.any() else even,
    }


def _white(model: FaceModel, part: Part) -> Tensor:
    """Vertices of an eye that lie on its ball; all of them where the model does not say."""
    own = torch.from_numpy(part.vertices).unique()
    white = own[model.region("sclera")[own]]
    return white if len(white) else own


def _nothing(count: int) -> tuple[Floats, NDArray[np.bool_]]:
    return np.zeros((count, 3), np.float32), np.zeros(count, bool)


def _metres(points: Tensor) -> Floats:
    return np.asarray(points.double().numpy() * _METRES, np.float32)


def _normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Unit normals (V,3) of the whole surface, so that no seam of the texture is seen in them."""
    normals = vertex_normals(vertices[None], faces)[0].clone()
    normals[normals.norm(dim=1) < 0.5] = torch.tensor([0.0, 0.0, 1.0])  # of faces without an area
    return torch.nn.functional.normalize(normals, dim=1)


def _picture(texture: NDArray[np.uint8]) -> tuple[bytes, str]:
    """The texture's file and its kind: exact where that is small enough."""
    from PIL import Image

    image, stream = Image.fromarray(texture), io.BytesIO()
    image.save(stream, "PNG")
    if stream.tell() <= _LARGEST_PNG:
        return stream.getvalue(), "image/png"
    stream = io.BytesIO()
    image.save(stream, "JPEG", **_JPEG)
    return stream.getvalue(), "image/jpeg"
