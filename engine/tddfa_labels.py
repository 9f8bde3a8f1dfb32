"""What batches know of faces, as the parameters of 3DDFA's layout."""

from __future__ import annotations

import torch
from torch import Tensor

from ..datasets.batch import FaceBatch
from ..geometry.rotation import euler_to_matrix
from ..models.heads.tddfa_layout import TddfaLayout
from ..models.whitening import Whitening

WHITENED = "3ddfa62"
"""Label of 3DDFA's training set: its 62 numbers, whitened, of a 120-pixel crop."""
FITTED = ("pose_para", "shape_para", "exp_para")
"""Labels of 300W-LP: the fitted pose, already that of the crop, and raw coefficients, of which the
layout takes the first."""
_LABEL_SIDE = 120  # pixels of the crops that WHITENED belongs to


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
        found = self._of_truth(batch)
        for other in (self._of_numbers(batch), self._of_fit(batch)):
            if other is not None:
                found = torch.where(torch.isfinite(found).all(1)[:, None], found, other)
        return found

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
        matrix: (B,3,4) of the pictures. frame: (B,2,3) picture to crop pixels, by our convention.
        height: rows of the pictures. size: rows of the crops.

    Returns:
        (B,3,4).
    """
    one = matrix.new_tensor([0.0, 0.0, 0.0, 1.0])
    frame = frame.to(matrix)
    plane = torch.stack([matrix[:, 0] - 0.5 * one, (height + 0.5) * one - matrix[:, 1]], 1)
    moved = frame[:, :, :2] @ plane + frame[:, :, 2:] * one
    scale = torch.linalg.det(frame[:, :, :2]).abs().sqrt()[:, None]
    rows = [moved[:, 0] + 0.5 * one, (size + 0.5) * one - moved[:, 1], scale * matrix[:, 2]]
    return torch.stack(rows, 1)
