"""A reconstructed face: what `reconstruct` gives to Python users."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.errors import InputError
from ..geometry.camera import PerspectiveCamera
from ..geometry.coefficients import Coefficients
from ..geometry.face_model import FaceModel
from ..geometry.rotation import euler_to_matrix, matrix_to_euler
from ..render.face import FaceRenderer
from ..render.overlay import Picture, to_picture
from .export import textured_mesh, write_glb
from .pose import FOCAL_PER_SIZE
from .texture import Texture

if TYPE_CHECKING:
    import trimesh

View = tuple[float, float, float]
_TURNTABLE_FILL = 1.0  # of the picture's side that a ball round the face takes


@dataclass(frozen=True)
class ReconstructedFace:
    """One face of one photograph.

    Attributes:
        model: the face model.
        coefficients: of this face (batch of one).
        camera: projects model space to the photograph's pixels.
        texture: the UV texture.
        box: (x0, y0, x1, y1) where the face was found, photograph pixels.
        score: the detector's confidence in [0,1].
        weights: what found it: "fit", the optimiser, or the name of a network's weights.
        landmark_sigma: (68,) how far each landmark is expected to be off, photograph pixels, by
            the network's own word; None from the optimiser.
    """

    model: FaceModel
    coefficients: Coefficients
    camera: PerspectiveCamera
    texture: Texture
    box: tuple[float, float, float, float]
    score: float
    weights: str = "fit"
    landmark_sigma: Tensor | None = None

    @property
    def vertices(self) -> Tensor:
        """Vertex positions (V,3), mm in model space."""
        return self.model.vertices(self.coefficients)[0]

    @property
    def is_finite(self) -> bool:
        """Whether no number of the shape and the camera is NaN or infinite."""
        whole = is_finite(self.coefficients, self.camera)
        return whole and bool(torch.isfinite(self.vertices).all())

    @property
    def landmarks_68(self) -> NDArray[np.float32]:
        """The set `ibug68` as (68,3): x, y in photograph pixels, z in their scale, near = large.

        Rows of points that the model does not have are NaN.
        """
        points = self.model.landmark_points(self.vertices[None], "ibug68")
        return self.camera.project(points)[0].numpy()

    @property
    def pose_deg(self) -> dict[str, float]:
        """Head pose in degrees: pitch (up positive), yaw (to the image's left positive), roll."""
        angles = matrix_to_euler(self.camera.rotation)[0] * (180 / math.pi)
        return dict(zip(("pitch", "yaw", "roll"), angles.tolist(), strict=True))

    def mesh(self) -> trimesh.Trimesh:
        """The textured mesh, mm in model space; glTF counts metres, so `save_glb` writes that."""
        model = self.model
        return textured_mesh(
            self.vertices, model.faces, model.uv, model.uv_faces, to_picture(self.texture.image)
        )

    def save_glb(self, path: str | Path) -> None:
        """Write the textured mesh as binary glTF, in metres, for any viewer.

        Raises:
            InputError: the path cannot be written, or has another ending than .glb.
        """
        target = Path(path)
        if target.suffix.lower() != ".glb":
            remedy = "Other formats, in mm: face.mesh().export(path)."
            raise InputError("path", "a name ending in .glb", repr(str(path)), remedy)
        write_glb(target, self.mesh())

    def render(self, view: View = (0.0, 0.0, 0.0), size: int = 256) -> Picture:
        """The textured face from any side.

        Args:
            view: pitch, yaw, roll in degrees, as in `pose_deg`.
            size: side of the square picture in pixels.

        Returns:
            (size,size,3) uint8 on a grey ground.
        """
        return self.render_views([view], size)[0]

    def render_shape(self, view: View = (0.0, 0.0, 0.0), size: int = 256) -> Picture:
        """The bare shape in grey under a light from above, as `render`."""
        return self.render_views([view], size, textured=False)[0]

    def render_views(
        self, views: Sequence[View], size: int, textured: bool = True
    ) -> list[Picture]:
        """`render` or `render_shape` from several sides at once."""
        count, model = len(views), self.model
        vertices = self.vertices.expand(count, -1, -1)
        renderer = FaceRenderer(model.faces, model.uv, model.uv_faces)
        with torch.no_grad():
            seen = renderer(
                vertices,
                studio_camera(vertices, views, size * 2),
                (size * 2, size * 2),
                albedo=None if textured else torch.full_like(vertices, 0.75),
                texture=self.texture.image.expand(count, -1, -1, -1) if textured else None,
                light=None if textured else studio_light().expand(count, -1, -1),
            )
            pictures = seen.over(torch.full_like(seen.image, 0.25))
        return [to_picture(image) for image in torch.nn.functional.avg_pool2d(pictures, 2)]


def is_finite(coefficients: Coefficients, camera: PerspectiveCamera) -> bool:
    """Whether no number of both is NaN or infinite."""
    values = [*vars(coefficients).values(), *vars(camera).values()]
    return all(bool(torch.isfinite(value).all()) for value in values)


def studio_light() -> Tensor:
    """A soft white light from the upper front, (1,9,3)."""
    light = torch.zeros(1, 9, 3)
    light[:, 0] = 2.0
    light[:, 1] = 0.55
    light[:, 2] = 0.75
    light[:, 3] = 0.2
    return light


def studio_camera(vertices: Tensor, views: Sequence[View], size: int) -> PerspectiveCamera:
    """Cameras at about 1 m that show the whole first mesh, turned by `views` degrees each."""
    count = len(views)
    rotation = euler_to_matrix(torch.tensor(views) * (math.pi / 180))
    low, high = vertices[0].min(0).values, vertices[0].max(0).values
    middle = (low + high) / 2
    extent = 2 * float((vertices[0] - middle).norm(dim=-1).max())
    distance = FOCAL_PER_SIZE * extent / _TURNTABLE_FILL
    return PerspectiveCamera(
        rotation,
        torch.tensor([0.0, 0.0, -distance]) - middle @ rotation.mT,
        torch.full((count,), FOCAL_PER_SIZE * size),
        torch.full((count, 2), size / 2),
    )
