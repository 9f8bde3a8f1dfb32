"""The rasterizer by nvdiffrast, on CUDA only.

nvdiffrast is under the NVIDIA Source Code License, which allows non-commercial use (research and
evaluation) only. It is not part of this package; this file calls what its documentation describes.

Its images have row 0 at the bottom, as OpenGL's, ours at the top. Nothing is flipped in memory:
- `rasterize` and `antialias` are given positions with y negated. The picture of the mirrored mesh
  from the bottom up is the picture of the mesh from the top down. Triangles turn the other way
  round, which neither minds: both sides are visible.
- `texture` is given v as 1 - v, since row 0 of its textures is v = 0 and ours is v = 1.
- `interpolate` does not know where a pixel is.
Order and meaning of (u, v, z/w, id + 1) are the same. Its z/w has no gradient; here it gets one,
by interpolating z and w.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from ..core.errors import InputError, MissingFileError
from ..geometry.tensor_cache import TensorCache
from .arguments import check_antialias, check_interpolate, check_rasterize, check_texture
from .rasterizer import Fragments, buffer_of

LICENCE = "NVIDIA Source Code License: non-commercial use only"
_REMEDY = (
    "Install it (needs nvcc and a CUDA build of torch): pip install setuptools wheel ninja; "
    "pip install --no-build-isolation git+https://github.com/NVlabs/nvdiffrast.git "
    f'(licence: {LICENCE}). The rasterizers "pytorch3d", "cpu" and "auto" work without it.'
)


def import_nvdiffrast() -> Any:  # noqa: ANN401 - a module without types
    """The module nvdiffrast.torch.

    Raises:
        InputError: this torch sees no CUDA device.
        MissingFileError: nvdiffrast is not installed, or does not fit this torch.
    """
    if not torch.cuda.is_available():
        raise InputError(
            'the rasterizer "nvdiffrast"',
            "a CUDA device",
            f"torch {torch.__version__} that sees none",
            f'Use "auto", "cpu" or "pytorch3d". (Licence of nvdiffrast: {LICENCE}.)',
        )
    if find_spec("nvdiffrast") is None:
        raise MissingFileError("any folder of sys.path", "The package nvdiffrast", _REMEDY)
    try:
        return import_module("nvdiffrast.torch")
    except (ImportError, OSError) as error:
        told = f"{_REMEDY} Importing it said: {error}"
        raise MissingFileError(
            "any folder of sys.path", "A working package nvdiffrast", told
        ) from error


class NvdiffrastRasterizer:
    """nvdiffrast behind the protocol of `Rasterizer`, on the CUDA device of the tensors.

    Licence of nvdiffrast: NVIDIA Source Code License, non-commercial use only.

    Where it differs from the back end "cpu": on meshes finer than pixels `antialias` finds only
    the silhouette edges of triangles that are seen, so the outline's gradient is smaller; ties
    between triangles; numbers that are not finite are not looked for; sums of gradients depend on
    the order of threads.

    Raises:
        InputError: this torch sees no CUDA device.
        MissingFileError: nvdiffrast is not installed.
    """

    name = "nvdiffrast"

    def __init__(self) -> None:
        self._module = import_nvdiffrast()
        self._contexts: dict[torch.device, Any] = {}
        self._edges = TensorCache(self._module.antialias_construct_topology_hash)

    def rasterize(self, pos: Tensor, tri: Tensor, resolution: tuple[int, int]) -> Fragments:
        """See `Rasterizer.rasterize`."""
        device = check_cuda("pos", pos)
        check_rasterize(pos, tri, resolution)
        if not len(pos) or not len(tri):
            return Fragments(pos[:, :0].sum() + pos.new_zeros(len(pos), *resolution, 4))
        if device not in self._contexts:
            self._contexts[device] = self._module.RasterizeCudaContext(device=device)
        tri = tri.contiguous()
        rast, _ = self._module.rasterize(
            self._contexts[device], upside_down(pos), tri, tuple(resolution), grad_db=False
        )
        if not (torch.is_grad_enabled() and pos.requires_grad):
            return Fragments(rast)
        return Fragments(self._with_depth_gradient(rast, pos, tri))

    def interpolate(self, attr: Tensor, fragments: Fragments, tri: Tensor) -> Tensor:
        """See `Rasterizer.interpolate`."""
        rast = buffer_of(fragments)
        check_cuda("fragments", rast)
        check_interpolate(attr, rast, tri)
        if not rast.numel() or not len(tri) or not attr.shape[2]:
            nothing = attr[:, :0].sum() + rast[..., :0].sum()
            return nothing + attr.new_zeros(*rast.shape[:3], attr.shape[2])
        return self._interpolate(attr, rast, tri)

    def texture(self, tex: Tensor, uv: Tensor) -> Tensor:
        """See `Rasterizer.texture`."""
        check_cuda("uv", uv)
        check_texture(tex, uv)
        if not uv.numel() or not tex.shape[3]:
            nothing = tex[:, :0].sum() + uv[..., :0].sum()
            return nothing + tex.new_zeros(*uv.shape[:3], tex.shape[3])
        down = torch.stack([uv[..., 0], 1 - uv[..., 1]], -1)
        return self._module.texture(
            tex.contiguous(), down, filter_mode="linear", boundary_mode="clamp"
        )

    def antialias(self, color: Tensor, fragments: Fragments, pos: Tensor, tri: Tensor) -> Tensor:
        """See `Rasterizer.antialias`."""
        rast = buffer_of(fragments)
        check_cuda("fragments", rast)
        check_antialias(color, rast, pos, tri)
        if not color.numel() or not len(tri):
            return color + pos[:, :0].sum()
        tri = tri.contiguous()
        return self._module.antialias(
            color.contiguous(),
            rast.detach().contiguous(),
            upside_down(pos),
            tri,
            topology_hash=self._edges(tri),
        )

    def _interpolate(self, attr: Tensor, rast: Tensor, tri: Tensor) -> Tensor:
        parts = attr.contiguous(), rast.contiguous(), tri.contiguous()
        values, _ = self._module.interpolate(*parts)
        return values

    def _with_depth_gradient(self, rast: Tensor, pos: Tensor, tri: Tensor) -> Tensor:
        """The same numbers; z/w = (sum b_i z_i) / (sum b_i w_i) as a function of positions."""
        zw = self._interpolate(pos[..., 2:], rast, tri)
        hit = rast[..., 3:] > 0
        depth = zw[..., :1] / torch.where(hit, zw[..., 1:], torch.ones_like(zw[..., 1:]))
        same = rast[..., 2:3].detach() + depth - depth.detach()
        return torch.cat([rast[..., :2], same, rast[..., 3:]], -1)


def upside_down(pos: Tensor) -> Tensor:
    """Clip positions (B,V,4) with y negated, contiguous."""
    return pos * pos.new_tensor([1.0, -1.0, 1.0, 1.0])


def check_cuda(name: str, tensor: Tensor) -> torch.device:
    """The tensor's device; raises InputError unless it is a CUDA device."""
    if tensor.device.type != "cuda":
        remedy = 'Move it with .to("cuda"), or use the rasterizer "auto" or "cpu".'
        raise InputError(name, "a CUDA tensor", f"one on {tensor.device}", remedy)
    return tensor.device
