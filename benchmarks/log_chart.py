"""Small charts with logarithmic axes, drawn with Pillow: panels side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

_WIDTH, _HEIGHT = 340, 300  # of a panel
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 54, 52
_INK, _GRID, _LINE, _HINT = (30, 30, 30), (222, 222, 222), (20, 90, 170), (150, 150, 150)
_FINER = 2  # drawn so much larger, then shrunk


@dataclass(frozen=True)
class Panel:
    """One curve.

    Attributes:
        title: below it. points: (x, y), both above 0.
    """

    title: str
    points: Sequence[tuple[float, float]]


def short(value: float) -> str:
    """12, 0.35, 70k."""
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:.3g}"


class _Pen:
    """Draws in a panel's own coordinates."""

    def __init__(self, image: Image.Image, left: int, x: Sequence[float], y: Sequence[float]):
        self.draw, self.left = ImageDraw.Draw(image), left
        self.font = ImageFont.load_default(12 * _FINER)
        self.x = log10(min(x)) - 0.12, log10(max(x)) + 0.12
        self.y = floor(log10(min(y)) + 1e-9), max(ceil(log10(max(y)) - 1e-9), log10(max(y)) + 0.15)

    def place(self, x: float, y: float) -> tuple[float, float]:
        across = (log10(x) - self.x[0]) / (self.x[1] - self.x[0])
        up = (log10(y) - self.y[0]) / (self.y[1] - self.y[0])
        return (
            _FINER * (self.left + _LEFT + across * (_WIDTH - _LEFT - _RIGHT)),
            _FINER * (_HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM)),
        )

    def line(self, points: Sequence[tuple[float, float]], colour: tuple, width: int = 1) -> None:
        self.draw.line([self.place(*p) for p in points], fill=colour, width=width * _FINER)

    def text(self, place: tuple[float, float], words: str, anchor: str, colour=_INK) -> None:
        self.draw.text(place, words, fill=colour, font=self.font, anchor=anchor)


def _panel(pen: _Pen, panel: Panel) -> None:
    low, high = 10 ** pen.y[0], 10 ** pen.y[1]
    first, last = 10 ** pen.x[0], 10 ** pen.x[1]
    for power in range(ceil(pen.y[0]), floor(pen.y[1]) + 1):
        pen.line([(first, 10.0**power), (last, 10.0**power)], _GRID)
        x, y = pen.place(first, 10.0**power)
        pen.text((x - 6 * _FINER, y), f"{10.0**power:g}", "rm")
    for value, _ in panel.points:
        pen.line([(value, low), (value, high)], _GRID)
        x, y = pen.place(value, low)
        pen.text((x, y + 6 * _FINER), short(value), "ma")
    pen.line([(first, high), (first, low), (last, low)], _INK)
    x, y = pen.place((first * last) ** 0.5, low)
    pen.text((x, y + 26 * _FINER), panel.title, "ma")
    pen.line(panel.points, _LINE, 2)
    for value, height in panel.points:
        x, y = pen.place(value, height)
        r = 3 * _FINER
        pen.draw.ellipse((x - r, y - r, x + r, y + r), fill=_LINE)
        pen.text((x, y - 6 * _FINER), short(height), "mb", _LINE)


def write_chart(path: Path, title: str, panels: Sequence[Panel]) -> None:
    """Panels with one common vertical axis.

    Args:
        path: .png or .jpg. title: above, with the unit of y. panels: from left to right.
    """
    size = _FINER * _WIDTH * len(panels), _FINER * _HEIGHT
    image = Image.new("RGB", size, "white")
    heights = [y for panel in panels for _, y in panel.points]
    for k, panel in enumerate(panels):
        pen = _Pen(image, k * _WIDTH, [x for x, _ in panel.points], heights)
        _panel(pen, panel)
    font = ImageFont.load_default(14 * _FINER)
    ImageDraw.Draw(image).text((_FINER * 12, _FINER * 10), title, fill=_INK, font=font)
    small = image.resize((size[0] // _FINER, size[1] // _FINER), Image.Resampling.LANCZOS)
    small.quantize(64).save(path) if path.suffix == ".png" else small.save(path, quality=90)
