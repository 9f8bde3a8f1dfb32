"""Annotated photographs to measure landmarks on, read from a folder of research data sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import loadmat


@dataclass(frozen=True)
class Annotated:
    """A photograph and its points (N,2) in our pixels; `rows` of the 68 that they are."""

    path: Path
    points: np.ndarray
    rows: np.ndarray
    landmark_set: str


def hand_annotated(data: Path) -> Iterator[Annotated]:
    """The three photographs with 68 and the two with 51 hand-made points."""
    for path in sorted((data / "photos_lm68").glob("*.pts")):
        photo = next(p for p in path.parent.glob(path.stem + ".*") if p.suffix != ".pts")
        yield Annotated(photo, _read_pts(path) - 0.5, np.arange(68), "ibug68")
    for path in sorted((data / "photos_lm51").glob("*_lmks.npy")):
        photo = path.with_name(path.name.replace("_lmks.npy", ".jpeg"))
        yield Annotated(photo, np.load(path)[:, :2] + 0.5, np.arange(17, 68), "ibug68")


def aflw2000_frontal(data: Path, count: int) -> Iterator[Annotated]:
    """`count` images of AFLW2000-3D with |yaw| <= 30 degrees, evenly spaced in the list."""
    names = (data / "aflw2000_gt" / "names.txt").read_text().split()
    yaw = np.load(data / "aflw2000_gt" / "AFLW2000-3D.pose.npy")
    there = [
        n
        for n, y in zip(names, yaw, strict=True)
        if abs(y) <= 30 and (data / "aflw2000" / n).with_suffix(".mat").exists()
    ]
    for index in np.linspace(0, len(there) - 1, count).round().astype(int):
        path = data / "aflw2000" / there[index]
        points = loadmat(path.with_suffix(".mat"))["pt3d_68"][:2].T
        yield Annotated(path.with_suffix(".jpg"), points - 0.5, np.arange(68), "300w-lp")


def _read_pts(path: Path) -> np.ndarray:
    lines = path.read_text().split("{")[1].split("}")[0].split("\n")
    return np.array([[float(x) for x in line.split()] for line in lines if line.strip()])


def error_percent(predicted: np.ndarray, target: Annotated) -> float:
    """Mean distance of the annotated points, % of sqrt(width * height) of their box."""
    width, height = np.ptp(target.points, axis=0)
    distance = np.linalg.norm(predicted[target.rows] - target.points, axis=1)
    return float(100 * distance.mean() / np.sqrt(width * height))
