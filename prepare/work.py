"""The work on a few photographs: from files to what goes into a shard.

The picture of a sample is the file as it is, or a cut round the face.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..core.errors import InputError
from ..core.item_failure import Failed, FailureLog, attempt
from ..core.whole_file import write_text, write_whole
from ..datasets.batches.sample import Box, FaceSample, checked
from ..datasets.photographs.landmark_sets import points_68
from ..datasets.photographs.record import Record, format_record
from ..datasets.shards.tar import ShardEntry, decode_picture
from ..detect import FaceDetector, get_face_detector
from .estimators import Estimate, Estimator, Place, make_estimator
from .faces import Known, SkinMasks, describe_face, find_place, moved, reason
from .options import PrepareOptions
from .photographs import Collection, Photograph

_REACH = 3.0  # side of a cut over the longer side of the landmarks' box: room for any crop
_SUFFIXES = {".jpg": ".jpg", ".jpeg": ".jpg", ".png": ".png"}
_QUALITY = 95

Picture = NDArray[np.uint8]
Window = tuple[int, int, int, int]


def entries_of(
    photographs: Sequence[Photograph],
    make: Callable[[Photograph], ShardEntry],
    log: FailureLog | None,
) -> tuple[list[ShardEntry], list[Reject]]:
    """What `make` gives for each photograph, in order, and those for which it fails."""
    entries: list[ShardEntry] = []
    rejects: list[Reject] = []
    for photograph in photographs:
        entry = attempt(photograph.name, partial(make, photograph), log)
        if isinstance(entry, Failed):
            rejects.append(Reject(photograph.name, photograph.split, entry.message))
        else:
            entries.append(entry)
    return entries, rejects


def window_round(box: Box, width: int, height: int) -> Window:
    """x0, y0, x1, y1 in whole pixels of the square round a face, within the photograph."""
    half = _REACH * max(box[2] - box[0], box[3] - box[1]) / 2
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    x0, y0 = max(0, int(x - half)), max(0, int(y - half))
    return x0, y0, min(width, int(x + half) + 1), min(height, int(y + half) + 1)


def cut_picture(picture: Picture, window: Window, size: int) -> tuple[Picture, float]:
    """The window, its longer side brought down to `size` pixels, and the scale."""
    x0, y0, x1, y1 = window
    part = picture[y0:y1, x0:x1]
    scale = min(1.0, size / max(part.shape[:2]))
    if scale == 1.0:
        return np.ascontiguousarray(part), 1.0
    shape = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    return np.asarray(Image.fromarray(part).resize(shape, Image.Resampling.LANCZOS)), scale


def picture_bytes(picture: Picture, file: Path | None) -> tuple[bytes, str]:
    """Content and suffix for a shard.

    Args:
        picture: (H,W,3) uint8, upright.
        file: where it came from; its bytes are taken where a shard's reader sees the same picture
            in them: a JPEG or PNG that is not turned and has no transparent parts. None: encode.
    """
    suffix = "" if file is None else _SUFFIXES.get(file.suffix.lower(), "")
    if file is not None and suffix:
        content = file.read_bytes()
        if _shows(content, picture):
            return content, suffix
    return _encoded(picture, "JPEG", quality=_QUALITY, subsampling=0), ".jpg"


def mask_bytes(mask: Picture) -> bytes:
    """A mask (H,W) as PNG of one bit a pixel."""
    return _encoded(mask > 127, "PNG", optimize=True)


def shrunk_mask(mask: Picture, window: Window, shape: tuple[int, int]) -> Picture:
    """The window of a mask, brought to `shape` (height, width)."""
    x0, y0, x1, y1 = window
    part = Image.fromarray(mask[y0:y1, x0:x1])
    return np.asarray(part.resize(shape[::-1], Image.Resampling.BOX))


def _shows(content: bytes, picture: Picture) -> bool:
    try:
        seen = decode_picture(content, "picture", "RGB")
    except InputError:
        return False
    return bool(np.array_equal(seen, picture))


def _encoded(array: NDArray, kind: str, **options: int | bool) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **options)
    return buffer.getvalue()


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
        log: for tracebacks of errors that nobody foresaw.
    """

    def __init__(
        self,
        collection: Collection,
        root: Path,
        options: PrepareOptions,
        fan: dict[str, Path],
        log: FailureLog | None = None,
    ) -> None:
        self.collection, self.options, self._log = collection, options, log
        self._hidden = tuple(f"{path}/" for path in {str(root), str(root.resolve())})
        self._fan = fan

    @cached_property
    def _detector(self) -> FaceDetector:
        return get_face_detector()

    @cached_property
    def _estimator(self) -> Estimator:
        return make_estimator(self._fan)

    @cached_property
    def _skin(self) -> SkinMasks:
        return SkinMasks(self.options.skin)

    def entries(self, photographs: Sequence[Photograph]) -> tuple[list[ShardEntry], list[Reject]]:
        """What goes into shards, in order, and what does not."""
        entries: list[ShardEntry] = []
        rejects: list[Reject] = []
        for photograph, sample, place, estimate in self._estimated(photographs, rejects):
            ready = partial(self._entry, photograph, sample, place, estimate)
            entry = attempt(photograph.name, ready, self._log)
            if isinstance(entry, Failed):
                rejects.append(self._reject(photograph, entry.error))
            else:
                entries.append(entry)
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
            outcome = attempt(photograph.name, partial(self._read, photograph), self._log)
            if isinstance(outcome, Failed):
                rejects.append(self._reject(photograph, outcome.error))
            else:
                read.append((photograph, *outcome))
        wanting = [k for k, (_, s, _) in enumerate(read) if points_68(s.landmarks) is None]
        estimates = self._estimates([read[k] for k in wanting], rejects) if wanting else []
        by_row = dict(zip(wanting, estimates, strict=True))
        kept = [k for k in range(len(read)) if k not in by_row or by_row[k] is not None]
        return [(*read[k], by_row.get(k)) for k in kept]

    def _read(self, photograph: Photograph) -> tuple[FaceSample, Place]:
        sample = self.collection.data[photograph.row]
        return sample, find_place(sample, self._detector)

    def _estimates(
        self, read: Sequence[tuple[Photograph, FaceSample, Place]], rejects: list[Reject]
    ) -> list[Estimate | None]:
        """Landmarks of all faces at once, or one by one where that fails; None for a reject."""
        estimator = self._estimator  # what is wrong with it is wrong with every photograph
        pictures, places = [s.picture for _, s, _ in read], [place for *_, place in read]
        outcome = attempt("a batch", lambda: estimator(pictures, places))
        if not isinstance(outcome, Failed):
            return list(outcome)
        estimates: list[Estimate | None] = []
        for photograph, sample, place in read:
            alone = partial(estimator, [sample.picture], [place])
            estimate = attempt(photograph.name, alone, self._log)
            if isinstance(estimate, Failed):
                rejects.append(self._reject(photograph, estimate.error))
            estimates.append(None if isinstance(estimate, Failed) else estimate[0])
        return estimates

    def _entry(
        self, photograph: Photograph, sample: FaceSample, place: Place, estimate: Estimate | None
    ) -> ShardEntry:
        options = self.options
        known = describe_face(sample, place, estimate, skin=self._skin, smallest=options.smallest)
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
        record = moved(known, scale, window[:2], (height, picture.shape[0]))
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
