"""A person's pose and expression over time, smoothed by One-Euro filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .one_euro import EuroOptions, OneEuro, TurnEuro
from .pose import HeadPose

Floats = NDArray[np.floating[Any]]

_PAUSE = 0.5  # seconds without the face after which nothing of before counts


@dataclass(frozen=True)
class SmoothOptions:
    """How much a head's motion is smoothed; see `EuroOptions`.

    Attributes:
        turn: of the rotation, degrees.
        place: of the head's middle, mm at the head's distance.
        size: of the size in the frame, natural logarithm.
        expression: of weights.
        gaze: of the weights that turn the eyes, which are found on a coarse grid.
    """

    turn: EuroOptions = field(default_factory=lambda: EuroOptions(0.3, 0.5))
    place: EuroOptions = field(default_factory=lambda: EuroOptions(0.4, 0.4))
    size: EuroOptions = field(default_factory=lambda: EuroOptions(0.3, 30.0))
    expression: EuroOptions = field(default_factory=lambda: EuroOptions(0.6, 60.0))
    gaze: EuroOptions = field(default_factory=lambda: EuroOptions(1.0, 5.0))


class HeadSmoother:
    """Smooths one head.

    Args:
        options: see `SmoothOptions`; None leaves everything as it is.
        names: of the expressions, by which those of the eyes are known.
    """

    def __init__(self, options: SmoothOptions | None, names: Sequence[str] = ()) -> None:
        self.options = options
        self._gaze = [k for k, name in enumerate(names) if name.startswith("eyeLook")]
        self._time = -np.inf

    def __call__(self, pose: HeadPose, expression: Floats, time: float) -> tuple[HeadPose, Floats]:
        """The head as it is shown.

        Args:
            pose: as measured. expression: (Ke,) weights, as measured.
            time: seconds.
        """
        if self.options is None:
            return pose, expression
        step, self._time = time - self._time, time
        if step > _PAUSE or step <= 0:
            self._begin(self.options)
        place = self._place(pose.middle, step, pose.scale)
        size = float(np.exp(self._size(np.log(np.array([pose.scale])), step))[0])
        moved = HeadPose(self._turn(pose.rotation, step), place, size)
        weights = np.array(self._expression(expression, step))
        weights[self._gaze] = self._eyes(expression[self._gaze], step)
        return moved, weights

    def _begin(self, options: SmoothOptions) -> None:
        self._turn = TurnEuro(options.turn)
        self._place, self._size = OneEuro(options.place), OneEuro(options.size)
        self._expression, self._eyes = OneEuro(options.expression), OneEuro(options.gaze)
