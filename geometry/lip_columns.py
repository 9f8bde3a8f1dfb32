"""How far lips are apart: the opening of a face model's mouth in columns, from side to side.

A column holds the vertices of both lips that lie over one another on the face at rest. Its opening
is the height of the upper lip's lowest vertex less that of the lower lip's highest one: what is
seen between the lips from in front, below 0 where they overlap. Which vertices these are changes as
lips roll; between two changes the opening is linear in the coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from .face_model import FaceModel

PLACES = (-0.6, -0.4, -0.2, 0.0, 0.2, 0.4, 0.6)
"""Where columns are, from the mouth's middle over the way to its inner corner."""

_WIDTH = 0.075  # of a column to each side, over the same way
_MOVED = 0.3  # of the jaw's own way: what jawOpen moves further belongs to the lower lip
_CORNERS = 60, 64  # of ibug68


class LipEvidence(NamedTuple):
    """What is known of the opening of B mouths.

    Attributes:
        opening: (B,C) mm, of the columns.
        error: (B,C) mm, how far that may be off; infinity where nothing is known.
    """

    opening: Tensor
    error: Tensor


@dataclass(frozen=True)
class LipColumns:
    """C columns of a face model's lips.

    Attributes:
        rest: (C,2,n) mm, heights of the upper and the lower lip's vertices on the mean face;
            columns of fewer vertices repeat one.
        modes: (C,2,n,Ki+Ke) mm per unit of the identity and expression coefficients.
        touching: (C,) mm, the opening of the mean face, whose lips touch.
    """

    rest: Tensor
    modes: Tensor
    touching: Tensor

    @classmethod
    def of(cls, model: FaceModel) -> LipColumns | None:
        """The columns of a model; None where it has no region "lips" or no unit "jawOpen"."""
        if "lips" not in model.regions or "jawOpen" not in model.expression_names:
            return None
        rows = [_padded(parts) for parts in _columns(model)]
        vertices = torch.nn.utils.rnn.pad_sequence(
            [torch.stack(row).T for row in rows], batch_first=True, padding_value=-1
        ).mT
        vertices = torch.where(vertices < 0, vertices[..., :1], vertices)
        rest = model.mean[vertices, 1]
        modes = torch.cat([model.identity, model.expression])[:, vertices, 1]
        columns = cls(rest, modes.permute(1, 2, 3, 0).contiguous(), rest.new_zeros(len(rest)))
        none = rest.new_zeros(1, modes.shape[0])
        return cls(rest, columns.modes, columns.linearised(none)[0][0])

    def to(self, device: torch.device | str) -> LipColumns:
        """The same on another device."""
        return LipColumns(*(value.to(device) for value in vars(self).values()))

    def linearised(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Openings (B,C) mm at coefficients (B,Ki+Ke), and their derivatives (B,C,Ki+Ke)."""
        heights = self.rest + torch.einsum("clnk,bk->bcln", self.modes, values)
        upper, lower = heights[:, :, 0].min(2), heights[:, :, 1].max(2)
        column = torch.arange(len(self.rest), device=values.device)
        above = self.modes[column, 0, upper.indices]
        return upper.values - lower.values, above - self.modes[column, 1, lower.indices]

    def openings(self, identity: Tensor, expression: Tensor) -> Tensor:
        """Openings (B,C) mm of faces with identity (B,Ki) and expression (B,Ke)."""
        return self.linearised(torch.cat([identity, expression], 1))[0]


def _columns(model: FaceModel) -> list[tuple[Tensor, Tensor]]:
    """The vertices of the upper and of the lower lip in each column."""
    x = model.mean[:, 0]
    falls = -model.expression[model.expression_names.index("jawOpen"), :, 1]
    lips = model.regions["lips"]
    lower = falls > _MOVED * falls[lips].max()
    corners = model.landmark_points(model.mean[None], "ibug68")[0, list(_CORNERS), 0]
    middle, reach = corners.mean(), corners.diff().abs() / 2
    columns = []
    for place in PLACES:
        here = lips & ((x - middle - place * reach).abs() <= _WIDTH * reach)
        columns.append((torch.nonzero(here & ~lower)[:, 0], torch.nonzero(here & lower)[:, 0]))
    return columns


def _padded(parts: tuple[Tensor, Tensor]) -> list[Tensor]:
    """Both as long as the longer one; the first vertex fills."""
    count = max(len(part) for part in parts)
    return [torch.cat([part, part[:1].expand(count - len(part))]) for part in parts]
