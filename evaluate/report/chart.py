"""Line charts as inline SVG: axes with round ticks, and lines that differ in colour and dashes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from .report import Curve
from .text import number

Array = NDArray[np.float64]
_WIDTH, _HEIGHT = 480, 320
_RIGHT, _TOP, _BOTTOM = 462, 10, 274  # the plot's box; its left edge depends on the labels
# Okabe and Ito's colours, darkened where white paper needs it, each with its dashes for print.
_PENS = (
    ("#0072b2", ""),
    ("#d55e00", "7 3"),
    ("#00795a", "2 3"),
    ("#111111", "9 3 2 3"),
    ("#b0468d", "4 2"),
    ("#8a6d00", "12 4"),
)
_FEW = 16  # points of a line that get a dot each


def curve_chart(curve: Curve) -> str:
    """A figure with the curve's lines, axes and legend; values that are not finite leave gaps."""
    lines = {label: _line(xy) for label, xy in curve.series.items()}
    lines = {label: xy for label, xy in lines.items() if np.isfinite(xy).all(0).any()}
    title = f"<figcaption><strong>{escape(curve.title)}</strong></figcaption>"
    if not lines:
        return f'<figure class="chart">{title}<p class="note">Nothing to draw.</p></figure>'
    stacked = np.concatenate(list(lines.values()), 1)
    frame = _Frame(_ticks(stacked[0]), _ticks(stacked[1]))
    drawn = [_draw(xy, _PENS[k % len(_PENS)], frame) for k, xy in enumerate(lines.values())]
    return (
        f'<figure class="chart">{title}\n'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(curve.title)}" '
        'font-family="inherit" font-size="13" fill="#1a1a1a">\n'
        + "\n".join([_axes(curve, frame), *drawn])
        + f"\n</svg>\n{_legend(list(lines))}</figure>"
    )


@dataclass(frozen=True)
class _Frame:
    """The ticks of both axes, and where values lie in the drawing."""

    x_ticks: Array
    y_ticks: Array

    @property
    def left(self) -> float:
        return 32 + 7.5 * max(map(len, _labels(self.y_ticks)))

    def x(self, values: Array) -> Array:
        return _place(values, self.x_ticks, self.left, _RIGHT)

    def y(self, values: Array) -> Array:
        return _place(values, self.y_ticks, _BOTTOM, _TOP)


def _line(xy: tuple[Sequence[float], Sequence[float]]) -> Array:
    return np.array([[math.nan if v is None else v for v in axis] for axis in xy], np.float64)


def _ticks(values: Array) -> Array:
    """Four to seven round numbers that enclose the finite values; from 0 where that is near."""
    finite = values[np.isfinite(values)]
    low, high = float(finite.min()), float(finite.max())
    if 0 < low < 0.4 * high:
        low = 0.0
    if high - low < 1e-12 * max(1.0, abs(high)):
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return np.asarray(np.arange(first, last + 1) * step, np.float64)


def _place(values: Array, ticks: Array, start: float, end: float) -> Array:
    return start + (values - ticks[0]) / (ticks[-1] - ticks[0]) * (end - start)


def _axes(curve: Curve, frame: _Frame) -> str:
    left = frame.left
    parts = []
    for text, y in zip(_labels(frame.y_ticks), frame.y(frame.y_ticks), strict=True):
        parts.append(f'<path d="M{left} {y:.1f}H{_RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 7}" y="{y + 4.5:.1f}" text-anchor="end">{text}</text>')
    for text, x in zip(_labels(frame.x_ticks), frame.x(frame.x_ticks), strict=True):
        parts.append(f'<path d="M{x:.1f} {_BOTTOM}v5" stroke="#444"/>')
        parts.append(f'<text x="{x:.1f}" y="{_BOTTOM + 19}" text-anchor="middle">{text}</text>')
    parts.append(f'<path d="M{left} {_TOP}V{_BOTTOM}H{_RIGHT}" fill="none" stroke="#444"/>')
    x_place = f"translate({(left + _RIGHT) / 2} {_HEIGHT - 8})"
    y_place = f"translate(14 {(_TOP + _BOTTOM) / 2}) rotate(-90)"
    for place, label in ((x_place, curve.x_label), (y_place, curve.y_label)):
        parts.append(f'<text transform="{place}" text-anchor="middle">{escape(label)}</text>')
    return "\n".join(parts)


def _labels(ticks: Array) -> list[str]:
    step = float(ticks[1] - ticks[0])
    places = next((d for d in range(9) if abs(step * 10**d - round(step * 10**d)) < 1e-6), 9)
    return [number(float(tick) + 0.0, places) for tick in ticks]


def _draw(xy: Array, pen: tuple[str, str], frame: _Frame) -> str:
    x, y = frame.x(xy[0]), frame.y(xy[1])
    seen = np.asarray(np.isfinite(xy).all(0))
    path, down = [], False
    for here, there, drawn in zip(x, y, seen, strict=True):
        if drawn:
            path.append(f"{'L' if down else 'M'}{here:.1f} {there:.1f}")
        down = bool(drawn)
    dots = "".join(
        f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.2" fill="{pen[0]}"/>'
        for a, b in zip(x[seen], y[seen], strict=True)
    )
    line = f'<path d="{"".join(path)}" {_stroke(*pen)}/>'
    return line + (dots if seen.sum() <= _FEW else "")


def _legend(labels: Sequence[str]) -> str:
    entries = []
    for k, label in enumerate(labels):
        stroke = _stroke(*_PENS[k % len(_PENS)])
        sample = f'<svg viewBox="0 0 32 10" aria-hidden="true"><path d="M0 5H32" {stroke}/></svg>'
        entries.append(f"<li>{sample}{escape(label)}</li>")
    return f'<ul class="legend">{"".join(entries)}</ul>'


def _stroke(colour: str, dashes: str) -> str:
    pattern = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'fill="none" stroke="{colour}" stroke-width="2.2"{pattern}'
