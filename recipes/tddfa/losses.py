"""What networks of 3DDFA's 62 numbers learn from, and the losses: wing, WPDC, PDC, VDC.

`TddfaTargets` reads what batches know of faces, as the parameters of 3DDFA's layout.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.errors import InputError
from ...datasets.batches.batch import FaceBatch
from ...geometry.dense_points import PointBasis, PointLayout
from ...geometry.face_model import FaceModel
from ...geometry.rotation import euler_to_matrix
from ...losses.parameter_distance import AffineBasis, affine_vertices, pdc, vdc, wpdc
from ...losses.points import wing
from ...losses.reduction import masked_mean
from ...models.tddfa.layout import TddfaLayout
from ...models.tddfa.whitening import Whitening

WHITENED = "3ddfa62"
"""Label of 3DDFA's training set: its 62 numbers, whitened, of a 120-pixel crop."""
FITTED = ("pose_para", "shape_para", "exp_para")
"""Labels of 300W-LP: the fitted pose, already that of the crop, and raw coefficients, of which the
layout takes the first."""
_LABEL_SIDE = 120  # pixels of the crops that WHITENED belongs to
_PAPER_SIDE = 120.0  # pixels of the crop in which wing and vdc are stated
TERMS = ("wing", "wpdc", "pdc", "vdc")


class TddfaTargets:
    """Reads a batch's truth or labels.

    A row's `truth` counts first, then the label `3ddfa62`, then 300W-LP's labels. Labels belong to
    3DDFA's own face model, in micrometres and raw coefficients; with another model they are not
    known.

    Args:
        layout: of the parameters.
        factors: (P,) the layout's parameters per 3DDFA's (`TddfaPoints.factors`), where the face
            model is 3DDFA's or has the same modes; None where it has not.
        whitening: of the label `3ddfa62`, in 3DDFA's units; None leaves that label unread.
    """

    def __init__(
        self,
        layout: TddfaLayout,
        factors: Tensor | None = None,
        whitening: Whitening | None = None,
    ) -> None:
        self.layout, self._factors, self._whitening = layout, factors, whitening

    def __call__(self, batch: FaceBatch) -> Tensor:
        """The layout's parameters (B,P) in their own units; rows of NaN where they are unknown.

        Raises:
            InputError: a truth of a face model with other numbers of coefficients.
        """
        parameters = self._of_truth(batch)
        for other in (self._of_numbers(batch), self._of_fit(batch)):
            if other is not None:
                parameters = torch.where(
                    torch.isfinite(parameters).all(1)[:, None], parameters, other
                )
        return parameters

    def _of_truth(self, batch: FaceBatch) -> Tensor:
        unknown = batch.images.new_full((len(batch), self.layout.size), torch.nan)
        if batch.truth is None or batch.known is None:
            return unknown
        rows = self.layout.parameters_of(self.layout.encode(batch.truth))
        return torch.where(batch.known[:, None], rows.to(unknown), unknown)

    def _of_numbers(self, batch: FaceBatch) -> Tensor | None:
        numbers = batch.labels.get(WHITENED)
        if numbers is None or self._factors is None or self._whitening is None:
            return None
        raw = self._whitening.undo(numbers)
        pose = raw[:, :12].unflatten(1, (3, 4))
        frame, side = batch.labels["crop"], batch.images.shape[-1]
        raw = torch.cat([moved_affine(pose, frame, _LABEL_SIDE, side).flatten(1), raw[:, 12:]], 1)
        return raw * self._factors.to(raw)

    def _of_fit(self, batch: FaceBatch) -> Tensor | None:
        if self._factors is None or not all(name in batch.labels for name in FITTED):
            return None
        pose, shape, expression = (batch.labels[name] for name in FITTED)
        linear = pose[:, 6, None, None] * euler_to_matrix(pose[:, :3])
        matrix = torch.cat([linear, pose[:, 3:6, None]], 2).flatten(1)
        identity, moved = self.layout.parts["identity"], self.layout.parts["expression"]
        raw = torch.cat([matrix, shape[:, :identity], expression[:, :moved]], 1)
        return raw * self._factors.to(raw)


def moved_affine(matrix: Tensor, frame: Tensor, height: int, size: int) -> Tensor:
    """3DDFA's affine cameras of pictures as those of crops of them.

    Both project to 1-based pixels with y up, v' = height + 1 - v; the depth is scaled along.

    Args:
        matrix: (B,3,4) of the pictures.
        frame: (B,2,3) picture to crop pixels, by our convention.
        height: rows of the pictures.
        size: rows of the crops.

    Returns:
        (B,3,4).
    """
    last_row = matrix.new_tensor([0.0, 0.0, 0.0, 1.0])
    frame = frame.to(matrix)
    plane = torch.stack(
        [matrix[:, 0] - 0.5 * last_row, (height + 0.5) * last_row - matrix[:, 1]], 1
    )
    moved = frame[:, :, :2] @ plane + frame[:, :, 2:] * last_row
    scale = torch.linalg.det(frame[:, :, :2]).abs().sqrt()[:, None]
    rows = [
        moved[:, 0] + 0.5 * last_row,
        (size + 0.5) * last_row - moved[:, 1],
        scale * matrix[:, 2],
    ]
    return torch.stack(rows, 1)


@dataclass(frozen=True)
class TddfaLossConfig:
    """Weights of the terms; 0 leaves a term out. The defaults are CSANet's eq 9 and R3FA's eq 5.

    Attributes:
        wing: of the points' wing loss, in pixels of a 120-pixel crop. wing_width,
            wing_curvature: its w and epsilon.
        wpdc: of the weighted parameter distance.
        pdc: of the unweighted one.
        vdc: of the points' squared distances, in the same pixels.
        vertices: drawn anew for every batch, beside the landmarks, for wing, wpdc and vdc; of the
            skin, where the model says which that is.
        landmark_set: of the model.
    """

    wing: float = 1.0
    wing_width: float = 10.0
    wing_curvature: float = 2.0
    wpdc: float = 0.5
    pdc: float = 0.0
    vdc: float = 0.0
    vertices: int = 132
    landmark_set: str = "ibug68"

    def __post_init__(self) -> None:
        weights = {name: getattr(self, name) for name in TERMS}
        if min(weights.values()) < 0 or not any(weights.values()):
            raise InputError("loss", "weights of 0 or more, one of them above", str(weights))
        if self.vertices < 0:
            raise InputError("loss.vertices", "0 or more", str(self.vertices))


class PointSampler:
    """The face model at its landmarks and at random vertices, in a layout's own terms.

    3DDFA draws 132 vertices of its whole model; ours has eyes and a mouth, so only skin counts.

    Args:
        model: the face model.
        layout: of its parameters.
        landmark_set: of the model; all of its points must exist.
        vertices: how many to draw; fewer where the model has fewer.

    Raises:
        InputError: the model lacks landmarks.
    """

    def __init__(
        self, model: FaceModel, layout: TddfaLayout, landmark_set: str, vertices: int
    ) -> None:
        only = PointLayout(model.name, (landmark_set,), (), ())
        self._landmarks = layout.point_basis(PointBasis.of(model, only))
        skin = torch.nonzero(model.region("face"))[:, 0]
        parts = model.mean[skin], model.identity[:, skin], model.expression[:, skin]
        self._skin = layout.point_basis(PointBasis(*parts))
        self._count = min(vertices, len(skin))

    def __call__(self, device: torch.device) -> PointBasis:
        """The landmarks and newly drawn vertices, on a device; drawn by torch's generator."""
        chosen = torch.randperm(len(self._skin.mean))[: self._count].to(device)
        if self._skin.mean.device != device:
            self._landmarks, self._skin = self._landmarks.to(device), self._skin.to(device)
        landmarks, skin = self._landmarks, self._skin
        return PointBasis(
            torch.cat([landmarks.mean, skin.mean[chosen]]),
            torch.cat([landmarks.identity, skin.identity[:, chosen]], 1),
            torch.cat([landmarks.expression, skin.expression[:, chosen]], 1),
        )


def _mean(values: Tensor, known: Tensor) -> Tensor:
    """Over (B,...); rows that are not known (B,) count 0."""
    rows = known.view(-1, *[1] * (values.ndim - 1))
    return masked_mean(values, rows.expand(values.shape).to(values))


class TddfaLosses:
    """The weighted terms of predicted parameters.

    Args:
        layout: of the parameters; its whitening may still change.
        points: what is looked at.
        config: see `TddfaLossConfig`.
    """

    def __init__(self, layout: TddfaLayout, points: PointSampler, config: TddfaLossConfig) -> None:
        self.layout, self.config, self._points = layout, config, points

    def __call__(self, outputs: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Name to weighted term, scalars: means over all rows, of which unknown ones count 0.

        Args:
            outputs: (B,P), whitened.
            target: (B,P) likewise, rows of NaN where unknown; on the layout's device.
        """
        with torch.autocast(outputs.device.type, enabled=False):
            predicted = outputs.float()
            known = torch.isfinite(target).all(1)
            wanted = torch.where(known[:, None], target, predicted.detach()).float()
            values = self._values(predicted, wanted)
            weights = vars(self.config)
            return {n: weights[n] * _mean(v, known) for n, v in values.items()}

    def _values(self, outputs: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Every term that has a weight, unreduced, (B,...)."""
        c, layout = self.config, self.layout
        basis = AffineBasis(
            self._points(outputs.device), layout.mean, layout.std, layout.pixels_per_mm
        )
        pixels = _PAPER_SIDE / layout.spec.crop_size
        values = {}
        if c.wing:
            points, true_points = affine_vertices(outputs, target, basis)
            width, curvature = c.wing_width, c.wing_curvature
            values["wing"] = wing(pixels * points, pixels * true_points, width, curvature)
        if c.wpdc:
            values["wpdc"] = wpdc(outputs, target, basis)
        if c.pdc:
            values["pdc"] = pdc(outputs, target)
        if c.vdc:
            values["vdc"] = pixels**2 * vdc(outputs, target, basis)
        return values
