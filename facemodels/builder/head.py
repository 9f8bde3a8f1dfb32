"""What the model keeps of the base mesh: skin down to the neck's base, eye cavities, mouth.

The base mesh's own eyeballs, teeth and tongue are left out: see inner.py.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from ..layout import CAVITY, FACE, MOUTH, SKIN
from .hm08 import Array, BaseMesh, Index, sample_texture, segment_colours
from .source import AnnySource

DROPPED = 255
_NECK_CUT = 5.75  # dm above the base mesh's origin; below it the shoulders begin
_NECK_HALF_WIDTH = 0.66  # dm; beyond it, below _SHOULDER, the shoulders' slope is dropped
_SHOULDER = 5.95
_CAVITIES = [(253, 249, 16), (249, 108, 136)]
_MOUTH = (112, 172, 255)
_MASKS = {"ears": "mpfb_ears.jpg", "lips": "mpfb_lips.jpg", "eyelids": "mpfb_eyelids.jpg"}


@dataclass(frozen=True)
class Head:
    """Level-0 head, dm in the base mesh's frame; V vertices, F quads.

    keep (V,) indices into the base mesh; base (V,3); quads (F,4); part (F,) codes of `parts`;
    mirror (V,); masks: ears, lips, eyelids (V,) in 0..1; landmarks, 68, a vertex
    each or the two of an edge whose middle it is.
    """

    keep: Index
    base: Array
    quads: Index
    part: NDArray[np.uint8]
    mirror: Index
    masks: dict[str, Array]
    landmarks: tuple[tuple[int, ...], ...]

    def used_by(self, *parts: int) -> NDArray[np.bool_]:
        """Which vertices (V,) the quads of these parts touch."""
        used = np.zeros(len(self.keep), bool)
        used[self.quads[np.isin(self.part, parts)]] = True
        return used


def extract_head(mesh: BaseMesh, source: AnnySource) -> Head:
    """Cut the head out of the base mesh."""
    part = classify(mesh, source)
    quads = np.concatenate([mesh.faces[part == code] for code in range(4)])
    keep = np.unique(quads)
    local = np.full(len(mesh.vertices), -1)
    local[keep] = np.arange(len(keep))
    vertex_uv = np.zeros((len(mesh.vertices), 2))
    for corner in range(4):
        body = mesh.groups == "body"
        vertex_uv[mesh.faces[body, corner]] = mesh.uv[mesh.uv_faces[body, corner]]
    table = json.loads(files(__package__).joinpath("landmarks68.json").read_text())
    return Head(
        keep=keep,
        base=mesh.vertices[keep],
        quads=local[quads],
        part=np.sort(part[part != DROPPED]).astype(np.uint8),
        mirror=local[mesh.mirror[keep]],
        masks={k: sample_texture(source, f, vertex_uv)[keep] for k, f in _MASKS.items()},
        landmarks=tuple(tuple(int(local[v]) for v in at) for at in table),
    )


def classify(mesh: BaseMesh, source: AnnySource, *, shoulders: bool = False) -> Index:
    """Part code of every face of the base mesh; `DROPPED` where it is left out.

    Args:
        shoulders: keep the shoulders' slope, as version 1 of the model did.
    """
    body = mesh.groups == "body"
    colour = segment_colours(source, mesh.uv[mesh.uv_faces].mean(1))
    is_colour = [(colour == np.array(c)).all(1) for c in (*_CAVITIES, _MOUTH)]
    cavity, mouth = body & (is_colour[0] | is_colour[1]), body & is_colour[2]
    centre = mesh.vertices[mesh.faces].mean(1)
    skin = body & ~cavity & ~mouth & (centre[:, 1] > _NECK_CUT)
    if not shoulders:
        skin &= (np.abs(centre[:, 0]) < _NECK_HALF_WIDTH) | (centre[:, 1] > _SHOULDER)
    skin = _largest_piece(mesh.faces, skin, len(mesh.vertices))
    part = np.full(len(mesh.faces), DROPPED)
    part[skin] = SKIN
    part[skin & _in_face(mesh, source, centre, skin)] = FACE
    part[cavity], part[mouth] = CAVITY, MOUTH
    return part


def _in_face(
    mesh: BaseMesh, source: AnnySource, centre: Array, skin: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Faces of the facial mask: in front of the ears, below the hairline, above the throat."""
    vertex_uv = np.zeros((len(mesh.vertices), 2))
    for corner in range(4):
        vertex_uv[mesh.faces[skin, corner]] = mesh.uv[mesh.uv_faces[skin, corner]]
    ear = sample_texture(source, _MASKS["ears"], vertex_uv)[mesh.faces].mean(1)
    _, y, z = centre.T
    face = skin & (z > 0.42) & (ear < 0.3) & (y < 8.05) & ((y > 6.13) | ((z > 0.9) & (y > 6.0)))
    return _largest_piece(mesh.faces, face & ~((y < 6.35) & (z < 0.80)), len(mesh.vertices))


def _largest_piece(faces: Index, mask: NDArray[np.bool_], vertex_count: int) -> NDArray[np.bool_]:
    """`mask` restricted to its largest connected set of faces."""
    f = faces[mask]
    pairs = np.concatenate([f[:, [0, 1]], f[:, [1, 2]], f[:, [2, 3]]])
    graph = sparse.coo_matrix((np.ones(len(pairs)), pairs.T), shape=(vertex_count,) * 2)
    label = connected_components(graph, directed=False)[1][f[:, 0]]
    piece = np.zeros(len(faces), bool)
    piece[np.flatnonzero(mask)[label == np.bincount(label).argmax()]] = True
    return piece
