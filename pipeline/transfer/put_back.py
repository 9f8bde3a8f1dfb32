"""A changed face put back into its photograph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ...geometry.face_model import FaceModel
from ...render.face import FaceRenderer
from ...render.overlay import Picture, to_picture
from ..face import ReconstructedFace
from ..segment.evidence import BEARD, CHANNELS, EYE, HAIR, MOUTH, SKIN, TEETH, Evidence
from .spread import fading, softened, spread
from .surface import ChangedSurface, Window, changed_surface, pixel_centres, sampled

_REACH = 0.3  # of the head's size: so far round it the photograph moves with it
_LIT_REACH = 0.15  # likewise, so far the new light falls
_SOFT = 0.004  # of the head's size: width of a border between photograph and texture
_HAIR_LIT = 0.8  # share of the change of light that hair takes
_NECK = 0.25  # of the head's height, from its lower end: there a new texture fades out
_MOVED = 0.01  # of the head's size: skin that moved so far is looked at for eyes and teeth on it
_STILL = 0.02  # pixels: what moves less is left where it is
_STEP = 1.0  # pixels by which neighbours moved apart, at an edge
_ODD_MOUTH, _ODD_EYE = 0.3, 0.75  # how likely a pixel shows a mouth's inside, or an eye
_INNER = ("mouth_interior", "gums", "tongue", "teeth", "left_eye", "right_eye", "cavities")
OVER, INNER, LIDS, GAIN = range(4)
"""Columns of what is interpolated over the surface; the gain has three."""


@dataclass(frozen=True)
class Change:
    """What changes, beside the expression of `new`.

    Attributes:
        old: the face as the photograph shows it. new: as it shall be.
        brightening: (V,3) what the photograph's colours are multiplied with; None leaves the light.
        retextured: (V,) in [0,1] how far the skin is that of `new`'s texture, not the
            photograph's; None leaves the photograph's.
    """

    old: ReconstructedFace
    new: ReconstructedFace
    brightening: Tensor | None = None
    retextured: Tensor | None = None


def put_back(
    renderer: FaceRenderer,
    picture: NDArray[np.uint8],
    change: Change,
    evidence: Evidence | None = None,
) -> Picture:
    """The photograph with its face changed; pixels far from the head stay as they are.

    Where the surface of the changed head was visible before, its pixels are moved, so that pores,
    strands of hair and glasses go along; what was hidden, as the inside of a mouth, is drawn with
    the texture. Round the head the photograph moves along, less with the distance. Light multiplies
    what is skin or hair by the evidence; a new texture covers what is skin.

    Args:
        renderer: of the face model, with its texture coordinates.
        picture: (H,W,3) uint8. change: of which face, and how.
        evidence: what the photograph shows where; without it all that the head covers is skin.
    """
    window = _window(change, picture.shape[:2])
    rows = slice(window.top, window.top + window.height)
    columns = slice(window.left, window.left + window.width)
    before = torch.from_numpy(picture[rows, columns].copy()).permute(2, 0, 1).float() / 255
    after = _changed(renderer, before, window, change, evidence)
    result = picture.copy()
    result[rows, columns] = to_picture(after)
    return result


def _window(change: Change, size: tuple[int, int]) -> Window:
    heads = [
        face.camera.project(face.vertices[None])[0, :, :2] for face in (change.old, change.new)
    ]
    return Window.around(torch.cat(heads), size)


def _changed(
    renderer: FaceRenderer,
    before: Tensor,
    window: Window,
    change: Change,
    evidence: Evidence | None,
) -> Tensor:
    """The window's picture (3,h,w) afterwards."""
    seen = changed_surface(renderer, change.old, change.new, window, _attributes(change))
    size = float(seen.covered.sum()) ** 0.5
    soft = max(1, round(_SOFT * size))
    shift = spread(seen.shift.permute(2, 0, 1), seen.visible.float())
    shift = (shift * fading(seen.covered, _REACH * size)).permute(1, 2, 0)
    shift = shift * (shift.norm(dim=-1, keepdim=True) > _STILL)
    maps = sampled(_maps(evidence, window, seen.covered), shift)
    shown = _smooth_edges(sampled(before, shift), shift)
    moved = (shift.norm(dim=-1) / (_MOVED * size)).clamp(max=1)
    shown = _repaired(shown, maps, seen, soft, moved)
    if change.brightening is not None:
        shown = shown * _gain(seen, maps, _LIT_REACH * size)
    hidden = _without_specks(seen.covered & ~seen.visible, soft)
    if change.retextured is not None:
        skin = (maps[SKIN] + maps[BEARD]).clamp(0, 1) * seen.values[..., OVER]
        hidden = torch.maximum(hidden, skin * seen.covered)
    drawn = spread(seen.image, seen.covered.float())
    return shown + softened(hidden, soft) * (drawn - shown)


def _smooth_edges(shown: Tensor, shift: Tensor) -> Tensor:
    """A moved picture, averaged over 3 x 3 pixels where one surface moved before another."""
    steps = torch.zeros(shift.shape[:2])
    down, right = (
        (a - b).norm(dim=-1) for a, b in ((shift[1:], shift[:-1]), (shift[:, 1:], shift[:, :-1]))
    )
    for part, step in (
        (steps[1:], down),
        (steps[:-1], down),
        (steps[:, 1:], right),
        (steps[:, :-1], right),
    ):
        torch.maximum(part, step, out=part)
    edges = softened((steps > _STEP).float(), 1).clamp(max=1)
    padded = functional.pad(shown[None], [1] * 4, mode="replicate")
    return shown + edges * (functional.avg_pool2d(padded, 3, 1)[0] - shown)


def _repaired(
    shown: Tensor, maps: Tensor, seen: ChangedSurface, soft: int, moved: Tensor
) -> Tensor:
    """The moved photograph without eyes and teeth on what is skin, and with skin for hidden lids.

    Where a fitted mouth or eye is off by some pixels, lids would get a piece of the eye, and lips
    of the teeth. The skin round them is continued instead, and over lids that were folded away.
    """
    outer = seen.covered & (seen.values[..., INNER] < 0.5)
    odd = (maps[TEETH] + maps[MOUTH] > _ODD_MOUTH) | (maps[EYE] > _ODD_EYE)
    folded = ~seen.visible & (seen.values[..., LIDS] > 0.5)
    wrong = softened((outer & (odd | folded)).float(), soft) > 0
    known = outer & seen.visible & ~wrong
    share = softened((wrong & outer).float(), soft) * moved
    return shown + share * (spread(shown, known.float()) - shown)


def _attributes(change: Change) -> Tensor:
    """What is interpolated over the surface (V,6): `OVER`, `INNER`, `LIDS`, and the gain."""
    model = change.old.model
    heights = model.mean[:, 1]
    low, high = heights.min(), heights.max()
    over = ((heights - low) / ((high - low) * _NECK)).clamp(0, 1)
    if change.retextured is not None:
        over = over * change.retextured
    inner, lids = (_of_regions(model, names) for names in (_INNER, ("eyelids",)))
    gain = change.brightening
    gain = torch.ones_like(change.old.vertices) if gain is None else gain
    return torch.cat([torch.stack([over, inner, lids], 1), gain], 1)


def _of_regions(model: FaceModel, names: tuple[str, ...]) -> Tensor:
    """1 on the vertices of regions, those that a model has, and 0 elsewhere (V,)."""
    found = torch.zeros(len(model.mean), dtype=torch.bool)
    for name in names:
        found |= model.regions.get(name, found)
    return found.float()


def _without_specks(hidden: Tensor, radius: int) -> Tensor:
    """A mask (h,w) without what is narrower than 2 * radius + 1 pixels, as 0 and 1."""
    side = 2 * radius + 1
    lean = -functional.max_pool2d(-hidden.float()[None, None], side, 1, radius)
    return functional.max_pool2d(lean, side, 1, radius)[0, 0]


def _gain(seen: ChangedSurface, maps: Tensor, reach: float) -> Tensor:
    """What the window's colours are multiplied with (3,h,w)."""
    gain = seen.values[..., GAIN:].permute(2, 0, 1)
    outer = seen.covered & (seen.values[..., INNER] < 0.5)  # eyes and teeth as the skin round them
    around = spread(gain, outer.float())
    shares = maps[SKIN:CHANNELS].sum(0) - (1 - _HAIR_LIT) * maps[HAIR]
    share = shares.clamp(0, 1) * fading(seen.covered, reach)
    return 1 + share * (around - 1)


def _maps(evidence: Evidence | None, window: Window, covered: Tensor) -> Tensor:
    """The evidence in the window (C,h,w); without any, what is covered is skin."""
    if evidence is None:
        maps = torch.zeros(CHANNELS, *window.size)
        maps[SKIN] = covered.float()
        return maps
    corner = torch.tensor([window.left, window.top])
    return evidence.at(pixel_centres(window.size) + corner).permute(2, 0, 1)
