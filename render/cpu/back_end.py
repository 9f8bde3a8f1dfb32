"""The four primitives of `selfie3d.render.rasterizer.Rasterizer` on the CPU."""

from __future__ import annotations

from torch import Tensor

from ..rasterizer import Fragments, buffer_of
from .antialias import Antialias
from .checks import check_batch, check_resolution, check_tensor, check_texels
from .functions import Interpolate, Rasterize, Texture
from .topology import check_indices, topology_of


class CpuRasterizer:
    """Runs everywhere numba does; threads as `torch.get_num_threads()` says.

    Results are the same bit for bit whatever the number of threads. There is no near clipping:
    where a triangle reaches behind the camera (w <= 0), each pixel keeps the part with w > 0 and
    |z/w| <= 1. Triangles with a vertex that is not finite are skipped.
    """

    def rasterize(self, pos: Tensor, tri: Tensor, resolution: tuple[int, int]) -> Fragments:
        """See `Rasterizer.rasterize`."""
        check_tensor("pos", pos, (None, None, 4))
        check_resolution(resolution)
        topology = topology_of(tri)
        check_indices(topology, pos.shape[1], "pos")
        return Fragments(Rasterize.apply(pos, topology, tuple(resolution)))

    def interpolate(self, attr: Tensor, fragments: Fragments, tri: Tensor) -> Tensor:
        """See `Rasterizer.interpolate`."""
        rast = buffer_of(fragments)
        check_tensor("attr", attr, (None, None, None))
        check_tensor("fragments", rast, (None, None, None, 4))
        check_batch("attr", attr, rast.shape[0])
        topology = topology_of(tri)
        check_indices(topology, attr.shape[1], "attr")
        return Interpolate.apply(attr, rast, topology)

    def texture(self, tex: Tensor, uv: Tensor) -> Tensor:
        """See `Rasterizer.texture`."""
        check_tensor("tex", tex, (None, None, None, None))
        check_tensor("uv", uv, (None, None, None, 2))
        check_batch("tex", tex, uv.shape[0])
        check_texels(tex)
        return Texture.apply(tex, uv)

    def antialias(self, color: Tensor, fragments: Fragments, pos: Tensor, tri: Tensor) -> Tensor:
        """See `Rasterizer.antialias`; triangles that reach behind the camera stay as they are."""
        rast = buffer_of(fragments)
        check_tensor("fragments", rast, (None, None, None, 4))
        check_tensor("color", color, (*rast.shape[:3], None))
        check_tensor("pos", pos, (rast.shape[0], None, 4))
        topology = topology_of(tri)
        check_indices(topology, pos.shape[1], "pos")
        return Antialias.apply(color, rast, pos, topology)
