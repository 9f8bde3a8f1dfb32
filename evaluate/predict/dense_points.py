"""Where a face has the vertices of another mesh: AFLW2000-3D's fitted faces are Basel's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ...geometry.align import align_points
from ...geometry.closest import ClosestPoints
from ...geometry.face_model import FaceModel
from ...geometry.icp import IcpOptions, iterative_closest_point
from ...pipeline.predicted import PredictedFace

Array = NDArray[np.float64]
_LANDMARKS = "300w-lp"
_NEAR_MM = 5.0  # from a vertex of the other mean face, beyond which the model has no such place
_TRIM = 0.2  # share of the farthest matches, as of ears and necks that only one of them has


@dataclass(frozen=True)
class DenseReader:
    """Reads points of a face model that correspond to vertices of another mesh.

    Attributes:
        corners: (K,3) vertices of the face model whose weighted sums the points are.
        weights: (K,3), barycentric.
        kept: (K,) the other mesh's vertices that they correspond to.
        words: what corresponds, and how it was found.
    """

    corners: NDArray[np.int64]
    weights: Array
    kept: NDArray[np.int64]
    words: str

    def __call__(self, face: PredictedFace) -> Array:
        """(K,3): photograph pixels and a depth in their scale, near is large."""
        corners = face.vertices[torch.from_numpy(self.corners)]
        points = torch.einsum("kcd,kc->kd", corners, torch.from_numpy(self.weights).to(corners))
        projected: Array = face.camera.project(points[None])[0].double().numpy()
        return projected

    @classmethod
    def by_index(cls, count: int) -> DenseReader:
        """Of a mesh whose vertices are the model's own: `count` of them."""
        own = np.arange(count)
        weights = np.tile([1.0, 0.0, 0.0], (count, 1))
        return cls(np.repeat(own[:, None], 3, 1), weights, own, "equal index, equal vertex")

    @classmethod
    def between(cls, model: FaceModel, mean: Array, landmarks: NDArray[np.int64]) -> DenseReader:
        """Of another mesh by the means of both.

        A mesh with as many vertices is taken for the model's own. Else its mean face is moved onto
        the model's by 68 landmarks and iterative closest points, and each vertex corresponds to the
        nearest place of the model's face; what is farther than 5 mm or on the border is left out.

        Args:
            model: the face model of the network.
            mean: (V,3) of the other mesh, any unit, y up and z to the viewer.
            landmarks: (68,) its vertices at the points of 300W-LP.

        Raises:
            InputError: the meshes have too little in common.
        """
        if len(mean) == len(model.mean):
            return cls.by_index(len(mean))
        points = model.mean.double().numpy()
        marks = model.landmark_points(model.mean[None], _LANDMARKS)[0].double().numpy()
        known = np.isfinite(marks).all(1)
        faces = model.faces[model.region("face")[model.faces].all(1)].numpy()
        fit = iterative_closest_point(
            mean, points, faces, initial=align_points(mean[landmarks[known]], marks[known]),
            options=IcpOptions("point-to-plane", scale=True, trim=_TRIM, drop_boundary=True),
        )  # fmt: skip
        moved = fit.similarity.apply_array(mean)
        near = ClosestPoints(points, faces).query(moved)
        apart = np.linalg.norm(near.points - moved, axis=1)
        kept = np.flatnonzero((apart < _NEAR_MM) & ~near.on_border)
        words = (
            f"{len(kept):,} of {len(mean):,} vertices by the nearest places of the mean faces, "
            f"{apart[kept].mean():.1f} mm away on average"
        )
        return cls(near.corners[kept].astype(np.int64), near.weights[kept], kept, words)


def landmark_vertices(points: Array, annotated: Array) -> NDArray[np.int64]:
    """The vertices at landmarks, from one face that has both.

    Args:
        points: (V,3) vertices of a fitted face.
        annotated: (3,68) its annotated points, which are vertices of it.

    Returns:
        (68,) the nearest vertices.
    """
    found: NDArray[np.int64] = cKDTree(points).query(annotated.T)[1]
    return found
