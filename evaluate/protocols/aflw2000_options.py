"""What can be chosen about the protocol `aflw2000`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...core.choices import check_choices
from ...core.errors import InputError
from ...datasets.photographs.aflw2000 import Aflw2000
from ..metrics.landmarks import yaw_bins
from ..predict.predictions import LANDMARKS
from ..predict.predictor import BoxSource

SPLITS = {"fitted": "fitted pose", "labels": "AFLW labels"}
ANNOTATIONS = {"original": "original", "reannotated": "re-annotated"}
OWN_SETS = {"reannotated": "aflw2000-reannotated"}
"""Landmark sets of the face model that stand for one annotation alone."""
Rows = Literal["auto", "all", "images", "named"]
Split = Literal["all", "fitted", "labels"]
Annotation = Literal["all", "original", "reannotated"]
Depth = Literal["image", "crop120"]


@dataclass(frozen=True)
class DenseOptions:
    """Points in dense correspondence, scored where a truth is named.

    Attributes:
        predictions: .npy (N,V,3), one row per image of the data set, in the annotation's frame; ""
            with a network: its own faces, at the places that correspond to the truth's vertices.
        truth: .npy of the same shape; or
        basis: .npz with `mean` (V,3), `identity` (V,3,199) and `expression` (V,3,29), or their
            first columns, from which the truth is made by the fitted parameters in the .mat files.
        points: .npy or .txt of the vertices that count; empty takes all.
        correspondence: which vertices they are, in words; goes into the report.
    """

    predictions: str = ""
    truth: str = ""
    basis: str = ""
    points: str = ""
    correspondence: str = "equal index, equal vertex"

    def __post_init__(self) -> None:
        sources = bool(self.truth) + bool(self.basis)
        if sources > 1 or (self.predictions and not sources):
            got = f"predictions={self.predictions!r} truth={self.truth!r} basis={self.basis!r}"
            raise InputError("dense", "one of dense.truth, dense.basis", got)

    @property
    def wanted(self) -> bool:
        """Whether dense points are scored."""
        return bool(self.truth or self.basis)


@dataclass(frozen=True)
class Aflw2000Options:
    """How AFLW2000-3D is evaluated.

    Attributes:
        rows: "all"; "images", those whose photograph is there; "named", those that the file of
            predictions names; "auto": images for prediction, all for a file.
        every: of these, each so many-th row of the data set ...
        offset: ... beginning with this one: row % every == offset.
        frontal: that many drawn at random with |fitted yaw| up to 30; 0: no such draw.
        profile: the same above 60. Either above 0 leaves out what is not drawn.
        seed: of both draws.
        split: "fitted" (1312/383/305), "labels" (1306/462/232) or "all".
        annotation: "original", "reannotated" or "all".
        balanced_seeds: balanced subsets that are drawn.
        boxes: "protocol", box of the 68 original points; or "detector".
        mirrored: a network of points sees mirrored crops as well, as in `reconstruct`.
        face_model: of the optimiser.
        landmark_set: of the face model, that is compared.
        key: the array of landmarks in a file of predictions.
        depth: "image", or "crop120": the file's z is in pixels of the protocol's 120-pixel crop.
        pictures: so many best and so many worst faces are drawn.
        beside: a second file of predictions, scored on the same images.
        dense: see `DenseOptions`.
    """

    rows: Rows = "auto"
    every: int = 1
    offset: int = 0
    frontal: int = 0
    profile: int = 0
    seed: int = 0
    split: Split = "all"
    annotation: Annotation = "all"
    balanced_seeds: int = 10
    boxes: BoxSource = "protocol"
    mirrored: bool = False
    face_model: str = "default"
    landmark_set: str = "300w-lp"
    key: str = LANDMARKS
    depth: Depth = "image"
    pictures: int = 12
    beside: str = ""
    dense: DenseOptions = field(default_factory=DenseOptions)

    def __post_init__(self) -> None:
        check_choices(self)
        if not (self.every >= 1 and 0 <= self.offset < self.every):
            raise InputError("every, offset", "0 <= offset < every", f"{self.every}, {self.offset}")
        if min(self.frontal, self.profile, self.balanced_seeds, self.pictures) < 0:
            raise InputError("frontal, profile, balanced_seeds, pictures", "0 or more", "less")

    @property
    def splits(self) -> list[str]:
        """The splits that are asked for."""
        return list(SPLITS) if self.split == "all" else [self.split]

    @property
    def annotations(self) -> list[str]:
        """The annotations that are asked for."""
        return list(ANNOTATIONS) if self.annotation == "all" else [self.annotation]


def select_rows(
    options: Aflw2000Options, data: Aflw2000, named: list[int] | None, predicting: bool
) -> NDArray[np.int64]:
    """Row numbers of the data set that are evaluated, ascending.

    Args:
        options: what was chosen.
        data: the data set.
        named: rows that the file of predictions names, None without names.
        predicting: a predictor runs; it needs photographs.

    Raises:
        InputError: none are left, or fewer than are to be drawn.
    """
    kind = options.rows if options.rows != "auto" else ("images" if predicting else "all")
    keep = np.ones(len(data.names), bool)
    if kind == "images" or predicting:
        keep &= data.has_image
    if kind == "named":
        if named is None:
            raise InputError("rows", "named, with a file that holds names", "a file without")
        keep &= np.isin(np.arange(len(keep)), named)
    keep &= np.arange(len(keep)) % options.every == options.offset
    rows = np.flatnonzero(keep)
    if options.frontal or options.profile:
        bins = yaw_bins(data.yaw_fitted[rows])
        wanted = ((options.frontal, 0), (options.profile, 2))
        drawn = [_draw(rows[bins == k], count, options.seed) for count, k in wanted]
        rows = np.sort(np.concatenate(drawn))
    if not len(rows):
        raise InputError("rows", "at least one image", f"none by {kind}, every, offset")
    return rows


def _draw(rows: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    if count > len(rows):
        raise InputError("frontal, profile", f"at most {len(rows)}", str(count))
    return np.random.default_rng(seed).choice(rows, count, replace=False)
