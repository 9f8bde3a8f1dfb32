"""Where every pixel of a changed face was in the photograph before it changed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ...core.errors import InputError
from ...geometry.camera import PerspectiveCamera
from ...geometry.mesh import vertex_normals
from ...render.face import FaceRenderer
from ..face import ReconstructedFace

_TOLERANCE = 2.5  # mm behind the nearest surface, seen from the front, that still counts as seen
_GRAZING = 0.2  # cosine to the viewer up to which the tolerance grows
_TURNED = 0.05  # cosine to the viewer from which a surface was seen
_FAR = 1e6  # mm, where there is no surface
_MARGIN = 0.2  # of the head's longer side, round it


@dataclass(frozen=True)
class Window:
    """The part of a photograph that holds a face, whole pixels.

    Attributes:
        left, top: of its first pixel. width, height: in pixels.
    """

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def around(cls, points: Tensor, size: tuple[int, int]) -> Window:
        """The rectangle round points (N,2) of a photograph of (height, width), with a margin.

        Raises:
            InputError: nothing of it lies in the photograph.
        """
        low, high = points.amin(0), points.amax(0)
        margin = _MARGIN * float((high - low).max())
        left, top = (max(math.floor(v - margin), 0) for v in low.tolist())
        ends = (math.ceil(v + margin) for v in high.tolist())
        right, bottom = (min(end, side) for end, side in zip(ends, size[::-1], strict=True))
        if right <= left or bottom <= top:
            raise InputError("face", "a head that the photograph shows", "one outside of it")
        return cls(left, top, right - left, bottom - top)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width

    @property
    def to_window(self) -> Tensor:
        """(2,3), photograph to window pixels."""
        return torch.tensor([[1.0, 0, -self.left], [0, 1, -self.top]])

    def of(self, camera: PerspectiveCamera) -> PerspectiveCamera:
        """A photograph's camera in the window's pixels."""
        return camera.moved(self.to_window)


@dataclass(frozen=True)
class ChangedSurface:
    """A changed head in a window of (h,w) pixels.

    Attributes:
        covered: (h,w) bool, where the head is.
        shift: (h,w,2) from a pixel to the place where the photograph shows what is there now.
        visible: (h,w) bool, where the photograph shows it at all.
        values: (h,w,A) further vertex attributes.
        image: (3,h,w) the head under its texture.
    """

    covered: Tensor
    shift: Tensor
    visible: Tensor
    values: Tensor
    image: Tensor


def changed_surface(
    renderer: FaceRenderer,
    old: ReconstructedFace,
    new: ReconstructedFace,
    window: Window,
    values: Tensor,
) -> ChangedSurface:
    """Draw a head as it is now, and look up where it was.

    Args:
        renderer: of the face model, with its texture coordinates.
        old: as the photograph shows it. new: with another expression or texture.
        window: of the photograph.
        values: (V,A) attributes of the vertices that are interpolated as well.
    """
    before = window.of(old.camera)
    depth, facing = _seen(before, old)
    places = before.project(old.vertices[None])[0, :, :2]
    with torch.no_grad():
        drawn = renderer(
            new.vertices[None],
            window.of(new.camera),
            window.size,
            texture=new.texture_image[None],
            extras=torch.cat([places, depth, facing, values], 1)[None],
            antialias=False,
        )
        nearest = _nearest(renderer, old, before, window.size)
    maps = drawn.extras[0].permute(1, 2, 0)
    covered = drawn.mask[0, 0] > 0.5
    shift = (maps[..., :2] - pixel_centres(window.size)) * covered[..., None]
    in_front = sampled(nearest[None], shift, mode="nearest")[0]
    slack = _TOLERANCE / maps[..., 3].clamp(min=_GRAZING)
    visible = covered & (maps[..., 3] > _TURNED) & (maps[..., 2] < in_front + slack)
    visible &= _inside(shift, window.size)
    return ChangedSurface(covered, shift, visible, maps[..., 4:], drawn.image[0])


def pixel_centres(size: tuple[int, int]) -> Tensor:
    """The centres (h,w,2) of a picture's pixels, x and y."""
    rows, columns = torch.arange(size[0]) + 0.5, torch.arange(size[1]) + 0.5
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([x, y], -1)


def sampled(image: Tensor, shift: Tensor, mode: str = "bilinear") -> Tensor:
    """An image (C,h,w) read at its own pixels plus a shift (h,w,2); its border goes on outside."""
    size = image.shape[1], image.shape[2]
    places = pixel_centres(size) + shift
    grid = 2 * places / torch.tensor([size[1], size[0]]) - 1
    return functional.grid_sample(
        image[None], grid[None], mode=mode, padding_mode="border", align_corners=False
    )[0]


def _seen(camera: PerspectiveCamera, face: ReconstructedFace) -> tuple[Tensor, Tensor]:
    """How far vertices are from the camera along its axis (V,1), mm, and their cosine to it."""
    body = camera.to_camera(face.vertices[None])
    normals = vertex_normals(body, face.model.faces)
    facing = (normals * -functional.normalize(body, dim=-1)).sum(-1)[0]
    return -body[0, :, 2:], facing[:, None]


def _nearest(
    renderer: FaceRenderer,
    face: ReconstructedFace,
    camera: PerspectiveCamera,
    size: tuple[int, int],
) -> Tensor:
    """The farthest depth (h,w) among 3 x 3 pixels that is still the nearest surface, mm."""
    vertices = face.vertices[None]
    bare = torch.ones_like(vertices)
    seen = renderer(vertices, camera, size, albedo=bare, antialias=False)
    depth = torch.where(seen.mask > 0.5, seen.depth, torch.full_like(seen.depth, _FAR))
    return functional.max_pool2d(depth, 3, 1, 1)[0, 0]


def _inside(shift: Tensor, size: tuple[int, int]) -> Tensor:
    places = pixel_centres(size) + shift
    limits = torch.tensor([size[1], size[0]])
    return ((places >= 0) & (places <= limits)).all(-1)
