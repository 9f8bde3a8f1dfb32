"""Layouts with Deep3D's camera: 257 numbers (Deep3D, MLANet), 495 (Mobile-FaceRNet).

Deng et al., Accurate 3D Face Reconstruction with Weakly-Supervised Learning, CVPRW 2019, as its
public code has it (sicxu/Deep3DFaceRecon_pytorch, models/bfm.py). Lengths there are in 100 mm:

- shape s, mean-centred; R = Rz Ry Rx of the angles; the code returns the transpose for points in
  rows, so that x = R s + t for columns. The camera stands at (0, 0, 10) and looks along -z.
- u = 112 + 1015 x / (10 - z) with y up, for crops of 224 px, flipped afterwards. Here both focal
  length and middle scale with the crop: 290 and 32 at 64 px. The code flips as 223 - v in its
  landmarks and as 224 - v in its renderer; ours is the renderer's, with the optical axis through
  the middle of the image.
- light: 9 numbers for each of R, G, B, plus 0.8 on each colour's first; basis and constants in
  `geometry.sh.from_deep3d`. Normals are turned with the face, so lights are in camera space.

In our camera's terms, with the pivot p that takes the centroid's place (see `LayoutSpec`): rotation
R, translation 100 t - (0, 0, 1000) - R p, in mm.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...geometry.camera import PerspectiveCamera
from ...geometry.coefficients import Coefficients
from ...geometry.posed import PosedFaces
from ...geometry.rotation import euler_to_matrix, matrix_to_euler
from ...geometry.sh import from_deep3d
from ..tddfa.whitening import Whitening
from .nearest_camera import to_perspective
from .vector_layout import LIGHT, LayoutSpec, VectorLayout

UNIT = 100.0  # mm
DISTANCE = 10.0  # units, of the camera from the pivot at translation 0
FOCAL_OVER_SIDE = 1015.0 / 224.0
INITIAL_LIGHT = 0.8
_EULER = "deep3d"


class PerspectiveLayout(VectorLayout):
    """Coefficients, three angles, light and translation; subclasses give the order.

    Angles are radians, translation is in 100 mm, light as Deep3D's. A blendshape basis, which
    Deep3D has not, takes outputs times 0.3.
    """

    order: tuple[str, ...] = ()

    def __init__(self, spec: LayoutSpec, whitening: Whitening | None = None) -> None:
        identity, expression, albedo = spec.sizes
        lengths = {"identity": identity, "expression": expression, "albedo": albedo}
        lengths |= {"angles": 3, "light": LIGHT, "translation": 3}
        super().__init__(spec, {part: lengths[part] for part in self.order}, whitening)

    @property
    def focal(self) -> float:
        """Pixels."""
        return FOCAL_OVER_SIDE * self.spec.crop_size

    def default_whitening(self) -> Whitening:
        """Nothing is whitened but for the unit of blendshapes."""
        std = [
            torch.full((n,), self.spec.expression_unit if part == "expression" else 1.0)
            for part, n in self.parts.items()
        ]
        return Whitening(torch.zeros(self.size), torch.cat(std))

    def decode(self, outputs: Tensor) -> PosedFaces:
        """Outputs (B,size) as faces with cameras in crop pixels.

        Raises:
            InputError: another size.
        """
        with torch.autocast(outputs.device.type, enabled=False):
            parts = self.split(outputs)
            light = from_deep3d(parts["light"], INITIAL_LIGHT)
            shape = parts["identity"], parts["expression"], parts["albedo"]
            camera = self._camera(parts["angles"], parts["translation"])
        return PosedFaces(Coefficients(*shape, light), camera)

    def _camera(self, angles: Tensor, translation: Tensor) -> PerspectiveCamera:
        rotation = euler_to_matrix(angles, _EULER)
        turned = (rotation @ self.pivot.to(angles)[:, None])[..., 0]
        behind = angles.new_tensor([0.0, 0.0, DISTANCE])
        count, middle = len(angles), self.spec.crop_size / 2
        return PerspectiveCamera(
            rotation,
            UNIT * (translation - behind) - turned,
            angles.new_full((count,), self.focal),
            angles.new_full((count, 2), middle),
        )

    def encode(self, faces: PosedFaces) -> Tensor:
        """Faces as outputs (B,size), the inverse of `decode`.

        Another camera is replaced by the nearest of this kind (`to_perspective`). Angles are those
        of `matrix_to_euler`, the middle one within a quarter turn.

        Raises:
            InputError: coefficients of other sizes.
        """
        c = faces.coefficients
        with torch.autocast(c.light.device.type, enabled=False):
            middle = self.spec.crop_size / 2
            camera = to_perspective(faces.camera, self.focal, (middle, middle), self.pivot)
            place = camera.to_camera(self.pivot.to(c.light).expand(len(c), 1, 3))[:, 0] / UNIT
            behind = place.new_tensor([0.0, 0.0, DISTANCE])
            parts = {"identity": c.identity, "expression": c.expression, "albedo": c.albedo}
            parts |= {"angles": matrix_to_euler(camera.rotation, _EULER), "light": _gamma(c.light)}
            return self.join(parts | {"translation": place + behind})


def _gamma(light: Tensor) -> Tensor:
    """Light (B,9,3) as Deep3D's flat 27 numbers, the inverse of `from_deep3d`."""
    constants = from_deep3d(torch.ones(1, LIGHT).to(light), 0.0)
    numbers = light / constants
    numbers = torch.cat([numbers[:, :1] - INITIAL_LIGHT, numbers[:, 1:]], 1)
    return numbers.transpose(1, 2).flatten(1)


class Deep3dLayout(PerspectiveLayout):
    """identity, expression, albedo, angles, light, translation: 257 for Basel's 80, 64, 80."""

    name = "deep3d"
    order = ("identity", "expression", "albedo", "angles", "light", "translation")


class MobileFacernetLayout(PerspectiveLayout):
    """identity, albedo, expression, angles, translation, light: 495 for 199, 199, 64.

    The order of section 3.2's vector x. Mobile-FaceRNet states neither focal length, units, Euler
    order nor the light's constants; all are Deep3D's here, from whose work its losses come.
    """

    name = "mobile_facernet"
    order = ("identity", "albedo", "expression", "angles", "translation", "light")
