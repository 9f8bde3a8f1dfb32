"""Between vertices and UV maps: position maps (or any attribute's map) both ways.

v points up: texel (r, c) of an H x W map has its centre at ((c + .5) / W, 1 - (r + .5) / H), so
row 0 is v = 1. A chart is a connected part of the UV layout; nothing is ever read across charts.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ..core.errors import InputError
from .checks import check_finite, check_shape
from .topology import check_faces
from .uv_tables import check_charts, lookup_table, reading_places, scan_convert, triangle_charts


def texel_centres(height: int, width: int) -> Tensor:
    """UV of the texel centres, (H, W, 2) float64, row 0 at the top (v near 1)."""
    v = 1 - (torch.arange(height, dtype=torch.float64) + 0.5) / height
    u = (torch.arange(width, dtype=torch.float64) + 0.5) / width
    return torch.stack(torch.meshgrid(u, v, indexing="xy"), -1)


class UVMapper(nn.Module):
    """One UV layout at one map size: who covers each texel, and what each vertex reads.

    The tables are made once on the CPU (50,000 triangles at 1024: 0.15 s, and 0.7 s with those of
    `sample`); the maps then are gathers, differentiable both ways, on whatever device the module is
    moved to.

    >>> uv = torch.tensor([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    >>> faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    >>> mapper = UVMapper(uv, faces, faces, size=2)
    >>> mapper.position_map(uv[None])[0, 0]  # u of every texel's centre
    tensor([[0.2500, 0.7500],
            [0.2500, 0.7500]])

    Args:
        uv: (T, 2) in [0, 1], v up.
        uv_faces: (F, 3) indices into uv; a triangle without area covers nothing.
        faces: (F, 3) indices into the vertices, the same triangles.
        size: H = W, or (H, W).
        reading: False leaves out the tables of `sample`, which take most of the time.

    Attributes:
        mask: (H, W) bool, texels whose centre lies in a triangle.
        triangle: (H, W) long, the triangle there (the lowest id where charts overlap), or -1.
        barycentric: (H, W, 3) float32 of its corners, 0 outside.
        vertex_count: V = the highest vertex of `faces` + 1.

    Raises:
        InputError: wrong shapes, NaN, indices out of range, a chart that covers no texel.
    """

    mask: Tensor
    triangle: Tensor
    barycentric: Tensor
    _texels: Tensor
    _corners: Tensor
    _weights: Tensor
    _read_texels: Tensor
    _read_weights: Tensor
    _readers: Tensor

    def __init__(
        self,
        uv: Tensor,
        uv_faces: Tensor,
        faces: Tensor,
        size: int | tuple[int, int],
        *,
        reading: bool = True,
    ) -> None:
        super().__init__()
        check_shape("uv", uv, ("T", 2))
        check_finite("uv", uv)
        check_faces(uv_faces, uv.shape[0])
        check_shape("faces", faces, (uv_faces.shape[0], 3))
        if not len(faces):
            raise InputError("faces", "at least one triangle", "none")
        self.size = (size, size) if isinstance(size, int) else size
        self.vertex_count = int(faces.max()) + 1
        coordinates = uv.detach().cpu().double().numpy()
        corners = uv_faces.cpu().numpy()
        triangle, barycentric = scan_convert(coordinates, corners, self.size)
        self._register("triangle", torch.from_numpy(triangle))
        self._register("barycentric", torch.from_numpy(barycentric))
        self._register("mask", self.triangle >= 0)
        self._add_writing(faces.cpu().long())
        charts = triangle_charts(corners, len(coordinates))
        check_charts(coordinates[corners], charts, triangle)
        self._reads = reading
        if reading:
            self._add_reading(coordinates, corners, faces.cpu().numpy(), charts)

    def _register(self, name: str, table: Tensor) -> None:
        self.register_buffer(name, table, persistent=False)

    def _add_writing(self, faces: Tensor) -> None:
        texels = self.mask.reshape(-1).nonzero()[:, 0]
        owner = self.triangle.reshape(-1)[texels]
        self._register("_texels", texels)
        self._register("_corners", faces[owner])
        self._register("_weights", self.barycentric.reshape(-1, 3)[texels])

    def _add_reading(
        self, uv: np.ndarray, uv_faces: np.ndarray, faces: np.ndarray, charts: np.ndarray
    ) -> None:
        triangle = self.triangle.numpy()
        chart_map = np.where(triangle >= 0, charts[triangle], -1)
        vertices, places = reading_places(uv, uv_faces, faces)
        chart_of = np.zeros(len(uv), dtype=np.int64)
        chart_of[uv_faces] = charts[:, None]
        texels, weights = lookup_table(uv[places], chart_of[places], chart_map)
        self._register("_readers", torch.from_numpy(vertices))
        self._register("_read_texels", torch.from_numpy(texels))
        self._register("_read_weights", torch.from_numpy(weights).float())

    def position_map(self, attributes: Tensor) -> Tensor:
        """Attributes of the vertices as a map: positions, colours, normals, offsets.

        Args:
            attributes: (B, V, C); of more vertices than the faces use is fine.

        Returns:
            (B, C, H, W), 0 outside `mask`.

        Raises:
            InputError: wrong shape or too few vertices.
        """
        check_shape("attributes", attributes, ("B", "V", "C"))
        batch, count, channels = attributes.shape
        if count < self.vertex_count:
            raise InputError("attributes", f"at least {self.vertex_count} vertices", f"{count}")
        values = sum(
            attributes.index_select(1, self._corners[:, k])
            * self._weights[:, k, None].to(attributes.dtype)
            for k in range(3)
        )
        height, width = self.size
        flat = attributes.new_zeros(batch, height * width, channels)
        flat = flat.index_copy(1, self._texels, torch.as_tensor(values))
        return flat.transpose(1, 2).reshape(batch, channels, height, width)

    def sample(self, uv_map: Tensor) -> Tensor:
        """The map's values at the vertices, the inverse of `position_map`.

        Bilinear where all four texels belong to the vertex's chart; at the chart's border the
        nearest texels of the chart, with weights that continue a linear function exactly. Texels
        outside the chart have no influence, whatever they hold. A vertex on a seam is read where
        its UV triangles are widest. Triangles narrower than a texel leave no trace in a map:
        vertices that only such slivers use come back from their surroundings.

        Args:
            uv_map: (B, C, H, W).

        Returns:
            (B, V, C) with V = `vertex_count`; 0 for a vertex that no triangle uses.

        Raises:
            InputError: wrong shape, or a mapper without these tables.
        """
        if not self._reads:
            raise InputError("UVMapper", "one made with reading=True", "reading=False")
        check_shape("uv_map", uv_map, ("B", "C", *self.size))
        flat = uv_map.flatten(2).transpose(1, 2)
        values = flat.index_select(1, self._read_texels.reshape(-1))
        values = values.unflatten(1, tuple(self._read_texels.shape))
        values = (values * self._read_weights[..., None].to(uv_map.dtype)).sum(2)
        empty = uv_map.new_zeros(len(uv_map), self.vertex_count, uv_map.shape[1])
        return empty.index_copy(1, self._readers, values)


def position_map(
    vertices: Tensor, uv: Tensor, uv_faces: Tensor, *, faces: Tensor, size: int | tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Position map of meshes in one call; keep a `UVMapper` where it happens more than once.

    Args:
        vertices: (B, V, 3).
        uv: (T, 2) in [0, 1], v up.
        uv_faces: (F, 3) indices into `uv`.
        faces: (F, 3) indices into the vertices, the same triangles.
        size: H = W, or (H, W).

    Returns:
        map (B, 3, H, W) in the unit of `vertices`, 0 outside the mask, and mask (H, W) bool.

    Raises:
        InputError: as `UVMapper`.
    """
    mapper = UVMapper(uv, uv_faces, faces, size).to(vertices.device)
    return mapper.position_map(vertices), mapper.mask


def pad_chart(uv_map: Tensor, mask: Tensor, pixels: int) -> Tensor:
    """Continue a map beyond its charts, so that bilinear or mipmapped reading shows no seams.

    Args:
        uv_map: (B, C, H, W).
        mask: (H, W) bool, the texels that hold something, such as `UVMapper.mask`.
        pixels: every other texel within this distance (centre to centre) takes the value of the
            nearest texel in the mask; texels farther away keep theirs.

    Returns:
        (B, C, H, W), differentiable.

    Raises:
        InputError: wrong shapes, a mask that is not bool.
    """
    from scipy.ndimage import distance_transform_edt

    check_shape("uv_map", uv_map, ("B", "C", "H", "W"))
    check_shape("mask", mask, tuple(uv_map.shape[2:]))
    if mask.dtype != torch.bool:
        raise InputError("mask", "bool", str(mask.dtype))
    if not bool(mask.any()):
        return uv_map
    distance, (row, column) = distance_transform_edt(~mask.cpu().numpy(), return_indices=True)
    source = np.where(
        distance <= pixels,
        row * mask.shape[1] + column,
        np.arange(mask.numel()).reshape(mask.shape),
    )
    index = torch.from_numpy(source.reshape(-1)).to(uv_map.device)
    return uv_map.flatten(2).index_select(2, index).reshape(uv_map.shape)
