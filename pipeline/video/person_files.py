"""The files of one person of a clip: tables while it runs, the head that moves in the end."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.whole_file import write_bytes, write_json, write_text
from ...geometry.face_model import FaceModel
from ...render.overlay import to_picture
from ..choices import MeshName
from ..face import ReconstructedFace
from ..formats.head_glb import HeadFile
from ..formats.head_motion import HeadMotion
from ..options import VIEWER
from ..output.files import describe
from ..output.viewed_head import head_of_photo
from ..output.viewer import viewer_page
from .clip_camera import in_clip_camera
from .live_link import COLUMNS, LiveLinkRows
from .moment import Moment
from .pose import HeadPose
from .table import TableFile, table_columns, table_row
from .views import View, in_whole_frame


@dataclass(frozen=True)
class ClipPlace:
    """Where a person's files go, and what they say of the clip.

    Attributes:
        out: an existing folder.
        name: of the files, without suffix.
        source: the clip, for the record.
        size: (width, height) of the frames. rate: frames a second.
        mesh: "head" or "face".
        live_link: also write the layout of Live Link Face.
    """

    out: Path
    name: str
    source: str
    size: tuple[int, int]
    rate: float
    mesh: MeshName = "head"
    live_link: bool = False

    def path(self, ending: str) -> Path:
        """One of the files."""
        return self.out / f"{self.name}{ending}"


class PersonTables:
    """What is written of a person frame by frame, and kept of it for the head that moves.

    Args:
        place: where the files go.
        model: the face model.
        missed: times of the frames before the first one that shows the person, seconds.
    """

    def __init__(self, place: ClipPlace, model: FaceModel, missed: Sequence[float]) -> None:
        self._place, self._model = place, model
        self._rows = LiveLinkRows(model, place.rate) if place.live_link else None
        self._table = TableFile(place.path(".csv"), table_columns(model))
        self._link: TableFile | None = None
        if self._rows is not None:
            self._link = TableFile(place.path("_live_link.csv"), COLUMNS)
            for time in missed:
                self._link.add(self._rows.empty(time))
        self._numbers = array("f")  # time, rotation, middle, scale and weights of each frame
        self.frames = 0

    def add(self, moment: Moment) -> None:
        """A frame that shows the person.

        Raises:
            InputError: it cannot be written.
        """
        self._table.add(table_row(moment, self._model, self._place.size))
        if self._link is not None and self._rows is not None:
            self._link.add(self._rows.row(moment))
        pose = moment.pose
        head = [moment.time, *pose.rotation.ravel(), *pose.middle, pose.scale]
        self._numbers.extend([*head, *moment.expression.tolist()])
        self.frames += 1

    def miss(self, time: float) -> None:
        """A frame that does not show the person."""
        if self._link is not None and self._rows is not None:
            self._link.add(self._rows.empty(time))

    def close(self) -> list[Path]:
        """Finish the files, and say which they are."""
        self._table.close()
        if self._link is None:
            return [self._place.path(".csv")]
        self._link.close()
        return [self._place.path(".csv"), self._place.path("_live_link.csv")]

    def discard(self) -> None:
        """Leave no file."""
        self._table.discard()
        if self._link is not None:
            self._link.discard()

    def motion(self, focal: float) -> HeadMotion:
        """All of it before the clip's camera of this focal length, pixels."""
        size, name = self._place.size, self._place.name
        rows = np.array(self._numbers, np.float64).reshape(self.frames, -1)
        turns, places = np.empty((len(rows), 3, 3)), np.empty((len(rows), 3))
        for k, row in enumerate(rows):
            pose = HeadPose(row[1:10].reshape(3, 3), row[10:12], float(row[12]))
            turns[k], places[k] = in_clip_camera(pose, focal, size)
        return HeadMotion(rows[:, 0], turns, places, rows[:, 13:], focal, size, name)


def write_moving_head(
    place: ClipPlace,
    face: ReconstructedFace,
    view: View,
    *,
    motion: HeadMotion,
    write: Collection[str],
) -> list[Path]:
    """The GLB of a person with the clip as its animation, and a page to play it.

    Args:
        place: where the files go.
        face: textured, in pixels of the view.
        view: that shows it.
        motion: of the head.
        write: "glb" and "viewer", if they are wanted.
    """
    own, texture = face.with_mesh(place.mesh), to_picture(face.texture_image)
    glb = HeadFile(own.model, own.coefficients, texture, own.scale, motion).content()
    files = []
    if "glb" in write:
        files.append(place.path(".glb"))
        write_bytes(files[-1], glb)
    if VIEWER in write:
        record = describe(own, view.picture, place.name, [])
        head = head_of_photo(place.name, glb, record, view.picture, own.model)
        files.append(place.path("_viewer.html"))
        write_text(files[-1], viewer_page(place.name, [head]))
    return files


def write_record(
    place: ClipPlace,
    face: ReconstructedFace,
    view: View,
    *,
    clip: Mapping[str, object],
    files: Sequence[Path],
) -> Path:
    """NAME.json: what a photograph's record has, of the frame that shows the face best.

    Args:
        place: where it goes.
        face: in pixels of the view. view: of that frame.
        clip: what is to be said of the clip.
        files: of the person.
    """
    width, height = view.size
    whole = np.broadcast_to(np.uint8(0), (height, width, 3))
    names = [file.name for file in files]
    content = describe(in_whole_frame(face, view), whole, place.source, names)
    path = place.path(".json")
    write_json(path, content | {"clip": {**clip, "best_frame": view.frame}})
    return path
