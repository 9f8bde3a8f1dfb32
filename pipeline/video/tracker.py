"""Who is where in each frame of a clip: faces are followed, and now and then looked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...detect.face import Face, FaceDetector
from ..locate.frame import Box, frame_of_face
from ..network.regress import Regressor
from .cuts import CutFinder
from .followed import FollowedFace, SeenPerson, look_at
from .identity import RunningIdentity

_SAME = 0.3  # overlap (intersection over union) of a found and a followed face that are one
_BACK = 0.1  # the same of one that was lost
_TWICE = 0.6  # overlap of two followed faces that are one
_GONE = 2.0  # seconds after which a lost person who comes back is a new one
_NEXT_LOOK = 0.5  # seconds until new faces are looked for
_NEXT_SEARCH = 0.1  # the same while somebody is lost or nobody is there
_NEXT_LONG_SEARCH = 1.0  # seconds until the whole detector is asked again, if nobody is there


@dataclass(frozen=True)
class TrackOptions:
    """How people are followed.

    Attributes:
        max_faces: the largest so many faces at a time; None follows all.
        one_person: whoever is the largest face is always the same person.
    """

    max_faces: int | None = None
    one_person: bool = False

    @property
    def most(self) -> int | None:
        """Faces at a time, at most."""
        return 1 if self.one_person else self.max_faces


class FaceTracker:
    """Follows the people of one clip.

    Args:
        regressor: of dense points.
        detector: what finds faces.
        options: see `TrackOptions`.

    Attributes:
        cuts: scenes that ended, so far.
    """

    def __init__(
        self, regressor: Regressor, detector: FaceDetector, options: TrackOptions | None = None
    ) -> None:
        self.regressor, self.detector = regressor, detector
        self.options = options or TrackOptions()
        self.cuts = 0
        self._find_cut = CutFinder()
        self._people: list[RunningIdentity] = []
        self._faces: list[FollowedFace] = []
        self._lost: list[tuple[FollowedFace, float]] = []
        self._looked = self._searched = -np.inf

    def __call__(self, picture: NDArray[np.uint8], time: float) -> list[SeenPerson]:
        """The people of the next frame, by their numbers.

        Args:
            picture: (H,W,3) uint8, all of a clip of one size.
            time: seconds, later than the last one.
        """
        if self._find_cut(picture):
            self.cuts += 1
            self._faces, self._lost = [], []
            self._looked = self._searched = -np.inf
        before, self._faces = self._faces, []
        seen = self._follow(picture, time, before)
        if len(self._faces) < len(before) or self._is_time(time):
            seen += self._follow(picture, time, self._look(picture, time))
        return sorted(seen, key=lambda one: one.person)

    def _follow(
        self, picture: NDArray[np.uint8], time: float, faces: Sequence[FollowedFace]
    ) -> list[SeenPerson]:
        """What the frame shows of these; those that are lost are no longer followed."""
        found = look_at(self.regressor, picture, faces)
        pairs = [(f, one) for f, one in zip(faces, found, strict=True) if one is not None]
        others = [face.box for face in self._faces]
        kept: list[SeenPerson] = []
        for face, one in pairs:  # those that have been followed longer come first
            if all(_overlap(face.box, box) < _TWICE for box in others):
                others.append(face.box)
                self._faces.append(face)
                kept.append(replace(one, person=self._number(face)))
            elif face.person:
                self._lost.append((face, time))
        gone = [face for face, one in zip(faces, found, strict=True) if one is None]
        self._lost += [(face, time) for face in gone if face.person]
        return kept

    def _number(self, face: FollowedFace) -> int:
        """The number of a person who is seen; a new one for the first time."""
        if not face.person:
            self._people.append(face.running)
            face.person = len(self._people)
        return face.person

    def _is_time(self, time: float) -> bool:
        """Whether faces should be looked for."""
        self._lost = [(face, when) for face, when in self._lost if time - when < _GONE]
        full = self.options.most is not None and len(self._faces) >= self.options.most
        wait = _NEXT_SEARCH if self._lost or not self._faces else _NEXT_LOOK
        return not full and time - self._looked >= wait

    def _look(self, picture: NDArray[np.uint8], time: float) -> list[FollowedFace]:
        """Faces that are not followed yet."""
        self._looked = time
        if not self._faces and time - self._searched >= _NEXT_LONG_SEARCH:
            self._searched = time
            found = self.detector.detect(picture)
        else:
            found = self.detector.glance(picture)
        known = matched([face.box for face in self._faces], [face.box for face in found], _SAME)
        new = [face for k, face in enumerate(found) if k not in known.values()]
        if self.options.most is not None:
            new = new[: max(self.options.most - len(self._faces), 0)]
        back = matched([face.box for face, _ in self._lost], [face.box for face in new], _BACK)
        known_as = {k: self._lost[lost][0] for lost, k in back.items()}
        self._lost = [one for k, one in enumerate(self._lost) if k not in back]
        return [self._begun(face, known_as.get(k)) for k, face in enumerate(new)]

    def _begun(self, face: Face, before: FollowedFace | None) -> FollowedFace:
        """A found face to be followed; who it is if it was seen before."""
        person = 0 if before is None else before.person
        if self.options.one_person and self._people:
            person = 1
        running = self._people[person - 1] if person else RunningIdentity()
        crop = frame_of_face(face, self.regressor.size)
        return FollowedFace(person, running, crop, face.box)


def matched(known: Sequence[Box], found: Sequence[Box], least: float) -> dict[int, int]:
    """Which known box is which found one, so that overlaps are largest together.

    Args:
        known, found: (x0,y0,x1,y1) each.
        least: overlap of a pair, intersection over union.

    Returns:
        numbers of known boxes to those of found ones.
    """
    if not known or not found:
        return {}
    from scipy.optimize import linear_sum_assignment

    overlap = np.array([[_overlap(a, b) for b in found] for a in known])
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    pairs: Iterable[tuple[int, int]] = zip(rows.tolist(), columns.tolist(), strict=True)
    return {row: column for row, column in pairs if overlap[row, column] >= least}


def _overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return shared / max(areas - shared, 1e-9)
