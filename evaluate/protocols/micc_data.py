"""MICC Florence 2D/3D faces: the files on disk, and the four ways in which papers measure on them.

The real layout, under one root (https://www.micc.unifi.it/resources/datasets/florence-3d-faces/,
after signing the licence; 53 subjects):

    subject_01/Model/frontal1/obj/*.obj       scans, mm; most subjects have frontal2 as well
    subject_01/Videos/Indoor-Cooperative/*.jpg    frames taken from the videos by you, for example
    subject_01/Videos/PTZ-Indoor/*.jpg            `ffmpeg -i VIDEO frame%04d.jpg`; jpg or png
    subject_01/Videos/PTZ-Outdoor/*.jpg
    MICC_landmarks/subject_01/Model/frontal1/obj/*.ljson    hand-made landmarks, from
                                                  https://github.com/barisgecer/GANFit

Instead of it a folder of any scans is taken. The names of the scenarios are those of GANFit's
evaluation. The presets are four different measurements, all of which papers call point-to-plane
RMSE on MICC Florence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import InputError, MissingFileError, UnknownNameError
from ...datasets.photographs.micc import SCENARIOS
from ..scans.recipe import Alignment, Crop, Measure, Recipe
from ..scans.scan import Scan, load_scan

MLANET = Recipe(
    "mlanet",
    Crop("before", radius_mm=95),
    Alignment("icp", scale="mesh", matches="gt", distance="plane", drop_boundary=False),
    Measure("plane", "rmse", "rec2gt", drop_boundary=True),
    source="MLANet, sections 4.2 and 4.3: the perpendicular distance of every predicted point to "
    "the ground truth cropped to 95 mm, after ICP with isotropic scale; frames, then scenarios, "
    "are averaged. The paper does not say whose points look for matches in ICP: the ground truth's "
    "do here, since with scale the prediction's would shrink it into a hollow of the scan. That "
    "predicted points matched to the crop's border are dropped is ours, too: they lie beyond it",
)
TRAN2018 = Recipe(
    "tran2018",
    Crop("before", radius_mm=95),
    Alignment("icp", scale="mesh", matches="gt", distance="plane", drop_boundary=False),
    Measure("plane", "rmse", "gt2rec", drop_boundary=False),
    source="Tran et al., CVPR 2018, and Deng et al., CVPRW 2019: every ground-truth vertex within "
    "95 mm of the nose tip to the plane of the reconstruction, after ICP with isotropic scale for "
    "each mesh. The cut of the forehead (Deep3DFaceReconstruction issue 23) is not published and "
    "not made",
)
GENOVA = Recipe(
    "genova",
    Crop("before", radius_mm=95),
    Alignment("icp", scale="global", matches="gt", distance="plane", drop_boundary=False),
    Measure("plane", "mean", "sym", drop_boundary=True),
    source="our reading of Genova et al., CVPR 2018: one global scale between the models, ICP, "
    "mean of both directions over where the surfaces overlap. Their tool was not published",
)
GANFIT = Recipe(
    "ganfit",
    Crop("before", radius_mm=95),
    Alignment("icp", scale="mesh", matches="each", distance="surface", drop_boundary=False),
    Measure("surface", "mean", "sym", drop_boundary=False),
    source="micc_evaluation.py of GANFit: the scan is first replaced by a template bent onto it; "
    "each direction aligns anew from its own points within 95 mm of landmark 30 (60 mm for "
    "subject 28); the distance is that to the nearest point of the surface, averaged, though "
    "called point-to-plane. Their first ICP step pairs equal vertices of their one template; "
    "ours starts from the landmarks, so that any topology can be scored",
    registered=True,
)

PRESETS = {recipe.name: recipe for recipe in (MLANET, TRAN2018, GENOVA, GANFIT)}

_HOME = "https://www.micc.unifi.it/resources/datasets/florence-3d-faces/"
_LANDMARKS = "https://github.com/barisgecer/GANFit (folder MICC_landmarks)"
_PICTURES = (".jpg", ".jpeg", ".png")


def micc_preset(name: str) -> Recipe:
    """A preset by its name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in PRESETS:
        raise UnknownNameError("MICC preset", name, list(PRESETS))
    return PRESETS[name]


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
    return any(_subject_folders(root))


def read_micc(root: Path, frames: bool = True) -> list[Subject]:
    """Every subject, checked at the start.

    Args:
        root: the folder that holds subject_01, ...
        frames: whether the videos' frames are needed.

    Raises:
        MissingFileError: a scan, its landmarks or a scenario's frames are missing.
    """
    folders = _subject_folders(root)
    if not folders:
        raise MissingFileError(str(root / "subject_01"), "MICC Florence", f"Get it from {_HOME}.")
    return [_subject(root, folder, frames) for folder in folders]


def frame_name(subject: str, scenario: str, frame: Path) -> str:
    """The name of a frame in predictions and reports."""
    return f"{subject}/{SCENARIOS[scenario]}/{frame.stem}"


def _subject_folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(p for p in root.iterdir() if re.fullmatch(r"subject_\d+", p.name) and p.is_dir())


def _subject(root: Path, folder: Path, frames: bool) -> Subject:
    scans = []
    for number in (1, 2):
        place = folder / "Model" / f"frontal{number}" / "obj"
        meshes = sorted(place.glob("*.obj"))
        if meshes:
            scans.append(_scan(root, folder.name, number, meshes[0]))
        elif number == 1:
            raise MissingFileError(
                str(place / "*.obj"), f"The frontal scan of {folder.name}", f"Get it from {_HOME}."
            )
    videos = {}
    for scenario, name in SCENARIOS.items() if frames else ():
        pictures = folder / "Videos" / name
        videos[scenario] = sorted(p for p in pictures.glob("*") if p.suffix.lower() in _PICTURES)
        if not videos[scenario]:
            raise MissingFileError(
                str(pictures / "*.jpg"),
                f"Frames of the {scenario} video of {folder.name}",
                f"Get the videos from {_HOME} and extract frames: ffmpeg -i VIDEO frame%04d.jpg.",
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
