"""What SADRNet's UV maps mean on a face model, and the alignment of one map with the other.

Ruan et al., SADRNet, IEEE TIP 2021, section III. The network gives the posed face P and the shape's
difference D from the mean, both as UV maps, and attention A. With S = mean + D, landmarks of S are
aligned with those of P, weighted by visibility (`models.sadrnet.alignment`), and the face is
G = f R S + t: P gives the pose only.

Weak perspective is what the paper has. With `UvSpec.camera` "perspective", which is ours, G is what
a camera at a finite distance sees of S (`models.sadrnet.perspective_alignment`).

Units of the maps are those of the authors' code: P in 280 pixels of a 256-pixel crop; D in 66.7 mm
(their 1.5e-5 per micrometre). P is in the crop's pixels, x right, y down, z towards the camera from
the model's origin on; D in model space, so that f R is a weak perspective camera.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ...core.choices import check_choices
from ...core.errors import InputError
from ...geometry.camera import WeakPerspectiveCamera
from ...geometry.chart import with_chart
from ...geometry.checks import check_shape
from ...geometry.crop import FRAME_PER_BOX
from ...geometry.face_model import FaceModel
from ...geometry.posed import FaceCamera, PosedFaces
from ...geometry.uv import UVMapper
from ..heads.vector_layout import LayoutSpec
from .alignment import AlignmentMethod
from .network import UvPrediction, decode_pose
from .self_alignment import UvAlignment, VertexFit, as_camera

SHAPE_UNIT = 1 / 0.015  # mm
_POSITION_UNIT = 280 / 256  # of the crop's side
CameraKind = Literal["weak", "perspective"]


@dataclass(frozen=True)
class UvSpec:
    """What UV maps mean, as plain values for a file's header.

    >>> UvSpec("default-face", crop_size=256, map_size=256).method
    'umeyama'

    Attributes:
        face_model: name of the model.
        crop_size: side of the square crops in pixels.
        map_size: side of the maps in texels.
        absolute: the shape map is S itself instead of its difference from the mean (table IV,
            row 5).
        method: of the alignment, see `sadrnet_alignment`; "perspective" has only its weights.
        attention: the alignment uses attention, where there is one.
        camera: that the alignment finds.

    Raises:
        InputError: another camera.
    """

    face_model: str
    crop_size: int
    map_size: int
    absolute: bool = False
    method: AlignmentMethod = "umeyama"
    attention: bool = True
    camera: CameraKind = "weak"

    def __post_init__(self) -> None:
        check_choices(self)


@dataclass(frozen=True)
class UvFaces:
    """B faces that UV maps describe.

    Attributes:
        vertices: (B,V,3) S, mm in model space; outside the chart the mean's.
        camera: model space to crop pixels.
        posed: (B,V,3) P where there is one, crop pixels; outside the chart 0.
    """

    vertices: Tensor
    camera: FaceCamera
    posed: Tensor | None


class UvLayout(nn.Module):
    """What UV maps mean on a face model: the way from them to faces, and back.

    The chart is that of the model's region "face" (everything where it has no such region).

    >>> from selfie3d.facemodels import load_face_model
    >>> model = load_face_model("default-face")
    >>> layout = UvLayout(UvSpec("default-face", crop_size=64, map_size=32), model)
    >>> camera = WeakPerspectiveCamera(
    ...     torch.eye(3)[None], torch.tensor([0.3]), torch.tensor([[32.0, 32.0]]))
    >>> position, shape = layout.encode(model.mean[None], camera)
    >>> position.shape, bool(shape.any())  # the mean differs from itself nowhere
    (torch.Size([1, 3, 32, 32]), False)
    >>> faces = layout.decode(UvPrediction(position, shape, None, None))
    >>> faces.vertices.shape == (1, *model.mean.shape)
    True

    Args:
        spec: see `UvSpec`.
        model: the face model; one without UV coordinates gets a chart (`geometry.chart`).

    Attributes:
        mapper: of the chart; its `mask` says which texels count.

    Raises:
        InputError: another model.
    """

    faces: Tensor
    mean: Tensor
    mean_map: Tensor
    in_chart: Tensor

    def __init__(self, spec: UvSpec, model: FaceModel) -> None:
        super().__init__()
        if spec.face_model != model.name:
            raise InputError("face model", repr(spec.face_model), repr(model.name))
        model = with_chart(model)
        self.spec = spec
        kept = model.region("face")[model.faces].all(1)
        faces = model.faces[kept]
        self.mapper = UVMapper(model.uv, model.uv_faces[kept], faces, spec.map_size)
        chart = torch.zeros(len(model.mean), dtype=torch.bool)
        chart[faces.reshape(-1)] = True
        self.fit = VertexFit(model, chart)
        self.alignment = UvAlignment(
            model, self.mapper, kept, spec.crop_size, spec.camera, spec.method
        )
        buffers = {
            "faces": faces,
            "mean": model.mean,
            "mean_map": self.mapper.position_map(model.mean[None]),
            "in_chart": chart,
        }
        for name, value in buffers.items():
            self.register_buffer(name, value, persistent=False)
        frame = LayoutSpec.of(model, spec.crop_size)
        self._pivot, self._extent = frame.pivot, frame.extent

    @property
    def position_unit(self) -> float:
        """Pixels per unit of the position map."""
        return _POSITION_UNIT * self.spec.crop_size

    def decode(self, prediction: UvPrediction) -> UvFaces:
        """Faces of maps. What is missing is replaced as table IV's rows have it.

        Without a position map the pose's numbers are the camera. Without a shape map the position
        map is the face; its shape comes out by the inverse of the similarity that aligns the mean
        with it.

        Raises:
            InputError: neither map, or maps of another size.
        """
        with self._full_precision(prediction):
            shape = self._shape(prediction.deformation)
            if prediction.position is None:
                return UvFaces(self._required(shape), self._numbered(prediction.pose), None)
            pixels = self._pixels(prediction.position)
            posed = self._vertices(pixels)
            if shape is not None:
                return UvFaces(shape, self.camera(prediction), posed)
            similarity = self.alignment.of_mean(pixels)
            shape = similarity.inverse().apply(posed * posed.new_tensor([1.0, -1.0, 1.0]))
            return UvFaces(self._in_chart(shape), as_camera(similarity), posed)

    def camera(self, prediction: UvPrediction) -> FaceCamera:
        """The camera alone, without reading all vertices off the maps.

        Raises:
            InputError: as `decode`.
        """
        with self._full_precision(prediction):
            if prediction.position is None:
                return self._numbered(prediction.pose)
            pixels = self._pixels(prediction.position)
            if prediction.deformation is None:
                return as_camera(self.alignment.of_mean(pixels))
            attention = prediction.attention if self.spec.attention else None
            offset = self.shape_map(prediction.deformation.float()) - self.mean_map
            return self.alignment.camera(offset, pixels, attention)

    def posed_faces(self, faces: UvFaces) -> PosedFaces:
        """The same faces by the model's coefficients, the most likely ones (`VertexFit`)."""
        return PosedFaces(self.fit(faces.vertices), faces.camera)

    def encode(self, vertices: Tensor, camera: FaceCamera) -> tuple[Tensor, Tensor]:
        """The position and shape maps (B,3,H,W) of faces, what a network is to predict.

        0 outside the chart (`mapper.mask`).

        Args:
            vertices: (B,V,3) mm, model space.
            camera: to crop pixels.
        """
        check_shape("vertices", vertices, (None, *self.mean.shape))
        position = self.mapper.position_map(camera.project(vertices)) / self.position_unit
        shape = self.mapper.position_map(vertices)
        if not self.spec.absolute:
            shape = shape - self.mean_map.to(shape) * self.mapper.mask
        return position, shape / SHAPE_UNIT

    def shape_map(self, deformation: Tensor) -> Tensor:
        """S of a shape map (B,3,H,W) as a UV map in mm, model space."""
        side = self.spec.map_size
        check_shape("deformation", deformation, (None, 3, side, side))
        moved = deformation * SHAPE_UNIT
        return moved if self.spec.absolute else moved + self.mean_map.to(moved)

    def geometry_map(self, deformation: Tensor, camera: FaceCamera) -> Tensor:
        """G, S as the camera sees it, as a UV map (B,3,H,W) in the position map's unit."""
        shape = self.shape_map(deformation)
        points = camera.project(shape.flatten(2).transpose(1, 2))
        return points.transpose(1, 2).reshape(shape.shape) / self.position_unit

    def _shape(self, deformation: Tensor | None) -> Tensor | None:
        """Vertices S (B,V,3) of a shape map: the mean's, plus what the map differs from its map.

        Reading the difference instead of S leaves out what a map blurs of the mean.
        """
        if deformation is None:
            return None
        offset = self.shape_map(deformation.float()) - self.mean_map
        return self._in_chart(self.mean + self._vertices(offset))

    def _required(self, shape: Tensor | None) -> Tensor:
        if shape is None:
            raise InputError("prediction", "a position map or a shape map", "neither")
        return shape

    @staticmethod
    def _full_precision(prediction: UvPrediction) -> AbstractContextManager[None]:
        device = next(m for m in prediction if m is not None).device
        return torch.autocast(device.type, enabled=False)

    def _pixels(self, position: Tensor) -> Tensor:
        """The position map in crop pixels."""
        side = self.spec.map_size
        check_shape("position", position, (None, 3, side, side))
        return position.float() * self.position_unit

    def _vertices(self, uv_map: Tensor) -> Tensor:
        """A map read at all vertices of the model (B,V,3), 0 outside the chart."""
        values = self.mapper.sample(uv_map)
        missing = len(self.mean) - values.shape[1]
        return nn.functional.pad(values, (0, 0, 0, missing))

    def _in_chart(self, vertices: Tensor) -> Tensor:
        mean = self.mean.to(vertices).expand_as(vertices)
        return torch.where(self.in_chart[:, None], vertices, mean)

    def _numbered(self, pose: Tensor | None) -> WeakPerspectiveCamera:
        """The camera of the pose's numbers: 0 is a frontal face in the middle of the crop."""
        if pose is None:
            raise InputError("prediction", "a position map or a pose", "neither")
        scale, rotation, shift = decode_pose(pose.float())
        pixels_per_mm = self.spec.crop_size / (FRAME_PER_BOX * self._extent)
        scale = scale * pixels_per_mm
        turned = (rotation @ scale.new_tensor(self._pivot)[:, None])[..., 0]
        flip = scale.new_tensor([1.0, -1.0])
        place = self.spec.crop_size / 2 + self.position_unit * shift[:, :2]
        return WeakPerspectiveCamera(rotation, scale, place - scale[:, None] * turned[:, :2] * flip)
