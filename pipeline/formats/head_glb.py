"""A head as one GLB: materials, morph targets by name, and eyes that turn.

Metres, y up, facing +z. The shape at rest is the neutral face; the expression that the photograph
shows is the default weight of the morph targets, so that viewers show it and programs can take it
away. `skin`, `teeth` and `inner` are primitives of the mesh of the node `head`; `left_eye` and
`right_eye` are meshes of nodes of their own below it, whose origin is the eyeball's middle. Turn
the nodes, or use the targets `eyeLook...`, not both. A head that moves hangs below a node `pose`,
before the clip's camera: see `head_motion`.
"""

from __future__ import annotations

import io
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
from .head_motion import HeadMotion, add_motion
from .head_parts import EYES, Part, eye_centre
from .head_targets import Change, Targets

_METRES = 0.001  # a millimetre
_LARGEST_PNG = 1 << 20  # bytes of the texels: a larger texture is written as JPEG, 10 times faster
_JPEG = {"quality": 95, "subsampling": 0}
_ROUGHNESS = {"skin": 0.8, "teeth": 0.35, "inner": 0.6, "eyes": 0.25}


@dataclass(frozen=True)
class HeadFile:
    """What a GLB shows.

    Attributes:
        model: the face model. coefficients: of one face.
        texture: (H,W,3) uint8, row 0 at v = 1.
        scale: true size over the model's.
        motion: how it moves in a clip, if it does.
        generator: what writes it, for the file.
    """

    model: FaceModel
    coefficients: Coefficients
    texture: NDArray[np.uint8]
    scale: float = 1.0
    motion: HeadMotion | None = None
    generator: str = "selfie3d"

    def content(self) -> bytes:
        """The file's bytes."""
        built = GltfBuilder(self.generator)
        materials, shape = _Materials(built, self.texture), _Shape.of(self)
        parts = {part.name: part for part in shape.targets.parts}
        body = [part for name, part in parts.items() if name not in EYES]
        nodes = [_node(built, "head", body, shape, materials, None)]
        for name in EYES:
            if name in parts:
                centre = eye_centre(shape.rest[_white(self.model, parts[name])])
                nodes.append(_node(built, name, [parts[name]], shape, materials, centre))
        if nodes[1:]:
            built.tree["nodes"][nodes[0]]["children"] = nodes[1:]
        roots = nodes[:1]
        if self.motion is not None:
            names = shape.targets.names
            roots = add_motion(built, self.motion, nodes, animated=bool(names), scale=self.scale)
        built.tree["scene"] = built.add("scenes", {"nodes": roots})
        return built.content()


@dataclass(frozen=True)
class _Shape:
    """The shape at rest, and how every expression changes it.

    Attributes:
        targets: of the model.
        rest: (V,3) mm, true size. normals: (V,3), of unit length.
        moves, turns: (R,3) the changes of positions, metres, and of normals in the targets' rows.
        turned: (R,) bool, the rows whose normals turn.
        weights: of the targets, as the photograph shows.
        uv: (T,2), v down as glTF has it.
    """

    targets: Targets
    rest: Tensor
    normals: Tensor
    moves: Floats
    turns: Floats
    turned: NDArray[np.bool_]
    weights: list[float]
    uv: Floats

    @classmethod
    def of(cls, head: HeadFile) -> _Shape:
        model, still, targets = head.model, head.coefficients, Targets.of(head.model)
        weights = still.expression[0].tolist() if targets.names else []
        if targets.names:
            still = replace(still, expression=torch.zeros_like(still.expression))
        rest = model.vertices(still)[0] * head.scale
        normals = _normals(rest, model.faces)
        turns, turned = targets.turns(rest.float().numpy(), normals.float().numpy(), head.scale)
        moves = np.asarray(targets.moves * (head.scale * _METRES), np.float32)
        uv = torch.stack([model.uv[:, 0], 1 - model.uv[:, 1]], 1).float().numpy()
        return cls(targets, rest, normals, moves, turns, turned, weights, uv)


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
    if shape.targets.names:
        mesh |= {"weights": shape.weights, "extras": {"targetNames": list(shape.targets.names)}}
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
    if shape.targets.names:
        none = np.zeros(0, np.int64), np.zeros((0, 3), np.float32)
        unchanged = {
            "POSITION": built.changes(len(own), *none, bounds=True),
            "NORMAL": built.changes(len(own), *none),
        }
        primitive["targets"] = [
            unchanged | _target(built, len(own), shape, change)
            for change in shape.targets.changes[part.name]
        ]
    return primitive | {"material": material}


def _target(built: GltfBuilder, count: int, shape: _Shape, change: Change) -> dict[str, int]:
    """Positions and normals of a morph target of a part of `count` vertices, if they change."""
    rows, found = change.rows, dict[str, int]()
    if len(rows):
        values = shape.moves[rows]
        found["POSITION"] = built.changes(count, change.places, values, bounds=True)
    turned = shape.turned[rows]
    if turned.any():
        found["NORMAL"] = built.changes(count, change.places[turned], shape.turns[rows[turned]])
    return found


def _white(model: FaceModel, part: Part) -> Tensor:
    """Vertices of an eye that lie on its ball; all of them where the model does not say."""
    own = torch.from_numpy(part.vertices).unique()
    white = own[model.region("sclera")[own]]
    return white if len(white) else own


def _metres(points: Tensor) -> Floats:
    return np.asarray(points.double().numpy() * _METRES, np.float32)


def _normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Unit normals (V,3) of the whole surface, so that no seam of the texture is seen in them."""
    normals = vertex_normals(vertices[None], faces)[0].clone()
    normals[normals.norm(dim=1) < 0.5] = torch.tensor([0.0, 0.0, 1.0])  # of faces without an area
    return torch.nn.functional.normalize(normals, dim=1)


def _picture(texture: NDArray[np.uint8]) -> tuple[bytes, str]:
    """The texture's file and its kind: exact where it has few texels."""
    from PIL import Image

    image, stream = Image.fromarray(texture), io.BytesIO()
    if texture.nbytes <= _LARGEST_PNG:
        image.save(stream, "PNG")
        return stream.getvalue(), "image/png"
    image.save(stream, "JPEG", **_JPEG)
    return stream.getvalue(), "image/jpeg"
