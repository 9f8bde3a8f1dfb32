"""Hair and hats by rule: shells round the head that end at a random line, drawn as strands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.jit import kernel
from ...geometry.segments import Segment
from .chance import one_of, pick, running_shares
from .colours import cloth_colour
from .masks import sigmoid
from .scalp import ARCS, CENTRE, COLUMNS, LOWEST, Scalp, directions
from .shapes import Spot
from .surface import Surface, grid_faces, ring_noise

STYLES = ("short", "long", "fringe", "tied", "hat", "scarf")

_ROWS = 24
_FACES = grid_faces(_ROWS, COLUMNS + 1)
_ANGLE = np.arange(COLUMNS + 1) / COLUMNS * 2 * np.pi

_SHARES = running_shares((0.36, 0.30, 0.10, 0.12, 0.09, 0.03))

_OVER_EARS = 0.75
"""How often hair that comes down that far hides the ears instead of letting them through."""

_EAR_ROOM_MM, _EAR_TOP = 6.0, 1.1


def draw_hairline(rng: np.random.Generator, style: str, angle: NDArray) -> NDArray[np.float64]:
    """How far each column reaches down from the crown: 1 is eye level; angle 0 is the front."""
    aside = np.abs((angle + np.pi) % (2 * np.pi) - np.pi)
    front, side, back = rng.uniform(0.5, 0.76), rng.uniform(0.92, 1.16), rng.uniform(1.2, 1.45)
    if style == "hat":
        front, side, back = rng.uniform(0.55, 0.8), rng.uniform(0.8, 1.0), rng.uniform(0.85, 1.1)
    elif style == "fringe":
        front, side = rng.uniform(0.7, 0.9), one_of(rng, (side, rng.uniform(1.2, 2.4)))
    elif style in ("long", "scarf"):
        side = rng.uniform(1.25, 2.7)
    elif style == "tied":
        side = rng.uniform(0.8, 1.02)
    elif rng.random() < 0.15:  # shaved sides, bald on top
        side = rng.uniform(0.7, 0.9)
    temple = np.deg2rad(rng.uniform(48, 72))
    beside = sigmoid((aside - temple) / np.deg2rad(rng.uniform(3, 10))).astype(float)
    behind = sigmoid((aside - np.deg2rad(rng.uniform(98, 115))) / 0.12).astype(float)
    reach = front * (1 - beside) + beside * (side * (1 - behind) + behind * max(side, back))
    if style in ("hat", "scarf"):
        return reach + ring(rng, 6) * 0.01
    reach = reach + ring(rng, int(rng.integers(4, 16))) * rng.uniform(0.01, 0.06)
    if rng.random() < 0.4:  # a parting on one side
        reach += np.cos(angle - one_of(rng, (-1, 1)) * 0.6) * rng.uniform(0, 0.12) * (1 - beside)
    if rng.random() < 0.12 and style != "scarf":  # blown or combed to one side
        reach += np.clip(np.sin(angle) * one_of(rng, (-1, 1)), 0, 1) * rng.uniform(0.2, 0.8)
    if rng.random() < 0.15 and style != "long":  # receding at the temples
        reach -= 0.2 * np.exp(-(((aside - 0.6) / 0.25) ** 2)) * rng.uniform(0.3, 1)
    return reach


def ring(rng: np.random.Generator, cells: int) -> NDArray[np.float64]:
    """Smooth normal noise (COLUMNS+1,) round the head, the last column as the first."""
    values = ring_noise(rng, COLUMNS, cells)
    return np.append(values, values[0])


@dataclass(frozen=True)
class Hair:
    """Hair or a hat.

    Attributes:
        sheets: its surfaces, in model space.
        reach: (COLUMNS+1,) how far it comes down from the crown, 1 is level with the eyes.
        style: one of `STYLES`.
    """

    sheets: list[Surface]
    reach: NDArray[np.float64]
    style: str

    def roots(self, scalp: Scalp) -> Spot:
        """Where hair grows, for colouring the skin beneath; nothing under a hat."""
        limit = np.minimum(self.reach, 1.45).astype(np.float32)
        weight = np.zeros(len(scalp.upper), np.float32)
        if self.style not in ("hat", "scarf"):
            _grow(limit, scalp.place, scalp.arc, weight)
        return Spot(scalp.upper, weight)


@kernel
def _grow(limit: NDArray, place: NDArray, arc: NDArray, out: NDArray) -> None:
    """How far above the hairline (COLUMNS+1,) vertices at columns `place` and `arc` lie, 0 to 1."""
    for n in range(len(out)):
        low = int(place[n])
        level = limit[low] + (place[n] - low) * (limit[low + 1] - limit[low])
        above = (level - np.float32(0.03) - arc[n]) / np.float32(0.02)
        if above > 9:
            out[n] = 1
        elif above > -9:
            out[n] = 1 / (1 + np.exp(-above))


def draw_hair(rng: np.random.Generator, scalp: Scalp, vertices: NDArray, colour: NDArray) -> Hair:
    """Hair of a linear colour (3,) on a head (V,3) in model space."""
    style = STYLES[pick(rng, _SHARES)]
    reach = draw_hairline(rng, style, _ANGLE)
    covered = style == "scarf" or (style != "hat" and rng.random() < _OVER_EARS)
    ears = scalp.ears + _EAR_ROOM_MM * (scalp.ears > 1) if covered else np.zeros(COLUMNS + 1)
    shell = _shell(rng, style, scalp.radii(vertices), reach, ears)
    if style in ("hat", "scarf"):
        return Hair([_cloth(rng, shell, _ANGLE, brim=style == "hat")], reach, style)
    sheets = [_strands(rng, shell, colour)]
    if style == "tied" and rng.random() < 0.7:
        sheets.append(_bun(rng, shell, colour))
    return Hair(sheets, reach, style)


def _shell(
    rng: np.random.Generator, style: str, radii: NDArray, reach: NDArray, ears: NDArray
) -> NDArray[np.float64]:
    """Points (rows,columns,3) of hair that lies on the skull and hangs down below eye level."""
    share = np.linspace(0, 1, _ROWS)[:, None] ** 0.85
    way = share * reach[None]
    falls = 1.0 if style == "long" else LOWEST
    fall = np.where(reach > LOWEST, 1.0, falls)[None]
    arc, down = np.minimum(way, fall), np.clip(way - fall, 0, 9)
    closed = np.concatenate([radii, radii[:, :1]], 1)
    rows = np.clip(arc / LOWEST * (ARCS - 1), 0, ARCS - 1.001)
    low, part = rows.astype(int), rows % 1
    columns = np.arange(COLUMNS + 1)[None]
    skull = closed[low, columns] * (1 - part) + closed[low + 1, columns] * part
    thick = _thickness(rng, style, share, down)
    rough = 0.0 if style in ("hat", "scarf") else one_of(rng, (0.3, 1.2, 3.5))
    thick = thick + rng.normal(0, 1, thick.shape) * rough
    if style == "long":
        thick = thick + rng.uniform(0, 5) * np.sin(way * rng.uniform(6, 16) + ring(rng, 7)[None])
    thick = np.maximum(thick, ears * sigmoid((way - 0.94) / 0.04) * (reach > _EAR_TOP))
    thick[:, -1] = thick[:, 0]
    points: NDArray[np.float64] = (
        CENTRE + directions(arc, _ANGLE[None]) * (skull + np.maximum(thick, 1))[..., None]
    )
    aside = np.abs((_ANGLE + np.pi) % (2 * np.pi) - np.pi)
    flare = down * rng.uniform(-0.15, 0.28) * (aside > 1.2)[None]
    points[..., [0, 2]] += flare[..., None] * (points - CENTRE)[..., [0, 2]]
    points[..., 1] -= down * 105
    return points


def _thickness(
    rng: np.random.Generator, style: str, share: NDArray, down: NDArray
) -> NDArray[np.float64]:
    """Height of the hair over the skin (rows,columns), mm."""
    low, high = {"tied": (3, 10), "hat": (6, 16), "scarf": (5, 14)}.get(style, (3, 30))
    thick = rng.uniform(low, high) * np.exp(0.25 * ring(rng, 6))[None]
    thick = thick * (1 + rng.uniform(-0.2, 0.8) * (1 - share))
    if style in ("hat", "scarf"):
        return thick
    edge = np.clip((1 - share) / rng.uniform(0.1, 0.35), 0, 1)  # thin where it ends on the skin
    end = rng.uniform(0.5, 1) if style == "fringe" else rng.uniform(0.1, 0.4)
    return thick * np.where(down.max(0) > 0, 1, end + (1 - end) * edge)


def _strands(rng: np.random.Generator, shell: NDArray, colour: NDArray) -> Surface:
    rows, columns = shell.shape[:2]
    tint = ring_noise(rng, columns - 1, 22) * 0.2 + rng.normal(0, 0.15, columns - 1)
    tint = np.append(tint, tint[0])
    shade = tint[None, :, None] + rng.normal(0, 0.12, (rows, columns, 1))
    down = np.linspace(0, 1, rows)[:, None]
    tips = 1 + rng.uniform(-0.2, 0.5) * down[..., None]
    sheet = np.empty((rows, columns, 5), np.float32)
    sheet[..., 0] = 1
    sheet[..., 1] = np.arange(columns)[None] / (columns - 1)
    sheet[..., 2] = down
    sheet[..., 3] = rng.uniform(0.3, 1.0)
    sheet[..., 4] = (1 - down) * rows / rng.uniform(2.0, 5.0)
    return Surface.plain(
        shell.reshape(-1, 3), _FACES, (colour * np.exp(shade) * tips).reshape(-1, 3),
        float(rng.uniform(0.02, 0.2)), sheet.reshape(-1, 5), kind=Segment.HAIR,
    )  # fmt: skip


def _bun(rng: np.random.Generator, shell: NDArray, colour: NDArray) -> Surface:
    """A knot or a tail behind the head."""
    size = rng.uniform(22, 42)
    tail = rng.uniform(1, 3.5) if rng.random() < 0.5 else 1.0
    lift = rng.uniform(-30, 75)
    u, v = np.meshgrid(np.linspace(0, np.pi, 10), np.linspace(0, 2 * np.pi, 15), indexing="ij")
    points = np.stack([np.sin(u) * np.sin(v) * size, np.cos(u) * size * tail,
                       np.sin(u) * np.cos(v) * size], -1)  # fmt: skip
    points += [0, lift - (tail - 1) * size, float(shell[..., 2].min()) - 0.3 * size]
    sheet = np.ones((10, 15, 5), np.float32)
    sheet[..., 1], sheet[..., 2] = v / (2 * np.pi) * 0.4, u / np.pi
    sheet[..., 3] = 0.8
    shade = rng.normal(0, 0.15, (10, 15, 1))
    return Surface.plain(points.reshape(-1, 3), grid_faces(10, 15),
                         (colour * np.exp(shade)).reshape(-1, 3), 0.08,
                         sheet.reshape(-1, 5), kind=Segment.HAIR)  # fmt: skip


def _cloth(rng: np.random.Generator, shell: NDArray, angle: NDArray, *, brim: bool) -> Surface:
    """A hat, with a brim or without, or a headscarf."""
    rows, columns = shell.shape[:2]
    if brim and rng.random() < 0.5:
        edge = (np.cos(angle) > 0.3) | (rng.random() < 0.3)
        out = np.stack([np.sin(angle), -0.1 + 0 * angle, np.cos(angle)], -1)
        shell[-1, edge] += out[edge] * rng.uniform(20, 50)
    colour = cloth_colour(rng) * np.exp(ring(rng, 6) * 0.1)[None, :, None]
    colour = np.broadcast_to(colour, (rows, columns, 3)).copy()
    if rng.random() < 0.4:
        low = int(rng.integers(12, 20))
        colour[low : low + int(rng.integers(2, 5))] = cloth_colour(rng)
    sheet = np.zeros((rows, columns, 5), np.float32)
    sheet[..., 0] = sheet[..., 4] = 1
    sheet[..., 1] = np.arange(columns)[None] / (columns - 1)
    sheet[..., 2] = np.linspace(0, 1, rows)[:, None]
    sheet[..., 3] = rng.uniform(0, 0.25)
    return Surface.plain(shell.reshape(-1, 3), _FACES, colour.reshape(-1, 3),
                         float(rng.uniform(0, 0.1)), sheet.reshape(-1, 5),
                         kind=Segment.HEADWEAR)  # fmt: skip
