"""The work on a few photographs: from files to what goes into a shard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from ..core.errors import InputError, Selfie3dError
from ..datasets.landmark_sets import points_68
from ..datasets.record import Record, format_record
from ..datasets.sample import FaceSample, checked
from ..datasets.shards import ShardEntry
from ..detect import FaceDetector, get_face_detector
from ..pipeline.export import write_text, write_whole
from .cutting import cut_picture, mask_bytes, picture_bytes, shrunk_mask, window_round
from .estimators import Estimate, Estimator, Place, make_estimator
from .faces import Known, RejectedError, describe_face, find_place, moved, reason
from .options import PrepareOptions
from .photographs import Collection, Photograph


@dataclass(frozen=True)
class Reject:
    """A photograph that was left out: its name, its split and why."""

    name: str
    split: str
    reason: str


class Workshop:
    """Prepares photographs of one collection; detector and network are made on first use.

    Args:
        collection: the photographs.
        root: folder of the data set; left out of what rejects say.
        options: see `PrepareOptions`.
        fan: FAN's files by landmark set; none: our own network.
    """

    def __init__(
        self, collection: Collection, root: Path, options: PrepareOptions, fan: dict[str, Path]
    ) -> None:
        self.collection, self.options = collection, options
        self._hidden = tuple(f"{path}/" for path in {str(root), str(root.resolve())})
        self._fan = fan

    @cached_property
    def _detector(self) -> FaceDetector:
        return get_face_detector()

    @cached_property
    def _estimator(self) -> Estimator:
        return make_estimator(self._fan)

    def entries(self, photographs: Sequence[Photograph]) -> tuple[list[ShardEntry], list[Reject]]:
        """What goes into shards, in order, and what does not."""
        entries: list[ShardEntry] = []
        rejects: list[Reject] = []
        for photograph, sample, place, estimate in self._estimated(photographs, rejects):
            try:
                entries.append(self._entry(photograph, sample, place, estimate))
            except (RejectedError, Selfie3dError, OSError) as error:
                rejects.append(self._reject(photograph, error))
        return entries, sorted(rejects, key=lambda reject: reject.name)

    def content(self, photograph: Photograph) -> bytes:
        """The file that a photograph was read from."""
        return photograph.file.read_bytes()

    def _estimated(
        self, photographs: Sequence[Photograph], rejects: list[Reject]
    ) -> list[tuple[Photograph, FaceSample, Place, Estimate | None]]:
        """The photographs that can be read and show a face, with estimates, in one batch."""
        read: list[tuple[Photograph, FaceSample, Place]] = []
        for photograph in photographs:
            try:
                sample = self.collection.data[photograph.row]
                read.append((photograph, sample, find_place(sample, self._detector)))
            except (RejectedError, Selfie3dError, OSError) as error:
                rejects.append(self._reject(photograph, error))
        wanting = [
            k for k, (_, sample, _) in enumerate(read) if points_68(sample.landmarks) is None
        ]
        estimates: dict[int, Estimate] = {}
        if wanting:
            found = self._estimator(
                [read[k][1].picture for k in wanting], [read[k][2] for k in wanting]
            )
            estimates = dict(zip(wanting, found, strict=True))
        return [(*item, estimates.get(k)) for k, item in enumerate(read)]

    def _entry(
        self, photograph: Photograph, sample: FaceSample, place: Place, estimate: Estimate | None
    ) -> ShardEntry:
        options = self.options
        known = describe_face(sample, place, estimate, options.skin, options.smallest)
        large = max(sample.picture.shape[:2]) > options.size
        if large and options.write == "shards" and not self.collection.whole:
            return self._cut(photograph, sample, known)
        _checked(sample, known)
        encoded = None if known.skin is None else mask_bytes(known.skin)
        if options.write == "files":
            return ShardEntry(photograph.name, b"", ".jpg", _new_labels(known, sample), encoded)
        content, suffix = picture_bytes(sample.picture, photograph.file)
        return ShardEntry(photograph.name, content, suffix, known.record, encoded)

    def _cut(self, photograph: Photograph, sample: FaceSample, known: Known) -> ShardEntry:
        height, width = sample.picture.shape[:2]
        if known.record.box is None:
            raise InputError(photograph.name, "a box", "none")
        window = window_round(known.record.box, width, height)
        picture, scale = cut_picture(sample.picture, window, self.options.size)
        mask = known.skin
        if mask is not None:
            mask = shrunk_mask(mask, window, picture.shape[:2])
        record = moved(known, scale, window[:2])
        cut = Known(record, None if mask is None or not (mask > 127).any() else mask)
        _checked(replace(sample, picture=picture, five_points=None, landmarks={}, skin=None), cut)
        content, suffix = picture_bytes(picture, None)
        encoded = None if cut.skin is None else mask_bytes(cut.skin)
        return ShardEntry(photograph.name, content, suffix, record, encoded)

    def _reject(self, photograph: Photograph, error: Exception) -> Reject:
        return Reject(photograph.name, photograph.split, reason(error, self._hidden))


def _new_labels(known: Known, sample: FaceSample) -> Record:
    """The record without the labels that the data set gives anyhow."""
    labels = {key: v for key, v in known.record.labels.items() if key not in sample.labels}
    return replace(known.record, labels=labels)


def _checked(sample: FaceSample, known: Known) -> None:
    record = known.record
    checked(
        replace(
            sample,
            landmarks=record.landmarks,
            five_points=record.five_points,
            box=record.box,
            skin=known.skin,
            labels=record.labels,
        )
    )


def write_side_files(out: Path, entries: Sequence[ShardEntry]) -> None:
    """NAME.json and NAME_skin.png of each entry under `out`."""
    for entry in entries:
        stem = out / entry.name
        stem.parent.mkdir(parents=True, exist_ok=True)
        write_text(Path(f"{stem}.json"), format_record(entry.record) + "\n")
        if entry.skin is not None:
            write_whole(Path(f"{stem}_skin.png"), _writer(entry.skin))


def _writer(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)
