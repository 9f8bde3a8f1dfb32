"""Clips whose truth is known: a photograph that is filmed, a drawn head that turns, ICT's heads.

Frames are made in memory, of 640 x 480 pixels at 30 a second, with sensor noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from ict_heads import prepared
from ict_pictures import Painter
from ict_views import SIDE
from numpy.typing import NDArray
from PIL import Image
from selfie3d.datasets.synthetic import scene
from selfie3d.datasets.synthetic.coefficients import draw_expression
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.degrade import to_bytes
from selfie3d.datasets.synthetic.person import draw_person
from selfie3d.datasets.synthetic.pose import PIVOT, View
from selfie3d.datasets.synthetic.studio import Studio
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.euler import euler_to_matrix

RATE = 30.0
WIDTH, HEIGHT = 640, 480
NOISE = 4.0  # levels of sensor noise
Picture = NDArray[np.uint8]
Truth = dict[str, float]


@dataclass(frozen=True)
class Shot:
    """A frame and what is true of it: pixels, degrees, weights by name."""

    picture: Picture
    truth: Truth


def filmed(photo: Path, count: int, moving: bool) -> Iterator[Shot]:
    """A photograph before a camera that stands still or pans."""
    random = np.random.default_rng(3)
    image = Image.open(photo).convert("RGB")
    factor = max((WIDTH + 120) / image.width, (HEIGHT + 60) / image.height)
    large = image.resize((int(image.width * factor), int(image.height * factor)), Image.LANCZOS)
    for k in range(count):
        time = k / RATE if moving else 0.0
        aside, up = 50 * np.sin(2 * np.pi * 0.5 * time), 15 * np.sin(2 * np.pi * 0.8 * time)
        left, top = (large.width - WIDTH) / 2 + aside, (large.height - HEIGHT) / 2 * 0.5 + up
        how = (Image.Transform.AFFINE, (1, 0, left, 0, 1, top), Image.Resampling.BICUBIC)
        picture = np.asarray(large.transform((WIDTH, HEIGHT), *how))
        yield Shot(_noisy(picture, random), {"x": -float(aside), "y": -float(up)})


def turning(count: int, seed: int = 5) -> Iterator[Shot]:
    """A drawn head that turns 35 degrees to both sides, nods and leans."""
    config = SyntheticConfig(size=HEIGHT, seed=seed, glasses=0.0)
    studio = Studio.of(config)
    person = draw_person(seed, studio, config)
    names = studio.head.model.expression_names
    random, usual = np.random.default_rng(3), scene.draw_view
    expression = draw_expression(np.random.default_rng(seed), names)
    try:
        for k in range(count):
            truth = _turn(k / RATE)
            scene.draw_view = lambda *_, _truth=truth, **__: _view(_truth)
            drawn = scene.draw_scene(
                np.random.default_rng(seed), studio, person, config=config, expression=expression
            )
            layer = drawn.drawing
            ground = 0.5 * (1 - layer.coverage[..., None])
            yield Shot(_noisy(_wide(to_bytes(layer.colour + ground)), random), truth)
    finally:
        scene.draw_view = usual


def _turn(time: float) -> Truth:
    wave = 2 * np.pi * time
    return {
        "pitch": float(10 * np.sin(wave * 0.7)),
        "yaw": float(35 * np.sin(wave * 0.4)),
        "roll": float(8 * np.sin(wave * 0.3)),
    }


def _view(truth: Truth) -> View:
    angles = torch.tensor([[truth["pitch"], truth["yaw"], truth["roll"]]]).deg2rad()
    rotation = euler_to_matrix(angles)[0].numpy().astype(np.float32)
    away = np.array([0, 0, -900], np.float32) - rotation @ PIVOT
    return View(rotation, away, 1.05 * 900, np.array([HEIGHT / 2, HEIGHT / 2], np.float32))


SPOKEN = ("jawOpen", "mouthSmile", "browInnerUp", "eyeBlink", "mouthPucker")
"""Expressions that ICT's head makes, one after the other and some at once; both sides alike."""


def speaking(data: Path, count: int, seed: int = 2) -> Iterator[Shot]:
    """One of ICT's heads with expressions of known weights, before a camera that stands still.

    Args:
        data: with models/ict.
        count: of the frames.
        seed: of the head and its looks.
    """
    known = prepared(data, load_face_model("default"))
    painter, heads = Painter(known), known.heads
    random, noise = np.random.default_rng(seed), np.random.default_rng(3)
    look, identity = painter.look(random), 0.7 * random.normal(size=100)
    middle = heads.vertices(identity)[:9409].mean(0)
    focal = 0.55 * SIDE * 900 / 190
    camera = PerspectiveCamera(
        torch.eye(3)[None],
        torch.from_numpy(np.array([0, 0, -900]) - middle).float()[None],
        torch.tensor([focal]),
        torch.tensor([[SIDE / 2, SIDE / 2]]),
    )
    names = {
        name.replace("_L", "Left").replace("_R", "Right"): k for k, name in enumerate(heads.names)
    }
    for k in range(count):
        truth, weights = _spoken(k / RATE), np.zeros(len(heads.names))
        for name, weight in truth.items():
            for side in ("", "Left", "Right"):
                if name + side in names:
                    weights[names[name + side]] = weight
        shape = heads.vertices(identity, weights)
        file = painter.photograph(shape, look, camera, np.random.default_rng(seed))
        square = np.asarray(Image.open(BytesIO(file)).resize((HEIGHT, HEIGHT)))
        yield Shot(_noisy(_wide(square), noise), truth)


def _spoken(time: float) -> Truth:
    rates = (1.5, 0.5, 0.7, 0.9, 0.4)
    waves = [0.5 - 0.5 * np.cos(2 * np.pi * rate * time) for rate in rates]
    sizes = (0.6, 0.8, 0.8, 1.0, 0.5)
    blink = max(0.0, 1 - abs((time * rates[3]) % 1 - 0.5) * 8)  # a quarter of the time
    found = {n: float(s * w) for n, s, w in zip(SPOKEN, sizes, waves, strict=True)}
    return found | {"eyeBlink": float(blink)}


def _wide(square: Picture) -> Picture:
    """A square picture in the middle of a frame."""
    side = (WIDTH - square.shape[1]) // 2
    return np.pad(square, ((0, 0), (side, WIDTH - side - square.shape[1]), (0, 0)), "edge")


def _noisy(picture: Picture, random: np.random.Generator) -> Picture:
    noise = random.normal(0, NOISE, picture.shape)
    return np.clip(picture + noise + 0.5, 0, 255).astype(np.uint8)
