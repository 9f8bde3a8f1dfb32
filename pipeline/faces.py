"""The faces of a photograph: a list that notebooks show and that becomes a table or a page."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..core.extra import import_extra
from ..core.whole_file import prepare_file, write_text
from ..render.overlay import Picture, draw_landmarks, resize
from .cards import card, picture_tag
from .face import ReconstructedFace
from .output.files import describe
from .output.pictures import overlay_picture
from .output.viewed_head import head_of_photo
from .output.viewer import viewer_page

if TYPE_CHECKING:
    import pandas

_PHOTO_SIDE = 480  # pixels of the photograph that a notebook shows
_MOST_SHOWN = 6
_BOX = ("box_left", "box_top", "box_right", "box_bottom")


@dataclass(frozen=True)
class ViewerPage:
    """A page to turn and animate heads in, that needs no network: docs/viewer.md.

    Attributes:
        content: HTML.
        height: pixels that it takes in a notebook.
    """

    content: str
    height: int = 640

    def save(self, path: str | Path) -> None:
        """Write the page.

        Raises:
            InputError: the path cannot be written, or has another ending than .html.
        """
        target = Path(path)
        if target.suffix.lower() != ".html":
            raise InputError("path", "a name ending in .html", repr(str(path)))
        prepare_file(target)
        write_text(target, self.content)

    def _repr_html_(self) -> str:
        style = f"width:100%;height:{self.height}px;border:0"
        return f'<iframe srcdoc="{html.escape(self.content)}" style="{style}"></iframe>'


class Faces(list[ReconstructedFace]):
    """The faces of one photograph, largest first. A notebook shows them over the photograph.

    >>> found = Faces([], np.zeros((40, 60, 3), np.uint8))
    >>> len(found), found.picture.shape, found == []
    (0, (40, 60, 3), True)

    Args:
        faces: that were found.
        picture: the photograph (H,W,3) uint8.
    """

    def __init__(self, faces: Iterable[ReconstructedFace], picture: NDArray[np.uint8]) -> None:
        super().__init__(faces)
        self.picture = picture

    def overlay(self, number: int = 0) -> Picture:
        """What was made of a face: photograph, landmarks, segmentation, textured head, bare shape.

        Args:
            number: which of the faces, counted from 0.

        Returns:
            (384,W,3) uint8.

        Raises:
            SettingError: the face was made without a texture.
        """
        return overlay_picture(self[number], self.picture)

    def to_frame(self) -> pandas.DataFrame:
        """A table of pandas with a row for every face.

        Columns: `box_left`, `box_top`, `box_right`, `box_bottom` (pixels), `score`, `pitch_deg`,
        `yaw_deg`, `roll_deg`, `ipd_mm`, every expression by its name, and the 68 landmarks `x0`,
        `y0`, `z0`, `x1` ... (photograph pixels; z in their scale, near is large).

        Raises:
            MissingFileError: pandas is not installed.
        """
        frame = import_extra("pandas", "notebook").DataFrame
        table: pandas.DataFrame = frame([_row(face) for face in self])
        return table

    def viewer(self) -> ViewerPage:
        """All of these heads in one page, to turn and animate; show it in a notebook or save it.

        Raises:
            SettingError: a face was made without a texture.
        """
        heads = [
            head_of_photo(
                f"face {number}",
                face.glb(),
                describe(face, self.picture, "photograph", []),
                self.picture,
                face.model,
            )
            for number, face in enumerate(self, 1)
        ]
        return ViewerPage(viewer_page("selfie3d", heads))

    def _repr_html_(self) -> str:
        """The photograph with all landmarks, and the first faces below it."""
        left = len(self) - _MOST_SHOWN
        tags = [picture_tag(self._marked(), "the photograph with the landmarks of its faces")]
        shown = [face._repr_html_() for face in self[:_MOST_SHOWN]]
        more = f"<p>and {left} more</p>" if left > 0 else ""
        return card(tags, {"faces": str(len(self))}) + "".join(shown) + more

    def _marked(self) -> Picture:
        height, width = self.picture.shape[:2]
        scale = min(1.0, _PHOTO_SIDE / max(height, width))
        shown = resize(self.picture, max(1, round(height * scale)), max(1, round(width * scale)))
        for face in self:
            shown = draw_landmarks(shown, face.landmarks_68[:, :2] * scale)
        return shown


def _row(face: ReconstructedFace) -> dict[str, float]:
    places = [f"{axis}{number}" for number in range(68) for axis in "xyz"]
    return {
        **dict(zip(_BOX, map(float, face.box), strict=True)),
        "score": float(face.score),
        **{f"{name}_deg": angle for name, angle in face.pose_deg.items()},
        "ipd_mm": face.model_ipd_mm * face.scale,
        **face.expressions,
        **dict(zip(places, face.landmarks_68.ravel().tolist(), strict=True)),
    }
