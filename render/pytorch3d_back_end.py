"""The rasterizer by PyTorch3D (BSD licence), on the CPU and on CUDA.

PyTorch3D finds which triangle a pixel sees; barycentrics, depth, interpolation and texture are
plain torch on top (torch_primitives.py), because PyTorch3D's own

- order surfaces by the coordinate that also corrects perspective, which is the same for all of a
  weak perspective image (w = 1): here it is given z/w, which is linear on the screen, instead;
- add 1e-8 to every triangle's area, which is felt where triangles are about a pixel.

PyTorch3D's frame: x to the left, y up, both -1..1 over the shorter side of the image and more over
the longer one, z larger = farther and positive, rows from the top. Ours is x to the right, -1..1
over both sides; z/w + 2 is positive for what lies between the planes.

On the CPU PyTorch3D compares every pixel with every triangle: hundreds of times slower than the
back end "cpu". It is there for comparison.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from ..core.errors import MissingFileError
from . import torch_primitives as primitives
from .arguments import check_interpolate, check_rasterize, check_texture
from .cpu.back_end import CpuRasterizer
from .rasterizer import Fragments, buffer_of
from .torch_primitives import PLANES, clip
from .transfer import HostRasterizer

_REMEDY = (
    "Build it for the torch that is installed: pip install --no-build-isolation "
    "git+https://github.com/facebookresearch/pytorch3d.git (needs a C++ compiler, and nvcc for "
    'CUDA). The rasterizers "cpu" and "auto" work without it.'
)
_SEAM = 1e-12
"""PyTorch3D's blur_radius, a squared distance: 1e-6 of half the shorter side.

Without it a pixel centre on the edge between two triangles would belong to neither.
"""


def import_pytorch3d() -> tuple[Any, Any]:
    """`rasterize_meshes` and `Meshes`.

    Raises:
        MissingFileError: PyTorch3D is not installed, or does not fit this torch.
    """
    try:
        rasterizer: ModuleType = import_module("pytorch3d.renderer.mesh.rasterize_meshes")
        structures: ModuleType = import_module("pytorch3d.structures")
    except (ImportError, OSError) as error:
        raise MissingFileError(
            "any folder of sys.path",
            "The package pytorch3d",
            f"{_REMEDY} Importing it said: {error}",
        ) from error
    return rasterizer.rasterize_meshes, structures.Meshes


class PyTorch3dRasterizer:
    """PyTorch3D behind the protocol of `Rasterizer`, on the device of the tensors.

    Where it differs from the back end "cpu":
    - pixels whose centre lies within 1e-6 of an edge may go to the other triangle;
    - triangles of less than 1e-8 in its units (1e-4 of a pixel at 224 px) are not drawn;
    - corners thousands of times farther out than the image's borders cost digits;
    - `antialias` is the one of the back end "cpu"; CUDA tensors travel to the CPU and back;
    - on CUDA sums of gradients depend on the order of threads.
    Triangles that reach behind the camera or beyond the near and far planes are clipped first.

    Args:
        bin_size: PyTorch3D's, in pixels, on CUDA; None leaves it to PyTorch3D, 0 visits every
            triangle at every pixel. A bin holds 10,000 triangles or a fifth of the mesh, more are
            lost: choose 0 or smaller bins where a dense mesh is drawn a few pixels large.

    Raises:
        MissingFileError: PyTorch3D is not installed.
    """

    name = "pytorch3d"

    def __init__(self, bin_size: int | None = None) -> None:
        self._rasterize_meshes, self._meshes = import_pytorch3d()
        self._bin_size = bin_size
        self._host = HostRasterizer(CpuRasterizer(), "cpu")

    def rasterize(self, pos: Tensor, tri: Tensor, resolution: tuple[int, int]) -> Fragments:
        """See `Rasterizer.rasterize`."""
        check_rasterize(pos, tri, resolution)
        if not len(pos) or not len(tri):
            return Fragments(pos[:, :0].sum() + pos.new_zeros(len(pos), *resolution, 4))
        with torch.no_grad():
            ids = self._ids(pos.detach(), tri, resolution)
        return Fragments(primitives.raster_buffer(pos, tri, ids))

    def interpolate(self, attr: Tensor, fragments: Fragments, tri: Tensor) -> Tensor:
        """See `Rasterizer.interpolate`."""
        rast = buffer_of(fragments)
        check_interpolate(attr, rast, tri)
        return primitives.interpolate(attr, rast, tri)

    def texture(self, tex: Tensor, uv: Tensor) -> Tensor:
        """See `Rasterizer.texture`."""
        check_texture(tex, uv)
        return primitives.texture(tex, uv)

    def antialias(self, color: Tensor, fragments: Fragments, pos: Tensor, tri: Tensor) -> Tensor:
        """See `Rasterizer.antialias`; on the CPU wherever the tensors are."""
        return self._host.antialias(color, fragments, pos, tri)

    def _ids(self, pos: Tensor, tri: Tensor, resolution: tuple[int, int]) -> Tensor:
        """(B,H,W) int64: triangle + 1, 0 where none is."""
        corners, image, source = visible_parts(pos[:, tri.long()])
        if not len(corners):
            return torch.zeros(len(pos), *resolution, dtype=torch.int64, device=pos.device)
        counts = image.bincount(minlength=len(pos)).tolist()
        points = to_pytorch3d(corners, resolution).reshape(-1, 3)
        faces = [torch.arange(3 * n, device=pos.device).reshape(-1, 3) for n in counts]
        nearest, _, _, _ = self._rasterize_meshes(
            self._meshes(list(points.split([3 * n for n in counts])), faces),
            image_size=tuple(resolution),
            blur_radius=_SEAM,
            faces_per_pixel=1,
            bin_size=self._bin_size if pos.is_cuda else 0,
            perspective_correct=False,
            clip_barycentric_coords=False,
            cull_backfaces=False,
        )
        nearest = nearest[..., 0]
        return torch.where(nearest >= 0, source[nearest.clamp(min=0)] + 1, 0)


def visible_parts(corners: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The parts of a batch's triangles that can be divided by w, in the order of images and ids.

    Args:
        corners: (B,T,3,4) clip space; triangles with a number that is not finite are left out.

    Returns:
        (N,3,4) triangles and, int64, (N,) their image and (N,) which of the T each is part of.
    """
    planes = torch.tensor(PLANES, dtype=corners.dtype, device=corners.device)
    inside = corners @ planes.T >= 0
    finite = corners.isfinite().all(-1).all(-1)
    whole = finite & inside.all(-1).all(-1) & (corners[..., 3] > 0).all(-1)
    crossing = finite & ~whole & inside.any(2).all(-1)
    parts, source = clip(corners[crossing].double())
    places = torch.cat([whole.nonzero(), crossing.nonzero()[source]])
    order = (places[:, 0] * corners.shape[1] + places[:, 1]).argsort(stable=True)
    image, triangle = places[order].unbind(1)
    return torch.cat([corners[whole], parts.to(corners.dtype)])[order], image, triangle


def to_pytorch3d(clip_space: Tensor, resolution: tuple[int, int]) -> Tensor:
    """(...,4) clip space with w > 0 as (...,3) in PyTorch3D's frame; see the top of this file."""
    height, width = resolution
    x, y, z = (clip_space[..., :3] / clip_space[..., 3:]).unbind(-1)
    shorter = min(height, width)
    return torch.stack([-x * (width / shorter), y * (height / shorter), z + 2], -1)


def draws_on(device: torch.device) -> str:
    """Why PyTorch3D cannot draw on this device: not installed, or built without it; "" if it can.

    It says so itself when it draws a triangle.
    """
    corners = torch.tensor([[[-1.0, -1, 0, 1], [1, -1, 0, 1], [0, 1, 0, 1]]], device=device)
    tri = torch.tensor([[0, 1, 2]], dtype=torch.int32, device=device)
    try:
        PyTorch3dRasterizer().rasterize(corners, tri, (4, 4))
    except MissingFileError:
        return "pytorch3d is not installed"
    except RuntimeError as error:
        return f"pytorch3d does not draw on {device.type}: {str(error).splitlines()[0]}"
    return ""
