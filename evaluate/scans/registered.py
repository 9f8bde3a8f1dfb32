"""A template bent onto a scan, as GANFit's evaluation of MICC Florence compares with."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from ...facemodels import load_face_model
from ...geometry.icp import IcpOptions, iterative_closest_point
from ...geometry.nonrigid import nonrigid_icp
from .align import landmark_similarity
from .surface import Surface, model_surface

_TRIM = 0.1  # share of the farthest matches that the rigid stage leaves out


@lru_cache(maxsize=1)
def _template() -> tuple[Surface, np.ndarray]:
    """The mean face and the vertices nearest to its landmarks."""
    mean = model_surface(load_face_model())
    gaps = np.square(mean.vertices[None] - mean.landmarks[:, None]).sum(2)
    return mean, np.where(mean.annotated, np.nan_to_num(gaps, nan=np.inf).argmin(1), -1)


def register(scan: Surface) -> Surface:
    """The default model's mean face bent onto a scan: the scan's shape in our topology.

    Landmarks, then rigid ICP with scale, then non-rigid ICP held by the scan's landmarks. GANFit
    takes its own template and menpo's non-rigid ICP with 68 landmarks. The vertices that the scan
    does not cover follow smoothly; the crop around the nose decides what is compared.

    Raises:
        InputError: the scan has no three landmarks.
    """
    mean, ids = _template()
    start = landmark_similarity(mean, scan, scale=True)
    fit = iterative_closest_point(
        mean.vertices,
        scan.vertices,
        scan.faces,
        initial=start,
        options=IcpOptions(
            kind="point-to-plane", scale=True, tolerance=3e-4, trim=_TRIM, drop_boundary=True
        ),
    )
    moved = mean.moved(*fit.similarity.as_arrays())
    both = np.flatnonzero(scan.annotated & (ids >= 0))
    bent = nonrigid_icp(
        moved.vertices,
        moved.faces,
        scan.vertices,
        scan.faces,
        landmarks=(ids[both], scan.landmarks[both]),
    )
    points = np.full((68, 3), np.nan)
    known = np.flatnonzero(ids >= 0)
    points[known] = bent[ids[known]]
    points[scan.annotated] = scan.landmarks[scan.annotated]
    return replace(moved, name=scan.name, vertices=bent, landmarks=points)
