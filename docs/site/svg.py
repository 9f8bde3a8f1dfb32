"""Lines, arrows, words and pictures as SVG, in pixels by our convention: x right, y down."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Point = Sequence[float]
RED, GREEN, BLUE, DARK, PALE = "#c62828", "#2e7d32", "#1565c0", "#263238", "#b0bec5"
_HEAD = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="6" markerHeight="6" '
    'orient="auto-start-reverse"><path d="M0 0 8 4 0 8z" fill="context-stroke"/></marker></defs>'
)


def page(width: int, height: int, parts: Sequence[str]) -> str:
    """A whole file."""
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    font = 'font-family="sans-serif" font-size="14"'
    start = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>'
    return "\n".join([start, _HEAD, *parts, "</svg>"]) + "\n"


def line(start: Point, end: Point, colour: str = DARK, *, width: float = 1, tip: str = "") -> str:
    """A line; `tip` is "end" for an arrow."""
    x1, y1, x2, y2 = (f"{value:.0f}" for value in (*start, *end))
    marker = ' marker-end="url(#tip)"' if tip == "end" else ""
    place = f'x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"'
    return f'<line {place} stroke="{colour}" stroke-width="{width}"{marker}/>'


def words(
    at: Point, text: str, colour: str = DARK, *, anchor: str = "middle", size: int = 14
) -> str:
    """Text whose baseline begins, ends or has its middle there."""
    place = f'x="{at[0]:.0f}" y="{at[1]:.0f}" text-anchor="{anchor}" font-size="{size}"'
    halo = 'stroke="#fff" stroke-width="3" stroke-opacity="0.7" paint-order="stroke"'
    return f'<text {place} fill="{colour}" {halo}>{text}</text>'


def dot(at: Point, colour: str = DARK, radius: float = 2.5) -> str:
    """A filled circle."""
    return f'<circle cx="{at[0]:.0f}" cy="{at[1]:.0f}" r="{radius}" fill="{colour}"/>'


def path(points: Sequence[Point], colour: str = DARK, *, closed: bool = False) -> str:
    """A line through points."""
    places = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
    kind = "polygon" if closed else "polyline"
    return f'<{kind} points="{places}" fill="none" stroke="{colour}"/>'


def picture(at: Point, pixels: NDArray[np.uint8]) -> str:
    """An image (H,W,3), a pixel as large as a unit, its upper left corner there."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=85)
    data = base64.b64encode(file.getvalue()).decode()
    height, width = pixels.shape[:2]
    place = f'x="{at[0]:.0f}" y="{at[1]:.0f}" width="{width}" height="{height}"'
    return f'<image {place} href="data:image/jpeg;base64,{data}"/>'
