"""What predicts faces in an evaluation: the optimiser, or a network with its weights."""

from __future__ import annotations

import typing
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.errors import InputError, NoFaceError
from ...core.item_failure import Failed, attempt
from ...geometry.camera import PerspectiveCamera
from ...geometry.coefficients import Coefficients
from ...geometry.face_model import FaceModel
from ...geometry.posed import FaceCamera
from ...pipeline.start import DEFAULT_WEIGHTS, FIT

if typing.TYPE_CHECKING:
    from ...detect.face import Face
    from ...models.weights import Weights
    from ...pipeline.reconstructor import Reconstructor
    from ...pipeline.regress import Regressor

Box = tuple[float, float, float, float]
Photograph = NDArray[np.uint8]
REFINED = "refined"
DETECTING = (FIT, REFINED)
"""Words after --weights whose predictors look for faces themselves."""
BOX_SOURCES = ("protocol", "detector")
_SHARED = 0.1  # of the union of two boxes, below which a detected face is another face


@dataclass(frozen=True)
class PredictedFace:
    """A face that was predicted for a photograph.

    Attributes:
        model: the face model.
        coefficients: of this face (batch of one).
        camera: projects model space to the photograph's pixels.
        box: (x0,y0,x1,y1) that it was predicted in, photograph pixels.
        surface: (1,V,3) mm, where the vertices are more than what the coefficients say.
    """

    model: FaceModel
    coefficients: Coefficients
    camera: FaceCamera
    box: Box
    surface: Tensor | None = None

    @property
    def perspective(self) -> PerspectiveCamera:
        """The camera, where only a perspective one will do.

        Raises:
            InputError: it is a weak perspective one.
        """
        if not isinstance(self.camera, PerspectiveCamera):
            expected = "a face seen by a perspective camera"
            raise InputError("weights", expected, "a network of weak perspective cameras")
        return self.camera

    @property
    def vertices(self) -> NDArray[np.float32]:
        """(V,3) mm in model space."""
        return self._vertices()[0].detach().numpy()

    def landmarks(self, name: str) -> NDArray[np.float64]:
        """A landmark set (K,3): x, y in photograph pixels, z in their scale, near = large."""
        points = self.camera.project(self.model.landmark_points(self._vertices(), name))
        return points[0].detach().numpy().astype(np.float64)

    def _vertices(self) -> Tensor:
        if self.surface is not None:
            return self.surface
        return self.model.vertices(self.coefficients)

    @property
    def landmarks_68(self) -> NDArray[np.float64]:
        """The set `ibug68`, as `landmarks`."""
        return self.landmarks("ibug68")

    @property
    def pose_deg(self) -> dict[str, float]:
        """Pitch, yaw and roll in degrees, as 300W-LP has them."""
        from ...geometry.rotation import matrix_to_euler

        angles = torch.rad2deg(matrix_to_euler(self.camera.rotation)[0])
        return dict(zip(("pitch", "yaw", "roll"), angles.tolist(), strict=True))


class Predictor(typing.Protocol):
    """Predicts one face of a photograph."""

    name: str

    def __call__(self, picture: Photograph, box: Box | None) -> PredictedFace:
        """The face in or nearest to `box`, the box round its landmarks; None: the largest face.

        Args:
            picture: RGB (H,W,3) uint8.
            box: (x0,y0,x1,y1) in photograph pixels.

        Raises:
            NoFaceError: none was found there.
        """
        ...


def load_predictor(
    weights: str | None, boxes: str = "protocol", face_model: str = "default"
) -> Predictor:
    """A predictor by the word after --weights.

    Args:
        weights: "fit" for the optimiser, "refined" for the optimiser after the shipped network
            (`reconstruct --refine`), which both always look for faces themselves; else a shipped
            name or a path of a network's weights; None takes the shipped ones.
        boxes: where a network looks: "protocol", in the box that it is given, or "detector", in
            the box of the detected face that overlaps it best.
        face_model: of the optimiser.

    Raises:
        UnknownNameError, MissingFileError: there are no such weights.
        InputError: another word for `boxes`, or a damaged file.
    """
    if boxes not in BOX_SOURCES:
        raise InputError("boxes", " or ".join(BOX_SOURCES), repr(boxes))
    if weights in DETECTING:
        from ...pipeline.reconstructor import ReconstructOptions, Reconstructor

        start, refine = FIT if weights == FIT else DEFAULT_WEIGHTS, weights == REFINED
        options = ReconstructOptions(face_model, texture_size=64, weights=start, refine=refine)
        return FitPredictor(Reconstructor(options), str(weights))
    from ...models.weights import load_weights
    from ...pipeline.regress import RegressOptions, Regressor
    from .maps import MapPredictor
    from .parameters import ParameterPredictor

    found = load_weights(weights or DEFAULT_WEIGHTS)
    _check_network(found)
    if found.kind == "parameters":
        return ParameterPredictor.load(found, face_model, detect=boxes == "detector")
    if found.kind == "uv":
        return MapPredictor.load(found, detect=boxes == "detector")
    passes = 2 if boxes == "detector" else 1  # a protocol's box is what the second pass makes
    regressor = Regressor(RegressOptions(passes=passes), weights=found)
    return NetworkPredictor(regressor, detect=boxes == "detector")


@torch.no_grad()
def _check_network(weights: Weights) -> None:
    """Try a network on grey: what is wrong with it is wrong with every photograph.

    Raises:
        InputError: it fails, or gives what is not finite.
    """
    network = weights.network
    grey = torch.full((1, *network.input_shape), 0.5)  # type: ignore[misc]
    out = attempt("grey", lambda: network(grey))
    name = f"weights {weights.name!r}"
    if isinstance(out, Failed):
        raise InputError(name, "a network that works", out.message) from out.error
    parts = [out] if isinstance(out, Tensor) else [part for part in out if part is not None]
    if not all(bool(torch.isfinite(part).all()) for part in parts):
        raise InputError(name, "a network that gives finite numbers", "NaN or infinity")


class FitPredictor:
    """The optimiser of `selfie3d reconstruct`, from the face that overlaps the box best."""

    def __init__(self, maker: Reconstructor, name: str = FIT) -> None:
        self.name, self._maker = name, maker

    def __call__(self, picture: Photograph, box: Box | None) -> PredictedFace:  # noqa: D102
        face = nearest_face(self._maker.detect(picture), box)
        made = self._maker.reconstruct_face(picture, face)
        return PredictedFace(made.model, made.coefficients, made.camera, made.box)


class NetworkPredictor:
    """A network, in the box that is given, or in the detected one."""

    def __init__(self, regressor: Regressor, *, detect: bool = False) -> None:
        from ...detect.face import get_face_detector

        self.name, self._regressor, self._detect = regressor.name, regressor, detect
        self._detector = get_face_detector()

    def __call__(self, picture: Photograph, box: Box | None) -> PredictedFace:  # noqa: D102
        if box is None or self._detect:
            found = nearest_face(self._detector.detect(picture), box)
            box = found.box
            face = self._regressor.from_faces([picture], [found])[0]
        else:
            face = self._regressor([picture], [box])[0]
        return PredictedFace(self._regressor.model, face.coefficients, face.camera, box)


def nearest_face(faces: list[Face], box: Box | None) -> Face:
    """The face whose box overlaps `box` best by intersection over union; None: the first.

    Raises:
        NoFaceError: there is no face, or none that overlaps by a tenth.
    """
    if not faces:
        raise NoFaceError("no face found in the photograph")
    if box is None:
        return faces[0]
    best = max(faces, key=lambda face: overlap(face.box, box))
    if overlap(best.box, box) < _SHARED:
        raise NoFaceError(f"{len(faces)} found, but none where the annotated face is")
    return best


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, 0 where they do not meet."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)]
    return shared / (sum(areas) - shared) if shared else 0.0
