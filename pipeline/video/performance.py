"""What one clip shows, frame by frame: who is followed, smoothed, drawn and written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from ...geometry.face_model import FaceModel
from ..fit.appearance import Appearance
from .clip import Frame
from .followed import SeenPerson
from .identity import RunningIdentity
from .light import RunningLight
from .moment import Moment
from .person_files import PersonTables
from .pose import HeadPose
from .smooth import HeadSmoother, SmoothOptions
from .tracker import FaceTracker
from .views import BestViews


@dataclass
class Performer:
    """A person of a clip.

    Attributes:
        tables: that are written. running: who it is.
        smoother: of the motion. light: on the face. views: for the texture.
    """

    tables: PersonTables
    running: RunningIdentity
    smoother: HeadSmoother
    light: RunningLight
    views: BestViews = field(default_factory=BestViews)


class Performance:
    """Follows a clip.

    Args:
        model: the face model. appearance: of its faces.
        tracker: of this clip.
        smooth: how much motion is smoothed, if it is.
        tables: makes those of a person, from the number and the times of the frames before.

    Attributes:
        people: by their numbers.
        times: of the frames so far, seconds.
    """

    def __init__(
        self,
        model: FaceModel,
        appearance: Appearance,
        tracker: FaceTracker,
        smooth: SmoothOptions | None,
        tables: Callable[[int, list[float]], PersonTables],
    ) -> None:
        self.model, self.tracker = model, tracker
        self._appearance, self._smooth, self._tables = appearance, smooth, tables
        self.people: dict[int, Performer] = {}
        self.times: list[float] = []

    def see(self, frame: Frame) -> list[Moment]:
        """The people of the next frame, written down."""
        moments = [self._moment(frame, seen) for seen in self.tracker(frame.picture, frame.time)]
        here = {moment.person for moment in moments}
        for moment in moments:
            self.people[moment.person].tables.add(moment)
        for number, person in self.people.items():
            if number not in here:
                person.tables.miss(frame.time)
        self.times.append(frame.time)
        return moments

    def discard(self) -> None:
        """Leave no file that is not finished."""
        for person in self.people.values():
            person.tables.discard()

    def _moment(self, frame: Frame, seen: SeenPerson) -> Moment:
        """A person as it is shown."""
        number = len(self.times)
        if seen.person not in self.people:
            tables = self._tables(seen.person, self.times)
            smoother = HeadSmoother(self._smooth, self.model.expression_names)
            shone = RunningLight(self._appearance)
            self.people[seen.person] = Performer(tables, seen.running, smoother, shone)
        person, found = self.people[seen.person], seen.face
        person.views.offer(frame.picture, seen, number)
        weights = found.coefficients.expression[0].double().numpy()
        pose, weights = person.smoother(HeadPose.of(found.camera), weights, frame.time)
        expression = torch.from_numpy(np.asarray(weights, np.float32))[None]
        albedo, light = person.light(frame.picture, seen, frame.time)
        lit = replace(found.coefficients, albedo=albedo, light=light)
        coefficients = replace(lit, expression=expression)
        pixels = seen.error * found.crop.size[0] / 2 / found.crop.scale
        return Moment(
            seen.person, number, frame.time, pose, seen.running.focal, coefficients, pixels
        )
