"""Compiled loops that compose a texture's texels of what is sampled and of coarse maps.

A coarse map is (s,s,3), means over cells of `cell` x `cell` texels, and bilinear between them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.jit import inline, kernel

Floats = NDArray[np.float32]

_HALF, _ONE, _TWO, _THREE = np.float32(0.5), np.float32(1), np.float32(2), np.float32(3)


@inline
def _smooth(coarse: Floats, share: np.float32, size: int, t: int, values: Floats) -> None:
    """The values (3,) of a coarse map at a texel of a texture; share: 1 over a cell's side."""
    y = t // size
    fy = (np.float32(y) + _HALF) * share + _HALF
    fx = (np.float32(t - y * size) + _HALF) * share + _HALF
    bottom, right = int(fy), int(fx)
    ay, ax = fy - np.float32(bottom), fx - np.float32(right)
    top, left = np.uintp(max(bottom - 1, 0)), np.uintp(max(right - 1, 0))
    low, far = np.uintp(min(bottom, len(coarse) - 1)), np.uintp(min(right, len(coarse) - 1))
    one, two, three, four = (_ONE - ax) * (_ONE - ay), ax * (_ONE - ay), (_ONE - ax) * ay, ax * ay
    for c in range(3):
        upper = one * coarse[top, left, c] + two * coarse[top, far, c]
        values[c] = upper + three * coarse[low, left, c] + four * coarse[low, far, c]


@kernel
def finish(
    sampled: Floats, fitted: Floats, near: Floats, near_cell: int, coarse: Floats, cell: int,
    size: int, known: Floats, pasted: Floats, own: NDArray[np.bool_], twin: NDArray[np.int64],
    seam: Floats, image: Floats,
) -> None:  # fmt: skip
    """Compose the skin (T,3): the photograph where it is pasted, else the model and what is off.

    What is off is the smooth difference, the mirror image's towards a seam, and the mirror image's
    fine difference.

    Args:
        sampled, fitted: (T,3), the photograph and the model.
        near, near_cell: their difference, as a coarse map that meets what is pasted.
        coarse, cell: likewise, the smoother one that tells what is fine. size: of the texture.
        known, pasted: (T,) weights. own: (T,) texels of skin; others become 0.
        twin, seam: (T,), see `Atlas`; both without texels where the model has no mirror image.
        image: (T,3), the result.
    """
    here, there = np.zeros(3, np.float32), np.zeros(3, np.float32)
    share, near_share = _ONE / np.float32(cell), _ONE / np.float32(near_cell)
    for t in range(len(own)):
        weight = pasted[t]
        if not own[t] or weight >= 1:
            for c in range(3):
                image[t, c] = sampled[t, c] if own[t] else 0
            continue
        _smooth(near, near_share, size, t, here)
        if len(twin):
            other = twin[t]
            if seam[t] > 0 or known[other] > 0:
                _smooth(coarse, share, size, other, there)
                for c in range(3):
                    here[c] += seam[t] / _TWO * (there[c] - here[c])
                    off = sampled[other, c] - fitted[other, c] - there[c]
                    here[c] += off * known[other]
        for c in range(3):
            rest = fitted[t, c] + here[c]
            image[t, c] = rest + weight * (sampled[t, c] - rest)


@kernel
def contrast(
    sampled: Floats, coarse: Floats, cell: int, size: int, sure: Floats
) -> tuple[float, float]:
    """Sums, by weights (T,), of the coarse brightness and of the square of what is finer.

    Args:
        sampled: (T,3) the photograph. coarse, cell: a coarse map of it. size: of the texture.
        sure: (T,) the weights.
    """
    level, ragged = 0.0, 0.0
    here, share = np.zeros(3, np.float32), _ONE / np.float32(cell)
    for t in range(len(sure)):
        if sure[t] > 0:
            _smooth(coarse, share, size, t, here)
            smooth = (here[0] + here[1] + here[2]) / _THREE
            fine = (sampled[t, 0] + sampled[t, 1] + sampled[t, 2]) / _THREE - smooth
            level += sure[t] * smooth
            ragged += sure[t] * fine * fine
    return level, ragged


@kernel
def lay(
    sampled: Floats, coarse: Floats, cell: int, size: int, strands: Floats, depth: float,
    covered: Floats, carried: Floats, image: Floats, weight: Floats,
) -> None:  # fmt: skip
    """Lay hair over a texture (T,3) and its weight (T,), in place.

    Args:
        sampled: (T,3) the photograph.
        coarse, cell: the colours of hair that is not seen, as a coarse map. size: of the texture.
        strands: (T,) a pattern, which changes the colour by so many times `depth`.
        covered: (T,) how far hair covers. carried: (T,) how far it is the photograph's.
        image, weight: of the texture.
    """
    here, share = np.zeros(3, np.float32), _ONE / np.float32(cell)
    for t in range(len(covered)):
        if covered[t] > 0:
            _smooth(coarse, share, size, t, here)
            tone = _ONE + np.float32(depth) * strands[t]
            for c in range(3):
                own = here[c] * tone
                own += carried[t] * (sampled[t, c] - own)
                image[t, c] += covered[t] * (own - image[t, c])
            weight[t] += covered[t] * (carried[t] - weight[t])


@kernel
def divided(image: Floats, planes: Floats) -> None:
    """An image (H,W,3) as its three planes (3,H,W), each held in [0,1]."""
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            for c in range(3):
                planes[c, y, x] = min(max(image[y, x, c], np.float32(0)), _ONE)
