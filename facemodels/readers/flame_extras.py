"""What lies beside a FLAME model: landmark embeddings, texture coordinates, albedo, regions.

Layout: landmark_embedding.npy or .npz with static_lmk_faces_idx (51), static_lmk_bary_coords
(51,3), dynamic_lmk_* (79,17), full_lmk_* (1,68): triangles and barycentric coordinates of
landmarks, github.com/YadiraF/DECA, decalib/models/FLAME.py.
FLAME_texture.npz with mean (S,S,3) and tex_dir (S,S,3,K) in BGR 0..255, vt, ft;
FLAME_albedo_from_BFM.npz with MU (1,S,S,3) and PC (..,K) in BGR 0..1: the same file;
albedoModel2020_FLAME_albedoPart.npz with MU, PC, specMU, specPC in linear BGR 0..1, vt, ft:
github.com/TimoBolkart/TF_FLAME, sample_texture.py. FLAME_masks.pkl: names to vertices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.obj_file import read_obj
from ...geometry.landmarks import Contour, LandmarkSet
from ..layout import Arrays, Floats, Ints, indices_of, triangles_of
from .archive import read_arrays
from .basel_h5 import srgb
from .inert_pickle import read_inert_pickle, read_object_npy
from .source import Source, required

_EMBEDDINGS = "landmark_embedding.npz", "landmark_embedding.npy"
_ALBEDO = (
    "FLAME_texture.npz",
    "FLAME_albedo_from_BFM.npz",
    "albedoModel2020_FLAME_albedoPart.npz",
)
_REMEDY = "landmark_embedding.npy comes with github.com/YadiraF/DECA (data/)."


def embedded(
    name: str,
    triangles: NDArray,
    weights: NDArray,
    *,
    faces: Ints,
    path: Path,
    contour: Contour = "3d",
) -> LandmarkSet:
    """The set of points at `weights` (..., L, 3) in `triangles` (..., L) of `faces` (F,3).

    Raises:
        InputError: shapes that do not fit, or a triangle that does not exist.
    """
    ids = indices_of(f"{name}: lmk_faces_idx", triangles, len(faces), path=path, first=0)
    if weights.shape != (*triangles.shape, 3) or weights.dtype.kind != "f":
        expected = str((*triangles.shape, 3))
        raise InputError(f"{path}: {name}: lmk_bary_coords", expected, str(weights.shape))
    flat = torch.from_numpy(weights.reshape(-1, 3).astype(np.float32))
    valid = torch.ones(len(ids), dtype=torch.bool)
    corners = torch.from_numpy(faces[ids])
    return LandmarkSet(name, corners, flat, torch.zeros(len(ids), 3), valid, contour)


def embeddings(source: Source, faces: Ints) -> dict[str, LandmarkSet]:
    """`ibug68` (the full 68) and, where given, `flame-static` and `flame-frontal`, 68 points each.

    In `flame-static` the jaw's points are invalid; in `flame-frontal` they are the outline as seen
    from the front (row 0 of the 79, one per degree of yaw). For other views the outline is found on
    the mesh itself, as for every model (geometry/contour.py).
    """
    path = source.need("the 68 points", _REMEDY, *_EMBEDDINGS)
    tables = read_arrays(path) if path.suffix == ".npz" else read_object_npy(path)
    full = embedded("ibug68", *_pair(tables, "full", path), faces=faces, path=path)
    if len(full) != 68:
        raise InputError(f"{path}: full_lmk_faces_idx", "68 triangles", f"{len(full)}")
    sets = {"ibug68": full}
    if "static_lmk_faces_idx" in tables:
        inner = embedded("flame-static", *_pair(tables, "static", path), faces=faces, path=path)
        sets["flame-static"] = _jaw_and_rest(full, inner, path, valid=False)
        if "dynamic_lmk_faces_idx" in tables:
            ids, weights = _pair(tables, "dynamic", path)
            outline = embedded(
                "flame-frontal", ids[:1], weights[:1], faces=faces, path=path, contour="2d"
            )
            sets["flame-frontal"] = _jaw_and_rest(outline, inner, path, valid=True)
    return sets


def _pair(tables: Mapping[str, NDArray], kind: str, path: Path) -> tuple[NDArray, NDArray]:
    names = f"{kind}_lmk_faces_idx", f"{kind}_lmk_bary_coords"
    ids, weights = required(tables, names, path)
    return ids, weights


def _jaw_and_rest(jaw: LandmarkSet, inner: LandmarkSet, path: Path, valid: bool) -> LandmarkSet:
    """The first 17 points of one set and the 51 of another."""
    if len(jaw) < 17 or len(inner) != 51:
        raise InputError(str(path), "17 outline and 51 static points", f"{len(jaw)}, {len(inner)}")
    parts = {
        key: torch.cat([getattr(jaw, key)[:17], getattr(inner, key)])
        for key in ("vertices", "weights", "offset", "valid")
    }
    parts["valid"] = torch.cat([torch.full((17,), valid), inner.valid])
    named = replace(inner, name=jaw.name if valid else inner.name, contour=jaw.contour)
    return replace(named, **parts)  # type: ignore[arg-type]


def masks(source: Source, count: int) -> dict[str, NDArray[np.bool_]]:
    """The regions of FLAME_masks.pkl, if it is there."""
    path = source.find("FLAME_masks.pkl")
    if path is None:
        return {}
    regions = {}
    for name, ids in read_inert_pickle(path).items():
        if ids.dtype.kind not in "iu" or (ids.size and not 0 <= ids.min() <= ids.max() < count):
            raise InputError(f"{path}: {name}", f"vertices in 0..{count - 1}", str(ids.dtype))
        regions[name] = np.isin(np.arange(count), ids)
    return regions


def texture(source: Source, faces: Ints) -> Arrays:
    """Texture coordinates of the albedo file or of head_template.obj, if either is there."""
    path = source.find(*_ALBEDO)
    tables = {} if path is None else read_arrays(path)
    if path is not None and {"vt", "ft"} <= set(tables):
        uv, corners = tables["vt"], tables["ft"]
        return {
            "uv": uv.astype(np.float32),
            "uv_faces": triangles_of("ft", corners, len(uv), path=path, first=0),
        }
    path = source.find("head_template.obj")
    if path is None:
        return {}
    mesh = read_obj(path, np.float32)
    return {"uv": mesh.uv, "uv_faces": _in_order(mesh.faces, mesh.uv_faces, faces, path)}


def _in_order(own: Ints, corners: Ints, faces: Ints, path: Path) -> Ints:
    """The corners of a file's triangles in the order of the model's, corner by corner."""
    places = {tuple(sorted(triangle)): n for n, triangle in enumerate(own.tolist())}
    try:
        rows = [places[tuple(sorted(triangle))] for triangle in faces.tolist()]
    except KeyError as error:
        raise InputError(str(path), "the model's triangles", f"none of vertices {error}") from None
    turned = np.argmax(own[rows][:, None, :] == faces[:, :, None], 2)
    return np.take_along_axis(corners[rows], turned, 1)


def albedo(source: Source, faces: Ints, count: int) -> Arrays:
    """Colours (V,3) and modes (K,V,3) at the vertices, read bilinearly, if a file is there."""
    path = source.find(*_ALBEDO)
    if path is None:
        return {}
    tables, plane = read_arrays(path), texture(source, faces)
    if not plane:
        return {}
    if not np.isfinite(plane["uv"]).all():
        raise InputError(f"{path}: vt", "finite texture coordinates", "others")
    basel = "MU" in tables
    mean_name, modes_name = ("MU", "PC") if basel else ("mean", "tex_dir")
    mean, modes = required(tables, (mean_name, modes_name), path)
    side = round((mean.size / 3) ** 0.5)
    if mean.size != 3 * side * side or modes.size % mean.size:
        raise InputError(f"{path}: {mean_name}", "a square map of 3 colours", str(mean.shape))
    maps = modes.reshape(side, side, 3, -1)[..., : source.albedo]
    place = _places(plane["uv"], plane["uv_faces"], faces, count)
    scale = np.float32(1 if basel else 1 / 255)
    colours = _read_map(mean.reshape(side, side, 3, 1), place)[0] * scale
    steps = _read_map(maps, place) * scale
    if "specMU" in tables:
        colours, slope = srgb(colours)
        steps = steps * slope
    return {"albedo_mean": np.clip(colours, 0, 1), "albedo_basis": steps}


def _places(uv: NDArray, uv_faces: Ints, faces: Ints, count: int) -> Floats:
    """Each vertex's texture coordinate: one of those its triangles have."""
    place = np.zeros((count, 2), np.float32)
    place[faces.reshape(-1)] = uv[uv_faces.reshape(-1)]
    return place


def _read_map(maps: NDArray, place: Floats) -> Floats:
    """Maps (S,S,3,K) in BGR at places (V,2), v up, as (K,V,3) in RGB."""
    side = len(maps)
    x = np.clip(place[:, 0] * side - 0.5, 0, side - 1)
    y = np.clip((1 - place[:, 1]) * side - 0.5, 0, side - 1)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, low = np.minimum(left + 1, side - 1), np.minimum(top + 1, side - 1)
    a, b = (x - left)[:, None, None], (y - top)[:, None, None]
    upper = maps[top, left] * (1 - a) + maps[top, right] * a
    lower = maps[low, left] * (1 - a) + maps[low, right] * a
    values = upper * (1 - b) + lower * b
    return np.ascontiguousarray(values[:, ::-1].transpose(2, 0, 1)).astype(np.float32)
