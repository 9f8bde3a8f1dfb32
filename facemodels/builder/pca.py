"""Principal components that respect a left-right mirror."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

Array = NDArray[np.float64]
Index = NDArray[np.int64]


def symmetric_pca(
    samples: NDArray[np.float32],
    mirror: Index,
    weight: Array,
    count: int,
    reflect: Callable[[NDArray, Index], NDArray],
) -> tuple[Array, NDArray[np.float32], Array]:
    """PCA of a population to which everybody's mirror image has been added.

    A deviation splits into a symmetric and an antisymmetric half that are uncorrelated in such a
    population, so the components of each half are found on their own and merged by variance.

    Args:
        samples: (N,V,3).
        mirror: (V,) mirror vertex of every vertex.
        weight: (V,) importance of every vertex, symmetric.
        count: components to keep, K.
        reflect: mirror image of an array (...,V,3).

    Returns:
        mean (V,3); components (K,V,3) per standard deviation, each one's largest entry positive;
        the cumulative share of the weighted variance (K,).
    """
    mean = samples.mean(0, dtype=np.float64)
    mean = (mean + reflect(mean, mirror)) / 2
    halves = _halves(samples, mean, mirror, reflect)
    found = [_components(half, weight, count) for half in halves]
    total = sum(f[2] for f in found)
    variance = np.concatenate([f[0] for f in found])
    order = np.argsort(-variance, kind="stable")[:count]
    basis = np.concatenate([f[1] for f in found])[order]
    return mean, _fix_signs(basis), np.cumsum(variance[order]) / total


def _halves(
    samples: NDArray[np.float32],
    mean: Array,
    mirror: Index,
    reflect: Callable[[NDArray, Index], NDArray],
) -> list[NDArray[np.float32]]:
    deviation = samples - mean.astype(np.float32)
    mirrored = reflect(deviation, mirror)
    return [(deviation + mirrored) / 2, (deviation - mirrored) / 2]


def _components(
    half: NDArray[np.float32], weight: Array, count: int
) -> tuple[Array, NDArray[np.float32], float]:
    """Variances (K,), components (K,V,3) regressed on unit-variance scores, and total variance."""
    n = len(half)
    flat = (half * weight[None, :, None].astype(np.float32)).reshape(n, -1)
    gram = (flat @ flat.T).astype(np.float64) / n
    variance, vectors = eigh(gram, subset_by_index=[n - count, n - 1])
    scores = (vectors * np.sqrt(n)).astype(np.float32)
    basis = (scores.T @ half.reshape(n, -1) / n).reshape(count, -1, 3)
    return variance, basis, float(np.trace(gram))


def _fix_signs(basis: NDArray[np.float32]) -> NDArray[np.float32]:
    """Flip components so that the entry largest in magnitude is positive.

    Mirror twins tie in magnitude; only vertices that lead by more than rounding would be safe, so
    the first entry within 1 % of the largest decides.
    """
    flat = basis.reshape(len(basis), -1)
    leading = np.abs(flat) >= 0.99 * np.abs(flat).max(1, keepdims=True)
    sign = np.sign(flat[np.arange(len(flat)), leading.argmax(1)])
    return basis * sign[:, None, None]
