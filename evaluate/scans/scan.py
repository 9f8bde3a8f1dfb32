"""Folders of face scans: a mesh and a landmark file each, brought to millimetres.

Layout: `NAME.obj`, `.ply` or `.npz` anywhere under the root, and beside it (or in a second folder)
`NAME.landmarks.json`:

    {"mm_per_unit": 1.0, "ibug68": {"36": [x, y, z], "45": [...], "30": [...]}, "note": "..."}

with points of the set `ibug68` in the mesh's own unit and frame. In place of `mm_per_unit`,
`"outer_eye_mm": 86.3` scales a scan of unknown unit so that its outer eye corners (36, 45) are so
far apart. `"texture_v": "down"` says that row 0 of the texture is v = 0, against the habit of obj
files; `"inside": "drop"` leaves out what no view from outside shows, such as a modelled mouth (the
mesh must then look along +z with +y up). Files of GANFit's hand-made landmarks of MICC Florence
(`NAME.ljson`, 68 points, mm) are read as well.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError
from ...core.given_file import read_given_text
from ...core.image_file import read_image
from ...core.text_files import read_json
from .mesh_file import SUFFIXES, MeshFile, read_mesh
from .surface import Array, Surface, seen_part

_ENDINGS = (".landmarks.json", ".ljson")
_EXPECTED = 'a landmark file {"mm_per_unit": 1.0, "ibug68": {"36": [x, y, z], ...}}'
_LARGEST_UNIT = 1e9
_LONGEST = 1 << 20  # bytes of a material file


@dataclass(frozen=True)
class Scan:
    """A scan in mm.

    Attributes:
        surface: mesh and landmarks.
        mesh: the whole file with colours and UV, in its own unit.
        mm_per_unit: of the file.
        texture: (3,h,w) in [0,1], row 0 at v = 1, or None.
        note: how the unit was found.
    """

    surface: Surface
    mesh: MeshFile = field(repr=False)
    mm_per_unit: float = 1.0
    texture: torch.Tensor | None = field(default=None, repr=False)
    note: str = ""

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.surface.name


def find_scans(root: Path, landmarks: Path | None = None) -> list[Scan]:
    """Every scan of a folder that has landmarks beside it or in the folder `landmarks`.

    Raises:
        MissingFileError: no folder, no mesh in it, or a mesh without landmarks.
    """
    remedy = (
        "A folder of scans holds NAME.obj, .ply or .npz, each with NAME.landmarks.json beside it; "
        "see docs/evaluation.md."
    )
    if not root.is_dir():
        raise MissingFileError(str(root), "The folder of scans", remedy)
    paths = sorted(p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES)
    if not paths:
        raise MissingFileError(str(root), "A mesh (obj, ply or npz)", remedy)
    return [load_scan(path, landmarks) for path in paths]


def load_scan(path: Path, landmarks: Path | None = None) -> Scan:
    """One scan with its landmarks, in mm.

    Args:
        path: the mesh.
        landmarks: its landmark file, or the folder that holds it; None: beside the mesh.

    Raises:
        MissingFileError: no mesh or no landmark file.
        InputError: unusable content.
    """
    mesh = read_mesh(path)
    file = _landmark_file(path, landmarks)
    points, mm_per_unit, note = read_landmarks(file)
    vertices, faces = mesh.vertices * mm_per_unit, mesh.faces
    if _word(file, "inside", ("keep", "drop")) == "drop":
        part = seen_part(vertices, faces)
        vertices, faces = vertices[part.vertices.numpy()], part.faces.numpy()
        note += "; inner sheets that no view shows are left out"
    surface = Surface(path.stem, vertices, faces, points * mm_per_unit)
    texture = _texture(path, mesh)
    if texture is not None and _word(file, "texture_v", ("up", "down")) == "down":
        texture = texture.flip(1)
    return Scan(surface, mesh, mm_per_unit, texture, note)


def read_landmarks(path: Path) -> tuple[Array, float, str]:
    """Points (68,3) in the file's unit with NaN for missing ones, mm per unit, and a note.

    Raises:
        InputError: unusable content.
    """
    content: dict[str, Any] = read_json(path, _EXPECTED)
    try:
        if path.suffix == ".ljson":
            return _menpo(path, content), 1.0, "unit of the file taken as mm"
        points = np.full((68, 3), np.nan)
        for index, place in content["ibug68"].items():
            points[_number(index)] = _place(place)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        got = f"{type(error).__name__}: {error}"
        raise InputError(str(path), _EXPECTED, got) from error
    if np.isinf(points).any():
        raise InputError(str(path), "finite coordinates", "an infinite one")
    return points, *_unit(path, content, points)


def _number(index: str) -> int:
    """A point's number, 0 to 67."""
    if not (index.isascii() and index.isdigit() and int(index) < 68):
        raise ValueError(f"no point {index!r} among 0 to 67")
    return int(index)


def _place(place: object) -> list[float]:
    """x, y, z; NaN is a point that is not known."""
    if not isinstance(place, list) or [type(v) in (int, float) for v in place] != [True] * 3:
        raise ValueError(f"no place {str(place)[:60]}")
    return place


def _unit(path: Path, content: dict[str, Any], points: Array) -> tuple[float, str]:
    """Millimetres per unit of the file, and how it was found."""
    given, eyes = content.get("mm_per_unit"), content.get("outer_eye_mm")
    if (given is None) == (eyes is None):
        raise InputError(str(path), "one of mm_per_unit and outer_eye_mm", "both or neither")
    value: Any = given if eyes is None else eyes
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    if not plain or not 0 < float(value) < _LARGEST_UNIT:
        raise InputError(f"{path}: unit", "a positive number", repr(value))
    if eyes is None:
        return float(value), f"{value:g} mm per unit, as given"
    apart = float(np.linalg.norm(points[36] - points[45]))
    if not apart > 0:
        raise InputError(str(path), "points 36 and 45 for outer_eye_mm", "at least one missing")
    return float(value) / apart, f"unit unknown; scaled to an outer eye distance of {value:g} mm"


def _menpo(path: Path, content: dict) -> Array:
    """Menpo's ljson, version 3 (groups) or 2 (one)."""
    group = content.get("groups", {}).get("LJSON", content)
    points = np.array(group["landmarks"]["points"], dtype=np.float64)
    if points.shape != (68, 3):
        raise InputError(str(path), "68 points in 3D", f"shape {points.shape}")
    return points


def _landmark_file(path: Path, landmarks: Path | None) -> Path:
    if landmarks is not None and landmarks.is_file():
        return landmarks
    folder = path.parent if landmarks is None else landmarks
    for ending in _ENDINGS:
        if (folder / (path.stem + ending)).is_file():
            return folder / (path.stem + ending)
    raise MissingFileError(
        str(folder / (path.stem + _ENDINGS[0])),
        f"The landmark file of the scan {path.name}",
        "A scan cannot be aligned without at least three landmarks: write one as "
        '{"mm_per_unit": 1.0, "ibug68": {"30": [x, y, z], "36": [...], "45": [...]}}, '
        "see docs/evaluation.md.",
    )


def _texture(path: Path, mesh: MeshFile) -> torch.Tensor | None:
    """The image that the material file beside an obj names, or the only image beside it."""
    if mesh.uv is None:
        return None
    picture = _named_texture(path)
    if picture is None:
        images = [p for p in path.parent.glob("*") if p.suffix.lower() in (".jpg", ".png", ".bmp")]
        same = [p for p in images if p.stem == path.stem]
        picture = same[0] if same else (images[0] if len(images) == 1 else None)
    if picture is None or not picture.is_file():
        return None
    pixels: NDArray[np.uint8] = read_image(picture)
    return torch.from_numpy(np.array(pixels)).permute(2, 0, 1).float() / 255


def _word(file: Path, key: str, known: tuple[str, str]) -> str:
    """One of two words of a landmark file, the first where it has none."""
    value = read_json(file, _EXPECTED).get(key, known[0])
    if value not in known:
        raise InputError(f"{file}: {key}", f"{known[0]!r} or {known[1]!r}", repr(value))
    return str(value)


def _named_texture(path: Path) -> Path | None:
    """The picture that the first `map_Kd` of the material file names, if it lies beside it.

    Options stand before the name, which may have blanks in it; folders of another machine do not
    count, and nothing outside the scan's own folder is read.
    """
    material = path.with_suffix(".mtl")
    if not material.exists():
        return None
    text = read_given_text(material, "a material file", _LONGEST, lenient=True)
    for line in text.splitlines():
        keyword, _, rest = line.strip().partition(" ")
        if keyword.lower() == "map_kd":
            words = rest.replace("\\", "/").split()
            names = (Path(" ".join(words[k:])).name for k in range(len(words)))
            plain = (name for name in names if name.isprintable() and name not in ("", ".."))
            files = (path.parent / name for name in plain)
            return next((file for file in files if os.path.isfile(file)), None)
    return None
