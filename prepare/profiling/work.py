"""The work on a few photographs whose faces are turned: from shards to what goes into a shard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...core.errors import InputError
from ...core.item_failure import Failed, FailureLog, attempt
from ...datasets.batches.sample import Array, FaceSample, checked
from ...datasets.photographs.landmark_sets import five_points, points_68
from ...datasets.photographs.record import Record
from ...datasets.shards.tar import ShardEntry
from ...datasets.shards.tar_index import Member, read_member, tar_members
from ...geometry.contour import OutlineLandmarks
from ...geometry.face_model import FaceModel
from ...geometry.posed import PosedFaces
from ...pipeline.network.regress import RegressedFace, Regressor
from ..estimators import TURNED
from ..faces import RejectedError, reason
from ..options import TurnOptions
from ..photographs import Collection, Photograph
from ..work import Reject, mask_bytes, picture_bytes
from .camera import yaw_deg
from .collection import KEPT, TurnedPhotograph
from .fit import FIT, has_fit, turned_pose_para
from .turn import FaceTurner, OpenPhotograph

_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class TurnedLandmarks:
    """Finds both sets of 68 points of a fitted face."""

    model: FaceModel
    outline: OutlineLandmarks

    def __call__(self, face: PosedFaces) -> dict[str, Array]:
        """(68,2) by set, the picture's pixels; hidden points too."""
        vertices = self.model.vertices(face.coefficients)
        jaw = face.camera.project(self.model.landmark_points(vertices, "ibug68"))
        both = {"ibug68-3d": jaw, "ibug68-2d": self.outline(vertices, face.camera)}
        return {key: points[0, :, :2].double().numpy() for key, points in both.items()}

    def middle(self, face: PosedFaces) -> Tensor:
        """The mean (3,) of the points with the jaw on the jaw, model space, mm."""
        vertices = self.model.vertices(face.coefficients)
        return self.model.landmark_points(vertices, "ibug68")[0].mean(0)


class TurnWorkshop:
    """Turns faces of one collection; the network and the turner are made on first use.

    Args:
        collection: of `open_turned`.
        root: folder of the shards; left out of what rejects say.
        options: see `TurnOptions`.
    """

    def __init__(
        self,
        collection: Collection,
        root: Path,
        options: TurnOptions,
        log: FailureLog | None = None,
    ) -> None:
        self.collection, self.options, self._log = collection, options, log
        self._hidden = tuple(f"{path}/" for path in {str(root), str(root.resolve())})
        self._members: dict[Path, dict[str, Member]] = {}

    @cached_property
    def _regressor(self) -> Regressor:
        return Regressor()

    @cached_property
    def _turner(self) -> FaceTurner:
        return FaceTurner(self._regressor.model)

    @cached_property
    def _landmarks(self) -> TurnedLandmarks:
        model = self._regressor.model
        return TurnedLandmarks(model, OutlineLandmarks(model))

    def content(self, photograph: Photograph) -> bytes:
        """The picture in the shard."""
        if photograph.file not in self._members:
            by_name = {member.name: member for member in tar_members(photograph.file)}
            self._members[photograph.file] = by_name
        members = self._members[photograph.file]
        name = next(photograph.group + s for s in _SUFFIXES if photograph.group + s in members)
        return read_member(photograph.file, members[name])

    def entries(self, photographs: Sequence[Photograph]) -> tuple[list[ShardEntry], list[Reject]]:
        """What goes into shards, in order, and what does not."""
        entries: list[ShardEntry] = []
        rejects: list[Reject] = []
        groups = [(row, list(copies)) for row, copies in groupby(photographs, lambda p: p.row)]
        for sample, face, copies in self._fitted(groups, rejects):
            opened = attempt(copies[0].name, partial(self._opened, sample, face), self._log)
            if isinstance(opened, Failed):
                rejects += [self._reject(photograph, opened.error) for photograph in copies]
                continue
            for photograph in copies:
                ready = partial(self._entry, photograph, sample, opened)
                entry = attempt(photograph.name, ready, self._log)
                if isinstance(entry, Failed):
                    rejects.append(self._reject(photograph, entry.error))
                else:
                    entries.append(entry)
        return entries, sorted(rejects, key=lambda reject: reject.name)

    def _fitted(
        self, groups: Sequence[tuple[int, list[Photograph]]], rejects: list[Reject]
    ) -> Iterator[tuple[FaceSample, RegressedFace, list[Photograph]]]:
        """The photographs that can be read, with fitted faces, in one batch."""
        regressor = self._regressor  # what is wrong with it is wrong with every photograph
        read: list[tuple[FaceSample, Array, list[Photograph]]] = []
        for row, copies in groups:
            sample_and_points = attempt(copies[0].name, partial(self._read, row), self._log)
            if isinstance(sample_and_points, Failed):
                rejects += [
                    self._reject(photograph, sample_and_points.error) for photograph in copies
                ]
            else:
                read.append((*sample_and_points, copies))
        if not read:
            return
        faces = attempt("a batch", partial(_regressed, regressor, read))
        if not isinstance(faces, Failed):
            yield from ((s, face, copies) for (s, _, copies), face in zip(read, faces, strict=True))
            return
        for sample, five, copies in read:
            regressed = attempt(
                copies[0].name, partial(_regressed, regressor, [(sample, five, copies)]), self._log
            )
            if isinstance(regressed, Failed):
                rejects += [self._reject(photograph, regressed.error) for photograph in copies]
            else:
                yield sample, regressed[0], copies

    def _read(self, row: int) -> tuple[FaceSample, Array]:
        sample = self.collection.data[row]
        return sample, _five(sample)

    def _opened(self, sample: FaceSample, face: RegressedFace) -> OpenPhotograph:
        """The photograph with its face, if that fits the known landmarks."""
        known = points_68(sample.landmarks)
        key = "ibug68-3d" if "ibug68-3d" in sample.landmarks else "ibug68-2d"
        if known is None:
            raise RejectedError("no 68 landmarks are known")
        fitted = self._landmarks(PosedFaces(face.coefficients, face.camera))[key]
        size = float(np.ptp(known, axis=0).max())
        if size < self.options.smallest:
            raise RejectedError(f"a face of {size:.0f} pixels, less than {self.options.smallest}")
        apart = float(np.linalg.norm(fitted - known, axis=1).mean()) / size
        if not apart <= self.options.apart:
            raise RejectedError(f"a fit {100 * apart:.0f} % of the face off the landmarks")
        return self._turner.open(sample.picture, face.coefficients, face.camera, sample.skin)

    def _entry(
        self, photograph: Photograph, sample: FaceSample, opened: OpenPhotograph
    ) -> ShardEntry:
        if not isinstance(photograph, TurnedPhotograph):
            raise InputError(photograph.name, "a photograph with a turn", "one without")
        yaw = yaw_deg(opened.face.camera)
        turn = np.array([photograph.yaw - yaw, photograph.pitch]) + 0.0  # no -0
        turned = opened.turn(*turn.tolist())
        points = self._landmarks(turned.face)
        jaw = points["ibug68-3d"]
        labels = {key: sample.labels[key] for key in KEPT if key in sample.labels}
        labels |= self._fit(sample, opened.face, turned.face)
        labels |= {f"source/{key}": np.array([TURNED]) for key in points} | {"turn_deg": turn}
        box = (*jaw.min(0).tolist(), *jaw.max(0).tolist())
        skin = None if turned.skin is None or not turned.skin.any() else turned.skin
        record = Record(points, None, box, labels)
        name = photograph.name
        checked(FaceSample(name, turned.picture, points, None, box, skin, None, labels))
        content, suffix = picture_bytes(turned.picture, None)
        return ShardEntry(name, content, suffix, record, None if skin is None else mask_bytes(skin))

    def _fit(self, sample: FaceSample, before: PosedFaces, after: PosedFaces) -> dict[str, Array]:
        """300W-LP's labels of the turned photograph, where the photograph has them."""
        if not has_fit(sample.labels):
            return {}
        points = self._landmarks.middle(before)  # of the head, which stays as it is
        known = sample.landmarks.get("ibug68-3d")
        middle = None if known is None or not np.isfinite(known).all() else known.mean(0)
        pose = turned_pose_para(
            sample.labels["pose_para"],
            middle,
            (before.camera, points),
            (after.camera, points),
            sample.picture.shape[0],
        )
        return {key: sample.labels[key] for key in FIT} | {"pose_para": pose}

    def _reject(self, photograph: Photograph, error: Exception) -> Reject:
        return Reject(photograph.name, photograph.split, reason(error, self._hidden))


def _regressed(
    regressor: Regressor, read: Sequence[tuple[FaceSample, Array, list[Photograph]]]
) -> list[RegressedFace]:
    return regressor.from_points(
        [sample.picture.copy() for sample, _, _ in read],  # torch wants it writable
        [torch.as_tensor(five) for _, five, _ in read],
    )


def _five(sample: FaceSample) -> Array:
    five = sample.five_points if sample.five_points is not None else five_points(sample.landmarks)
    if five is None:
        raise RejectedError("no landmarks are known")
    return five
