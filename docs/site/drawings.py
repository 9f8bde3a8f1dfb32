"""Draws the conventions by the code that follows them: python docs/site/drawings.py.

Heads are rendered, arrows projected by the same cameras, texels and pixels placed by `geometry`; so
a drawing cannot say anything else than the code does. `tests/test_docs_drawings.py` draws anew.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from selfie3d.facemodels import load_face_model
from selfie3d.geometry import Crop, PerspectiveCamera, euler_to_matrix
from selfie3d.geometry.uv import texel_centres
from selfie3d.pipeline import studio_light
from selfie3d.render import FaceRenderer, to_picture
from svg import BLUE, DARK, GREEN, PALE, RED, dot, line, page, path, picture, words
from torch import Tensor

FOLDER = Path(__file__).resolve().parents[1] / "images"
SIDE = 240  # of a head's picture
AXES = (((1, 0, 0), RED), ((0, 1, 0), GREEN), ((0, 0, 1), BLUE))
PARTS = ((0, 17), (17, 22), (22, 27), (27, 31), (31, 36), (36, 42), (42, 48), (48, 60), (60, 68))
CLOSED = {36, 42, 48, 60}
Picture = NDArray[np.uint8]


class Head:
    """The mean head before a camera at 1 m.

    Args:
        degrees: pitch, yaw, roll.
        side: of the picture, pixels.
        opened: weight of the blendshape `jawOpen`.
    """

    def __init__(
        self, degrees: tuple[float, float, float], side: int = SIDE, opened: float = 0.0
    ) -> None:
        self.side, self.model = side, load_face_model("default")
        coefficients = self.model.zero_coefficients(1)
        coefficients.expression[0, self.model.expression_names.index("jawOpen")] = opened
        self.vertices = self.model.vertices(coefficients)
        turned = euler_to_matrix(torch.deg2rad(torch.tensor([degrees])))
        place, middle = torch.tensor([[0.0, 15, -1000]]), torch.full((1, 2), side / 2)
        self.camera = PerspectiveCamera(turned, place, torch.tensor([3.0 * side]), middle)

    def picture(self) -> Picture:
        """Grey, in the studio's light."""
        model, grey = self.model, torch.full_like(self.vertices, 0.75)
        renderer = FaceRenderer(model.faces, model.uv, model.uv_faces)
        light, size = studio_light(), (self.side, self.side)
        seen = renderer(self.vertices, self.camera, size, albedo=grey, light=light)
        return to_picture(seen.over(torch.ones(1, 3, *size)).clamp(0, 1)[0])

    def at(self, *points: tuple[float, float, float]) -> list[list[float]]:
        """Pixels of points of model space, mm."""
        seen: Tensor = self.camera.project(torch.tensor([points]).float())
        return seen[0, :, :2].tolist()

    def arrows(self, length: float) -> list[str]:
        """The axes of model space from its origin."""
        ends = [tuple(length * value for value in axis) for axis, _ in AXES]
        origin, *tips = self.at((0, 0, 0), *ends)
        colours = [colour for _, colour in AXES]
        return [
            line(origin, end, c, width=3, tip="end") for end, c in zip(tips, colours, strict=True)
        ]

    def landmarks(self) -> list[list[float]]:
        """The 68 points of the set `ibug68`."""
        points = self.model.landmark_points(self.vertices, "ibug68")
        return self.camera.project(points)[0, :, :2].tolist()


def moved(parts: list[str], x: float, y: float) -> str:
    """Parts somewhere else on the page."""
    return "\n".join([f'<g transform="translate({x:.0f} {y:.0f})">', *parts, "</g>"])


def axes() -> str:
    """Model space on a turned head, camera space beside it."""
    head, side = Head((12, 28, 0), 360), 360
    x, y, z = head.at((122, 0, 0), (0, 150, 0), (0, 0, 175))
    model = [
        picture((0, 0), head.picture()),
        *head.arrows(110),
        words((x[0] + 12, x[1] + 5), "+x: subject's left", RED, anchor="start"),
        words(y, "+y: up", GREEN),
        words((z[0] + 8, z[1] - 4), "+z: out of the face", BLUE, anchor="end"),
        words((side / 2, side + 22), "model space, mm; origin between the eyeballs"),
    ]
    start = (60, 240)
    camera = [
        line(start, (160, 240), RED, width=3, tip="end"),
        line(start, (60, 140), GREEN, width=3, tip="end"),
        dot(start, BLUE, 6),
        words((166, 245), "+X: right", RED, anchor="start"),
        words((60, 128), "+Y: up", GREEN),
        words((60, 268), "+Z: towards the camera", BLUE, anchor="start"),
        words((110, side + 22), "camera space, mm: R x + T"),
    ]
    return page(760, side + 40, [moved(model, 70, 0), moved(camera, 510, 0)])


def angles() -> str:
    """Positive angles, each by itself."""
    shown = {
        "0, 0, 0": (0, 0, 0),
        "pitch +30: nose up": (30, 0, 0),
        "yaw +30: to the image's left": (0, 30, 0),
        "roll +30: clockwise": (0, 0, 30),
    }
    parts = []
    for number, (title, degrees) in enumerate(shown.items()):
        head = Head(degrees)
        inside = [picture((0, 0), head.picture()), *head.arrows(90)]
        parts.append(moved([*inside, words((SIDE / 2, SIDE + 22), title)], number * (SIDE + 10), 0))
    return page(4 * SIDE + 30, SIDE + 40, parts)


def pixels() -> str:
    """An image of 4 x 3 pixels, enlarged by a `Crop`."""
    columns, rows, scale = 4, 3, 80
    enlarged = Crop.from_square((2, 2), 4, 4 * scale)

    def at(x: float, y: float) -> list[float]:
        return enlarged.to_crop(torch.tensor([x, y], dtype=torch.float64)).tolist()

    grid = [line(at(x, 0), at(x, rows), PALE) for x in range(columns + 1)]
    grid += [line(at(0, y), at(columns, y), PALE) for y in range(rows + 1)]
    centres = [(x + 0.5, y + 0.5) for y in range(rows) for x in range(columns)]
    marks = [dot(at(*c), BLUE) for c in centres]
    marks += [words((at(*c)[0], at(*c)[1] + 18), f"{c[0]}, {c[1]}", BLUE, size=12) for c in centres]
    ends = [
        words((at(0, 0)[0], -8), "(0, 0)"),
        words((at(4, 3)[0], at(4, 3)[1] + 18), "(W, H) = (4, 3)"),
        line((0, 295), (90, 295), RED, width=2, tip="end"),
        words((98, 300), "x", RED, anchor="start"),
        line((-30, 0), (-30, 90), GREEN, width=2, tip="end"),
        words((-30, 108), "y", GREEN),
        words((at(0.5, 0.5)[0], at(0.5, 0.5)[1] - 10), "image[0, 0]", size=12),
        words((at(3.5, 2.5)[0], at(3.5, 2.5)[1] - 10), "image[2, 3]", size=12),
    ]
    return page(440, 330, [moved([*grid, *marks, *ends], 60, 25)])


def uv() -> str:
    """A map of 3 x 4 texels; the centres are those of `texel_centres`."""
    rows, columns, scale = 3, 4, 80
    height, width = rows * scale, columns * scale

    def at(u: float, v: float) -> tuple[float, float]:
        return u * width, (1 - v) * height

    grid = [line(at(k / columns, 0), at(k / columns, 1), PALE) for k in range(columns + 1)]
    grid += [line(at(0, k / rows), at(1, k / rows), PALE) for k in range(rows + 1)]
    marks = []
    centres = texel_centres(rows, columns).tolist()
    for row in range(rows):
        for column in range(columns):
            x, y = at(*centres[row][column])
            u, v = centres[row][column]
            marks.append(dot((x, y), BLUE))
            marks.append(words((x, y - 10), f"map[{row}, {column}]", size=12))
            marks.append(words((x, y + 18), f"{u:.3f}, {v:.3f}", BLUE, size=12))
    ends = [
        words((0, height + 18), "(0, 0)"),
        words((width, -8), "(1, 1)"),
        line((40, height + 30), (130, height + 30), RED, width=2, tip="end"),
        words((138, height + 35), "u", RED, anchor="start"),
        line((-30, height), (-30, height - 90), GREEN, width=2, tip="end"),
        words((-30, height - 98), "v", GREEN),
    ]
    return page(440, 320, [moved([*grid, *marks, *ends], 60, 25)])


def landmarks() -> str:
    """The 68 points and their numbers, from 0."""
    side = 640
    head = Head((0, 0, 0), side, opened=0.4)
    head.camera = PerspectiveCamera(
        head.camera.rotation,
        torch.tensor([[0.0, 35, -1000]]),
        torch.tensor([4.4 * side]),
        torch.full((1, 2), side / 2),
    )
    points = head.landmarks()
    lines = [path(points[a:b], BLUE, closed=a in CLOSED) for a, b in PARTS]
    marks = [dot(point, BLUE) for point in points]
    numbers = [words((x, y - 5), str(k), DARK, size=11) for k, (x, y) in enumerate(points)]
    sides = [
        words((10, side - 12), "subject's right", anchor="start"),
        words((side - 10, side - 12), "subject's left", anchor="end"),
    ]
    return page(side, side, [picture((0, 0), head.picture()), *lines, *marks, *numbers, *sides])


DRAWINGS: dict[str, Callable[[], str]] = {
    "axes": axes,
    "angles": angles,
    "pixels": pixels,
    "uv": uv,
    "landmarks": landmarks,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or DRAWINGS:
        (FOLDER / f"{name}.svg").write_text(DRAWINGS[name]())
