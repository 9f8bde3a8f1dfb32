"""How a head moves: an animation of a GLB, and the camera that saw it.

The scene is the camera's space in metres: the camera stands at the origin, looks along -z, y is up.
The node `pose` carries the head; its rotation and translation have a keyframe for each frame of the
clip, and so have the weights of the morph targets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .gltf import GltfBuilder

Floats = NDArray[np.floating[Any]]
_METRES = 0.001  # a millimetre


@dataclass(frozen=True)
class HeadMotion:
    """T frames of a head before a camera whose principal point is the frame's middle.

    Attributes:
        times: (T,) seconds, ascending.
        rotations: (T,3,3), model to camera. translations: (T,3) mm of the model.
        weights: (T,Ke) of the expressions.
        focal: pixels. size: (width, height) of the frame, pixels.
        name: of the animation.
    """

    times: Floats
    rotations: Floats
    translations: Floats
    weights: Floats
    focal: float
    size: tuple[int, int]
    name: str = "clip"


def add_motion(
    built: GltfBuilder, motion: HeadMotion, nodes: list[int], *, animated: bool, scale: float
) -> list[int]:
    """Hang a head below a node that moves, before a camera; gives the scene's nodes.

    Args:
        built: with the head.
        motion: of the head.
        nodes: the head's node, then those of its meshes' others, whose morph targets are the same.
        animated: whether these meshes have morph targets.
        scale: true size over the model's.
    """
    from scipy.spatial.transform import Rotation  # only clips need it

    turns = Rotation.from_matrix(motion.rotations).as_quat()
    turns *= np.cumprod(np.concatenate([[1.0], _signs(turns)]))[:, None]
    places = motion.translations * (_METRES * scale)
    first = {"rotation": turns[0].tolist(), "translation": places[0].tolist()}
    pose = built.add("nodes", {"name": "pose", "children": nodes[:1], **first})
    times = built.keyframes(np.asarray(motion.times, np.float32)[:, None], bounds=True)
    tracks = {"rotation": built.keyframes(turns), "translation": built.keyframes(places)}
    targets = [(output, pose, path) for path, output in tracks.items()]
    if animated:
        output = built.keyframes(np.asarray(motion.weights, np.float32).reshape(-1, 1))
        targets += [(output, node, "weights") for node in nodes]
    samplers = [{"input": times, "output": output} for output, _, _ in targets]
    channels = [
        {"sampler": k, "target": {"node": node, "path": path}}
        for k, (_, node, path) in enumerate(targets)
    ]
    built.add("animations", {"name": motion.name, "samplers": samplers, "channels": channels})
    return [pose, built.add("nodes", {"name": "camera", "camera": _camera(built, motion)})]


def _camera(built: GltfBuilder, motion: HeadMotion) -> int:
    width, height = motion.size
    view = {"yfov": 2 * math.atan(height / 2 / motion.focal), "aspectRatio": width / height}
    entry = {"type": "perspective", "perspective": {**view, "znear": 0.01, "zfar": 100.0}}
    return built.add("cameras", entry)


def _signs(turns: Floats) -> Floats:
    """-1 where a quaternion (T,4) is nearer to minus the one before, which is the same turn."""
    return np.where((turns[1:] * turns[:-1]).sum(1) < 0, -1.0, 1.0)
