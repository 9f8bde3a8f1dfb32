"""The photographs of prepared shards, each with the poses that its face is to be turned to.

Goals are chosen so that every pose comes as often as every other, or are the same for all.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError
from ...datasets.photographs.landmark_sets import points_68
from ...datasets.photographs.record import Record, parse_record
from ...datasets.shards.tar import TarShards
from ...datasets.shards.tar_index import read_member, tar_members
from ...facemodels import load_face_model
from ..options import TurnOptions
from ..photographs import Collection, Photograph
from .fit import FIT, has_fit

Array = NDArray[np.float64]

KIND = "turned"
KEPT = ("identity",)
"""Labels that a turn does not change."""
_SPLITS = ("train", "val", "test")
_SIDE = 10.0  # degrees: a face that looks further aside is turned further to the same side


def flat_goals(yaws: Array, edges: Array, most: int = 4, seed: int = 0) -> list[tuple[int, float]]:
    """Turned copies of photographs with which |yaw| is as flat as it can be over bins.

    A face is only turned further away, as in 300W-LP: turned back, more than half of it would have
    to be made up. So each copy lies in a bin beyond its photograph's own; the emptiest bin that
    has photographs left is filled first, up to the fullest bin of the photographs themselves, and
    no photograph gives two copies to one bin.

    Args:
        yaws: (N,) degrees of the photographs, NaN where unknown; these are not turned.
        edges: (B+1,) rising, degrees from 0 on.
        most: copies of one photograph.
        seed: of the order and of the place within a bin.

    Returns:
        row and goal |yaw|, degrees, of every copy, by row and goal.

    Raises:
        InputError: edges that do not rise from 0 or more, or `most` below 1.
    """
    if len(edges) < 2 or not (np.diff(edges) > 0).all() or not edges[0] >= 0:
        raise InputError("edges", "two or more rising degrees from 0 on", f"{list(edges)}")
    if most < 1:
        raise InputError("most", "1 or more", str(most))
    size = np.abs(yaws)
    counts = np.histogram(size[np.isfinite(size)], edges)[0].astype(int)
    random = np.random.default_rng(seed)
    order = random.permutation(len(size))
    waiting = [[row for row in order.tolist() if size[row] < low] for low in edges[:-1]]
    left = np.full(len(size), most)
    level = counts.max()
    goals: list[tuple[int, float]] = []
    while True:
        open_bins = [b for b in range(len(counts)) if waiting[b] and counts[b] < level]
        if not open_bins:
            return sorted(goals)
        b = min(open_bins, key=lambda k: (counts[k], -k))
        row = waiting[b].pop()
        if left[row] > 0:
            left[row] -= 1
            counts[b] += 1
            goals.append((row, float(random.uniform(edges[b], edges[b + 1]))))


def fixed_goals(yaws: Array, goals: Array, apart: float = 5.0) -> list[tuple[int, float]]:
    """The same goals |yaw| for every photograph: those at least `apart` degrees beyond its own."""
    size = np.abs(yaws)
    return [(row, float(g)) for row in range(len(size)) for g in goals if size[row] + apart <= g]


def ranged_goals(
    yaws: Array, between: tuple[float, float], count: int = 0, seed: int = 0
) -> list[tuple[int, float]]:
    """One goal |yaw| for each of `count` photographs, evenly spread over a range.

    SADRNet adds 5,000 such copies of 90 to 105 degrees to 300W-LP.

    Args:
        yaws: (N,) degrees of the photographs, NaN where unknown; these are not turned, nor is what
            looks further aside already.
        between: degrees, the lower one first.
        count: 0 is one of each; more than can be turned is one of each, too.
        seed: of the photographs that are chosen, and of their goals.

    Returns:
        row and goal |yaw|, degrees, by row.
    """
    random = np.random.default_rng(seed)
    rows = random.permutation(np.flatnonzero(np.abs(yaws) < between[0]))
    rows = rows[:count] if count else rows
    low, high = between
    places = (random.permutation(len(rows)) + random.random(len(rows))) / max(len(rows), 1)
    return sorted(
        (int(row), float(low + (high - low) * p)) for row, p in zip(rows, places, strict=True)
    )


def estimated_yaws(points: Array, model_points: Array) -> Array:
    """Yaw of faces from their 68 landmarks, degrees as `pose_deg`; good to some degrees.

    The affine map from the mean face to the points, made a rotation; jaw points, which mean two
    different things, are left out.

    Args:
        points: (N,68,2) pixels; a row with NaN gives NaN. model_points: (68,3) mm.
    """
    model = model_points[17:] - model_points[17:].mean(0)
    seen = points[:, 17:] - points[:, 17:].mean(1, keepdims=True)
    rows = np.einsum("kl,nlc->nck", np.linalg.pinv(model), seen * [1, -1])
    known = np.isfinite(rows).all((1, 2))
    left, _, right = np.linalg.svd(np.where(known[:, None, None], rows, 1.0), full_matrices=False)
    first, second = (left @ right).transpose(1, 0, 2)
    # R = Rx(pitch) Ry(yaw) Rz(roll): the yaw alone is in the third column's first entry.
    third = np.cross(first, second)
    sine = np.stack([first, second, third], 1)[:, 0, 2]
    angle = -np.degrees(np.arcsin(np.clip(sine, -1, 1)))
    return np.where(known, angle, np.nan)


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
    passed = _left_out(records.values())
    return Collection(KIND, data, photographs, text, whole=True, detected=False, passed=passed)


def _left_out(records: Iterable[Record]) -> list[str]:
    """A line for the labels that do not turn along: nobody knows how, or a fit is not whole."""
    counts: Counter[str] = Counter()
    for record in records:
        kept = (*KEPT, "turn_deg", *(FIT if has_fit(record.labels) else ()))
        names = (name for name in record.labels if not name.startswith("source/"))
        counts.update(name for name in names if name not in kept)
    if not counts:
        return []
    named = ", ".join(f"{name} ({count:,})" for name, count in sorted(counts.items()))
    return [f"labels that do not turn along, left out: {named}"]


def _goals(yaws: np.ndarray, options: TurnOptions) -> list[tuple[int, float]]:
    if options.turns == "flat":
        return flat_goals(yaws, np.array(options.edges), options.most) if len(yaws) else []
    if options.between is not None:
        return ranged_goals(yaws, options.between, options.count)
    return fixed_goals(yaws, np.array(options.degrees))


def _records(shard: Path) -> dict[str, Record]:
    """The records of a shard's samples, without their pictures."""
    records = {}
    for member in tar_members(shard):
        if member.name.endswith(".json"):
            key = member.name.removesuffix(".json")
            records[key] = parse_record(read_member(shard, member), f"{shard.name}/{member.name}")
    return records


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
