"""Synthetic faces on disk: uncompressed .npz shards that are read without loading them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError
from ...core.progress import progress_bar
from ...core.ray_pool import RayPool
from ...core.whole_file import prepare_folder
from ...core.worker_pool import Died, WorkerPool
from .config import SyntheticConfig
from .face import LANDMARK_SETS, SyntheticFace
from .faces import SyntheticFaces
from .shard_file import CHECKSUMS, check_rows, map_shard, write_shard
from .shard_index import check_model, read_index, write_index

FACES_PER_SHARD = 1024
_Task = tuple[Path, SyntheticConfig, int, int]  # folder, what is drawn, number and size of a shard

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
    """Where shard `number` lies.

    Args:
        folder: of the shards. number: of the shard, from 0 on.
    """
    return folder / f"shard-{number:05d}.npz"


def write_shards(
    folder: Path,
    config: SyntheticConfig,
    count: int,
    workers: int = 1,
    *,
    ray_address: str = "",
) -> list[Path]:
    """Draw faces 0..count-1 into shards; those that are there already stay as they are.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     paths = write_shards(Path(folder), SyntheticConfig(size=32, seed=1), 1)
    ...     [path.name for path in paths], open_shards(folder).all("image").shape
    (['shard-00000.npz'], (1, 32, 32, 3))

    Args:
        folder: made if need be; index.json in it says what the shards hold.
        config: what is drawn.
        count: how many; a larger count than before adds shards.
        workers: processes.
        ray_address: see `core.ray_session`; the processes are Ray's. "" does without.

    Returns:
        The shards.

    Raises:
        InputError: count or workers below 1, a folder that holds another set or faces of another
            version of the face model or cannot be written, or processes that are killed twice.
    """
    for name, value in (("count", count), ("workers", workers)):
        if value < 1:
            raise InputError(name, "1 or more", str(value))
    prepare_folder(folder)
    write_index(folder, config, FACES_PER_SHARD, count)
    tasks: list[_Task] = [
        (folder, config, number, min(FACES_PER_SHARD, count - number * FACES_PER_SHARD))
        for number in range(-(-count // FACES_PER_SHARD))
    ]
    todo = [task for task in tasks if not _is_whole(shard_path(folder, task[2]), task[3])]
    with progress_bar("Drawing faces", sum(task[3] for task in todo)) as advance:
        if workers == 1 and todo and not ray_address:
            faces = SyntheticFaces(config)
            for _, _, number, size in todo:
                start = number * FACES_PER_SHARD
                items = []
                for index in range(start, start + size):
                    items.append(faces.item(index))
                    advance()
                _save(shard_path(folder, number), items)
        elif todo:
            work = (_draw_shard, torch.set_num_threads, (1,), _name)
            pool = RayPool(*work, ray_address) if ray_address else WorkerPool(*work)
            for task, result in pool.work(todo, min(workers, len(todo))):
                if isinstance(result, Died):
                    remedy = "Fewer --workers; probably memory ran out. The same command continues."
                    got = f"{result.how} at shard {task[2]}, twice"
                    raise InputError("workers", "processes that live", got, remedy)
                advance(task[3])
    return [shard_path(folder, task[2]) for task in tasks]


def _name(task: _Task) -> str:
    return f"shard {task[2]}"


def _draw_shard(task: _Task) -> None:
    folder, config, number, size = task
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
    write_shard(path, arrays)


def pack_classes(classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Segmentation maps (...,H,W) with two pixels to a byte (...,H,W/2), the left one high."""
    return ((classes[..., 0::2] << 4) | classes[..., 1::2]).astype(np.uint8)


def unpack_classes(packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The inverse of `pack_classes`."""
    return np.stack([packed >> 4, packed & 15], -1).reshape(*packed.shape[:-1], -1)


def _is_whole(path: Path, size: int) -> bool:
    return path.is_file() and len(map_shard(path)["focal"]) >= size


class ShardedFaces:
    """The faces of a folder of shards, read as they are asked for.

    Args:
        folder: what `write_shards` filled, finished or not: the shards so far, in order.

    Attributes:
        index: content of index.json.
        names: of the arrays.

    Raises:
        MissingFileError: no index.json, or not one shard.
        InputError: a damaged file, shards of different arrays, or faces of another version of the
            face model. Reading raises it where a row is not what was written.
    """

    def __init__(self, folder: Path) -> None:
        self.index = read_index(folder)
        check_model(folder, self.index)
        self._folder = folder
        self._shards: list[dict[str, NDArray]] = []
        while shard_path(folder, len(self._shards)).is_file():
            self._shards.append(map_shard(shard_path(folder, len(self._shards))))
        if not self._shards:
            raise MissingFileError(str(shard_path(folder, 0)), "shard", "Run selfie3d synth first.")
        self._check_alike()
        self._starts = np.cumsum([0, *(len(shard["focal"]) for shard in self._shards)])
        self.names = tuple(name for name in self._shards[0] if name != CHECKSUMS)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def arrays(self, name: str) -> list[NDArray]:
        """Array `name` of every shard, as it lies there, unchecked; skin_mask has eight pixels to a
        byte.
        """
        if name not in self.names:
            raise InputError("name", "one of " + ", ".join(self.names), repr(name))
        return [shard[name] for shard in self._shards]

    def all(self, name: str) -> NDArray:
        """Array `name` of all faces, in memory."""
        return self.rows(name, range(len(self)))

    def rows(self, name: str, indices: Sequence[int] | NDArray[np.integer]) -> NDArray:
        """Array `name` of the faces `indices`, in their order, compared with its checksums."""
        arrays, wanted = self.arrays(name), np.asarray(indices, np.int64)
        if len(wanted) and not (wanted.min() >= 0 and wanted.max() < len(self)):
            raise InputError("indices", f"0..{len(self) - 1}", f"{wanted.min()}..{wanted.max()}")
        out = np.empty((len(wanted), *arrays[0].shape[1:]), arrays[0].dtype)
        owner = np.searchsorted(self._starts, wanted, side="right") - 1
        for number in np.unique(owner).tolist():
            mine = np.flatnonzero(owner == number)
            inside = wanted[mine] - self._starts[number]
            values = arrays[number][inside]
            path = shard_path(self._folder, number)
            check_rows(path, self._shards[number], name, rows=inside.tolist(), values=values)
            out[mine] = values
        return out

    def _check_alike(self) -> None:
        first = _shapes(self._shards[0])
        for number, shard in enumerate(self._shards):
            other = _shapes(shard)
            if other != first:
                names = sorted(k for k in {*first, *other} if first.get(k) != other.get(k))
                raise InputError(
                    str(shard_path(self._folder, number)),
                    f"the arrays of {shard_path(self._folder, 0).name}",
                    f"others ({', '.join(names)})",
                    "Draw one set into one folder: selfie3d synth.",
                )


def _shapes(shard: dict[str, NDArray]) -> dict[str, tuple[int, ...]]:
    return {name: array.shape[1:] for name, array in shard.items() if name != CHECKSUMS}


def open_shards(folder: str | Path) -> ShardedFaces:
    """The faces of a folder of shards; see `ShardedFaces`."""
    return ShardedFaces(Path(folder))
