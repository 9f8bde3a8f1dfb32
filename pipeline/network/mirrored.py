"""A network's words of a crop and of its mirror image, averaged: errors that are chance shrink."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...geometry.coefficient_mirror import CoefficientMirror
from ...geometry.coefficients import coefficients_to_vector, vector_to_coefficients
from ...geometry.dense_points import PointLayout
from ...geometry.face_model import FaceModel
from ...models.heads.points import PointPrediction


@dataclass(frozen=True)
class PredictionMirror:
    """What a network would say of the mirror images of faces, from what it says of the faces.

    Attributes:
        partners: (N,) int64, point i of the mirrored face is point partners[i] of the face.
        coefficients: the same of coefficients.
        sizes: of the face model's bases.

    Example:
        >>> from selfie3d.facemodels import load_face_model
        >>> from selfie3d.geometry.dense_points import make_layout
        >>> model = load_face_model("default")
        >>> mirror = PredictionMirror.of(model, make_layout(model, 10))
        >>> len(mirror.partners) >= 78
        True
    """

    partners: Tensor
    coefficients: CoefficientMirror
    sizes: tuple[int, int, int]

    @classmethod
    def of(cls, model: FaceModel, layout: PointLayout) -> PredictionMirror:
        """The mirror of a model and its points.

        Raises:
            InputError: the model has no mirror, or a mode is neither even nor odd.
        """
        return cls(layout.permutation, CoefficientMirror.of(model), model.sizes)

    def __call__(self, said: PointPrediction) -> PointPrediction:
        """Predictions of B crops to those of their mirror images."""
        across = torch.tensor([-1.0, 1.0, 1.0])
        vector = vector_to_coefficients(said.coefficients, self.sizes)
        seen, classes = said.visibility, said.segmentation
        return PointPrediction(
            said.points[:, self.partners] * across.to(said.points),
            said.log_sigma[:, self.partners],
            coefficients_to_vector(self.coefficients(vector)),
            None if seen is None else seen[:, self.partners],
            None if classes is None else classes.flip(3),
        )

    def seen(self, predict: Callable[[Tensor], PointPrediction], images: Tensor) -> PointPrediction:
        """The mean, number by number, of what is said of crops and of their mirror images.

        Args:
            predict: a network.
            images: (B,3,S,S) crops.
        """
        both, count = predict(torch.cat([images, images.flip(3)])), len(images)
        plain = PointPrediction._make(None if v is None else v[:count] for v in both)
        turned = self(PointPrediction._make(None if v is None else v[count:] for v in both))
        pairs = zip(plain, turned, strict=True)
        means = (None if a is None or b is None else (a + b) / 2 for a, b in pairs)
        return PointPrediction._make(means)
