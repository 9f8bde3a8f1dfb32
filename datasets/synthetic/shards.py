"""Synthetic faces on disk: uncompressed .npz shards that are read without loading them."""

from __future__ import annotations

import json
import multiprocessing
import os
import zipfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError
from ...core.progress import progress
from ...geometry.face_model import SHIPPED_MODELS, SHIPPED_VERSION
from .config import SyntheticConfig
from .face import LANDMARK_SETS, SyntheticFace
from .faces import SyntheticFaces
from .head import FACE_MODEL

VERSION = 4
"""To be raised whenever the same seed gives other faces, so that no folder mixes two sets."""

FACES_PER_SHARD = 1024

# Name in a shard and type; float16 holds the drawn coefficients exactly.
_ARRAYS: dict[str, type] = {
    "image": np.uint8,
    "person": np.int32,
    "identity": np.float16,
    "expression": np.float16,
    "albedo": np.float16,
    "light": np.float32,
    "rotation": np.float32,
    "translation": np.float32,
    "focal": np.float32,
    "centre": np.float32,
    "visible": np.bool_,
    "visible_vertices": np.bool_,
    "skin_mask": np.bool_,
    "segmentation": np.uint8,
}
_BITS = ("visible_vertices", "skin_mask")


def shard_path(folder: Path, number: int) -> Path:
    """Where shard `number` lies."""
    return folder / f"shard-{number:05d}.npz"


def write_shards(folder: Path, config: SyntheticConfig, count: int, workers: int = 1) -> list[Path]:
    """Draw faces 0..count-1 into shards; those that are there already stay as they are.

    Args:
        folder: made if need be; index.json in it says what the shards hold.
        config: what is drawn.
        count: how many; a larger count than before adds shards.
        workers: processes.

    Returns:
        The shards.

    Raises:
        InputError: count or workers below 1, or the folder holds another set or faces of another
            version of the face model.
    """
    for name, value in (("count", count), ("workers", workers)):
        if value < 1:
            raise InputError(name, "1 or more", str(value))
    folder.mkdir(parents=True, exist_ok=True)
    _write_index(folder, config, count)
    tasks = [
        (folder, config, number, min(FACES_PER_SHARD, count - number * FACES_PER_SHARD))
        for number in range(-(-count // FACES_PER_SHARD))
    ]
    todo = [task for task in tasks if not _is_whole(shard_path(folder, task[2]), task[3])]
    with progress("Drawing faces", sum(task[3] for task in todo)) as advance:
        if workers == 1 and todo:
            faces = SyntheticFaces(config)
            for _, _, number, size in todo:
                start = number * FACES_PER_SHARD
                items = []
                for index in range(start, start + size):
                    items.append(faces.item(index))
                    advance()
                _save(shard_path(folder, number), items)
        elif todo:
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(min(workers, len(todo)), context) as pool:
                futures = {pool.submit(_draw_shard, *task): task[3] for task in todo}
                for future in as_completed(futures):
                    future.result()
                    advance(futures[future])
    return [shard_path(folder, task[2]) for task in tasks]


def _draw_shard(folder: Path, config: SyntheticConfig, number: int, size: int) -> None:
    torch.set_num_threads(1)
    faces = SyntheticFaces(config)
    start = number * FACES_PER_SHARD
    _save(shard_path(folder, number), [faces.item(i) for i in range(start, start + size)])


def _save(path: Path, faces: Sequence[SyntheticFace]) -> None:
    """Write a shard whole or not at all."""
    arrays: dict[str, NDArray] = {
        name: np.stack([np.asarray(getattr(face, name)) for face in faces]).astype(kind)
        for name, kind in _ARRAYS.items()
    }
    for name in _BITS:
        arrays[name] = np.packbits(arrays[name], axis=-1)
    arrays["segmentation"] = pack_classes(arrays["segmentation"])
    for name in LANDMARK_SETS:
        arrays[f"landmarks_{name}"] = np.stack([face.landmarks[name] for face in faces])
    part = path.with_suffix(f".{os.getpid()}.part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
    part.replace(path)


def pack_classes(classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Segmentation maps (...,H,W) with two pixels to a byte (...,H,W/2), the left one high."""
    return ((classes[..., 0::2] << 4) | classes[..., 1::2]).astype(np.uint8)


def unpack_classes(packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The inverse of `pack_classes`."""
    return np.stack([packed >> 4, packed & 15], -1).reshape(*packed.shape[:-1], -1)


def _is_whole(path: Path, size: int) -> bool:
    return path.is_file() and len(_Shard.open(path).arrays["focal"]) >= size


def _write_index(folder: Path, config: SyntheticConfig, count: int) -> None:
    path = folder / "index.json"
    index = {
        "version": VERSION,
        "face_model": FACE_MODEL,
        "face_model_version": SHIPPED_VERSION,
        "config": asdict(config),
        "faces_per_shard": FACES_PER_SHARD,
        "count": count,
    }
    if path.is_file():
        before = _read_index(folder)
        before["config"] = asdict(SyntheticConfig()) | dict(before.get("config", {}))
        _check_model(folder, before)
        for key in ("version", "config", "faces_per_shard"):
            if before.get(key) != index[key]:
                raise InputError(
                    str(folder),
                    f"shards of the same {key} as before",
                    f"{index[key]} after {before.get(key)}",
                    "Choose another folder.",
                )
        index["count"] = max(count, int(before["count"]))
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(index, indent=1) + "\n")
    part.replace(path)


def _read_index(folder: Path) -> dict:
    path = folder / "index.json"
    if not path.is_file():
        raise MissingFileError(str(path), "index of synthetic faces", "Run selfie3d synth first.")
    try:
        return json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise InputError(str(path), "JSON", f"something else ({error})") from error


def _check_model(folder: Path, index: dict) -> None:
    """Refuse faces whose coefficients belong to another version of the shipped face model."""
    name, version = index.get("face_model"), index.get("face_model_version", 1)
    if name in (*SHIPPED_MODELS, "default-head") and version != SHIPPED_VERSION:
        raise InputError(
            str(folder),
            f"faces of version {SHIPPED_VERSION} of the face model {FACE_MODEL}",
            f"faces drawn for version {version} of it ({name})",
            "Draw them anew into another folder: selfie3d synth.",
        )


@dataclass(frozen=True)
class _Shard:
    """One file's arrays, mapped into memory."""

    arrays: dict[str, NDArray]

    @classmethod
    def open(cls, path: Path) -> _Shard:
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
                return cls({m.filename.removesuffix(".npy"): _map(path, m) for m in members})
        except (zipfile.BadZipFile, ValueError) as error:
            raise InputError(
                str(path), "a whole shard", f"a damaged file ({error})", "Delete it and run again."
            ) from error


def _map(path: Path, member: zipfile.ZipInfo) -> NDArray:
    """An uncompressed .npy inside an archive as a read-only memory map."""
    with path.open("rb") as file:
        file.seek(member.header_offset + 26)  # the local header's lengths of name and extra field
        name, extra = np.frombuffer(file.read(4), "<u2").tolist()
        file.seek(member.header_offset + 30 + name + extra)
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0}.get(
            version, np.lib.format.read_array_header_2_0
        )
        shape, _, kind = read(file)
        return np.memmap(path, dtype=kind, mode="r", offset=file.tell(), shape=shape)


class ShardedFaces:
    """The faces of a folder of shards, read as they are asked for.

    Args:
        folder: what `write_shards` filled, finished or not: the shards so far, in order.

    Attributes:
        index: content of index.json.
        names: of the arrays.

    Raises:
        MissingFileError: no index.json, or not one shard.
        InputError: a damaged file, or faces of another version of the face model.
    """

    def __init__(self, folder: Path) -> None:
        self.index = _read_index(folder)
        _check_model(folder, self.index)
        shards: list[_Shard] = []
        while shard_path(folder, len(shards)).is_file():
            shards.append(_Shard.open(shard_path(folder, len(shards))))
        if not shards:
            raise MissingFileError(str(shard_path(folder, 0)), "shard", "Run selfie3d synth first.")
        self._shards = [shard.arrays for shard in shards]
        self._starts = np.cumsum([0, *(len(shard["focal"]) for shard in self._shards)])
        self.names = tuple(self._shards[0])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def arrays(self, name: str) -> list[NDArray]:
        """Array `name` of every shard, as memory maps; skin_mask has eight pixels to a byte."""
        if name not in self.names:
            raise InputError("name", "one of " + ", ".join(self.names), repr(name))
        return [shard[name] for shard in self._shards]

    def all(self, name: str) -> NDArray:
        """Array `name` of all faces, in memory."""
        return np.concatenate(self.arrays(name))

    def rows(self, name: str, indices: Sequence[int] | NDArray[np.integer]) -> NDArray:
        """Array `name` of the faces `indices`, in their order."""
        arrays, wanted = self.arrays(name), np.asarray(indices, np.int64)
        if len(wanted) and not (wanted.min() >= 0 and wanted.max() < len(self)):
            raise InputError("indices", f"0..{len(self) - 1}", f"{wanted.min()}..{wanted.max()}")
        out = np.empty((len(wanted), *arrays[0].shape[1:]), arrays[0].dtype)
        shard = np.searchsorted(self._starts, wanted, side="right") - 1
        for row, (s, i) in enumerate(zip(shard, wanted, strict=True)):
            out[row] = arrays[s][i - self._starts[s]]
        return out


def open_shards(folder: str | Path) -> ShardedFaces:
    """The faces of a folder of shards; see `ShardedFaces`."""
    return ShardedFaces(Path(folder))
