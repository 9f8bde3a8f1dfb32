"""Figures and pictures of a network that reconstructs faces, on batches that it never learnt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from ..datasets.batch import FaceBatch
from ..evaluate.image_metrics import l1_error, mean_ssim, psnr
from ..geometry.contour import OutlineLandmarks
from ..geometry.face_model import FaceModel
from ..geometry.landmarks import Contour
from ..geometry.posed import PosedFaces
from ..pipeline.fit_model import vertex_trust
from ..render.face import FaceRenderer, Rendering
from .face_landmarks import LandmarkTarget, pair_landmarks

Decoder = Callable[[Any], PosedFaces]
"""A network's output to faces with cameras in crop pixels."""
_METRICS = {"L1": l1_error, "PSNR": psnr, "SSIM": mean_ssim}


@dataclass(frozen=True)
class Seen:
    """What a network makes of a batch.

    Attributes:
        faces: with cameras in crop pixels.
        vertices: (B,V,3) mm, model space.
        landmarks: (B,68,2) crop pixels by kind of contour: "3d", the jaw on the jaw, and "2d", on
            the visible outline.
        render: makes `rendering`, when it is asked for.
    """

    faces: PosedFaces
    vertices: Tensor
    landmarks: Mapping[Contour, Tensor]
    render: Callable[[], Rendering]

    @cached_property
    def rendering(self) -> Rendering:
        """The faces in the crops; its extras are 1 where the skin is, and how far the optimiser
        trusts the colour there.
        """
        return self.render()


class FaceViewer:
    """Renders faces of one model as the losses see them.

    Args:
        model: the face model. rasterizer: a registered name.
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
        self._outline = OutlineLandmarks(model, landmark_set)
        skin = model.region("skin").float()[None, :, None]
        self._extras = torch.cat([skin, vertex_trust(model)], -1)

    def __call__(self, faces: PosedFaces, size: int) -> Seen:
        """Faces in crops of `size` pixels, with gradients."""
        vertices = self.model.vertices(faces.coefficients)
        points = self.model.landmark_points(vertices, self.landmark_set)
        landmarks: dict[Contour, Tensor] = {
            "3d": faces.camera.project(points)[..., :2],
            "2d": self._outline(vertices, faces.camera)[..., :2],
        }
        return Seen(faces, vertices, landmarks, lambda: self._render(faces, vertices, size))

    def _render(self, faces: PosedFaces, vertices: Tensor, size: int) -> Rendering:
        c, camera = faces.coefficients, faces.camera
        if not self.shape_learns:
            fixed = (value.detach() for value in vars(camera).values())
            vertices, camera = vertices.detach(), type(camera)(*fixed)
        return self.renderer(
            vertices,
            camera,
            (size, size),
            albedo=self.model.albedo(c),
            light=c.light,
            extras=self._extras.to(vertices),
        )


def face_error(seen: Seen, batch: FaceBatch, targets: Mapping[str, LandmarkTarget]) -> Tensor:
    """Mean distance of the annotated points in % of sqrt(box of these points), (B,); NaN: none."""
    pairs = pair_landmarks(seen.landmarks, batch.landmarks, targets)
    known = pairs.weights > 0
    inside = known[..., None]
    high = torch.where(inside, pairs.annotated, -torch.inf).amax(1)
    low = torch.where(inside, pairs.annotated, torch.inf).amin(1)
    distance = (pairs.predicted - pairs.annotated).norm(dim=-1) * known
    return 100 * distance.sum(1) / known.sum(1) / (high - low).prod(1).sqrt()


@torch.no_grad()
def face_figures(
    network: nn.Module,
    decode: Decoder,
    viewer: FaceViewer,
    batches: Iterable[FaceBatch],
    targets: Mapping[str, LandmarkTarget],
) -> dict[str, float]:
    """NME of the landmarks in %, and L1, PSNR and SSIM over the skin that the renderings show.

    Means over the images that have any landmarks, or any visible skin. Without any landmarks the
    error is the L1.
    """
    columns: dict[str, list[Tensor]] = {name: [] for name in ("error", *_METRICS)}
    for batch in batches:
        seen = viewer(decode(network(batch.images)), batch.images.shape[-1])
        mask = skin_mask(seen.rendering, batch)
        if batch.landmarks:
            columns["error"].append(face_error(seen, batch, targets))
        shown = seen.rendering.over(batch.images).clamp(0, 1)
        for name, metric in _METRICS.items():
            columns[name].append(metric(shown, batch.images, mask))
    if not columns["error"]:
        columns["error"] = columns["L1"]
    return {name: float(torch.cat(values).nanmean()) for name, values in columns.items()}


def skin_mask(rendering: Rendering, batch: FaceBatch) -> Tensor:
    """(B,1,H,W) in [0,1]: skin that the rendering shows within the photograph and its mask."""
    mask = (rendering.mask * rendering.extras[:, :1]).detach()
    given = (batch.skin, batch.labels.get("inside"))
    for one in given:
        if one is not None:
            mask = mask * torch.nan_to_num(one, nan=1.0)
    return mask
