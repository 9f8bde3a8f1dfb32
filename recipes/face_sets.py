"""The data sets of photographs that a recipe learns from, is validated on, and is tested with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ..core.errors import InputError
from ..core.item_failure import LOG, FailureLog
from ..datasets.batches.batch import FaceBatch
from ..datasets.batches.face_pass import FacePass
from ..datasets.batches.photo_augment import PhotoAugmentConfig
from ..datasets.batches.sample import FaceDataset
from ..datasets.photographs.registry import DATASETS
from ..datasets.shards.source import BatchOrder, FaceLoader
from ..geometry.coefficient_mirror import CoefficientMirror
from ..geometry.face_model import FaceModel
from .lessons import Lessons, check_lessons


@dataclass(frozen=True)
class FaceSetConfig:
    """One data set of a mixture.

    Attributes:
        name: of `datasets.registry`.
        root: its folder.
        share: of the batches, on any scale.
        options: of the data set.
    """

    name: str = ""
    root: str = ""
    share: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FaceDataConfig:
    """Where faces come from.

    Attributes:
        train: data sets whose batches are mixed.
        validation: sets that training never sees.
        validate: faces of each of the latter that are used, evenly from all over the set; 0: all.
        test: sets that the run is judged by once, when it has ended; nothing is chosen by them.
        crop: of `datasets.crops`.
        batch: faces of a step.
        readers: threads that read pictures.
        augment: of training batches.
        epoch: batches of an epoch; 0: as many as show each face of `train` once.
    """

    train: list[FaceSetConfig] = field(default_factory=list)
    validation: list[FaceSetConfig] = field(default_factory=list)
    test: list[FaceSetConfig] = field(default_factory=list)
    validate: int = 256
    crop: str = "tight"
    batch: int = 32
    readers: int = 1
    augment: PhotoAugmentConfig = field(default_factory=PhotoAugmentConfig)
    epoch: int = 0


@runtime_checkable
class KnowsFaces(Protocol):
    """A data set that knows faces by the coefficients of a face model.

    Attributes:
        face_model: name of that model; "" where no face is known.
    """

    face_model: str


def open_sets(sets: Sequence[FaceSetConfig], what: str) -> list[FaceDataset]:
    """The data sets of a mixture.

    Args:
        sets: which.
        what: name of the setting that lists them, for messages.

    Raises:
        InputError: none, or options that a data set does not know.
        MissingFileError, UnknownNameError: a set that cannot be opened.
    """
    if not sets:
        raise InputError(what, "at least one data set", "none")
    opened = []
    for named in sets:
        try:
            opened.append(DATASETS.create(named.name, named.root, **named.options))
        except TypeError as error:
            raise InputError(f"{what}: {named.name}", "options it knows", str(error)) from error
    return opened


def known_models(sets: Sequence[FaceDataset]) -> list[str]:
    """Names of the face models in whose coefficients data sets know faces, sorted."""
    return sorted({faces.face_model for faces in sets if isinstance(faces, KnowsFaces)} - {""})


@dataclass(frozen=True)
class FaceSets:
    """The data sets of a run, those that it learns from opened.

    Attributes:
        data: names them, their shares, the crop, augmentation and the size of batches.
        size: side of the crops in pixels.
        seed: of order and augmentation.
        output: folder of the run, whose log gets the tracebacks of errors that nobody foresaw.
        train: those of `data.train`.
    """

    data: FaceDataConfig
    size: int
    seed: int
    output: str
    train: list[FaceDataset]

    @classmethod
    def open(cls, data: FaceDataConfig, size: int, seed: int, *, output: str) -> FaceSets:
        """Open the sets of `data.train`; arguments and errors as the attributes and `open_sets`."""
        return cls(data, size, seed, output, open_sets(data.train, "data.train"))

    def taught(self, lessons: Lessons, remedy: str) -> set[str]:
        """The terms that some set of `train` teaches, see `check_lessons`.

        Args:
            lessons: of the recipe.
            remedy: what to do where there is none.

        Raises:
            InputError: a set teaches nothing.
        """
        crop = self.data.crop
        return check_lessons(self.train, crop, self.size, lessons=lessons, remedy=remedy)

    def mirror_of_known(self, model: FaceModel) -> CoefficientMirror | None:
        """What mirrors the known coefficients of training faces; None where none are mirrored.

        Args:
            model: that the coefficients belong to.

        Raises:
            InputError: the model's faces cannot be mirrored.
        """
        wanted = self.data.augment.mirrored and known_models(self.train)
        return CoefficientMirror.of(model) if wanted else None

    def source(self, mirror: CoefficientMirror | None) -> FaceLoader:
        """Endless training batches.

        Args:
            mirror: of known coefficients, where crops with them are mirrored.

        Raises:
            InputError, UnknownNameError: as `FaceLoader` and `BatchOrder`.
        """
        data = self.data
        shares = [named.share for named in data.train]
        order = BatchOrder(data.crop, data.augment, self.size, data.batch, self.seed, data.epoch)
        source = FaceLoader(self.train, shares, order, mirror, data.readers)
        source.log = FailureLog(Path(self.output) / LOG)
        return source

    def validation(self) -> list[FaceBatch]:
        """Faces evenly from each of the validation sets, unchanged, in batches.

        Raises:
            InputError: no set, or not one face that can be used.
        """
        data, batches = self.data, list[FaceBatch]()
        for faces in open_sets(data.validation, "data.validation"):
            batches += FacePass(faces, data.crop, self.size, data.batch, data.validate, spread=True)
        if not batches:
            raise InputError("data.validation", "at least one face that can be used", "none")
        return batches

    def test(self) -> Iterable[FaceBatch]:
        """Every face of the test sets, unchanged, read when asked for; the sets are opened now.

        Returns:
            Batches, as often as they are iterated over; false in a condition without any set.

        Raises:
            InputError, MissingFileError, UnknownNameError: a set that cannot be opened.
        """
        data = self.data
        sets = open_sets(data.test, "data.test") if data.test else []
        return _Chained([FacePass(faces, data.crop, self.size, data.batch) for faces in sets])


@dataclass(frozen=True)
class _Chained:
    """Batches of one pass after the other, again and again."""

    passes: Sequence[FacePass]

    def __len__(self) -> int:
        return len(self.passes)

    def __iter__(self) -> Iterator[FaceBatch]:
        for batches in self.passes:
            yield from batches
