"""Training a network of 3DDFA's 62 numbers on faces whose parameters are known.

`TddfaPictures` shows what it makes of faces, to look at while it trains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...datasets.batches.batch import FaceBatch
from ...engine.task import Task
from ...geometry.coefficients import Coefficients
from ...geometry.face_model import FaceModel
from ...geometry.posed import PosedFaces
from ...models.tddfa.layout import TddfaLayout
from ...models.tddfa.whitening import Whitening, compute_whitening
from ...pipeline.studio import studio_light
from ...render.face import FaceRenderer
from ..pictures import sheet_of
from ..task_batches import TaskBatches
from .losses import TddfaLosses, TddfaTargets
from .metrics import Predict, TddfaMetrics
from .network import TddfaNetwork

_SHOWN = 8
_ENLARGED = 2
_WILD = 100.0  # standard deviations that can be drawn
_KNOWN, _FOUND = (0.2, 0.9, 0.3), (1.0, 0.25, 0.2)
NONE_KNOWN = (
    "Train on faces with a truth of this face model; the labels of 300W-LP need face_model (or, "
    "beside a dense Basel model, label_model) to be the folder of 3DDFA's own model."
)


class TddfaPictures:
    """A column for each of the first faces of a batch.

    From above: the photograph; the landmarks, true ones green and predicted ones red; the
    predicted shape over the photograph; the true one. Models of points alone have no shapes.

    Args:
        model: the face model.
        layout: of the outputs.
        targets: reads the batch.
        batch: of photographs, on the CPU.
        landmark_set: of the model.
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
        predicted = self._layout.decode(predict(photo).nan_to_num().clamp(-_WILD, _WILD))
        true = self._true()
        large = photo.repeat_interleave(_ENLARGED, 2).repeat_interleave(_ENLARGED, 3)
        rows = [large, self._marked(large, predicted, true)]
        if len(self._model.faces):
            shapes = [self._shape(large, faces) for faces in (predicted, true) if faces is not None]
            rows += shapes
        return {"faces": sheet_of(rows)}

    def _true(self) -> PosedFaces | None:
        """The true faces as the layout can hold them; None where a row has none."""
        parameters = self._targets(self._batch)
        if not bool(torch.isfinite(parameters).all()):
            return None
        return self._layout.decode(self._layout.whitening.apply(parameters))

    def _marked(self, photo: Tensor, predicted: PosedFaces, true: PosedFaces | None) -> Tensor:
        marked = photo.clone()
        known = self._batch.landmarks.get("ibug68-3d")
        if known is None and true is not None:
            known = self._landmarks(true)
        if known is not None:
            _dot(marked, known * _ENLARGED, _KNOWN)
        _dot(marked, self._landmarks(predicted) * _ENLARGED, _FOUND)
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
    for image, marks in zip(images, points, strict=True):
        x, y = marks[torch.isfinite(marks).all(1)].floor().long().unbind(1)
        for right in (-1, 0, 1):
            for down in (-1, 0, 1):
                columns, rows = x + right, y + down
                image[:, rows.clamp(0, height - 1), columns.clamp(0, width - 1)] = paint


@dataclass(frozen=True)
class TddfaSamples:
    """The training crops that statistics are taken of, made when they are needed.

    Attributes:
        whitening: makes the batches that the whitening is computed from.
        norms: those that give batch normalisation its statistics (`settle_norms`).
    """

    whitening: Callable[[], Iterable[FaceBatch]]
    norms: Callable[[], Iterable[FaceBatch]] = tuple


class TddfaTask(Task):
    """Trains a network of 3DDFA's 62 numbers on faces whose parameters are known.

    The whitening is computed when the first step needs it, from batches of its own, and is part of
    every checkpoint and weights file: a run that goes on keeps that of its beginning.

    Args:
        built: the network.
        losses: the terms.
        targets: reads batches.
        batches: what it learns from and is measured by.
        samples: what statistics are taken of.
        model: the face model.
    """

    def __init__(
        self,
        built: TddfaNetwork,
        losses: TddfaLosses,
        targets: TddfaTargets,
        batches: TaskBatches,
        samples: TddfaSamples,
        model: FaceModel,
    ) -> None:
        self.network, self.source = built.network, batches.source
        self._built, self._losses, self._targets = built, losses, targets
        self._batches, self._samples, self._model = batches, samples, model
        self.tested = bool(batches.test)
        self._settled = built.settled
        self._metrics: TddfaMetrics | None = None
        self._seen: list[Tensor] = []

    @property
    def whitening(self) -> Whitening:
        """The whitening of the layout; it is computed now if that has not been done yet."""
        self._settle()
        return self._built.layout.whitening

    def losses(self, network: nn.Module, batch: FaceBatch) -> dict[str, Tensor]:
        """The weighted terms of a batch."""
        self._settle()
        self._built.to(batch.images.device)
        with self.timer("network"):
            outputs = self._built.outputs(network, batch.images)
        with self.timer("terms"):
            target = self._built.layout.whitening.apply(self._targets(batch))
            times = len(outputs) // len(target)
            return self._losses(outputs, target.repeat(times, 1))

    def settle_norms(self, network: nn.Module) -> None:
        """Show a network training crops, the same every time; see `Task`."""
        if not self._seen:
            self._seen = [batch.images for batch in self._samples.norms()]
        self._settle()
        device = next(network.parameters()).device
        self._built.to(device)
        for images in self._seen:
            self._built.outputs(network, images.to(device))

    def validate(self, network: nn.Module) -> dict[str, float]:
        """The metrics of `TddfaMetrics`."""
        self._settle()
        self._built.to("cpu")
        if self._metrics is None:
            parts = (self._model, self._built.layout, self._targets, self._batches.validation)
            self._metrics = TddfaMetrics(*parts, self._losses.config.landmark_set)
        return self._metrics(self._prediction(network))

    def test(self, network: nn.Module) -> dict[str, float]:
        """The metrics of `TddfaMetrics` for the test sets."""
        self._settle()
        self._built.to("cpu")
        parts = (self._model, self._built.layout, self._targets, list(self._batches.test))
        return TddfaMetrics(*parts, self._losses.config.landmark_set)(self._prediction(network))

    def pictures(self, network: nn.Module) -> dict[str, Tensor]:
        """Landmarks and shapes of the first validation faces."""
        self._settle()
        self._built.to("cpu")
        parts = (self._model, self._built.layout, self._targets, self._batches.validation[0])
        look = TddfaPictures(*parts, self._losses.config.landmark_set)
        return look(self._prediction(network))

    def export(self, network: nn.Module, facts: Mapping[str, Any]) -> dict[str, bytes]:
        """The weights, with layout and whitening."""
        self._settle()
        return self._built.pack(network, facts)

    def state_dict(self) -> dict[str, Any]:
        """The whitening; None before it is needed."""
        layout = self._built.layout
        statistics = {"mean": layout.mean.cpu().clone(), "std": layout.std.cpu().clone()}
        return {"whitening": statistics if self._settled else None}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with a state's whitening."""
        statistics = state["whitening"]
        if statistics is not None:
            self._built.layout.use_whitening(Whitening(statistics["mean"], statistics["std"]))
            self._settled, self._metrics = True, None

    def _settle(self) -> None:
        """Compute the whitening, once."""
        if self._settled:
            return
        self._built.to("cpu")
        rows = torch.cat([self._targets(batch) for batch in self._samples.whitening()])
        known = rows[torch.isfinite(rows).all(1)]
        if not len(known):
            expected = f"faces whose parameters are known, of face model {self._model.name}"
            raise InputError("data.train", expected, f"none of {len(rows)}", NONE_KNOWN)
        self._built.layout.use_whitening(compute_whitening([known]))
        self._settled = True

    def _prediction(self, network: nn.Module) -> Callable[[Tensor], Tensor]:
        """Images to outputs by a network on any device; the layout is left on the CPU."""
        device = next(network.parameters()).device

        def predict(images: Tensor) -> Tensor:
            self._built.to(device)
            outputs = self._built.predict(network, images.to(device)).float().cpu()
            self._built.to("cpu")
            return outputs

        return predict
