"""One batch for every data set: crops and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ...core.errors import InputError
from ...geometry.checks import check_shape
from ...geometry.posed import PosedFaces


@dataclass(frozen=True)
class FaceBatch:
    """B crops and what is known of them. Rows of NaN stand for what a sample does not have.

    >>> batch = FaceBatch(torch.zeros(2, 3, 64, 64), ("set/a", "set/b"))
    >>> batch[torch.tensor([1])].names, len(batch)
    (('set/b',), 2)

    Attributes:
        images: (B,3,S,S) RGB in [0,1].
        names: B names, "set/file", for messages.
        landmarks: (B,L,2) crop pixels by our convention, NaN where unknown; the keys are those of
            `datasets/photographs/landmark_sets.py`. A key that no sample of the batch has is not
            there.
        skin: (B,1,S,S) in [0,1], 1 on facial skin (the attention mask), NaN in the rows of samples
            without a mask; None where no sample has one.
        truth: coefficients and cameras in crop pixels; rows mean nothing where `known` is False;
            None where no sample has any.
        known: (B,) bool, with `truth`.
        labels: other supervision by name, (B,...), NaN where unknown; `FaceLoader` adds "inside"
            (B,1,S,S), 1 inside the photograph, and "crop" (B,2,3), photograph to crop pixels.

    Raises:
        InputError: shapes that do not fit each other.
    """

    images: Tensor
    names: tuple[str, ...]
    landmarks: Mapping[str, Tensor] = field(default_factory=dict)
    skin: Tensor | None = None
    truth: PosedFaces | None = None
    known: Tensor | None = None
    labels: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_shape("images", self.images, (None, 3, None, None))
        batch, _, height, width = self.images.shape
        if len(self.names) != batch:
            raise InputError("names", f"{batch} names", str(len(self.names)))
        for key, points in self.landmarks.items():
            check_shape(f"landmarks {key!r}", points, (batch, "L", 2))
        if self.skin is not None:
            check_shape("skin", self.skin, (batch, 1, height, width))
        if (self.truth is None) != (self.known is None):
            raise InputError("known", "given with truth, and only then", "one without the other")
        if self.truth is not None and self.known is not None:
            check_shape("known", self.known, (batch,))
            if len(self.truth) != batch:
                raise InputError("truth", f"{batch} faces", str(len(self.truth)))
        for key, values in self.labels.items():
            check_shape(f"label {key!r}", values[:, None], (batch, 1, *values.shape[1:]))

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device | str) -> FaceBatch:
        """The same batch on another device."""
        return FaceBatch(
            self.images.to(device),
            self.names,
            {key: points.to(device) for key, points in self.landmarks.items()},
            None if self.skin is None else self.skin.to(device),
            None if self.truth is None else self.truth.to(device),
            None if self.known is None else self.known.to(device),
            {key: values.to(device) for key, values in self.labels.items()},
        )

    def __getitem__(self, rows: slice | Tensor) -> FaceBatch:
        """The rows of a slice, of row numbers (N,) int64, or of a mask (B,) bool."""
        index = torch.arange(len(self))[rows if isinstance(rows, slice) else rows.cpu()]
        chosen = rows if isinstance(rows, slice) else index.to(self.images.device)
        return FaceBatch(
            self.images[chosen],
            tuple(self.names[k] for k in index.tolist()),
            {key: points[chosen] for key, points in self.landmarks.items()},
            None if self.skin is None else self.skin[chosen],
            None if self.truth is None else self.truth[chosen],
            None if self.known is None else self.known[chosen],
            {key: values[chosen] for key, values in self.labels.items()},
        )
