"""A clip from its first frame to its files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.ending import Asked, ending_softly
from ...core.errors import NoFaceError, SettingError
from ...core.progress import progress_bar
from ..network.regress import Regressor
from ..options import VIEWER, ReconstructOptions
from ..output.files import face_name
from ..reconstructor import Reconstructor
from .background import Background
from .clip import Clip, Source, open_clip
from .film import FilmWriter
from .moment import Moment
from .options import CLIP_OUTPUTS, ClipOptions, ClipSummary
from .painter import paint
from .performance import Performance
from .person_files import ClipPlace, PersonTables, write_moving_head, write_record
from .room import FILM, make_room
from .tracker import FaceTracker, TrackOptions
from .views import bare, textured

_FEWEST = 5  # frames of a person who gets files, if the clip has so many


def reconstruct_clip(
    source: str | Path | int,
    out: Path,
    *,
    options: ReconstructOptions | None = None,
    clip: ClipOptions | None = None,
) -> ClipSummary:
    """Follow the people of a clip or before a webcam, and write their files under `out`.

    NAME_overlay.mp4 shows the faces; a person gets NAME.csv, NAME.glb with the clip as its
    animation, NAME_viewer.html and NAME.json, further ones NAME_2.csv and so on. Ctrl-C ends the
    clip early, and the files are whole.

    Args:
        source: a clip, or the number of a webcam.
        out: made if it is not there; what an earlier run of this wrote there is replaced.
        options: see `ReconstructOptions`; of `write` those of `CLIP_OUTPUTS`.
        clip: see `ClipOptions`.

    Raises:
        SettingError: PyAV is missing, or an option that clips do not have.
        MissingFileError, InputError: the clip cannot be read, or its files cannot be written.
        NoFaceError: no frame shows a face.
    """
    options, clip = options or ReconstructOptions(), clip or ClipOptions()
    write, where = _outputs(options), Source.of(source)
    with open_clip(where) as opened, _one_thread():
        reconstructor = Reconstructor(options)
        network = _network_of(reconstructor)
        make_room(out, where.name)
        track = TrackOptions(options.max_faces, clip.same_person)
        tracker = FaceTracker(network, reconstructor.detector, track)
        texts = (where.name, str(where))
        place = ClipPlace(out, *texts, opened.size, opened.rate, options.mesh, clip.live_link)
        run = _Run(reconstructor, place, write)
        try:
            return run.all(opened, tracker, clip)
        finally:
            run.drop()


class _Run:
    """One clip on its way.

    Args:
        reconstructor: of the clip's faces.
        place: of the first person's files, and of the film.
        write: those of `CLIP_OUTPUTS` that are wanted.
    """

    def __init__(
        self, reconstructor: Reconstructor, place: ClipPlace, write: frozenset[str]
    ) -> None:
        self._reconstructor, self._place, self._write = reconstructor, place, write
        self._performance: Performance | None = None
        self._film: FilmWriter | None = None
        self._background = Background()

    def all(self, opened: Clip, tracker: FaceTracker, clip: ClipOptions) -> ClipSummary:
        """Every frame, then the files."""
        begin = time.perf_counter()
        model, appearance = self._reconstructor.model, self._reconstructor.fitter.appearance
        performance = Performance(model, appearance, tracker, clip.smooth, self._tables)
        self._performance = performance
        if "overlay" in self._write:
            self._film = FilmWriter(self._place.path(FILM), opened.rate, opened.size)
        with ending_softly() as asked:
            self._frames(opened, performance, asked)
        times = performance.times
        summary = ClipSummary(len(times), times[-1], time.perf_counter() - begin)
        summary.cuts, summary.asked = tracker.cuts, asked.signal
        self._finish(summary, performance, smooth=clip.smooth is not None)
        return summary

    def drop(self) -> None:
        """Leave nothing that is not finished."""
        self._background.drop()
        if self._performance is not None:
            self._performance.discard()
        if self._film is not None:
            self._film.discard()

    def _tables(self, person: int, missed: list[float]) -> PersonTables:
        return PersonTables(self._of(person), self._reconstructor.model, missed)

    def _of(self, person: int) -> ClipPlace:
        return replace(self._place, name=face_name(self._place.name, person))

    def _frames(self, opened: Clip, performance: Performance, asked: Asked) -> None:
        begin = time.perf_counter()
        with progress_bar(f"Following {self._place.source}", opened.count) as advance:
            for frame in opened:
                moments = performance.see(frame)
                if self._film is not None:
                    self._background.do(partial(self._show, frame.picture, frame.time, moments))
                speed = len(performance.times) / (time.perf_counter() - begin)
                advance(note=f"{speed:.0f} frames/s, {len(moments)} in the picture")
                if asked:
                    break
        self._background.finish()

    def _show(self, picture: NDArray[np.uint8], at: float, moments: list[Moment]) -> None:
        """Write a frame of the film."""
        if self._film is not None:
            self._film.add(paint(picture, moments, self._reconstructor.model), at)

    def _finish(self, summary: ClipSummary, performance: Performance, smooth: bool) -> None:
        """All files of the people who were there for long enough."""
        fewest = min(_FEWEST, summary.frames)
        people = {n: p for n, p in performance.people.items() if p.tables.frames >= fewest}
        if not people:
            text = f"no face found in {summary.frames} frames of {self._place.source}."
            raise NoFaceError(f"{text} Faces must be at least about 20 pixels wide.")
        film = []
        if self._film is not None:
            self._film.close()
            film = [self._place.path(FILM)]
        for number, person in people.items():
            place = self._of(number)
            facts = {"frames": summary.frames, "seconds": summary.seconds, "person": number}
            facts |= {"rate": place.rate, "frames_with_face": person.tables.frames}
            facts |= {"cuts": summary.cuts, "smoothed": smooth, "focal_px": person.running.focal}
            files = person.tables.close()
            if {"glb", VIEWER}.isdisjoint(self._write):
                face, view = bare(self._reconstructor, person.views, person.running)
            else:
                face, view = textured(self._reconstructor, person.views, person.running)
                motion = person.tables.motion(person.running.focal)
                files += write_moving_head(place, face, view, motion=motion, write=self._write)
            named = files + film
            files.append(write_record(place, face, view, clip=facts, files=named))
            summary.files += files
        summary.files += film
        summary.people = len(people)


def _outputs(options: ReconstructOptions) -> frozenset[str]:
    """What is written of a clip.

    Raises:
        SettingError: what clips do not have.
    """
    for name in options.write or ():
        if name not in CLIP_OUTPUTS:
            expected = f"those of a clip ({', '.join(CLIP_OUTPUTS)})"
            raise SettingError("write", expected, repr(name))
    return frozenset(options.write or CLIP_OUTPUTS) | {"json"}


def _network_of(reconstructor: Reconstructor) -> Regressor:
    """The network that follows.

    Raises:
        SettingError: the optimiser, or a network of another kind.
    """
    network = reconstructor.regressor
    if not isinstance(network, Regressor) or reconstructor.options.refine:
        remedy = "Leave out --weights and --refine, or take weights of points."
        expected = "a network of dense points alone"
        raise SettingError("clips", expected, repr(reconstructor.name), remedy)
    return network


@contextmanager
def _one_thread() -> Iterator[None]:
    """Torch on one thread: frames are small, and drawing and decoding have the others."""
    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(usual)
