"""Faces of a group of photographs: the second stage, in actors of Ray's that keep their network."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from .. import __version__
from ..core.item_failure import LOG, Failed, FailureLog, attempt
from ..datasets.labelled.places import Place
from ..detect import Face
from ..pipeline import FoundFace, PredictedFace, Reconstructor
from .decode import Read, killed, kind_of, read_one, tries_of
from .fragments import Fragments
from .options import BatchOptions, state_of
from .rows import Row, face_row, failed_row, table_of

Picture = NDArray[np.uint8]


@dataclass
class _Photo:
    """A photograph on its way: what was read, what was found in it, how long it took."""

    place: Place
    read: Read
    faces: list[Face] = field(default_factory=list)
    starts: list[FoundFace | None] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def picture(self) -> Picture:
        if self.read.picture is None:
            raise ValueError(f"{self.place.key} was not read")
        return self.read.picture

    @property
    def is_whole(self) -> bool:
        """Whether nothing has gone wrong with it so far."""
        return not self.read.kind

    def fail(self, failed: Failed) -> None:
        """Note that nothing can come of it."""
        self.read = Read(None, kind_of(failed), failed.message)


class FaceWork:
    """Detects, regresses and reconstructs the faces of groups, and writes their fragments.

    Args:
        out: folder of the results.
        options: of the run.
    """

    def __init__(self, out: Path, options: BatchOptions) -> None:
        torch.set_num_threads(1)  # sums in one order, whatever the machine
        self._options, self._state = options, state_of(out)
        self._reconstructor = Reconstructor(options.reconstruct)
        self._fragments = Fragments(out, self._state, options.heads)
        self._log = FailureLog(out / LOG)
        self._made_by = f"selfie3d {__version__}, {self._reconstructor.name}"

    def __call__(self, name: str, first: int, places: Sequence[Place], read: Sequence[Read]) -> str:
        """Do one group.

        Args:
            name: of the group.
            first: number of its first photograph in the run.
            places, read: its photographs.

        Returns:
            JSON: "photographs", "faces", and "kinds", how many failures there are of each kind.
        """
        before = self._fragments.counts(name)
        if before is not None:  # an actor died after it had written the group
            return _counted(before["kinds"], len(places))
        tries = tries_of(self._state, name, "faces")
        deadly = tries.begin()
        photos = [_Photo(*pair) for pair in zip(places, read, strict=True)]
        for number, photo in enumerate(photos):
            if number in deadly:
                photo.read = killed()
            tries.at(number)
            self._detect(photo)
        tries.at(-1)
        self._regress([photo for photo in photos if photo.is_whole], apart=-1 in deadly)
        rows: list[Row] = []
        heads: list[tuple[str, bytes]] = []
        for number, photo in enumerate(photos):
            tries.at(number)
            rows += self._rows(photo, first + number, heads)
        if self._options.heads:
            tar = self._fragments.tar_of_group(name).name
            rows = [row | {"glb": f"{tar}/{row['glb']}"} if "glb" in row else row for row in rows]
        table = table_of(rows, self._options.coefficients)
        self._fragments.write(name, table, heads)
        tries.end()
        return _counted([row.get("kind") for row in rows], len(places))

    def _detect(self, photo: _Photo) -> None:
        """Find the faces of a photograph; read it first where that is still to be done."""
        if photo.read.picture is None and photo.is_whole:
            photo.read = read_one(photo.place, self._log)
        photo.seconds = photo.read.seconds
        if not photo.is_whole:
            return
        with _timed(photo):
            find = partial(self._reconstructor.detect, photo.picture)
            found = attempt(photo.place.key, find, self._log)
        if isinstance(found, Failed):
            photo.fail(found)
        else:
            photo.faces = found

    def _regress(self, photos: Sequence[_Photo], apart: bool) -> None:
        """What the network finds for all faces at once; one by one where that fails."""
        pairs = [(photo.picture, face) for photo in photos for face in photo.faces]
        start = time.perf_counter()
        together = partial(self._reconstructor.regress, pairs)
        found = Failed(ValueError(), "") if apart else attempt("a group", together)
        if isinstance(found, Failed):
            found = [None] * len(pairs)  # each is then regressed where it is reconstructed
        each = (time.perf_counter() - start) / max(len(pairs), 1)
        starts = iter(found)
        for photo in photos:
            photo.starts = [next(starts) for _ in photo.faces]
            photo.seconds += each * len(photo.faces)

    def _rows(self, photo: _Photo, number: int, heads: list[tuple[str, bytes]]) -> list[Row]:
        """The rows of a photograph; its heads are added to `heads`."""
        rows, key = [], photo.place.key
        with _timed(photo):
            for k, (face, start) in enumerate(zip(photo.faces, photo.starts, strict=True), 1):
                head = f"{number:010d}_{k}.glb" if self._options.heads else ""
                make = partial(self._row, photo, k, face, start, head)
                made = attempt(f"{key}, face {k}", make, self._log)
                if isinstance(made, Failed):
                    rows.append(failed_row(key, kind_of(made), made.message) | {"face": k})
                else:
                    rows.append(made[0])
                    heads += [(head, made[1])] if head else []
        rows = rows or [failed_row(key, photo.read.kind, photo.read.message)]
        seen = {"version": self._made_by, "seconds": photo.seconds}
        return [row | seen for row in rows]

    def _row(
        self, photo: _Photo, number: int, face: Face, start: FoundFace | None, head: str
    ) -> tuple[Row, bytes]:
        """The row of one face and its GLB."""
        whole = self._options.coefficients
        found = self._bare(photo, face, start) if not whole else None
        made = found or self._reconstructor.reconstruct_face(
            photo.picture, face, start=start, textured=bool(head)
        )
        height, width = photo.picture.shape[:2]
        row = face_row(photo.place.key, number, made, (width, height), coefficients=whole)
        row |= {"score": face.score} | ({"glb": head} if head else {})
        if found is not None and start is not None and start.sigma is not None:
            row["sigmas"] = start.sigma.numpy()
        content = made.glb(self._options.reconstruct.mesh) if head else b""  # type: ignore[attr-defined]
        return row, content

    def _bare(self, photo: _Photo, face: Face, start: FoundFace | None) -> PredictedFace | None:
        """Shape and pose alone, without albedo and light; None where no network found them."""
        if start is None:
            start = self._reconstructor.regress([(photo.picture, face)])[0]
        if start is None or self._options.reconstruct.refine:
            return None
        model = self._reconstructor.model
        return PredictedFace(model, start.coefficients, start.camera, face.box)


class _timed:  # noqa: N801  (reads as a function)
    """Adds the time of a block to a photograph's."""

    def __init__(self, photo: _Photo) -> None:
        self._photo = photo

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        self._photo.seconds += time.perf_counter() - self._start


def _counted(kinds: Sequence[str | None], photographs: int) -> str:
    failed = Counter(kind for kind in kinds if kind)
    faces = len(kinds) - sum(failed.values())
    return json.dumps({"photographs": photographs, "faces": faces, "kinds": dict(failed)})
