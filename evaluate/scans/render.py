"""Photographs of scans, made by our own renderer: orthographic, one light, a plain ground."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...geometry.camera import WeakPerspectiveCamera
from ...geometry.closest import ClosestPoints
from ...geometry.face_model import FaceModel
from ...geometry.icp import IcpOptions, iterative_closest_point
from ...geometry.rotation import euler_to_matrix
from ...geometry.sh import ambient_light
from ...render.face import FaceRenderer
from ...render.overlay import to_picture
from ..predict.predicted import Box
from .align import landmark_similarity
from .scan import Scan
from .surface import OUTER_EYES, Surface, common_landmarks, model_surface, outer_part

_EYES_SHARE = 0.22  # of the picture's side between the outer eye corners
_GROUND = 0.35
_SMOOTHING = 2  # the picture is rendered so many times larger and averaged
_HEAD_CENTRE = (0.0, -25.0, -20.0)  # mm, model space: what the views turn about


class ScanRenderer:
    """Renders one scan from any side.

    The scan is brought into model space by its landmarks, so that yaw 0 is frontal whatever frame
    the file has. Textured scans show their texture alone under white ambient light; scans with
    vertex colours likewise; scans without colour take the model's mean albedo from the nearest
    point of the aligned mean face, under a soft light.

    Args:
        scan: in mm.
        model: the face model whose frame and albedo are used.
        size: side of the square pictures in pixels.
    """

    def __init__(self, scan: Scan, model: FaceModel, size: int = 450) -> None:
        self.size = size
        mean = model_surface(model)
        to_front = landmark_similarity(scan.surface, mean, scale=False).as_arrays()
        self.surface = scan.surface.moved(*to_front)
        mesh = scan.mesh
        whole = replace(scan.surface, vertices=mesh.vertices * scan.mm_per_unit, faces=mesh.faces)
        whole = whole.moved(*to_front)
        self._vertices = torch.from_numpy(whole.vertices).float()[None]
        on_scan = landmark_similarity(mean, self.surface, scale=True)
        marks = mean.moved(*on_scan.as_arrays()).landmarks
        self._marks = torch.from_numpy(marks[~np.isnan(marks).any(1)]).float()[None]
        self._texture: Tensor | None = None
        self._albedo: Tensor | None = None
        self._light: Tensor | None = None
        uv = uv_faces = None
        if scan.texture is not None and mesh.uv is not None and mesh.uv_faces is not None:
            self._texture = scan.texture[None]
            uv, uv_faces = torch.from_numpy(mesh.uv).float(), torch.from_numpy(mesh.uv_faces)
        elif mesh.colours is not None:
            self._albedo = torch.from_numpy(mesh.colours).float()[None]
        else:
            self._albedo = _model_albedo(whole, mean, model)
            self._light = _soft_light()
        self._renderer = FaceRenderer(torch.from_numpy(mesh.faces), uv, uv_faces)

    def __call__(self, pitch: float, yaw: float) -> tuple[NDArray[np.uint8], Box]:
        """The picture (S,S,3) from one side, and the box round its landmarks.

        Args:
            pitch, yaw: degrees, as in geometry/conventions.md.
        """
        side = self.size * _SMOOTHING
        camera = self._camera(pitch, yaw, side)
        with torch.no_grad():
            seen = self._renderer(
                self._vertices,
                camera,
                (side, side),
                albedo=self._albedo,
                texture=self._texture,
                light=self._light,
                antialias=False,
            )
            picture = seen.over(torch.full_like(seen.image, _GROUND)).clamp(0, 1)
        small = torch.nn.functional.avg_pool2d(picture, _SMOOTHING)[0]
        return to_picture(small), self._box(camera)

    def _camera(self, pitch: float, yaw: float, side: int) -> WeakPerspectiveCamera:
        angles = torch.tensor([[pitch, yaw, 0.0]]) * (math.pi / 180)
        rotation = euler_to_matrix(angles)
        eyes = self.surface.landmarks[list(OUTER_EYES)]
        scale = _EYES_SHARE * side / float(np.linalg.norm(eyes[0] - eyes[1]))
        centre = rotation[0] @ torch.tensor(_HEAD_CENTRE)
        place = torch.tensor([[side / 2 - scale * centre[0], side / 2 + scale * centre[1]]])
        return WeakPerspectiveCamera(rotation, torch.tensor([scale]), place.float())

    def _box(self, camera: WeakPerspectiveCamera) -> Box:
        """The box round the 68 landmarks of the mean face on the scan, in picture pixels."""
        points = camera.project(self._marks)[0, :, :2] / _SMOOTHING
        low, high = points.min(0).values.tolist(), points.max(0).values.tolist()
        return (low[0], low[1], high[0], high[1])


def _model_albedo(surface: Surface, mean: Surface, model: FaceModel) -> Tensor:
    """The mean albedo of the nearest points of the mean face, (1,V,3)."""
    common_landmarks(surface, mean)
    on_scan = landmark_similarity(mean, surface, scale=True)
    fit = iterative_closest_point(
        mean.vertices,
        surface.vertices,
        surface.faces,
        source_faces=mean.faces,
        initial=on_scan,
        options=IcpOptions(
            kind="point-to-plane", match="target", tolerance=1e-4, trim=0.1, drop_boundary=True
        ),
    )
    moved = fit.similarity.apply_array(mean.vertices)
    near = ClosestPoints(moved, mean.faces).query(surface.vertices)
    colours = model.albedo_mean[outer_part(model).vertices].numpy()[near.corners]
    return torch.from_numpy(np.einsum("nk,nkc->nc", near.weights, colours)).float()[None]


def _soft_light() -> Tensor:
    """White light from the upper front, (1,9,3)."""
    light = ambient_light(1, 0.75)
    light[:, 1], light[:, 2] = 0.15, 0.35
    return light
