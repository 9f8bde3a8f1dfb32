"""3DDFA's layout: 62 numbers, a 3x4 affine camera with 40 identity and 10 expression coefficients.

Zhu et al., Face Alignment Across Large Poses, CVPR 2016, and Guo et al., Towards Fast, Accurate and
Stable 3D Dense Face Alignment, ECCV 2020; the layout is their code's (cleardusk/3DDFA, utils). The
12 numbers are [f R | t] row by row, although CSANet's eq 2 and R3FA's eq 2 write f, three angles
and t: networks predict the matrix, whitened, and nothing makes it a scaled rotation.

    (x, y, z) = M (s - p) + t, in pixels, y up and 1-based, with y flipped as S + 1 - y.

The 12th number, the offset in depth, has no meaning in an image; `encode` gives 0. p is the pivot:
3DDFA's own model has its origin elsewhere (see `LayoutSpec`). 3DDFA's lengths are in micrometres
and its coefficients raw, ours in mm and standard deviations; the whitening takes up both factors.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...geometry.camera import AffineCamera, WeakPerspectiveCamera
from ...geometry.checks import check_shape
from ...geometry.coefficients import Coefficients, ambient_light
from ...geometry.crop import FRAME_PER_BOX
from ...geometry.dense_points import PointBasis
from ...geometry.face_model import FaceModel
from ...geometry.posed import PosedFaces
from ..heads.nearest_camera import to_weak_perspective
from ..heads.vector_layout import LayoutSpec, VectorLayout
from ..sadrnet.alignment import nearest_rotation
from .whitening import Whitening

IDENTITY, EXPRESSION, POSE = 40, 10, 12


class TddfaLayout(VectorLayout):
    """3DDFA's 62 numbers, whitened: pose (12), identity (up to 40), expression (up to 10).

    A model with more coefficients is cut to the first of them. Blendshapes have no order: of them
    the directions count in which they move the face most (`use_model`). Albedo and light, which
    the layout lacks, come out as the mean and white.

    >>> spec = LayoutSpec("mine", (80, 64, 0), crop_size=120, pivot=(0.0, 0.0, 0.0), extent=150.0)
    >>> layout = TddfaLayout(spec)
    >>> layout.size, layout.decode(torch.zeros(1, 62)).coefficients.identity.shape
    (62, torch.Size([1, 80]))

    Args:
        spec: see `LayoutSpec`.
        whitening: see `VectorLayout`; None sets a frontal face in a crop of 3DDFA's kind.

    Attributes:
        modes: (Ke,K) the model's expression coefficients of each of the K that are predicted.
    """

    name = "3ddfa"
    modes: Tensor

    def __init__(self, spec: LayoutSpec, whitening: Whitening | None = None) -> None:
        identity, expression = min(IDENTITY, spec.sizes[0]), min(EXPRESSION, spec.sizes[1])
        lengths = {"pose": POSE, "identity": identity, "expression": expression}
        super().__init__(spec, lengths, whitening)
        self.register_buffer("modes", torch.eye(spec.sizes[1], expression))

    def use_model(self, model: FaceModel) -> None:
        """Choose the directions among a model's blendshapes; nothing to do for other bases."""
        if model.expression_kind == "blendshape":
            self.modes.copy_(principal_expressions(model, self.parts["expression"]))

    @property
    def pixels_per_mm(self) -> float:
        """The scale of the mean face in a crop of 3DDFA's kind."""
        return self.spec.crop_size / (FRAME_PER_BOX * self.spec.extent)

    def default_whitening(self) -> Whitening:
        """The mean is a frontal face in the middle; deviations are about 3DDFA's own."""
        scale, side = self.pixels_per_mm, self.spec.crop_size
        middle = side / 2 + 0.5
        pose = torch.cat([scale * torch.eye(3), torch.tensor([[middle], [middle], [0.0]])], 1)
        spread = torch.full((3, 4), scale / 2)
        spread[:, 3] = torch.tensor([side / 8, side / 8, 1.0])
        identity, expression = self.parts["identity"], self.parts["expression"]
        mean = torch.cat([pose.flatten(), torch.zeros(identity + expression)])
        units = torch.ones(identity), torch.full((expression,), self.spec.expression_unit)
        return Whitening(mean, torch.cat([spread.flatten(), *units]))

    def affine(self, outputs: Tensor) -> AffineCamera:
        """The cameras of outputs (B,size) as they are, for model points in mm."""
        matrix = self.split(outputs)["pose"].unflatten(1, (3, 4))
        moved = matrix[..., 3] - (matrix[..., :3] @ self.pivot.to(matrix)[:, None])[..., 0]
        return AffineCamera(torch.cat([matrix[..., :3], moved[..., None]], -1), self.spec.crop_size)

    def coefficients(self, outputs: Tensor) -> Coefficients:
        """The coefficients of outputs (B,size) in the model's own sizes."""
        parts = self.split(outputs)
        identity, expression = parts["identity"], parts["expression"]
        count, (all_identity, _, albedo) = len(outputs), self.spec.sizes
        rest = identity.new_zeros(count, all_identity - identity.shape[1])
        return Coefficients(
            torch.cat([identity, rest], 1),
            expression @ self.modes.to(expression).T,
            identity.new_zeros(count, albedo),
            ambient_light(count).to(identity),
        )

    def decode(self, outputs: Tensor) -> PosedFaces:
        """Outputs (B,size) as faces with the nearest weak perspective cameras, in crop pixels.

        The rotation is the nearest to the 3x3 part, the scale the mean length of its first two
        rows; the pivot stays where the affine camera has it.

        Raises:
            InputError: another size.
        """
        with torch.autocast(outputs.device.type, enabled=False):
            pose = self.split(outputs)["pose"].unflatten(1, (3, 4))
            linear, shift = pose[..., :3], pose[..., 3]
            scale = torch.linalg.vector_norm(linear[:, :2], dim=-1).mean(1)
            rotation = nearest_rotation(linear)
            turned = scale[:, None] * (rotation @ self.pivot.to(pose)[:, None])[..., 0]
            x = shift[:, 0] - 0.5 - turned[:, 0]
            y = self.spec.crop_size + 0.5 - shift[:, 1] + turned[:, 1]
            camera = WeakPerspectiveCamera(rotation, scale, torch.stack([x, y], 1))
            return PosedFaces(self.coefficients(outputs), camera)

    def encode(self, faces: PosedFaces) -> Tensor:
        """Faces as outputs (B,size); `decode` of it is the faces with what the layout can hold.

        Perspective cameras are replaced by the nearest weak ones at the pivot. Coefficients beyond
        the first 40 and 10 (or beside the directions of the blendshapes) are lost.

        Raises:
            InputError: coefficients of other sizes.
        """
        c = faces.coefficients
        for name, size in zip(("identity", "expression"), self.spec.sizes[:2], strict=True):
            check_shape(name, getattr(c, name), (None, size))
        with torch.autocast(c.light.device.type, enabled=False):
            camera = to_weak_perspective(faces.camera, self.pivot)
            pixel = camera.project(self.pivot.to(c.light).expand(len(c), 1, 3))[:, 0]
            x, y = pixel[:, 0] + 0.5, self.spec.crop_size + 0.5 - pixel[:, 1]
            shift = torch.stack([x, y, torch.zeros_like(x)], 1)
            linear = camera.scale[:, None, None] * camera.rotation
            parts = {
                "pose": torch.cat([linear, shift[..., None]], -1).flatten(1),
                "identity": c.identity[:, : self.parts["identity"]],
                "expression": c.expression @ self.modes.to(c.expression),
            }
            return self.join(parts)

    def point_basis(self, basis: PointBasis) -> PointBasis:
        """A model's points in the layout's own terms: X = mean + identity a + expression d.

        a and d are the layout's coefficients, and the pose's matrix acts on X: what losses over
        the 62 numbers need.
        """
        expression = torch.einsum("kvc,kd->dvc", basis.expression, self.modes.to(basis.expression))
        mean = basis.mean - self.pivot.to(basis.mean)
        return PointBasis(mean, basis.identity[: self.parts["identity"]], expression)


def principal_expressions(model: FaceModel, count: int) -> Tensor:
    """The `count` directions (Ke,count) among blendshapes that move the face's skin most.

    Orthonormal; eigenvectors of the blendshapes' inner products. The largest entry of each is
    positive.
    """
    skin = model.expression[:, model.region("face")].flatten(1).double()
    vectors = torch.linalg.eigh(skin @ skin.T).eigenvectors.flip(1)[:, :count]
    largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
    return (vectors * largest.sign()).float()
