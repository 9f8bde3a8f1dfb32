"""Photograph in, textured 3D faces out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.errors import InputError, NoFaceError
from ..core.item_failure import Failed, attempt
from ..detect.detectors import get_face_detector
from ..detect.face import Face
from ..detect.why_none import likely_cause
from ..geometry.camera import PerspectiveCamera
from ..geometry.chart import with_chart
from ..geometry.coefficients import Coefficients
from ..geometry.crop import Crop
from ..geometry.cut import cut_out
from ..geometry.sh import rotate_light
from .face import ReconstructedFace, SeenSegments, check_mesh
from .faces import Faces
from .fit.fitter import FaceFitter
from .locate.cut import resized
from .locate.frame import crop_around_points
from .network.found import FoundFace
from .network.regress import Regressor
from .network.start import FIT, open_start
from .options import ReconstructOptions
from .photo import Photo, as_picture
from .predicted import is_finite
from .segment.evidence import Evidence
from .segment.segment import segment_faces
from .texture import FittedPhoto, TextureBuilder

_APPEARANCE_SIZE = 112  # side of the crop in which albedo and light of a regressed face are found
_SMALLEST_CROP = 256  # pixels: smaller faces are enlarged to this for fitting
_PLAIN_FACE = np.array([[104.0, 112], [152, 112], [128, 140], [108, 164], [148, 164]])
_ODD = "The weights or the face model may be damaged: try weights 'fit' or another face model."


@dataclass(frozen=True)
class _Shown:
    """The square of a photograph that shows a face.

    Attributes:
        picture: the photograph (H,W,3) uint8.
        crop: the square, at the photograph's own resolution within reason.
    """

    picture: NDArray[np.uint8]
    crop: Crop

    @cached_property
    def whole(self) -> tuple[Tensor, Tensor]:
        """The square (1,3,S,S) in [0,1] and where it lies in the photograph (1,1,S,S)."""
        return self._cut(self.crop)

    def resized(self, side: int) -> tuple[Tensor, Tensor]:
        """`whole`, at another size."""
        return resized(self.whole[0], side), resized(self.whole[1], side)

    def cut(self, side: int) -> tuple[Tensor, Tensor]:
        """The same, straight from the photograph: sooner where `whole` is not needed."""
        return self._cut(Crop(self.crop.matrix * (side / self.crop.size[0]), (side, side)))

    def _cut(self, crop: Crop) -> tuple[Tensor, Tensor]:
        photo, inside = cut_out(self.picture, crop.matrix, crop.size)
        return photo[None], inside[None]


class Reconstructor:
    """Detects, fits and textures every face of a photograph. Make one, use it for many photos.

    >>> reconstructor = Reconstructor(ReconstructOptions(max_faces=1))
    >>> reconstructor.name, reconstructor.steps
    ('default', 1)

    Args:
        options: see `ReconstructOptions`.
    """

    def __init__(self, options: ReconstructOptions | None = None) -> None:
        self.options = options or ReconstructOptions()
        given = self.options
        start = open_start(given.weights, given.face_model, given.backend)
        self.model, self.regressor = with_chart(start.model), start.network
        check_mesh(self.model, self.options.mesh)
        self.detector = get_face_detector(self.options.detector)
        self.fitter = FaceFitter(self.model, self.options.fit)
        self._textures: Future[TextureBuilder] | None = None
        self._check_network()

    @cached_property
    def textures(self) -> TextureBuilder:
        """What makes textures; its tables are made when the first face needs one."""
        if self._textures is not None:
            return self._textures.result()
        return TextureBuilder(self.model, self.options.texture_size)

    def prepare_textures(self) -> None:
        """Begin to make the tables of `textures` in a thread, while faces are looked for."""
        pool = ThreadPoolExecutor(1, "selfie3d-textures", partial(torch.set_num_threads, 1))
        self._textures = pool.submit(TextureBuilder, self.model, self.options.texture_size)
        pool.shutdown(wait=False)

    @property
    def steps(self) -> int:
        """Steps per face, the unit of `on_step`."""
        fit = self.options.fit
        if self.regressor is None:
            return sum(stage.steps for stage in fit.stages)
        return sum(stage.steps for stage in fit.refining) if self.options.refine else 1

    def __call__(
        self,
        photo: Photo,
        on_step: Callable[[], None] = lambda: None,
    ) -> Faces:
        """Every face of a photograph, largest first.

        Args:
            photo: a path or an address (http, https, file), RGB (H,W,3) uint8, a picture of
                Pillow's, a file's content, or an open binary file.
            on_step: called after every optimiser step.

        Raises:
            NoFaceError: no face was found.
            InputError: the photograph cannot be read, or is none of these.
        """
        picture = as_picture(photo)
        found = self.detect(picture)
        starts = self.regress([(picture, face) for face in found])
        made = [
            self.reconstruct_face(picture, face, on_step, start)
            for face, start in zip(found, starts, strict=True)
        ]
        return Faces(made, picture)

    def regress(
        self, faces: Sequence[tuple[NDArray[np.uint8], Face]]
    ) -> Sequence[FoundFace | None]:
        """What the network finds in photographs with a detected face each, in batches.

        None for each where the optimiser works alone.
        """
        if self.regressor is None:
            return [None] * len(faces)
        pictures, found = [picture for picture, _ in faces], [face for _, face in faces]
        return self.regressor.from_faces(pictures, found)

    def detect(self, picture: NDArray[np.uint8]) -> list[Face]:
        """The faces of a photograph, largest first.

        Raises:
            NoFaceError: there is none.
        """
        faces = self.detector.detect(picture)
        if not faces:
            height, width = picture.shape[:2]
            cause = likely_cause(self.detector, picture)
            raise NoFaceError(
                f"no face found in this photograph of {width} x {height} pixels. "
                + (cause or "Faces must be at least about 20 pixels wide and not upside down.")
            )
        return faces[: self.options.max_faces]

    def reconstruct_face(
        self,
        picture: NDArray[np.uint8],
        face: Face,
        on_step: Callable[[], None] = lambda: None,
        start: FoundFace | None = None,
        *,
        textured: bool = True,
    ) -> ReconstructedFace:
        """One detected face of a photograph (H,W,3) uint8.

        Args:
            picture: the photograph.
            face: one of the faces that `detect` found in it.
            on_step: called `steps` times.
            start: what `regress` found, if it was called for a batch of faces.
            textured: with a texture; without, its numbers come several times faster.
        """
        start = start or self.regress([(picture, face)])[0]
        crop = self._crop(torch.as_tensor(face.points, dtype=torch.float64))
        shown = _Shown(picture, crop)
        evidence = self.evidence(picture, start)
        if evidence is not None:
            evidence = evidence.moved(crop.inverse_matrix)
        coefficients, in_crop = self._fitted(shown, face, start, evidence, on_step)
        texture = None
        if textured:
            texture = self.textures.build(
                FittedPhoto(shown.whole[0], in_crop, coefficients, shown.whole[1], evidence),
                divide_light=self.options.divide_light,
                keep_glasses=self.options.glasses == "keep",
            )
        camera = in_crop.moved(crop.inverse_matrix)
        result = ReconstructedFace(
            self.model,
            _lit_in(coefficients, in_crop, camera),
            camera,
            face.box,
            texture,
            face.score,
            self.name,
            None if start is None else start.sigma,
            self.options.ipd,
            _segments(start),
        )
        if not result.is_finite:
            raise InputError("the face's shape", "finite numbers", "NaN or infinity", _ODD)
        return result

    def evidence(self, picture: NDArray[np.uint8], start: FoundFace | None) -> Evidence | None:
        """What a photograph (H,W,3) uint8 shows round a face that `regress` found there.

        None where the network cannot tell.
        """
        if not isinstance(self.regressor, Regressor) or start is None:
            return None
        return segment_faces(self.regressor, [picture], [start])[0]

    @property
    def name(self) -> str:
        """What reconstructs: "fit", the name of the weights, or these and "refined"."""
        if self.regressor is None:
            return FIT
        return f"{self.regressor.name}, refined" if self.options.refine else self.regressor.name

    def _check_network(self) -> None:
        """Try the network on a grey picture: what is wrong with it is wrong with every photograph.

        Raises:
            InputError: it fails, or finds what is not finite.
        """
        if self.regressor is None:
            return
        picture = np.full((_SMALLEST_CROP, _SMALLEST_CROP, 3), 128, np.uint8)
        face = Face((64.0, 64.0, 192.0, 192.0), 1.0, _PLAIN_FACE)
        found = attempt("a grey picture", lambda: self.regress([(picture, face)])[0])
        name = f"weights {self.regressor.name!r}"
        if isinstance(found, Failed):
            remedy = "Take other weights, or train these anew."
            raise InputError(name, "a network that works", found.message, remedy) from found.error
        if found is not None and not is_finite(found.coefficients, found.camera):
            raise InputError(name, "a network that gives finite numbers", "NaN or infinity", _ODD)

    def _fitted(
        self,
        shown: _Shown,
        face: Face,
        start: FoundFace | None,
        evidence: Evidence | None,
        on_step: Callable[[], None],
    ) -> tuple[Coefficients, PerspectiveCamera]:
        """Coefficients, and the camera in the pixels of the crop."""
        crop, size = shown.crop, shown.crop.size[0]
        if start is None:
            points = torch.as_tensor(face.points, dtype=torch.float64)
            inside = (crop.to_crop(points) / size).float()[None]
            fit = self.fitter.fit(shown.resized, inside, on_step)
        elif self.options.refine:
            camera = _scaled(start.camera.moved(crop.matrix), 1 / size)
            fit = self.fitter.refine(shown.resized, start.coefficients, camera, on_step)
        else:
            camera = start.camera.moved(crop.matrix)
            if start.lit:
                on_step()
                return start.coefficients, camera
            coefficients = self._lit(shown, start.coefficients, camera, evidence)
            on_step()
            return coefficients, camera
        return fit.coefficients, _scaled(fit.camera, size / fit.size)

    def _lit(
        self,
        shown: _Shown,
        coefficients: Coefficients,
        camera: PerspectiveCamera,
        evidence: Evidence | None,
    ) -> Coefficients:
        """With albedo and light; the camera and the evidence are in the crop's pixels."""
        factor = _APPEARANCE_SIZE / shown.crop.size[0]
        photo, inside = shown.cut(_APPEARANCE_SIZE)
        skin = None
        if evidence is not None:
            back = torch.tensor([[1 / factor, 0.0, 0.0], [0.0, 1 / factor, 0.0]])
            skin = evidence.moved(back).skin((_APPEARANCE_SIZE, _APPEARANCE_SIZE))
        seen = _scaled(camera, factor)
        albedo, light = self.fitter.appearance.solve(coefficients, seen, photo, inside, skin)
        return replace(coefficients, albedo=albedo, light=light)

    def _crop(self, points: Tensor) -> Crop:
        """The face's crop at the photograph's own resolution, within reason."""
        side = 1 / crop_around_points(points, 1).scale
        size = int(min(max(side, _SMALLEST_CROP), 2 * self.options.texture_size))
        return crop_around_points(points, max(size, _SMALLEST_CROP))


def _lit_in(
    coefficients: Coefficients, crop: PerspectiveCamera, photo: PerspectiveCamera
) -> Coefficients:
    """Coefficients whose light, found in an upright crop, falls as it does in the photograph."""
    turn = photo.rotation @ crop.rotation.transpose(1, 2)
    return replace(coefficients, light=rotate_light(coefficients.light, turn))


def _segments(start: FoundFace | None) -> SeenSegments | None:
    if start is None or start.segmentation is None:
        return None
    return SeenSegments(start.segmentation, start.crop)


def _scaled(camera: PerspectiveCamera, factor: float) -> PerspectiveCamera:
    return camera.moved(torch.tensor([[factor, 0.0, 0.0], [0.0, factor, 0.0]]))
