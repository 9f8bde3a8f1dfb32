"""One asset out of its files, which are found on other file systems than its maker's, too."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....core.errors import InputError
from ....core.obj_file import ObjMesh, read_obj
from .asset import Asset
from .finish import Parts, finish_asset
from .formats import Fitting, Material, check_size, read_fitting, read_material
from .kinds import CARDS, PICTURED, SIDES, kind_of, sex_of
from .mean_head import MeanHead
from .textures import read_texture

Array = NDArray[Any]
Picture = NDArray[np.uint8]

MAX_FACES = 100_000
_FARTHEST = 1000.0  # of texture coordinates: pictures may repeat
_ALMOST = 250  # of 255
_REMEDY = "Get the asset again from where it came from."


def find_named(folder: Path, name: str, root: Path) -> Path | None:
    """The file that a file in `folder` names, or None.

    It is looked for beside that file, then from `root` and its folder `data`, where MakeHuman
    looks, then by its bare name beside that file; upper and lower case are one. What a name leads
    to outside of `root` is not found.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or parts[0] == "/":
        parts = parts[-1:]
    if not parts:
        return None
    tries = [(folder, parts), (root, parts), (root / "data", parts), (folder, parts[-1:])]
    for start, steps in tries:
        path = _walk(start, steps)
        if path is not None and path.is_file():
            plain = Path(os.path.normpath(path))
            if plain.is_relative_to(root):
                return plain
    return None


def _walk(start: Path, steps: tuple[str, ...]) -> Path | None:
    """Follow `steps`, each as it is written or else in another case."""
    place = start
    for step in steps:
        try:
            if not (place / step).exists():
                step = min(p.name for p in place.iterdir() if p.name.lower() == step.lower())
        except (OSError, ValueError):  # no folder, a name that cannot be, or none alike
            return None
        place = place / step
    return place


class AssetReader:
    """Reads assets of one folder; pictures that several share are read once.

    Args:
        root: the folder; nothing outside of it is read.
        head: what assets are tried on.
    """

    def __init__(self, root: Path, head: MeanHead) -> None:
        self.root = Path(os.path.abspath(root))
        self.problems: list[str] = []
        self._head = head
        self._pictures: dict[tuple[Path, int], Picture | InputError] = {}

    def read(self, path: Path) -> Asset | None:
        """The asset of a .mhclo below `root`, or None where it is of no kind that is drawn.

        What does not stop it is noted in `problems`.

        Raises:
            InputError: it cannot be used.
        """
        fitting = read_fitting(path)
        texts = (path.stem, fitting.name, *fitting.tags)
        kind = kind_of(self._folders(path), texts)
        if kind is None:
            return None
        faces, uv = self._topology(path, fitting)
        material, texture = self._surface(path, fitting, kind)
        opaque = _is_opaque(kind, material, texture)
        parts = Parts(path.stem, kind, sex_of(texts), fitting, faces, uv, material, texture, opaque)
        return finish_asset(parts, self._head, path)

    def _folders(self, path: Path) -> list[str]:
        inside = path.relative_to(self.root).parts[:-1]
        return [*reversed(inside), self.root.name, self.root.parent.name]

    def _topology(self, path: Path, fitting: Fitting) -> tuple[Array, Array]:
        """Faces (f,3) and uv (f,3,2) of the .obj; its positions are not those of this asset."""
        name = fitting.obj_file or f"{path.stem}.obj"
        named = find_named(path.parent, name, self.root)
        if named is None:
            raise InputError(str(path), f"the file {name} that it names", "no such file", _REMEDY)
        mesh = _read_mesh(named)
        if len(mesh.vertices) != len(fitting.ids):
            expected = f"the {len(fitting.ids)} vertices of {path.name}"
            raise InputError(str(named), expected, str(len(mesh.vertices)), _REMEDY)
        return mesh.faces.astype(np.int32), mesh.uv[mesh.uv_faces]

    def _surface(self, path: Path, fitting: Fitting, kind: str) -> tuple[Material, Picture | None]:
        """The material, and its picture where it has one that can be read."""
        material, where, texture = Material(), path, None
        lacking = f"{path}: expected a material, got {fitting.material or 'none'}, not there"
        place = find_named(path.parent, fitting.material, self.root)
        if place is not None:
            material, where = read_material(place), place
            lacking = f"{where}: expected a picture of its colours, got none"
        if material.texture:
            file = find_named(where.parent, material.texture, self.root)
            if file is None:
                lacking = f"{where}: expected its picture {material.texture}, got no such file"
            else:
                texture, lacking = self._picture(file, SIDES[kind])
        if texture is None and kind in PICTURED:
            raise InputError(str(path), "a picture of its colours", f"none ({lacking})", _REMEDY)
        if texture is None:
            self.problems.append(f"{lacking.rstrip('.')}; {path.stem} is drawn without.")
        return material, texture

    def _picture(self, path: Path, side: int) -> tuple[Picture | None, str]:
        """A picture, or what is wrong with it."""
        key = (path, side)
        if key not in self._pictures:
            try:
                self._pictures[key] = read_texture(path, side)
            except InputError as error:
                self._pictures[key] = error
        known = self._pictures[key]
        return (None, str(known)) if isinstance(known, InputError) else (known, "")


def _read_mesh(path: Path) -> ObjMesh:
    try:
        check_size(path)
        mesh = read_obj(path, np.float32)
    except OSError as error:
        raise InputError(str(path), "a file that can be read", str(error.strerror)) from error
    except OverflowError as error:
        raise InputError(str(path), "numbers of vertices", str(error), _REMEDY) from error
    if len(mesh.faces) > MAX_FACES:
        expected = f"at most {MAX_FACES} triangles"
        raise InputError(str(path), expected, str(len(mesh.faces)), "Choose a lighter one.")
    if np.abs(mesh.uv).max() > _FARTHEST:
        raise InputError(f"{path}: vt", "texture coordinates near 0 to 1", "others", _REMEDY)
    return mesh


def _is_opaque(kind: str, material: Material, texture: Picture | None) -> bool:
    if kind not in CARDS and not material.transparent:
        return True
    if texture is None:
        return kind not in CARDS and material.opacity >= 1
    return material.opacity >= 1 and int(texture[..., 3].min()) >= _ALMOST
