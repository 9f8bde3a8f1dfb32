"""MICC Florence 2D/3D faces: scans, landmarks and frames on disk.

The real layout, under one root (https://www.micc.unifi.it/resources/datasets/florence-3d-faces/,
after signing the licence; 53 subjects):

    subject_01/Model/frontal1/obj/*.obj       scans, mm; most subjects have frontal2 as well
    subject_01/Videos/Indoor-Cooperative/*.jpg    frames taken from the videos by you, for example
    subject_01/Videos/PTZ-Indoor/*.jpg            `ffmpeg -i VIDEO frame%04d.jpg`; jpg or png
    subject_01/Videos/PTZ-Outdoor/*.jpg
    MICC_landmarks/subject_01/Model/frontal1/obj/*.ljson    hand-made landmarks, from
                                                  https://github.com/barisgecer/GANFit

Instead of it a folder of any scans is taken. The names of the scenarios are those of GANFit's
evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import InputError, MissingFileError
from ...datasets.photographs.micc import FRAMES_REMEDY, HOME, SCENARIOS, frames_of, subject_folders
from ..scans.scan import Scan, load_scan

_LANDMARKS = "https://github.com/barisgecer/GANFit (folder MICC_landmarks)"


@dataclass(frozen=True)
class Subject:
    """One person.

    Attributes:
        name: such as "subject_01".
        scans: frontal1 and, where there is one, frontal2.
        frames: scenario to its pictures.
    """

    name: str
    scans: tuple[Scan, ...]
    frames: dict[str, list[Path]]

    @property
    def number(self) -> int:
        """The number in the name."""
        return int(self.name.split("_")[-1])


def is_micc(root: Path) -> bool:
    """Whether a folder has the layout of MICC Florence."""
    return any(subject_folders(root))


def read_micc(root: Path, frames: bool = True) -> list[Subject]:
    """Every subject, checked at the start.

    Args:
        root: the folder that holds subject_01, ...
        frames: whether the videos' frames are needed.

    Raises:
        MissingFileError: a scan, its landmarks or a scenario's frames are missing.
    """
    folders = subject_folders(root)
    if not folders:
        raise MissingFileError(str(root / "subject_01"), "MICC Florence", f"Get it from {HOME}.")
    return [_subject(root, folder, frames) for folder in folders]


def frame_name(subject: str, scenario: str, frame: Path) -> str:
    """The name of a frame in predictions and reports."""
    return f"{subject}/{SCENARIOS[scenario]}/{frame.stem}"


def _subject(root: Path, folder: Path, frames: bool) -> Subject:
    scans = []
    for number in (1, 2):
        place = folder / "Model" / f"frontal{number}" / "obj"
        meshes = sorted(place.glob("*.obj"))
        if meshes:
            scans.append(_scan(root, folder.name, number, meshes[0]))
        elif number == 1:
            raise MissingFileError(
                str(place / "*.obj"), f"The frontal scan of {folder.name}", f"Get it from {HOME}."
            )
    videos = {scenario: frames_of(folder, scenario) for scenario in SCENARIOS} if frames else {}
    empty = next((scenario for scenario, found in videos.items() if not found), None)
    if empty is not None:
        raise MissingFileError(
            str(folder / "Videos" / SCENARIOS[empty] / "*.jpg"),
            f"Frames of the {empty} video of {folder.name}",
            FRAMES_REMEDY,
        )
    return Subject(folder.name, tuple(scans), videos)


def _scan(root: Path, subject: str, number: int, mesh: Path) -> Scan:
    place = Path("Model") / f"frontal{number}" / "obj"
    marks = root / "MICC_landmarks" / subject / place
    folder = marks if marks.is_dir() else mesh.parent
    try:
        return load_scan(mesh, folder)
    except MissingFileError as error:
        raise MissingFileError(
            str(marks / f"{mesh.stem}.ljson"),
            f"The landmarks of {subject}",
            f"Get them from {_LANDMARKS}, or write {mesh.stem}.landmarks.json beside the scan.",
        ) from error


def evenly(frames: Sequence[Path], count: int) -> list[Path]:
    """At most `count` frames, evenly spaced over a video."""
    if count < 1:
        raise InputError("frames", "at least 1", str(count))
    if len(frames) <= count:
        return list(frames)
    step = (len(frames) - 1) / max(count - 1, 1)
    return [frames[round(k * step)] for k in range(count)]
