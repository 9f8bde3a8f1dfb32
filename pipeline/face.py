"""A reconstructed face: what `reconstruct` gives to Python users."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..core.choices import check_choice
from ..core.errors import InputError, SettingError, UnknownNameError
from ..core.whole_file import write_bytes
from ..facemodels import load_face_model
from ..geometry.camera import PerspectiveCamera
from ..geometry.coefficients import Coefficients
from ..geometry.crop import Crop
from ..geometry.face_model import SHIPPED_MODELS, FaceModel
from ..render.overlay import Picture, to_picture
from .cards import card, face_facts, picture_tag
from .choices import MeshName
from .fit.model import five_points
from .formats.head_glb import HeadFile
from .formats.obj import textured_mesh
from .predicted import PredictedFace
from .studio import View, draw_head
from .texture import Texture

if TYPE_CHECKING:
    import trimesh

_SHOWN: tuple[View, ...] = ((0.0, -40.0, 0.0), (0.0, 0.0, 0.0), (0.0, 40.0, 0.0))
_SHOWN_SIZE = 192  # pixels of each side that a notebook shows


@dataclass(frozen=True)
class SeenSegments:
    """What a network says that a photograph shows round a face.

    Attributes:
        probabilities: (16,s,s) of `geometry.segments.Segment`.
        crop: the photograph's part that they cover.
    """

    probabilities: Tensor
    crop: Crop


@dataclass(frozen=True)
class ReconstructedFace(PredictedFace):
    """One face of one photograph, with its texture.

    >>> model = load_face_model("default-face")
    >>> camera = PerspectiveCamera(
    ...     torch.eye(3)[None], torch.tensor([[0.0, 0.0, -600.0]]),
    ...     torch.tensor([1000.0]), torch.tensor([[320.0, 240.0]]))
    >>> still = model.zero_coefficients(1)
    >>> face = ReconstructedFace(model, still, camera, (200.0, 120.0, 440.0, 400.0), None, 0.9)
    >>> wide = face.animate({"jawOpen": 1.0})  # with a texture, wide.glb() is a file's content
    >>> bool((wide.vertices - face.vertices).norm(dim=1).max() > 10)  # mm
    True

    Attributes:
        model, coefficients, camera, box: as `PredictedFace` has them.
        texture: the UV texture; None where the face was made without, for its numbers alone.
        score: the detector's confidence in [0,1].
        weights: what found it: "fit", the optimiser, or the name of a network's weights.
        landmark_sigma: (68,) how far each landmark is expected to be off, photograph pixels, by
            the network's own word; None from the optimiser.
        ipd_mm: the distance of the pupils that was given, mm; None where the model's is taken.
        segments: what the network sees in the photograph; None from the optimiser.
    """

    camera: PerspectiveCamera
    texture: Texture | None
    score: float
    weights: str = "fit"
    landmark_sigma: Tensor | None = None
    ipd_mm: float | None = None
    segments: SeenSegments | None = None

    @property
    def texture_image(self) -> Tensor:
        """The texture's picture (3,S,S), sRGB in [0,1].

        Raises:
            SettingError: the face was made without a texture.
        """
        if self.texture is None:
            remedy = "Reconstruct it with textured=True."
            raise SettingError("texture", "a face made with its texture", "none", remedy)
        return self.texture.image

    @property
    def model_ipd_mm(self) -> float:
        """Distance of the pupils of the neutral face, mm in model space."""
        still = replace(self.coefficients, expression=self.coefficients.expression * 0)
        return _pupils_apart(self.model, still)

    @property
    def scale(self) -> float:
        """True size over the model's: 1 where no distance of the pupils was given."""
        return 1.0 if self.ipd_mm is None else self.ipd_mm / self.model_ipd_mm

    def to_dict(self) -> dict[str, object]:
        """Everything but the texture and the segmentation, as JSON can hold it.

        `size` says how large the head is in the files: the distance of its pupils, whether it was
        given or is the model's guess, and true millimetres per millimetre of the camera and the
        coefficients. Landmarks (68,3) are in photograph pixels, None where the model has none.
        """
        return {
            "weights": self.weights,
            "face_model": self.model.name,
            "face_model_version": self.model.version,
            "face_model_licence": self.model.licence,
            "box": [float(x) for x in self.box],
            "score": float(self.score),
            "landmarks_68": [
                None if any(map(math.isnan, point)) else point
                for point in self.landmarks_68.tolist()
            ],
            "landmark_sigma": None if self.landmark_sigma is None else self.landmark_sigma.tolist(),
            "pose_deg": self.pose_deg,
            "camera": self.camera.describe(),
            "size": {
                "ipd_mm": round(self.model_ipd_mm * self.scale, 3),
                "from": "model" if self.ipd_mm is None else "given",
                "scale": self.scale,
            },
            "coefficients": self.coefficients.as_lists(),
            "expressions": self.expressions,
        }

    def animate(self, weights: Mapping[str, float], *, neutral: bool = False) -> ReconstructedFace:
        """The same person with another expression; the texture stays.

        Args:
            weights: of expressions by their names (`model.expression_names`), such as
                {"jawOpen": 0.5}; 0 is none, 1 the whole of it.
            neutral: begin at the face at rest; else expressions without a new weight stay as the
                photograph shows them.

        Raises:
            UnknownNameError: the model has no such expression.
            InputError: a weight is not finite.
        """
        names = {name: k for k, name in enumerate(self.model.expression_names)}
        expression = self.coefficients.expression.clone() * (0.0 if neutral else 1.0)
        for name, weight in weights.items():
            if name not in names:
                raise UnknownNameError("expression", name, list(names))
            if not math.isfinite(weight):
                raise InputError(f"weight of {name}", "a finite number", str(weight))
            expression[0, names[name]] = weight
        return replace(self, coefficients=replace(self.coefficients, expression=expression))

    def with_mesh(self, mesh: MeshName) -> ReconstructedFace:
        """This face on another mesh: "head" is all of the model, "face" its mask.

        Raises:
            InputError: another name.
            SettingError: "face" of a face model that is no shipped one.
        """
        check_mesh(self.model, mesh)
        if mesh == "head" or self.model.name == _mask_model().name:
            return self
        return replace(self, model=_mask_model())

    def mesh(self, mesh: MeshName = "head") -> trimesh.Trimesh:
        """The textured mesh with the expression in it, mm of true size in model space.

        Args:
            mesh: "head" for all of the model, "face" for its mask.

        Raises:
            InputError, SettingError: as `with_mesh` and `texture_image`.
        """
        own = self.with_mesh(mesh)
        return textured_mesh(
            own.vertices * self.scale,
            own.model.faces,
            own.model.uv,
            own.model.uv_faces,
            to_picture(self.texture_image),
        )

    def glb(self, mesh: MeshName = "head") -> bytes:
        """The content of a GLB: see `pipeline.formats.head_glb`.

        Args:
            mesh: "head" for all of the model, "face" for its mask.

        Raises:
            InputError, SettingError: as `with_mesh` and `texture_image`.
        """
        own, texture = self.with_mesh(mesh), to_picture(self.texture_image)
        return HeadFile(own.model, own.coefficients, texture, self.scale).content()

    def save_glb(self, path: str | Path, mesh: MeshName = "head") -> None:
        """Write binary glTF for any viewer: metres, morph targets by name, eyes that turn.

        Args:
            path: of the file. mesh: "head" for all of the model, "face" for its mask.

        Raises:
            InputError, SettingError: as `with_mesh` and `texture_image`.
            InputError: the path cannot be written, or has another ending than .glb.
        """
        target = Path(path)
        if target.suffix.lower() != ".glb":
            remedy = "Other formats, in mm: face.mesh().export(path)."
            raise InputError("path", "a name ending in .glb", repr(str(path)), remedy)
        write_bytes(target, self.glb(mesh))

    def render(self, view: View = (0.0, 0.0, 0.0), size: int = 256) -> Picture:
        """The textured face from any side.

        Args:
            view: pitch, yaw, roll in degrees, as in `pose_deg`.
            size: side of the square picture in pixels.

        Returns:
            (size,size,3) uint8 on a grey ground.
        """
        return self.render_views([view], size)[0]

    def render_shape(self, view: View = (0.0, 0.0, 0.0), size: int = 256) -> Picture:
        """The bare shape in grey under a light from above, as `render`."""
        return self.render_views([view], size, textured=False)[0]

    def render_views(
        self, views: Sequence[View], size: int, textured: bool = True
    ) -> list[Picture]:
        """`render` or `render_shape` from several sides at once."""
        return self._drawn(views, size, textured=textured, bare=not textured)[0]

    def turntable(self, views: Sequence[View], size: int) -> tuple[list[Picture], list[Picture]]:
        """What `render` and `render_shape` show from several sides, in about the time of one.

        Args:
            views: pitch, yaw, roll in degrees.
            size: side of the square pictures in pixels.
        """
        textured, bare = self._drawn(views, size, textured=True, bare=True)
        return textured, bare

    def _repr_html_(self) -> str:
        """For notebooks: the head from three sides, pose and strongest expressions."""
        pictures = self.render_views(_SHOWN, _SHOWN_SIZE, textured=self.texture is not None)
        tags = [picture_tag(picture, "the head from one side") for picture in pictures]
        return card(tags, face_facts(self.pose_deg, self.expressions))

    def _drawn(
        self, views: Sequence[View], size: int, textured: bool, bare: bool
    ) -> list[list[Picture]]:
        texels = to_picture(self.texture_image) if textured else None
        return draw_head(self.model, self.vertices, views, size, texels=texels, bare=bare)


def check_mesh(model: FaceModel, mesh: MeshName) -> None:
    """Check that a face of this model can be had on a mesh.

    Raises:
        InputError: there is no such mesh.
        SettingError: "face" of a face model that is no shipped one.
    """
    check_choice("mesh", mesh, MeshName)
    if mesh == "face" and model.name not in SHIPPED_MODELS:
        remedy = "Take 'head', which is all of the model."
        raise SettingError("mesh", "'face' of the shipped model only", repr(model.name), remedy)


@cache
def _mask_model() -> FaceModel:
    return load_face_model("default-face")


def _pupils_apart(model: FaceModel, coefficients: Coefficients) -> float:
    """Distance of the pupils, or where none are marked of the middles of the eyes as marked."""
    pupils = model.regions.get("pupil")
    if pupils is None:
        eyes = five_points(model, model.vertices(coefficients))[0, :2]
    else:
        sides = pupils & (model.mean[:, 0] > 0), pupils & (model.mean[:, 0] < 0)
        places = [torch.nonzero(side)[:, 0] for side in sides]
        eyes = torch.stack([model.vertices(coefficients, p)[0].mean(0) for p in places])
    return float((eyes[0] - eyes[1]).norm())
