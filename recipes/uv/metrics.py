"""Metrics of a network of UV maps, on batches that it never learnt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ...datasets.batches.batch import FaceBatch
from ...evaluate.metrics.batch_landmarks import batch_nme
from ...geometry.align import similarity_align
from ...geometry.contour import OutlineLandmarks
from ...geometry.face_model import FaceModel
from ...geometry.landmarks import Contour
from ...geometry.posed import PosedFaces
from ...geometry.rotation import geodesic_angle
from ...models.heads.nearest_camera import to_weak_perspective
from ...models.heads.vector_layout import LayoutSpec
from ...models.sadrnet.layout import UvFaces, UvLayout
from ...models.sadrnet.network import UvPrediction
from ..faces.targets import LandmarkTarget, pair_landmarks
from .targets import UvTargetMaker

_LANDMARKS = "ibug68"
Metrics = dict[str, Tensor]
"""Name to (N,) metrics, one per face; NaN where a face has none."""


@dataclass(frozen=True)
class SeenPoints:
    """Points of B faces in crops.

    Attributes:
        landmarks: (B,68,2) crop pixels by kind of contour.
        dense: (B,N,2) crop pixels of the face's vertices.
    """

    landmarks: dict[Contour, Tensor]
    dense: Tensor


class UvMetrics:
    """Compares what a network says with what is known.

    Args:
        layout: of the maps.
        model: of the layout.
        maker: of the targets.
        landmarks: kinds of annotated points, of `recipes.faces.targets.landmark_targets`.
        texels: (S,S) of the map, above 0 on the face: vertices elsewhere (the neck) do not count.
    """

    def __init__(
        self,
        layout: UvLayout,
        model: FaceModel,
        maker: UvTargetMaker,
        landmarks: dict[str, LandmarkTarget],
        texels: Tensor,
    ) -> None:
        self._layout, self._model, self._maker, self._targets = layout, model, maker, landmarks
        share = layout.mapper.sample((texels > 0).float()[None, None])[0, :, 0]
        inside = torch.zeros_like(layout.in_chart)
        inside[: len(share)] = share > 0.5
        self._dense = torch.nonzero(inside & layout.in_chart)[:, 0]
        marks = model.landmark_set(_LANDMARKS)
        self._marks = marks
        self._on_surface = replace(marks, offset=torch.zeros_like(marks.offset))
        self._outline: OutlineLandmarks | None = None  # made when it is needed
        self._pivot = torch.tensor(LayoutSpec.of(model, layout.spec.crop_size).pivot)

    @torch.no_grad()
    def __call__(self, network: nn.Module, batches: Iterable[FaceBatch]) -> dict[str, float]:
        """Means over the faces for which they are known.

        "error": NME of the annotated landmarks in %; "dense": of the face's vertices, both over
        sqrt(box of the true points) and after self-alignment; with "_posed" as the position map
        has them. "shape_mm": vertices' distance in model space, the pose aligned away. "turn_deg":
        angle of the rotation that is missing. "attention": mean absolute error.
        """
        columns: dict[str, list[Tensor]] = {}
        device = next(network.parameters()).device
        self._maker.to(device)
        for batch in batches:
            moved = batch.to(device)
            prediction = UvPrediction(
                *(None if m is None else m.float() for m in network(moved.images))
            )
            for name, values in self.of_batch(prediction, moved).items():
                columns.setdefault(name, []).append(values.cpu())
        return {name: float(torch.cat(values).nanmean()) for name, values in columns.items()}

    def of_batch(self, prediction: UvPrediction, batch: FaceBatch) -> Metrics:
        """The metrics of each face of a batch."""
        faces = self._layout.decode(prediction)
        metrics = self._points(self._final(faces, batch), batch, "")
        if faces.posed is not None:
            metrics |= self._points(self._posed(faces.posed), batch, "_posed")
        if batch.truth is not None and batch.known is not None:
            metrics |= self._solid(faces, batch.truth, batch.known)
        if prediction.attention is not None:
            targets = self._maker(batch)
            gap = (prediction.attention - targets.attention).abs().flatten(1).mean(1)
            metrics["attention"] = gap.masked_fill(~targets.attended, torch.nan)
        return metrics

    def _final(self, faces: UvFaces, batch: FaceBatch) -> SeenPoints:
        marks = self._marks.to(faces.vertices.device).points(faces.vertices)
        landmarks: dict[Contour, Tensor] = {"3d": faces.camera.project(marks)[..., :2]}
        if any(self._targets[kind].contour == "2d" for kind in batch.landmarks):
            self._outline = self._outline or OutlineLandmarks(self._model, _LANDMARKS)
            landmarks["2d"] = self._outline(faces.vertices, faces.camera)[..., :2]
        return SeenPoints(landmarks, self._some(faces.camera.project(faces.vertices))[..., :2])

    def _posed(self, posed: Tensor) -> SeenPoints:
        """The position map's own points; its outline is not looked for."""
        marks = self._on_surface.to(posed.device).points(posed)[..., :2]
        return SeenPoints({"3d": marks}, self._some(posed)[..., :2])

    def _points(self, predicted: SeenPoints, batch: FaceBatch, suffix: str) -> Metrics:
        annotated = self._comparable(predicted, batch)
        landmarks = {kind: torch.nan_to_num(points) for kind, points in predicted.landmarks.items()}
        pairs = pair_landmarks(landmarks, annotated, self._targets)
        metrics = {f"error{suffix}": batch_nme(pairs.predicted, pairs.annotated, pairs.weights > 0)}
        if batch.truth is not None and batch.known is not None:
            vertices = self._model.vertices(batch.truth.coefficients)
            true = self._some(batch.truth.camera.project(vertices))[..., :2]
            known = batch.known[:, None].expand(true.shape[:2])
            metrics[f"dense{suffix}"] = batch_nme(predicted.dense, true, known)
        return metrics

    def _comparable(self, predicted: SeenPoints, batch: FaceBatch) -> dict[str, Tensor]:
        """Annotated points; NaN: those that the model lacks, too."""
        annotated = {}
        for kind, points in batch.landmarks.items():
            target = self._targets[kind]
            if target.contour in predicted.landmarks:
                lacking = (target.mixing[:, ~self._marks.valid] != 0).any(1).to(points.device)
                annotated[kind] = points.masked_fill(lacking[:, None], torch.nan)
        return annotated

    def _solid(self, faces: UvFaces, truth: PosedFaces, known: Tensor) -> Metrics:
        """Shape and rotation."""
        predicted = self._some(faces.vertices)
        true = self._some(self._model.vertices(truth.coefficients))
        distance = (similarity_align(predicted, true).apply(predicted) - true).norm(dim=-1).mean(1)
        pivot = self._pivot.to(predicted)
        camera, true_camera = (to_weak_perspective(c, pivot) for c in (faces.camera, truth.camera))
        turn = torch.rad2deg(geodesic_angle(camera.rotation, true_camera.rotation))
        metrics = {"shape_mm": distance, "turn_deg": turn}
        return {name: value.masked_fill(~known, torch.nan) for name, value in metrics.items()}

    def _some(self, vertices: Tensor) -> Tensor:
        """Those of vertices (B,V,C) that count."""
        return vertices.index_select(1, self._dense.to(vertices.device))
