"""What a face model holds, in numbers and pictures."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ..core.image_file import write_image
from ..facemodels import load_face_model
from ..geometry.coefficients import Coefficients
from ..geometry.face_model import FaceModel
from ..geometry.landmarks import LandmarkSet
from ..render.face import FaceRenderer
from ..render.overlay import Picture, contact_sheet, draw_landmarks, to_picture
from .export import prepare_folder, write_whole
from .face import studio_camera, studio_light

_CELL = 224  # pixels
_VIEWS = ((0.0, 0.0, 0.0), (0.0, 45.0, 0.0), (0.0, 90.0, 0.0))
_SIGMAS = (-3.0, 3.0)
_MODES, _RANDOM, _SEED = 6, 24, 0


def describe_model(model: FaceModel) -> dict[str, object]:
    """Counts, kinds and spread of a model.

    Returns:
        plain values; `identity_spread_mm` is the root mean square distance of a random vertex
        (identity drawn from N(0,1)) to the mean face over the region `face`.
    """
    face = model.region("face")
    spread = model.identity[:, face].square().sum((0, 2)).mean().sqrt()
    return {
        "name": model.name,
        "licence": model.licence,
        "source": model.source,
        "vertices": len(model.mean),
        "triangles": len(model.faces),
        "identity": f"{len(model.identity)} ({model.identity_kind})",
        "expression": f"{len(model.expression)} ({model.expression_kind})",
        "albedo": len(model.albedo_basis),
        "identity_spread_mm": round(float(spread), 2),
        "landmark_sets": {k: _describe_landmarks(v) for k, v in model.landmarks.items()},
        "regions": {k: int(v.sum()) for k, v in model.regions.items()},
        "symmetric": model.mirror is not None,
    }


def write_model_info(name_or_path: str, out: Path) -> dict[str, object]:
    """Write pictures of a model (mean, modes, expressions, random faces) into `out`.

    Returns:
        what `describe_model` says, and under "pictures" the files.
    """
    model = load_face_model(name_or_path)
    prepare_folder(out)
    artist = _Artist(model)
    pictures = {
        "mean": artist.mean(),
        "identity": artist.modes(),
        "expressions": artist.expressions(),
        "random": artist.random(),
    }
    files = []
    for name, picture in pictures.items():
        path = out / f"{name}.png"
        _write(path, picture)
        files.append(str(path))
    return {**describe_model(model), "pictures": files}


class _Artist:
    """Draws faces of one model."""

    def __init__(self, model: FaceModel) -> None:
        self.model, self.renderer = model, FaceRenderer(model.faces)

    def mean(self) -> Picture:
        """The mean face from three sides, and with its landmarks."""
        zero = self.model.zero_coefficients()
        shown = [self._draw(zero, view)[0] for view in _VIEWS]
        return contact_sheet([*shown, *self._marked(zero)], 4, _CELL)

    def modes(self) -> Picture:
        """The first identity modes at -3 and +3 standard deviations."""
        shown = [
            self._draw(self._with("identity", mode, sigma), (0.0, -25.0, 0.0))[0]
            for mode in range(min(_MODES, len(self.model.identity)))
            for sigma in _SIGMAS
        ]
        return contact_sheet(shown or [self._draw(self.model.zero_coefficients())[0]], 4, _CELL)

    def expressions(self) -> Picture:
        """Every expression at full strength."""
        count = len(self.model.expression)
        shown = [self._draw(self._with("expression", k, 1.0))[0] for k in range(count)]
        return contact_sheet(shown or [self._draw(self.model.zero_coefficients())[0]], 8, 144)

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
            shown.append(self._draw(face, (0.0, -20.0, 0.0))[0])
        return contact_sheet(shown, 6, _CELL)

    def _marked(self, face: Coefficients) -> list[Picture]:
        marked = []
        for points in self.model.landmarks.values():
            picture, pixels = self._draw(face, points=points)
            marked.append(draw_landmarks(picture, pixels.numpy()))
        return marked

    def _with(self, kind: str, index: int, value: float) -> Coefficients:
        face = self.model.zero_coefficients()
        getattr(face, kind)[0, index] = value
        return face

    def _draw(
        self,
        face: Coefficients,
        view: tuple[float, float, float] = (0.0, 0.0, 0.0),
        points: LandmarkSet | None = None,
    ) -> tuple[Picture, Tensor]:
        """A picture of a face, and where a landmark set lies in it (L,2)."""
        vertices, size = self.model.vertices(face), (2 * _CELL, 2 * _CELL)
        camera = studio_camera(self.model.mean[None], [view], size[0])
        seen = self.renderer(
            vertices, camera, size, albedo=self.model.albedo(face), light=studio_light()
        )
        shown = seen.over(torch.full_like(seen.image, 0.25))
        pixels = torch.zeros(0, 2)
        if points is not None:
            pixels = camera.project(points.points(vertices))[0, :, :2] / 2
        return to_picture(torch.nn.functional.avg_pool2d(shown, 2)[0]), pixels


def _describe_landmarks(points: LandmarkSet) -> str:
    return f"{int(points.valid.sum())} of {len(points)} ({points.contour})"


def _write(path: Path, picture: Picture) -> None:
    write_whole(path, lambda target: write_image(target, picture))
