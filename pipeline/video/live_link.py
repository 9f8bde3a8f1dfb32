"""The layout of the CSV files of Epic's Live Link Face, which Unreal and Blender's add-ons read.

52 weights by ARKit's names, then yaw, pitch and roll of the head and of either eye in radians. The
app's signs: heads turn to their own left, up, and lean to their own right; eyes turn to the
person's right and down.
"""

from __future__ import annotations

import math

from ...core.errors import SettingError
from ...geometry.face_model import FaceModel
from ...geometry.rotation import matrix_to_euler
from .moment import Moment

_SIDES = ("Left", "Right")
_OF_EYES = ("Blink", "LookDown", "LookIn", "LookOut", "LookUp", "Squint", "Wide")
_EYES = [f"Eye{what}{side}" for side in _SIDES for what in _OF_EYES]
_BOTH = ["MouthSmile", "MouthFrown", "MouthDimple", "MouthStretch"]
_LOWER = ["MouthPress", "MouthLowerDown", "MouthUpperUp", "BrowDown"]
SHAPES = (
    *_EYES,
    "JawForward", "JawRight", "JawLeft", "JawOpen", "MouthClose", "MouthFunnel", "MouthPucker",
    "MouthRight", "MouthLeft",
    *(f"{name}{side}" for name in _BOTH for side in _SIDES),
    "MouthRollLower", "MouthRollUpper", "MouthShrugLower", "MouthShrugUpper",
    *(f"{name}{side}" for name in _LOWER for side in _SIDES),
    "BrowInnerUp", "BrowOuterUpLeft", "BrowOuterUpRight", "CheekPuff",
    "CheekSquintLeft", "CheekSquintRight", "NoseSneerLeft", "NoseSneerRight", "TongueOut",
)  # fmt: skip
"""Names of the weights, in the order of the file."""

_TURNS = tuple(f"{part}{turn}" for part in ("Head", "LeftEye", "RightEye")
               for turn in ("Yaw", "Pitch", "Roll"))  # fmt: skip
COLUMNS = ("Timecode", "BlendShapeCount", *SHAPES, *_TURNS)
_ASIDE, _DOWN, _UP = math.radians(25), math.radians(22), math.radians(20)  # of a whole look


class LiveLinkRows:
    """Makes rows of faces of one model.

    Args:
        model: whose expressions have ARKit's names; TongueOut may be missing.
        rate: frames a second, in which times are counted.

    Raises:
        SettingError: the model has other expressions.
    """

    def __init__(self, model: FaceModel, rate: float) -> None:
        known = {name[:1].upper() + name[1:]: k for k, name in enumerate(model.expression_names)}
        lacking = [name for name in SHAPES if name not in known and name != "TongueOut"]
        if lacking:
            expected = "a face model with the expressions of ARKit"
            raise SettingError("live link", expected, f"one without {lacking[0]}")
        self._columns = [known.get(name) for name in SHAPES]
        self._rate = rate

    def row(self, moment: Moment) -> list[str]:
        """A person in a frame."""
        weights = moment.expression.tolist()
        shapes = [0.0 if k is None else weights[k] for k in self._columns]
        pitch, yaw, roll = matrix_to_euler(moment.camera.rotation)[0].tolist()
        by_name = dict(zip(SHAPES, shapes, strict=True))
        turns = [-yaw, pitch, -roll, *_eye(by_name, "Left"), *_eye(by_name, "Right")]
        numbers = [f"{value:.8f}" for value in (*shapes, *turns)]
        return [self.timecode(moment.time), str(len(numbers)), *numbers]

    def empty(self, time: float) -> list[str]:
        """A frame that does not show the person."""
        return [self.timecode(time), "0"]

    def timecode(self, time: float) -> str:
        """Hours, minutes, seconds and frames with thousandths of a frame."""
        whole = int(time)
        frames = min(round((time - whole) * self._rate, 3), self._rate - 0.001)
        clock = f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
        return f"{clock}:{frames:06.3f}"


def _eye(weights: dict[str, float], side: str) -> tuple[float, float, float]:
    """Yaw to the person's right, pitch downwards and roll of an eye, radians."""
    out, inward = weights[f"EyeLookOut{side}"], weights[f"EyeLookIn{side}"]
    right = inward - out if side == "Left" else out - inward
    down = weights[f"EyeLookDown{side}"] * _DOWN - weights[f"EyeLookUp{side}"] * _UP
    return right * _ASIDE, down, 0.0
