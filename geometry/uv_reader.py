"""A few vertices read off UV maps, where all of them are not needed."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ..core.errors import InputError
from .checks import check_shape
from .uv import UVMapper
from .uv_tables import lookup_table, reading_places, triangle_charts


class UVReader(nn.Module):
    """`mapper.sample(uv_map)[:, vertices]`, at the cost of these vertices alone.

    Args:
        mapper: of the layout.
        uv, uv_faces, faces: what the mapper was made of.
        vertices: (N,) int64, each used by a face.

    Raises:
        InputError: a vertex that no face uses.
    """

    _texels: Tensor
    _weights: Tensor

    def __init__(
        self, mapper: UVMapper, uv: Tensor, uv_faces: Tensor, faces: Tensor, vertices: Tensor
    ) -> None:
        super().__init__()
        check_shape("vertices", vertices, ("N",))
        self.size = mapper.size
        coordinates = uv.detach().cpu().double().numpy()
        corners = uv_faces.cpu().numpy()
        charts = triangle_charts(corners, len(coordinates))
        triangle = mapper.triangle.cpu().numpy()
        chart_map = np.where(triangle >= 0, charts[triangle], -1)
        chart_of = np.zeros(len(coordinates), dtype=np.int64)
        chart_of[corners] = charts[:, None]
        used, places = reading_places(coordinates, corners, faces.cpu().numpy())
        wanted = vertices.cpu().numpy()
        if not np.isin(wanted, used).all():
            raise InputError("vertices", "vertices of the faces", "others")
        place = places[np.searchsorted(used, wanted)]
        texels, weights = lookup_table(coordinates[place], chart_of[place], chart_map)
        self.register_buffer("_texels", torch.from_numpy(texels), persistent=False)
        self.register_buffer("_weights", torch.from_numpy(weights).float(), persistent=False)

    def forward(self, uv_map: Tensor) -> Tensor:
        """The vertices' values (B,N,C) in a map (B,C,H,W).

        Raises:
            InputError: wrong shape.
        """
        check_shape("uv_map", uv_map, ("B", "C", *self.size))
        flat = uv_map.flatten(2).transpose(1, 2)
        values = flat.index_select(1, self._texels.reshape(-1))
        values = values.unflatten(1, tuple(self._texels.shape))
        return (values * self._weights[..., None].to(uv_map.dtype)).sum(2)
