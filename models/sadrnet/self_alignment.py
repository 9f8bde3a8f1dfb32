"""The camera that sees the shape of one UV map where the posed face of another one is.

SADRNet's self-alignment (Ruan et al., IEEE TIP 2021, section III-C). Of the maps only the landmarks
and their neighbours are read (`UVReader`), whose normals say which of them face the camera.
`VertexFit` turns the vertices of a face into coefficients of the face model.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...geometry.align import Similarity
from ...geometry.camera import WeakPerspectiveCamera
from ...geometry.checks import check_shape
from ...geometry.coefficients import EXPRESSION_UNIT, Coefficients, ambient_light
from ...geometry.face_model import FaceModel
from ...geometry.mesh import vertex_normals
from ...geometry.posed import FaceCamera
from ...geometry.uv import UVMapper
from ...geometry.uv_tables import lookup_table, reading_places, triangle_charts
from .alignment import AlignmentMethod, sadrnet_alignment, sample_attention, visibility_weights
from .perspective_alignment import perspective_align

NOISE_MM = 1.0
INDEPENDENT = 300  # points of a mesh whose errors are taken as independent
_LANDMARKS = "ibug68"


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


class VertexFit(nn.Module):
    """The most likely coefficients of vertices with noise: one linear solve, made once.

    Identity is normal with deviation 1; expressions too, or 0.3 for blendshapes. Neighbouring
    vertices err alike, so that all vertices together count as 300 points with 1 mm of noise each.

    Args:
        model: the face model.
        vertices: (V,) bool, those that count; None takes the region "face".
    """

    solve: Tensor
    mean: Tensor
    chosen: Tensor

    def __init__(self, model: FaceModel, vertices: Tensor | None = None) -> None:
        super().__init__()
        self.sizes = model.sizes
        chosen = model.region("face") if vertices is None else vertices
        check_shape("vertices", chosen, (len(model.mean),))
        basis = torch.cat([model.identity, model.expression])[:, chosen].flatten(1).double()
        blendshapes = model.expression_kind == "blendshape"
        unit = torch.ones(len(basis), dtype=torch.float64)
        unit[self.sizes[0] :] = EXPRESSION_UNIT if blendshapes else 1.0
        weight = INDEPENDENT / max(1, int(chosen.sum())) / NOISE_MM**2
        normal = weight * basis @ basis.T + torch.diag(unit**-2)
        solve = torch.linalg.solve(normal, weight * basis)
        for name, value in (("solve", solve.float()), ("mean", model.mean), ("chosen", chosen)):
            self.register_buffer(name, value, persistent=False)

    def forward(self, vertices: Tensor) -> Coefficients:
        """Coefficients of vertices (B,V,3), mm in model space; mean albedo, white light."""
        check_shape("vertices", vertices, (None, *self.mean.shape))
        offset = (vertices - self.mean.to(vertices))[:, self.chosen].flatten(1)
        numbers = offset @ self.solve.to(vertices).T
        identity, expression, albedo = self.sizes
        count = len(vertices)
        return Coefficients(
            numbers[:, :identity],
            numbers[:, identity : identity + expression],
            vertices.new_zeros(count, albedo),
            ambient_light(count).to(vertices),
        )


class UvAlignment(nn.Module):
    """Aligns maps of one chart.

    The landmarks are points of the surface: an offset that the model's have is in model space and
    does not apply to pixels. Those that the model lacks, or that lie off the chart, do not count.

    Args:
        model: the face model.
        mapper: of the chart.
        kept: (F,) bool, the model's faces that are the chart.
        crop_size: side of the crops in pixels.
        camera: "weak" or "perspective".
        method: of `sadrnet_alignment`; "perspective" has only its weights.
    """

    _mean: Tensor
    _faces: Tensor
    _corners: Tensor
    _shares: Tensor
    valid: Tensor

    def __init__(
        self,
        model: FaceModel,
        mapper: UVMapper,
        kept: Tensor,
        crop_size: int,
        camera: str = "weak",
        method: AlignmentMethod = "umeyama",
    ) -> None:
        super().__init__()
        self._size, self._camera, self._method = crop_size, camera, method
        faces, marks = model.faces[kept], model.landmark_set(_LANDMARKS)
        chart = torch.zeros(len(model.mean), dtype=torch.bool)
        chart[faces.reshape(-1)] = True
        marked = torch.zeros_like(chart)
        marked[marks.vertices[marks.valid].reshape(-1)] = True
        touching = faces[marked[faces].any(1)]
        near = torch.unique(touching)
        place = torch.zeros(len(model.mean), dtype=torch.int64)
        place[near] = torch.arange(len(near))
        self._reader = UVReader(mapper, model.uv, model.uv_faces[kept], faces, near)
        buffers = {
            "_mean": model.mean[near],
            "_faces": place[touching],
            "_corners": place[marks.vertices],
            "_shares": marks.weights,
            "valid": marks.valid & chart[marks.vertices].all(1),
        }
        for name, value in buffers.items():
            self.register_buffer(name, value, persistent=False)

    def camera(self, offset: Tensor, pixels: Tensor, attention: Tensor | None) -> FaceCamera:
        """Model space to crop pixels.

        Args:
            offset: (B,3,S,S) mm, the shape's difference from the mean.
            pixels: (B,3,S,S) the posed face, crop pixels: x right, y down, z towards the camera
                from the model's origin on.
            attention: (B,1,s,s), or None where it is not used.
        """
        near = self._reader(pixels)
        weights = self._weights(near, attention)
        source = self._landmarks(self._mean.to(offset) + self._reader(offset))
        if self._camera == "perspective":
            return perspective_align(source, self._landmarks(near), weights.to(source))
        return as_camera(sadrnet_alignment(source, self._upright(near), weights, self._method))

    def of_mean(self, pixels: Tensor) -> Similarity:
        """The similarity of the mean face with a posed one, all landmarks alike, y up."""
        target = self._upright(self._reader(pixels))
        mean = self._mean.to(target).expand(len(target), -1, -1)
        weights = self.valid.to(target).expand(len(target), -1)
        return sadrnet_alignment(self._landmarks(mean), target, weights, self._method)

    def _weights(self, near: Tensor, attention: Tensor | None) -> Tensor:
        """Visibility (B,L) of the landmarks, 0 for those that do not count."""
        upright = near.detach() * near.new_tensor([1.0, -1.0, 1.0])
        facing = self._landmarks(vertex_normals(upright, self._faces))[..., 2] >= 0
        seen = None
        if attention is not None:
            seen = sample_attention(attention.float(), self._landmarks(near), self._size)
        return visibility_weights(facing, seen, self._method) * self.valid

    def _landmarks(self, near: Tensor) -> Tensor:
        """Values (B,N,3) of the vertices that are read at the landmarks (B,L,3)."""
        corners = near.index_select(1, self._corners.reshape(-1))
        corners = corners.unflatten(1, tuple(self._corners.shape))
        return cast(Tensor, (corners * self._shares[..., None].to(near)).sum(2))

    def _upright(self, near: Tensor) -> Tensor:
        """The landmarks (B,L,3) in pixels with y up."""
        return self._landmarks(near) * near.new_tensor([1.0, -1.0, 1.0])


def as_camera(similarity: Similarity) -> WeakPerspectiveCamera:
    """The camera of a similarity from model space to crop pixels with y up, without its depth."""
    x, y, _ = similarity.translation.unbind(1)
    return WeakPerspectiveCamera(similarity.rotation, similarity.scale, torch.stack([x, -y], 1))
