"""Metrics and pictures of a network that reconstructs faces, on batches that it never learnt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from ...datasets.batches.batch import FaceBatch
from ...evaluate.metrics.batch_landmarks import batch_nme
from ...evaluate.metrics.images import l1_error, mean_ssim, psnr
from ...geometry.contour import JAW, JAW_AND_NOSE, OutlineLandmarks
from ...geometry.face_model import FaceModel
from ...geometry.face_regions import projected_face
from ...geometry.landmarks import Contour
from ...geometry.posed import FaceCamera, PosedFaces
from ...models.heads.learned_bases import model_of
from ...pipeline.fit.model import vertex_trust
from ...render.face import FaceRenderer, Rendering
from .targets import LandmarkTarget, pair_landmarks

Decoder = Callable[[Any], PosedFaces]
"""A network's output to faces with cameras in crop pixels."""
_METRICS = {"L1": l1_error, "PSNR": psnr, "SSIM": mean_ssim}


@dataclass(frozen=True)
class RenderedBatch:
    """What a network makes of a batch.

    Attributes:
        faces: with cameras in crop pixels.
        model: that their coefficients belong to.
        vertices: (B,V,3) mm, model space.
        landmarks: (B,68,2) crop pixels by kind of contour: "3d", the jaw on the jaw, and "2d", on
            the visible outline; NaN where the model has no such point.
        render: makes `rendering`, when it is asked for.
    """

    faces: PosedFaces
    model: FaceModel
    vertices: Tensor
    landmarks: Mapping[Contour, Tensor]
    render: Callable[[], Rendering]

    @cached_property
    def rendering(self) -> Rendering:
        """The faces in the crops; its extras are 1 where the face is that images are compared over
        (`geometry.face_regions`), and how far the optimiser trusts the colour there.
        """
        return self.render()


class FaceViewer:
    """Renders faces of one model as the losses see them.

    Args:
        model: the face model.
        rasterizer: a registered name.
        landmark_set: the model's 68 points that stand for the landmarks.
        shape_learns: whether images have gradients to shape and camera; else to colours alone.

    Raises:
        InputError: the model lacks these landmarks.
    """

    def __init__(
        self, model: FaceModel, rasterizer: str, landmark_set: str, shape_learns: bool = True
    ) -> None:
        self.model, self.landmark_set, self.shape_learns = model, landmark_set, shape_learns
        self.renderer = FaceRenderer(model.faces, rasterizer=rasterizer)
        self._there = model.landmark_set(landmark_set).valid
        traced = bool(self._there[:JAW_AND_NOSE].all())
        self._outline = OutlineLandmarks(model, landmark_set) if traced else None
        shown = projected_face(model).float()[None, :, None]
        self._extras = torch.cat([shown, vertex_trust(model)], -1)

    def to(self, device: torch.device | str) -> FaceViewer:
        """Itself, moved to another device, with its model."""
        self.model.to(device)
        self.renderer.to(device)
        self._there = self._there.to(device)
        if self._outline is not None:
            self._outline.to(device)
        self._extras = self._extras.to(device)
        return self

    def __call__(
        self, faces: PosedFaces, size: int, model: FaceModel | None = None
    ) -> RenderedBatch:
        """Faces in crops of `size` pixels, with gradients.

        Args:
            faces: with cameras in crop pixels.
            size: of the crops.
            model: the viewer's with other bases, of networks that learn them; None: the viewer's.
        """
        chosen = self.model if model is None else model
        vertices = chosen.vertices(faces.coefficients)
        landmarks = self._landmarks(vertices, faces.camera)
        return RenderedBatch(
            faces, chosen, vertices, landmarks, lambda: self._render(faces, chosen, vertices, size)
        )

    def _landmarks(self, vertices: Tensor, camera: FaceCamera) -> dict[Contour, Tensor]:
        """Landmarks by kind of contour; a model without a jaw has none on the outline either."""
        there = self._there[:, None]
        points = self.model.landmark_points(vertices, self.landmark_set)
        # NaN times the gradient 0 would reach the camera as NaN.
        seen = camera.project(torch.where(there, points, 0.0))[..., :2]
        on_jaw = torch.where(there, seen, torch.nan)
        if self._outline is None:
            rows = torch.arange(len(there), device=there.device)[:, None]
            return {"3d": on_jaw, "2d": torch.where(rows < JAW, torch.nan, on_jaw)}
        return {"3d": on_jaw, "2d": self._outline(vertices, camera)[..., :2]}

    def _render(
        self, faces: PosedFaces, model: FaceModel, vertices: Tensor, size: int
    ) -> Rendering:
        c, camera = faces.coefficients, faces.camera
        if not self.shape_learns:
            fixed = (value.detach() for value in vars(camera).values())
            vertices, camera = vertices.detach(), type(camera)(*fixed)
        return self.renderer(
            vertices,
            camera,
            (size, size),
            albedo=model.albedo(c),
            light=c.light,
            extras=self._extras.to(vertices),
        )


def face_error(
    seen: RenderedBatch, batch: FaceBatch, targets: Mapping[str, LandmarkTarget]
) -> Tensor:
    """Mean distance of the annotated points in % of sqrt(box of these points), (B,); NaN: none.

    Points that the face model lacks take part in the box alone.
    """
    pairs = pair_landmarks(seen.landmarks, batch.landmarks, targets)
    return batch_nme(pairs.predicted, pairs.annotated, pairs.weights > 0, pairs.given)


@torch.no_grad()
def face_metrics(
    network: nn.Module,
    decode: Decoder,
    viewer: FaceViewer,
    *,
    batches: Iterable[FaceBatch],
    targets: Mapping[str, LandmarkTarget],
) -> dict[str, float]:
    """NME of the landmarks in %, and L1, PSNR and SSIM over the face that the renderings show.

    Means over the images that have any landmarks, or any visible face. Without any landmarks the
    error is the L1.
    """
    columns: dict[str, list[Tensor]] = {name: [] for name in ("error", *_METRICS)}
    model = model_of(network, viewer.model)
    for batch in batches:
        seen = viewer(decode(network(batch.images)), batch.images.shape[-1], model)
        mask = face_mask(seen.rendering, batch)
        if batch.landmarks:
            columns["error"].append(face_error(seen, batch, targets))
        shown = seen.rendering.over(batch.images).clamp(0, 1)
        for name, metric in _METRICS.items():
            columns[name].append(metric(shown, batch.images, mask))
    if not columns["error"]:
        columns["error"] = columns["L1"]
    return {name: float(torch.cat(values).nanmean()) for name, values in columns.items()}


def face_mask(rendering: Rendering, batch: FaceBatch) -> Tensor:
    """(B,1,H,W) in [0,1]: the rendering's face within the photograph and its skin mask.

    MLANet's eq 10 multiplies both: M, the projected face, and A, the photograph's mask of skin.
    """
    # antialiasing several edges of one pixel leaves [0,1] by a little
    mask = (rendering.mask * rendering.extras[:, :1]).detach().clamp(0, 1)
    masks = (batch.skin, batch.labels.get("inside"))
    for other in masks:
        if other is not None:
            mask = mask * torch.nan_to_num(other, nan=1.0)
    return mask
