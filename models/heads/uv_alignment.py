"""The camera that sees the shape of one UV map where the posed face of another one is.

SADRNet's self-alignment (Ruan et al., IEEE TIP 2021, section III-C). Of the maps only the landmarks
and their neighbours are read, whose normals say which of them face the camera.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from ...geometry.align import Similarity
from ...geometry.camera import WeakPerspectiveCamera
from ...geometry.face_model import FaceModel
from ...geometry.mesh import vertex_normals
from ...geometry.perspective_align import perspective_align
from ...geometry.posed import FaceCamera
from ...geometry.uv import UVMapper
from ...geometry.uv_reader import UVReader
from ...geometry.weighted_align import (
    Method,
    sample_attention,
    visibility_weights,
    weighted_align,
)

_LANDMARKS = "ibug68"


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
        method: of `weighted_align`; "perspective" has only its weights.
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
        method: Method = "umeyama",
    ) -> None:
        super().__init__()
        self._size, self._camera, self._method = crop_size, camera, method
        faces, marks = model.faces[kept], model.landmark_set(_LANDMARKS)
        chart = torch.zeros(len(model.mean), dtype=torch.bool)
        chart[faces.reshape(-1)] = True
        own = torch.zeros_like(chart)
        own[marks.vertices[marks.valid].reshape(-1)] = True
        touching = faces[own[faces].any(1)]
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
        return as_camera(weighted_align(source, self._upright(near), weights, self._method))

    def of_mean(self, pixels: Tensor) -> Similarity:
        """The similarity of the mean face with a posed one, all landmarks alike, y up."""
        target = self._upright(self._reader(pixels))
        mean = self._mean.to(target).expand(len(target), -1, -1)
        weights = self.valid.to(target).expand(len(target), -1)
        return weighted_align(self._landmarks(mean), target, weights, self._method)

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
