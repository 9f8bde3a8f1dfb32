"""The four primitives of `selfie3d.render.rasterizer.Rasterizer` on CUDA, by our own kernels."""

from __future__ import annotations

import os

import torch
from torch import Tensor

from ...core.errors import InputError
from ...geometry.tensor_cache import TensorCache
from ..arguments import check_antialias, check_interpolate, check_rasterize, check_texture
from ..rasterizer import Fragments, buffer_of
from ..torch_primitives import texture
from .buffer import Rasterize
from .interpolate import Interpolate
from .silhouette import Tables, cut, find_pairs, to_screen


class TritonRasterizer:
    """Ours on a GPU: Apache-2.0, compiled by Triton when first used.

    Triangles, ties, depths and the pairs of antialiasing are those of the back end "cpu"; sums of
    gradients depend on the order of threads in their last bits.

    Raises:
        InputError: this torch sees no CUDA device, and Triton's interpreter is off.
    """

    name = "triton"

    def __init__(self) -> None:
        self._interpreted = os.environ.get("TRITON_INTERPRET") == "1"
        if not torch.cuda.is_available() and not self._interpreted:
            got = f"torch {torch.__version__} that sees none"
            remedy = 'Use "auto" or "cpu"; TRITON_INTERPRET=1 runs it very slowly on the CPU.'
            raise InputError('the rasterizer "triton"', "a CUDA device", got, remedy)
        self._tables = TensorCache(Tables.of)

    def rasterize(self, pos: Tensor, tri: Tensor, resolution: tuple[int, int]) -> Fragments:
        """See `Rasterizer.rasterize`."""
        self._check_device("pos", pos)
        check_rasterize(pos, tri, resolution)
        if not len(pos) or not len(tri):
            return Fragments(pos[:, :0].sum() + pos.new_zeros(len(pos), *resolution, 4))
        return Fragments(Rasterize.apply(pos.contiguous(), tri.contiguous(), tuple(resolution)))

    def interpolate(self, attr: Tensor, fragments: Fragments, tri: Tensor) -> Tensor:
        """See `Rasterizer.interpolate`."""
        rast = buffer_of(fragments)
        self._check_device("fragments", rast)
        check_interpolate(attr, rast, tri)
        if not rast.numel() or not len(tri) or not attr.shape[2]:
            nothing = attr[:, :0].sum() + rast[..., :0].sum()
            return nothing + attr.new_zeros(*rast.shape[:3], attr.shape[2])
        return Interpolate.apply(attr.contiguous(), rast.contiguous(), tri.contiguous())

    def texture(self, tex: Tensor, uv: Tensor) -> Tensor:
        """See `Rasterizer.texture`."""
        self._check_device("uv", uv)
        check_texture(tex, uv)
        return texture(tex, uv)

    def antialias(self, color: Tensor, fragments: Fragments, pos: Tensor, tri: Tensor) -> Tensor:
        """See `Rasterizer.antialias`; triangles that reach behind the camera stay as they are."""
        rast = buffer_of(fragments)
        self._check_device("fragments", rast)
        check_antialias(color, rast, pos, tri)
        if not color.numel() or not len(tri):
            return color + pos[:, :0].sum()
        pairs = find_pairs(pos.detach(), rast, self._tables(tri))
        height, width = rast.shape[1:3]
        first, second = (
            to_screen(pos[pairs.image, v].double(), height, width) for v in (pairs.i, pairs.j)
        )
        at = torch.where(pairs.axis == 1, pairs.near % width, pairs.near // width)
        blend = ((cut(first, second, pairs.axis, pairs.line) - at).abs() - 0.5).float()
        near, far = (pairs.image * height * width + at for at in (pairs.near, pairs.far))
        flat = color.flatten(0, 2)
        moved = blend[:, None] * (flat[near] - flat[far])
        return flat.index_add(0, torch.where(blend > 0, far, near), moved).view_as(color)

    def _check_device(self, name: str, tensor: Tensor) -> None:
        """Raise InputError unless kernels run where the tensor is."""
        if tensor.device.type != "cuda" and not (self._interpreted and tensor.device.type == "cpu"):
            remedy = 'Move it with .to("cuda"), or use the rasterizer "auto" or "cpu".'
            raise InputError(name, "a CUDA tensor", f"one on {tensor.device}", remedy)
