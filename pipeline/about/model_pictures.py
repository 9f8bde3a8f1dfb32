"""Pictures of a face model: its mean, modes, expressions, landmarks, regions and texture chart."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...geometry.camera import PerspectiveCamera
from ...geometry.coefficients import Coefficients
from ...geometry.face_model import FaceModel
from ...geometry.landmarks import LandmarkSet
from ...render.face import FaceRenderer
from ...render.overlay import Picture, contact_sheet, draw_landmarks, to_picture
from ..studio import studio_camera, studio_light

_CELL = 288  # pixels
_SMALL = 192  # pixels, of expressions
_VIEWS = ((0.0, 0.0, 0.0), (0.0, 45.0, 0.0), (0.0, 90.0, 0.0))
_HALF, _SIDE = (0.0, -20.0, 0.0), (0.0, -25.0, 0.0)
_AROUND = (*_VIEWS, (0.0, 135.0, 0.0), (0.0, 180.0, 0.0), (-30.0, -30.0, 0.0))
_MOUTH: tuple[tuple[tuple[str, float], ...], ...] = (
    (("jawOpen", 0.35),),
    (("jawOpen", 1.0),),
    (("jawOpen", 0.6), ("tongueOut", 1.0)),
    (("mouthSmileLeft", 0.8), ("mouthSmileRight", 0.8), ("mouthUpperUpLeft", 0.5),
     ("mouthUpperUpRight", 0.5)),
    (("mouthLowerDownLeft", 0.8), ("mouthLowerDownRight", 0.8), ("jawOpen", 0.1)),
)  # fmt: skip
_MOUTH_ZOOM, _LIPS = 3.2, slice(48, 68)
_SIGMAS = (-2.0, 2.0)
_MODES, _RANDOM, _SEED = 12, 24, 0
_FILL = 0.9  # of the picture that the mean face takes: others are larger
_SQUARES, _CHECK = 32, 512  # of the checkerboard and its texels


class ModelPictures:
    """Draws faces of one model.

    Args:
        model: the face model.
    """

    def __init__(self, model: FaceModel) -> None:
        self.model = model
        self.renderer = FaceRenderer(model.faces, model.uv, model.uv_faces)

    def all(self) -> dict[str, Picture]:
        """Every picture by name; those of what the model does not have are left out."""
        model = self.model
        pictures = {"mean": self.mean()}
        if len(model.identity):
            pictures |= {"identity": self.modes()}
        if len(model.expression):
            pictures |= {"expressions": self.expressions()}
        if self._has_mouth():
            pictures |= {"mouth": self.mouth()}
        if "scalp" in model.regions:
            pictures |= {"around": self.around()}
        if len(model.identity) or len(model.albedo_basis):
            pictures |= {"random": self.random()}
        if model.regions:
            pictures |= {"regions": self.regions()}
        if len(model.uv) > 1:
            pictures |= {"uv": self.chart()}
        return pictures

    def mean(self) -> Picture:
        """The mean face from three sides, and with each set of its landmarks."""
        zero = self.model.zero_coefficients()
        shown = [self._draw(zero, view)[0] for view in _VIEWS]
        for points in self.model.landmarks.values():
            picture, pixels = self._draw(zero, points=points)
            shown.append(draw_landmarks(picture, pixels.numpy()))
        return contact_sheet(shown, 4, _CELL)

    def modes(self) -> Picture:
        """The first identity modes at -2 and +2 standard deviations."""
        shown = [
            self._draw(self._with("identity", mode, sigma), _SIDE)[0]
            for mode in range(min(_MODES, len(self.model.identity)))
            for sigma in _SIGMAS
        ]
        return contact_sheet(shown, 6, _CELL)

    def around(self) -> Picture:
        """The mean head from all sides."""
        zero = self.model.zero_coefficients()
        return contact_sheet([self._draw(zero, view)[0] for view in _AROUND], 3, 2 * _CELL)

    def mouth(self) -> Picture:
        """The mouth from near, open, with the tongue out and smiling, from two sides."""
        shown = []
        for view in (_VIEWS[0], (0.0, -35.0, 0.0)):
            for units in _MOUTH:
                face = self.model.zero_coefficients()
                for name, weight in units:
                    face.expression[0, self.model.expression_names.index(name)] = weight
                shown.append(self._draw(face, view, zoom=_MOUTH_ZOOM)[0])
        return contact_sheet(shown, len(_MOUTH), _CELL)

    def _has_mouth(self) -> bool:
        wanted = {name for units in _MOUTH for name, _ in units}
        return "teeth" in self.model.regions and wanted <= set(self.model.expression_names)

    def expressions(self) -> Picture:
        """Every expression at full strength."""
        count = len(self.model.expression)
        shown = [self._draw(self._with("expression", k, 1.0))[0] for k in range(count)]
        return contact_sheet(shown, 8, _SMALL)

    def random(self) -> Picture:
        """Faces with identity and albedo drawn from the model's own distribution."""
        dice = torch.Generator().manual_seed(_SEED)
        identity, expression, albedo = self.model.sizes
        shown = []
        for _ in range(_RANDOM):
            face = Coefficients(
                torch.randn(1, identity, generator=dice),
                torch.zeros(1, expression),
                torch.randn(1, albedo, generator=dice),
                studio_light(),
            )
            shown.append(self._draw(face, _HALF)[0])
        return contact_sheet(shown, 6, _CELL)

    def regions(self) -> Picture:
        """Each region in orange on the mean face, with its name."""
        zero, grey = self.model.zero_coefficients(), torch.tensor([0.7, 0.7, 0.7])
        shown = []
        for name, mask in sorted(self.model.regions.items()):
            colours = torch.where(mask[:, None], torch.tensor([1.0, 0.45, 0.05]), grey)
            shown.append(_labelled(self._draw(zero, _HALF, colours=colours)[0], name))
        return contact_sheet(shown, 6, _CELL)

    def chart(self) -> Picture:
        """The texture chart's triangles, and the mean face under a checkerboard.

        The board's upper left corner, u below 1/2 and v above 1/2, is red.
        """
        zero = self.model.zero_coefficients()
        board = _checkerboard()
        shown = [self._draw(zero, view, texture=board)[0] for view in (_VIEWS[0], _VIEWS[1])]
        return contact_sheet([self._chart_lines(), to_picture(board[0]), *shown], 4, 2 * _CELL)

    def _chart_lines(self) -> Picture:
        from PIL import Image, ImageDraw

        canvas = Image.new("RGB", (2 * _CELL, 2 * _CELL), (24, 24, 24))
        pen, uv = ImageDraw.Draw(canvas), self.model.uv
        corners = torch.stack([uv[:, 0], 1 - uv[:, 1]], 1) * 2 * _CELL
        for triangle in corners[self.model.uv_faces].tolist():
            pen.line([tuple(p) for p in (*triangle, triangle[0])], fill=(120, 170, 190))
        return np.asarray(canvas)

    def _with(self, kind: str, index: int, value: float) -> Coefficients:
        face = self.model.zero_coefficients()
        getattr(face, kind)[0, index] = value
        return face

    @torch.no_grad()
    def _draw(
        self,
        face: Coefficients,
        view: tuple[float, float, float] = (0.0, 0.0, 0.0),
        points: LandmarkSet | None = None,
        colours: Tensor | None = None,
        texture: Tensor | None = None,
        zoom: float = 0.0,
    ) -> tuple[Picture, Tensor]:
        """A picture of a face, and where a landmark set lies in it (L,2); zoom: on the mouth."""
        vertices, side = self.model.vertices(face), 2 * _CELL
        camera = self._camera(view, side, vertices, zoom)
        albedo = self.model.albedo(face) if colours is None else colours[None]
        seen = self.renderer(
            vertices,
            camera,
            (side, side),
            albedo=albedo if texture is None else None,
            texture=texture,
            light=studio_light(),
        )
        shown = seen.over(torch.full_like(seen.image, 0.25))
        pixels = torch.zeros(0, 2)
        if points is not None:
            pixels = camera.project(points.points(vertices))[0, :, :2] / 2
        return to_picture(torch.nn.functional.avg_pool2d(shown, 2)[0]), pixels

    def _camera(
        self, view: tuple[float, float, float], side: int, vertices: Tensor, zoom: float
    ) -> PerspectiveCamera:
        """One that the mean face fills, or with `zoom` one so many times nearer to the mouth."""
        mean = self.model.mean[None]
        camera = studio_camera(mean, [view], side)
        seen = camera.project(mean)[0, :, :2]
        low, high = seen.amin(0), seen.amax(0)
        factor, middle = _FILL * side / float((high - low).max()), (low + high) / 2
        if zoom:
            lips = self.model.landmark_points(vertices)[:, _LIPS]
            middle, factor = camera.project(lips)[0, :, :2].mean(0), factor * zoom
        shift = side / 2 - factor * middle
        matrix = torch.tensor([[factor, 0.0, float(shift[0])], [0.0, factor, float(shift[1])]])
        return camera.moved(matrix)


def _checkerboard() -> Tensor:
    """A texture (1,3,S,S)."""
    row = torch.arange(_CHECK) * _SQUARES // _CHECK
    board = 0.45 + 0.45 * ((row[:, None] + row) % 2).float()
    texture = board.expand(1, 3, -1, -1).clone()
    texture[:, 1:, : _CHECK // 2, : _CHECK // 2] *= 0.3
    return texture


def _labelled(picture: Picture, text: str) -> Picture:
    from PIL import Image, ImageDraw

    canvas = Image.fromarray(picture)
    ImageDraw.Draw(canvas).text((4, 4), text, fill=(255, 255, 255))
    return np.asarray(canvas)
