"""What networks of 3DDFA's numbers make of faces, to look at while they train."""

from __future__ import annotations

import torch
from torch import Tensor

from ..datasets.batch import FaceBatch
from ..geometry.coefficients import Coefficients
from ..geometry.face_model import FaceModel
from ..geometry.posed import PosedFaces
from ..models.heads.tddfa_layout import TddfaLayout
from ..pipeline.face import studio_light
from ..render.face import FaceRenderer
from .tddfa_figures import Predict
from .tddfa_labels import TddfaTargets

_SHOWN = 8
_ENLARGED = 2
_WILD = 100.0  # standard deviations that can be drawn
_KNOWN, _FOUND = (0.2, 0.9, 0.3), (1.0, 0.25, 0.2)


class TddfaPictures:
    """A column for each of the first faces of a batch.

    From above: the photograph; the landmarks, true ones green and predicted ones red; the
    predicted shape over the photograph; the true one. Models of points alone have no shapes.

    Args:
        model: the face model. layout: of the outputs. targets: reads the batch.
        batch: of photographs, on the CPU. landmark_set: of the model.
    """

    def __init__(
        self,
        model: FaceModel,
        layout: TddfaLayout,
        targets: TddfaTargets,
        batch: FaceBatch,
        landmark_set: str,
    ) -> None:
        self._model, self._layout, self._targets = model, layout, targets
        self._batch, self._landmark_set = batch[:_SHOWN], landmark_set
        self._renderer = FaceRenderer(model.faces)

    @torch.no_grad()
    def __call__(self, predict: Predict) -> dict[str, Tensor]:
        """`faces` (3,H,W) in [0,1]."""
        photo = self._batch.images
        found = self._layout.decode(predict(photo).nan_to_num().clamp(-_WILD, _WILD))
        true = self._true()
        large = photo.repeat_interleave(_ENLARGED, 2).repeat_interleave(_ENLARGED, 3)
        rows = [large, self._marked(large, found, true)]
        if len(self._model.faces):
            shapes = [self._shape(large, faces) for faces in (found, true) if faces is not None]
            rows += shapes
        return {"faces": torch.cat([torch.cat(list(row), 2) for row in rows], 1)}

    def _true(self) -> PosedFaces | None:
        """What the layout can hold of the truth; None where a row has none."""
        parameters = self._targets(self._batch)
        if not bool(torch.isfinite(parameters).all()):
            return None
        return self._layout.decode(self._layout.whitening.apply(parameters))

    def _marked(self, photo: Tensor, found: PosedFaces, true: PosedFaces | None) -> Tensor:
        marked = photo.clone()
        known = self._batch.landmarks.get("ibug68-3d")
        if known is None and true is not None:
            known = self._landmarks(true)
        if known is not None:
            _dot(marked, known * _ENLARGED, _KNOWN)
        _dot(marked, self._landmarks(found) * _ENLARGED, _FOUND)
        return marked

    def _landmarks(self, faces: PosedFaces) -> Tensor:
        vertices = self._model.vertices(faces.coefficients)
        points = self._model.landmark_points(vertices, self._landmark_set)
        return faces.camera.project(points)[..., :2]

    def _shape(self, photo: Tensor, faces: PosedFaces) -> Tensor:
        size = photo.shape[-1]
        camera = faces.camera.moved(_ENLARGED * torch.eye(2, 3))
        c: Coefficients = faces.coefficients
        vertices = self._model.vertices(c)
        grey = torch.full_like(vertices, 0.75)
        light = studio_light().to(vertices).expand(len(photo), -1, -1)
        seen = self._renderer(vertices, camera, (size, size), albedo=grey, light=light)
        return seen.over(photo).clamp(0, 1)


def _dot(images: Tensor, points: Tensor, colour: tuple[float, float, float]) -> None:
    """Squares of 3 x 3 pixels at points (B,N,2) of images (B,3,H,W), in place."""
    height, width = images.shape[2:]
    paint = images.new_tensor(colour)[:, None]
    for image, own in zip(images, points, strict=True):
        x, y = own[torch.isfinite(own).all(1)].floor().long().unbind(1)
        for right in (-1, 0, 1):
            for down in (-1, 0, 1):
                columns, rows = x + right, y + down
                image[:, rows.clamp(0, height - 1), columns.clamp(0, width - 1)] = paint
