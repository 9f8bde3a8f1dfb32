"""The photographs of prepared shards, each with the poses that its face is to be turned to."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.errors import InputError, MissingFileError
from ..datasets.landmark_sets import points_68
from ..datasets.record import Record, parse_record
from ..datasets.shards import TarShards
from ..datasets.tar_index import read_member, tar_members
from ..facemodels import load_face_model
from .options import TurnOptions
from .photographs import Collection, Photograph
from .profiling_balance import estimated_yaws, fixed_goals, flat_goals

KIND = "turned"
_SPLITS = ("train", "val", "test")
_SIDE = 10.0  # degrees: a face that looks further aside is turned further to the same side


@dataclass(frozen=True)
class TurnedPhotograph(Photograph):
    """A photograph of a shard and what becomes of its face.

    Attributes:
        yaw: degrees that the face shall have, as `pose_deg`.
        pitch: degrees that are added to its pitch.
    """

    yaw: float = 0.0
    pitch: float = 0.0


def open_turned(root: Path, options: TurnOptions) -> Collection:
    """What is to be made of the shards of a folder; every copy stays in its photograph's split.

    Args:
        root: folder of shards that `selfie3d prepare` wrote.
        options: to which poses.

    Raises:
        MissingFileError: no shards.
        InputError: a damaged shard, or none whose photographs can be turned as wanted.
    """
    shards = sorted(p for split in _SPLITS for p in root.glob(f"{split}-*.tar"))
    if not shards:
        remedy = "Make them first: selfie3d prepare celeba, 300w-lp or folder."
        raise MissingFileError(str(root / "train-*.tar"), "Prepared shards", remedy)
    data = TarShards(root, "[tv]*-*.tar")
    keys = [data.row_name(row).split("/", 2)[1:] for row in range(len(data))]
    records = {(shard.stem, key): r for shard in shards for key, r in _records(shard).items()}
    points = [points_68(records.get((shard, key), Record()).landmarks) for shard, key in keys]
    unknown = np.full((68, 2), np.nan)
    model = load_face_model()
    mean = model.landmark_points(model.mean[None], "ibug68")[0].double().numpy()
    yaws = estimated_yaws(np.stack([unknown if p is None else p for p in points]), mean)
    files = {shard.stem: shard for shard in shards}
    photographs: list[Photograph] = []
    for split in _SPLITS:
        rows = [row for row, (shard, _) in enumerate(keys) if shard.startswith(f"{split}-")]
        for place, goal in _goals(yaws[rows], options):
            shard, key = keys[rows[place]]
            number = sum(1 for p in photographs[-64:] if p.row == rows[place])
            name = f"{key}_turned_{number}"
            yaw = goal * _side(key, float(yaws[rows[place]]))
            pitch = options.pitch * (2 * _draw(f"{name} pitch") - 1)
            known = (rows[place], name, files[shard], key, split)
            photographs.append(TurnedPhotograph(*known, yaw, pitch))
    if not photographs:
        raise InputError("turns", "poses beyond those of the photographs", options.turns)
    _check_names(photographs)
    text = "as the shards that were turned"
    return Collection(KIND, data, photographs, text, whole=True, detected=False)


def _goals(yaws: np.ndarray, options: TurnOptions) -> list[tuple[int, float]]:
    if options.turns == "flat":
        return flat_goals(yaws, np.array(options.edges), options.most) if len(yaws) else []
    return fixed_goals(yaws, np.array(options.degrees))


def _records(shard: Path) -> dict[str, Record]:
    """The records of a shard's samples, without their pictures."""
    found = {}
    for member in tar_members(shard):
        if member.name.endswith(".json"):
            key = member.name.removesuffix(".json")
            found[key] = parse_record(read_member(shard, member), f"{shard.name}/{member.name}")
    return found


def _side(name: str, yaw: float) -> float:
    if abs(yaw) > _SIDE:
        return 1.0 if yaw > 0 else -1.0
    return 1.0 if _draw(f"{name} side") < 0.5 else -1.0


def _draw(name: str) -> float:
    """In [0,1), the same for the same name everywhere."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _check_names(photographs: list[Photograph]) -> None:
    name, count = Counter(p.name for p in photographs).most_common(1)[0]
    if count > 1:
        raise InputError("data", "photographs with names of their own", f"{count} named {name}")
