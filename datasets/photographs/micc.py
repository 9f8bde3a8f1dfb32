"""MICC Florence's videos as photographs: frames of 53 people in three scenarios.

Bagdanov, Del Bimbo and Masi, The Florence 2D/3D Hybrid Face Dataset, 2011; after signing its
licence from https://www.micc.unifi.it/resources/datasets/florence-3d-faces/. The layout is the one
of the protocol `micc`, which compares with the scans; these are not looked at here:

    ROOT/subject_01/Videos/Indoor-Cooperative/*.jpg    frames that you took from the videos, for
    ROOT/subject_01/Videos/PTZ-Indoor/*.jpg            example `ffmpeg -i VIDEO frame%04d.jpg`;
    ROOT/subject_01/Videos/PTZ-Outdoor/*.jpg           .jpg or .png

Whoever learns from them cannot be measured on them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ...core.errors import InputError, MissingFileError
from .photo_list import Listed, PhotoList, pictures_in

SCENARIOS = {
    "cooperative": "Indoor-Cooperative",
    "indoor": "PTZ-Indoor",
    "outdoor": "PTZ-Outdoor",
}
"""Folder of each scenario below subject_NN/Videos."""

HOME = "https://www.micc.unifi.it/resources/datasets/florence-3d-faces/"
FRAMES_REMEDY = f"Get it from {HOME} and extract frames: ffmpeg -i VIDEO frame%04d.jpg."
_SUBJECTS = 53


class MiccVideos(PhotoList):
    """The frames that are there, subject by subject; the person is the subject.

    Args:
        root: see the module.
        scenarios: of `SCENARIOS`; empty for all.
        every: each so many-th frame of a video; its neighbours are almost the same.
        prepared: folder of side files, laid out as `root`.

    Raises:
        MissingFileError: no subject, or not one frame.
        InputError: an unknown scenario, or `every` below 1.
    """

    def __init__(
        self,
        root: str | Path,
        scenarios: Sequence[str] = (),
        every: int = 1,
        prepared: str = "",
    ) -> None:
        unknown = sorted(set(scenarios) - set(SCENARIOS))
        if unknown:
            raise InputError("scenarios", f"some of {', '.join(SCENARIOS)}", repr(unknown[0]))
        if every < 1:
            raise InputError("every", "1 or more", str(every))
        base = Path(root)
        subjects = subject_folders(base)
        if not subjects:
            raise MissingFileError(str(base / "subject_01"), "MICC Florence", FRAMES_REMEDY)
        listed: list[Listed] = []
        self._empty: list[str] = []
        for subject in subjects:
            for scenario in scenarios or SCENARIOS:
                frames = frames_of(subject, scenario)[::every]
                listed += [Listed(path.relative_to(base), subject.name) for path in frames]
                if not frames:
                    self._empty.append(f"{subject.name}/Videos/{SCENARIOS[scenario]}")
        if not listed:
            raise MissingFileError(
                str(base / self._empty[0]), "Frames of the videos", FRAMES_REMEDY
            )
        self._subjects = len(subjects)
        super().__init__("micc", "MICC Florence", base, listed, prepared, FRAMES_REMEDY)

    @property
    def summary(self) -> str:
        """How many frames of how many people, and which videos have none."""
        text = super().summary
        if self._subjects < _SUBJECTS:
            text += f"; {_SUBJECTS - self._subjects} more subjects are not there"
        if self._empty:
            more = f" and {len(self._empty) - 1} more" if len(self._empty) > 1 else ""
            text += f"; no frames in {self._empty[0]}{more}"
        return text


def subject_folders(root: Path) -> list[Path]:
    """The folders subject_01, ... in order; none where there is no such folder."""
    if not root.is_dir():
        return []
    return sorted(p for p in root.iterdir() if re.fullmatch(r"subject_\d+", p.name) and p.is_dir())


def frames_of(subject: Path, scenario: str) -> list[Path]:
    """The frames of a video in order; none where the subject has none.

    Args:
        subject: the folder subject_01 or another.
        scenario: of `SCENARIOS`.
    """
    folder = subject / "Videos" / SCENARIOS[scenario]
    return pictures_in(folder) if folder.is_dir() else []
