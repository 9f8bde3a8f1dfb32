"""Jaw landmarks on the visible outline of a face.

Annotators, 300W-LP's pt2d and detectors trained on them put the jaw points 0-16 where the cheek
ends in the image; on a turned face that is not the jaw. Zhu et al. (HPEN, CVPR 2015, "landmark
marching") let each jaw point slide along the line on the surface that runs at its height from the
jaw to the middle of the face, to where that line is outermost in the image. So does this, on any
face model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..core.errors import InputError
from .camera import Camera
from .checks import check_shape
from .face_model import FaceModel
from .landmarks import Contour
from .topology import edges, subset_mesh

JAW = 17
"""The first 17 of the 68 landmarks lie on the jaw."""
JAW_AND_NOSE = 36
"""The outline can be traced on models that have the first 36 of the 68 landmarks."""
_CHIN = 8
_OFF = ("ears", "neck", "nose", "mouth", "left_eye", "right_eye", "cavities")
_NOSE_SIDE = 1.3  # the nose ends so far from the middle, in parts of its wings' distance
_BEHIND = 1.0  # mm that a line may begin behind its jaw point


@dataclass(frozen=True)
class ContourLines:
    """Where each of the 17 jaw points may slide: crossings of its line with the mesh's edges.

    Attributes:
        edges: (17,N,2) int64 vertices, the two ends of each crossed edge.
        share: (17,N) where it is crossed, from 0 (first end) to 1.
        valid: (17,N) bool; lines with fewer crossings are filled up. The chin has none.
        side: (17,) 1 for points on the subject's left (the image's right), -1 on the right,
            0 for the chin.
    """

    edges: Tensor
    share: Tensor
    valid: Tensor
    side: Tensor

    def to(self, device: torch.device | str) -> ContourLines:
        """The same lines on another device."""
        moved = {name: value.to(device) for name, value in vars(self).items()}
        return replace(self, **moved)


def find_contour_lines(model: FaceModel, landmark_set: str = "ibug68") -> ContourLines:
    """The lines of a face model's 17 jaw points, on its mean face.

    A line is the part of the horizontal plane's cut through the jaw point that lies on facial skin
    (without ears, neck and nose), on the point's side of the face and not behind the point.
    The nose is the model's region of this name, or else a box round the landmarks 27-35.

    Raises:
        InputError: the model lacks the landmarks, or the set follows the outline already.
    """
    points = _landmarks(model, landmark_set)
    part = subset_mesh(model.faces, _cheeks(model, points))
    pairs = part.vertices[edges(part.faces)]
    sides = torch.sign(points[:JAW, 0])
    sides[_CHIN] = 0
    lines = [
        _cut(model.mean, pairs, point, side) for point, side in zip(points, sides, strict=False)
    ]
    longest = max(max(len(share) for _, share in lines), 1)
    device = model.mean.device
    shape = (JAW, longest)
    ends = torch.zeros(*shape, 2, dtype=torch.int64, device=device)
    shares = torch.zeros(shape, device=device)
    valid = torch.zeros(shape, dtype=torch.bool, device=device)
    for j, (crossed, share) in enumerate(lines):
        ends[j, : len(share)], shares[j, : len(share)] = crossed, share
        valid[j, : len(share)] = True
    return ContourLines(ends, shares, valid, sides)


def move_to_outline(points: Tensor, vertices: Tensor, lines: ContourLines, up: Tensor) -> Tensor:
    """Landmarks with their jaw points slid to the outline.

    Each jaw point becomes the outermost of itself and its line's crossings, across the image of
    the face's upright axis and towards its own side. On the side that is turned to the camera this
    leaves it at the jaw, where annotators have it.

    Args:
        points: (B,L,C) projected landmarks whose first 17 lie on the jaw, C >= 2, x and y first.
        vertices: (B,V,C) the projected mesh.
        lines: of the same face model.
        up: (B,2) direction of the model's y axis in the image (x right, y down), any length.

    Returns:
        (B,L,C), differentiable in `points` and `vertices`; the choice itself has no gradient.

    Raises:
        InputError: the shapes do not fit.
    """
    channels = points.shape[-1]
    check_shape("points", points, (None, None, channels))
    check_shape("vertices", vertices, (len(points), None, channels))
    check_shape("up", up, (len(points), 2))
    if points.shape[1] < JAW or channels < 2:
        raise InputError("points", f"(B, at least {JAW}, at least 2)", f"{tuple(points.shape)}")
    first, second = (vertices.index_select(1, lines.edges[..., end].reshape(-1)) for end in (0, 1))
    share = lines.share.reshape(-1, 1).to(points)
    crossings = torch.lerp(first, second, share.expand_as(first)).unflatten(1, lines.share.shape)
    places = torch.cat([points[:, :JAW, None], crossings], 2)  # (B,17,1+N,C)
    chosen = _outermost(places.detach(), lines, up.detach())
    index = chosen[:, :, None, None].expand(-1, -1, 1, channels)
    return torch.cat([places.gather(2, index)[:, :, 0], points[:, JAW:]], 1)


class OutlineLandmarks:
    """The 68 landmarks of a face model's faces as the 2D-contour kind has them.

    Args:
        model: the face model.
        landmark_set: its set of the 3D kind.

    Raises:
        InputError: as `find_contour_lines`.
    """

    contour: Contour = "2d"

    def __init__(self, model: FaceModel, landmark_set: str = "ibug68") -> None:
        self.model, self.landmark_set = model, landmark_set
        self.lines = find_contour_lines(model, landmark_set)

    def to(self, device: torch.device | str) -> OutlineLandmarks:
        """Itself, moved to another device, with its model."""
        self.model.to(device)
        self.lines = self.lines.to(device)
        return self

    def __call__(self, vertices: Tensor, camera: Camera) -> Tensor:
        """Landmarks (B,68,3) of meshes (B,V,3) in mm: pixels, and depth as `camera.project`."""
        points = self.model.landmark_points(vertices, self.landmark_set)
        lines = self.lines.to(vertices.device)
        projected = camera.project(vertices)
        return move_to_outline(camera.project(points), projected, lines, upright(camera, vertices))


def upright(camera: Camera, vertices: Tensor) -> Tensor:
    """Where the model's y axis points in the image, (B,2), for the cameras of meshes (B,V,3)."""
    axis = vertices.new_zeros(len(vertices), 2, 3)
    axis[:, 1, 1] = 1.0
    ends = camera.project(axis)[..., :2]
    return ends[:, 1] - ends[:, 0]


def _outermost(places: Tensor, lines: ContourLines, up: Tensor) -> Tensor:
    """Which of the places (B,17,1+N,C) lies farthest out, (B,17)."""
    right = torch.stack([-up[:, 1], up[:, 0]], 1)  # y points down
    outward = (places[..., :2] * right[:, None, None]).sum(-1) * lines.side[:, None].to(places)
    missing = torch.nn.functional.pad(~lines.valid, (1, 0))
    return outward.masked_fill(missing, -torch.inf).argmax(2)


def _landmarks(model: FaceModel, name: str) -> Tensor:
    chosen = model.landmark_set(name)
    if chosen.contour != "3d":
        raise InputError(f"landmark set {name!r}", "jaw points on the jaw (3d)", chosen.contour)
    points = model.landmark_points(model.mean[None], name)[0]
    if len(points) < 68 or not bool(torch.isfinite(points[:JAW_AND_NOSE]).all()):
        raise InputError(
            f"landmark set {name!r}", "68 points with jaw and nose", "some are missing"
        )
    return points


def _cheeks(model: FaceModel, points: Tensor) -> Tensor:
    """Vertices (V,) bool that a jaw point may slide over."""
    keep = model.region("skin") & model.region("face")
    for name in _OFF:
        if name in model.regions:
            keep &= ~model.regions[name]
    if "nose" not in model.regions:
        x, y = model.mean[:, 0].abs(), model.mean[:, 1]
        wing = points[31:36, 0].abs().amax() * _NOSE_SIDE
        keep &= ~((x < wing) & (y < points[27, 1]) & (y > points[33, 1]))
    return keep


def _cut(mean: Tensor, pairs: Tensor, point: Tensor, side: Tensor) -> tuple[Tensor, Tensor]:
    """The edges (N,2) that a jaw point's line crosses, and where (N,)."""
    start, end = mean[pairs[:, 0]], mean[pairs[:, 1]]
    rise = end[:, 1] - start[:, 1]
    share = (point[1] - start[:, 1]) / torch.where(rise == 0, 1.0, rise)
    crossing = torch.lerp(start, end, share[:, None])
    keep = (rise != 0) & (share >= 0) & (share <= 1)
    keep &= (crossing[:, 0] * side > 0) & (crossing[:, 2] >= point[2] - _BEHIND)
    return pairs[keep], share[keep]
