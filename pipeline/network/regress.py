"""Photographs and boxes to coefficients and cameras, by a network and a linear solve."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.errors import InputError
from ...detect.face import Face
from ...geometry.camera import PerspectiveCamera
from ...geometry.coefficients import vector_to_coefficients
from ...geometry.crop import Crop
from ...geometry.dense_points import PointBasis
from ...geometry.face_model import FaceModel
from ...geometry.joint_solver import JointSolver
from ...geometry.known_solver import KnownIdentitySolver
from ...geometry.lip_columns import LipColumns, LipEvidence
from ...geometry.point_solver import CoefficientPrior, PointSolver, SolvedFaces, SolverConfig
from ...models.fuse import ready_to_run
from ...models.heads.points import PointPrediction, solver_errors, stated_errors
from ...models.weights import Weights, load_weights
from ..locate.cut import cut_tensor
from ..locate.frame import Box, frame_of_box, frame_of_face, frame_of_points, tight_frame
from .found import FoundFace
from .gaze import GazeFinder
from .mirrored import PredictionMirror
from .mouth import lips_seen
from .trained_model import trained_model


@dataclass(frozen=True)
class RegressOptions:
    """How photographs are regressed.

    Attributes:
        weights: a shipped name or a path.
        passes: 1 predicts in the given box; 2 frames the face anew by what the first pass found,
            as the network is most exact in a tight frame.
        batch: crops that go through network and solver at once; more no longer fit into a
            processor's cache.
        solver: what points are worth against priors.
        lips: heed what the segmentation shows between the lips, see `pipeline.network.mouth`.
        gaze: find irises and turn the eyes to them, see `pipeline.network.gaze`.
        mirrored: the network sees every crop of the last pass mirrored as well, and the mean of
            both counts; twice its work for errors that are a thirtieth smaller.
    """

    weights: str = "default"
    passes: int = 2
    batch: int = 8
    solver: SolverConfig = field(default_factory=SolverConfig)
    lips: bool = True
    gaze: bool = True
    mirrored: bool = True

    def __post_init__(self) -> None:
        if self.passes not in (1, 2):
            raise InputError("passes", "1 or 2", str(self.passes))


@dataclass(frozen=True)
class RegressedFace(FoundFace):
    """One face of one photograph, by a network of dense points; see `FoundFace`, too.

    Attributes:
        sigma: (68,) expected error of each point of `ibug68`, photograph pixels: 68 % of the errors
            are smaller where the weights say how true they are, which older ones do not.
        direct: landmark sets as the network alone saw them, (68,3) photograph pixels; what is
            published comes from the coefficients.
        visibility: (N,) probabilities of the layout's points being seen, or None.
        segmentation: (C,s,s) probabilities of the classes of `geometry.segments` over the crop,
            whose side is 4 s pixels, or None.
    """

    _: KW_ONLY
    sigma: Tensor
    direct: dict[str, Tensor]
    visibility: Tensor | None = None


@dataclass(frozen=True)
class PointReading:
    """What a network says of B crops.

    Attributes:
        prediction: its own words.
        sigma: (B,N) expected errors of the points, half sides of the crop.
        lips: how far they are apart, if that is heeded.
    """

    prediction: PointPrediction
    sigma: Tensor
    lips: LipEvidence | None

    def row(self, k: int) -> PointReading:
        """What it says of one of them."""
        one, said = slice(k, k + 1), self.prediction
        said = PointPrediction(
            said.points[one],
            said.log_sigma[one],
            said.coefficients[one],
            None if said.visibility is None else said.visibility[one],
            None if said.segmentation is None else said.segmentation[one],
        )
        lips = None if self.lips is None else LipEvidence(*(value[one] for value in self.lips))
        return PointReading(said, self.sigma[one], lips)


class Regressor:
    """Finds the coefficients of faces in given boxes. Make one, use it for many photographs.

    >>> photograph, box = np.zeros((99, 99, 3), np.uint8), (20.0, 20.0, 80.0, 80.0)
    >>> face = Regressor()([photograph], [box])[0]
    >>> face.sigma.shape
    torch.Size([68])

    Args:
        options: see `RegressOptions`.
        model: the face model the weights were trained for, if it is loaded already, or its path;
            needed where it is no registered one.
        weights: those of `options`, if they are loaded already.

    Raises:
        UnknownNameError, MissingFileError: there are no such weights.
        InputError: a damaged file, or weights for another face model.
    """

    def __init__(
        self,
        options: RegressOptions | None = None,
        model: FaceModel | str | None = None,
        weights: Weights | None = None,
    ) -> None:
        self.options = options or RegressOptions()
        weights = weights or load_weights(self.options.weights)
        self.name, self.layout, self.facts = weights.name, weights.layout, weights.facts
        self.model = trained_model(weights, model)
        self.network = ready_to_run(weights.network)
        self.size = weights.network.input_shape[-1]
        basis = PointBasis.of(self.model, self.layout)
        self._lips = LipColumns.of(self.model) if self.options.lips else None
        self._gaze = GazeFinder(self.model) if self.options.gaze else None
        self.solver = PointSolver(basis, self.options.solver, self._lips)
        self.joint_solver = JointSolver(basis, self.options.solver, self._lips)
        known = self.options.mirrored and self.model.mirror is not None
        self._mirror = PredictionMirror.of(self.model, self.layout) if known else None
        variance = self.facts.get("coefficient_variance")
        self._precision = None if variance is None else 1 / torch.tensor(variance)
        scale = self.facts.get("sigma_scale")
        self._sigma_scale = None if scale is None else torch.tensor(scale)

    @property
    def segments(self) -> bool:
        """Whether the network tells what each pixel shows."""
        return getattr(self.network, "segments", None) is not None

    def __call__(
        self, pictures: Sequence[NDArray[np.uint8]], boxes: Sequence[Box]
    ) -> list[RegressedFace]:
        """One face for each pair of photograph and box; the same photograph may come again.

        Args:
            pictures: RGB (H,W,3) uint8 each.
            boxes: (x0,y0,x1,y1) in photograph pixels, tight round the face's landmarks: brow to
                chin, ear to ear.

        Raises:
            InputError: different counts, or a box without area.
        """
        if len(pictures) != len(boxes):
            raise InputError("boxes", f"{len(pictures)}, one per photograph", str(len(boxes)))
        return self.in_frames(pictures, [frame_of_box(box, self.size) for box in boxes])

    def from_points(
        self, pictures: Sequence[NDArray[np.uint8]], points: Sequence[Tensor]
    ) -> list[RegressedFace]:
        """As calling it, from a detector's five points (5,2) each: frames are turned upright."""
        return self.in_frames(pictures, [frame_of_points(p, self.size) for p in points])

    def from_faces(
        self, pictures: Sequence[NDArray[np.uint8]], faces: Sequence[Face]
    ) -> list[RegressedFace]:
        """As calling it, from detected faces: in their own frames, where their detector tells."""
        return self.in_frames(pictures, [frame_of_face(face, self.size) for face in faces])

    def of_one_person(
        self, pictures: Sequence[NDArray[np.uint8]], faces: Sequence[Face]
    ) -> list[RegressedFace]:
        """As `from_faces`, where all are the same person's: they get the same identity."""
        crops = [frame_of_face(face, self.size) for face in faces]
        return self.in_frames(pictures, crops, one_person=True)

    def in_frames(
        self,
        pictures: Sequence[NDArray[np.uint8]],
        crops: Sequence[Crop],
        one_person: bool = False,
    ) -> list[RegressedFace]:
        """As calling it, from crops of the network's size, which may be turned."""
        for _ in range(self.options.passes - 1):
            crops = self._closer(pictures, crops)
        faces = list(self._faces(pictures, crops, one_person))
        return [self.looking(*pair) for pair in zip(pictures, faces, strict=True)]

    def in_crops(
        self, images: Tensor, one_person: bool = False
    ) -> tuple[SolvedFaces, PointPrediction]:
        """Solved faces and the network's own words for crops (B,3,size,size) in [0,1]."""
        mirror, said = self._mirror, self._predicted
        reading = self.reading_of(said(images) if mirror is None else mirror.seen(said, images))
        solver = self.joint_solver if one_person else self.solver
        return self.solve(reading, solver), reading.prediction

    def read(self, images: Tensor) -> PointReading:
        """What the network says of crops (B,3,size,size) in [0,1], as a solver takes it."""
        return self.reading_of(self._predicted(images))

    def reading_of(
        self, prediction: PointPrediction, solver: PointSolver | None = None
    ) -> PointReading:
        """What a network has said, as a solver takes it.

        Args:
            prediction: of B crops.
            solver: as `solve` takes it; it places the face of which lips are seen.
        """
        sigma = solver_errors(prediction.log_sigma, self._sigma_scale)
        lips = None
        if self._lips is not None:
            placed = (solver or self.solver).placed(prediction.points, sigma)
            lips = lips_seen(prediction, placed, self.layout.landmarks("ibug68"), self._lips)
        return PointReading(prediction, sigma, lips)

    def solve(self, reading: PointReading, solver: PointSolver | None = None) -> SolvedFaces:
        """The most probable faces behind what was read.

        Args:
            reading: of B crops.
            solver: of the network's points; None: the one that knows nothing of the faces.
        """
        solver = solver or self.solver
        prediction, prior = reading.prediction, None
        if self._precision is not None:
            coefficients, columns = prediction.coefficients, solver.columns
            prior = CoefficientPrior(coefficients[:, columns], self._precision[columns])
        return solver(prediction.points, reading.sigma, prior, reading.lips)

    def solver_of(self, identity: Tensor, nearness: tuple[float, float]) -> KnownIdentitySolver:
        """What solves the faces of one person.

        Args:
            identity: (1,Ki) of the person.
            nearness: expected 1 / distance, in 1/mm, and its spread.
        """
        config = replace(self.options.solver, nearness=nearness)
        return KnownIdentitySolver(self.solver.basis, identity, config, self._lips)

    def _predicted(self, images: Tensor) -> PointPrediction:
        """The network's own words for crops (B,3,size,size) in [0,1]."""
        with torch.inference_mode():
            prediction: PointPrediction = self.network(
                images.contiguous(memory_format=torch.channels_last)
            )
        return prediction

    def _closer(self, pictures: Sequence[NDArray[np.uint8]], crops: Sequence[Crop]) -> list[Crop]:
        """Frames round the landmarks that the network sees in these crops."""
        closer, half = [], self.size / 2
        for start in range(0, len(crops), self.options.batch):
            part = crops[start : start + self.options.batch]
            batch = zip(pictures[start:], part, strict=False)
            images = torch.cat([cut_tensor(picture, crop) for picture, crop in batch])
            points = self._predicted(images).points[:, self.layout.landmarks("ibug68"), :2]
            places = (points + 1) * half
            closer += [
                tight_frame(crop.to_photo(place), crop)
                for place, crop in zip(places, part, strict=True)
            ]
        return closer

    def _faces(
        self,
        pictures: Sequence[NDArray[np.uint8]],
        crops: Sequence[Crop],
        one_person: bool = False,
    ) -> Iterable[RegressedFace]:
        step = max(len(crops), 1) if one_person else self.options.batch
        for start in range(0, len(crops), step):
            part = list(zip(pictures, crops, strict=True))[start : start + step]
            images = torch.cat([cut_tensor(picture, crop) for picture, crop in part])
            solved, prediction = self.in_crops(images, one_person)
            for k, (_, crop) in enumerate(part):
                yield self.face_of(solved, prediction, k, crop)

    def face_of(
        self, solved: SolvedFaces, prediction: PointPrediction, k: int, crop: Crop
    ) -> RegressedFace:
        """Face `k` of a batch in its photograph's pixels.

        Args:
            solved: the faces. prediction: what the network said of them.
            k: which of them.
            crop: that the network saw of its photograph.
        """
        direct_coefficients = vector_to_coefficients(
            prediction.coefficients[k : k + 1].clone(), self.model.sizes
        )
        one = slice(k, k + 1)
        half = self.size / 2
        to_crop = torch.tensor([[half, 0.0, half], [0.0, half, half]])
        cameras = PerspectiveCamera(*(value[one] for value in vars(solved.camera).values()))
        camera = cameras.moved(to_crop).moved(crop.inverse_matrix.float())
        per_pixel = half / crop.scale
        points = prediction.points[k]
        plane = crop.to_photo((points[:, :2] + 1) * half)
        seen = torch.cat([plane, points[:, 2:] * per_pixel], 1)
        sigma = stated_errors(prediction.log_sigma[k], self._sigma_scale)
        return RegressedFace(
            replace(
                direct_coefficients,
                identity=solved.identity[one],
                expression=solved.expression[one],
            ),
            camera,
            crop,
            sigma=sigma[self.layout.landmarks("ibug68")] * per_pixel,
            direct={name: seen[self.layout.landmarks(name)] for name in self.layout.landmark_sets},
            visibility=None if prediction.visibility is None
            else prediction.visibility[k].sigmoid(),
            segmentation=None if prediction.segmentation is None
            else prediction.segmentation[k].softmax(0),
        )  # fmt: skip

    def looking(self, picture: NDArray[np.uint8], face: RegressedFace) -> RegressedFace:
        """The face with its eyes turned to where they look in the photograph."""
        if self._gaze is None:
            return face
        expression = self._gaze(picture, face.coefficients, face.camera)
        return replace(face, coefficients=replace(face.coefficients, expression=expression))

    def _landmarks(self, face: RegressedFace) -> Tensor:
        """The solved landmarks (68,2), photograph pixels, that training framed."""
        body = self.model.landmark_points(self.model.vertices(face.coefficients), "ibug68")
        return face.camera.project(body)[0, :, :2]
