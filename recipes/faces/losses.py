"""The terms of training on photographs by rendering, with or without known coefficients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ...core.choices import check_choices
from ...core.errors import InputError
from ...datasets.batches.batch import FaceBatch
from ...geometry.face_regions import reflectance
from ...geometry.topology import uniform_laplacian
from ...losses.coefficients import PriorWeights, coefficient_prior, light_prior
from ...losses.landmark import LandmarkErrorWeights, landmark_distance, landmark_loss
from ...losses.photometric import (
    albedo_flatness,
    colour_difference,
    colour_distance,
    robust_photometric,
)
from ...losses.reduction import masked_mean
from ...losses.ssim import ssim_loss, ssim_map_loss
from ...losses.surface import smoothness
from ...models.heads.learned_bases import LearnedBases
from ...pipeline.fit.model import expression_spread
from .known import KnownFaces, ParameterTerm
from .metrics import FaceViewer, RenderedBatch, face_mask
from .targets import IdentityTerm, LandmarkTarget, pair_landmarks

Identity = Callable[[Tensor, Tensor, Tensor], Tensor]
PhotometricKind = Literal["l2", "l1", "robust"]
SsimKind = Literal["global", "windowed"]
LandmarkUnit = Literal["pixels", "side"]
_PAPER_SIDE = 224.0  # pixels of the crop in which landmark weights are stated


@dataclass(frozen=True)
class FaceLossConfig:
    """Weights of the terms; 0 leaves a term out.

    Attributes:
        photometric: of the colours' difference over the visible face.
        photometric_kind: "l2", the norm over the channels (MLANet eq 10, Mobile-FaceRNet eq 14);
            "l1"; or "robust", which hair and hands pull less.
        robust_scale: difference at which the robust error is one half.
        trusted: weigh parts of the face as the optimiser does, where no attention mask is given:
            foreheads and cheeks, which hair hides, count less.
        shape_learns: whether shape and camera learn from the images; false: colours alone do, as
            is wise where these are still wrong.
        ssim: of 1 - SSIM.
        ssim_kind: "global" (Mobile-FaceRNet eq 15) or "windowed".
        identity: of 1 - cosine of a face recogniser (MLANet eq 11).
        identity_network: of `evaluate.metrics.identity`.
        identity_weights_dir: where its file lies.
        landmarks: of squared distances of known points (eq 12 of both papers).
        landmark_unit: "pixels" of a 224-pixel crop (MLANet), or "side", parts of the crop's side
            (Mobile-FaceRNet).
        landmark_weights: of the 68 points, see `losses.landmark_weights`.
        landmark_set: the model's 68 points that annotations are compared with.
        landmark_errors: of squared distances weighted by each point's mean error in the epoch
            before (Mobile-FaceRNet eq 13), from epoch `landmark_errors_start` on.
        prior: of the coefficients' prior, whose parts are weighted by `prior_identity`,
            `prior_expression` and `prior_albedo` (MLANet's a, b, g).
        prior_light: of coloured light (Deep3D).
        reflectance: of the albedo's variance over the skin (MLANet's refl), the model's region of
            that name; see `geometry.face_regions`.
        smoothness: of the uniform Laplacian of the surface in mm^2 (Mobile-FaceRNet eq 16).
        parameters: of the distance from 300W-LP's fitted 3DMM parameters (MLANet's abstract; see
            `recipes.faces.known`); needs `label_model`.
        bases: of the squared change of bases that are learned (`network.learned_bases`), relative
            to the face model's.
        points, depth: of known faces' distances in the image plane and along the view, over the
            size of the face.
        coefficients: of known coefficients' errors, in comparable units.
            Faces known in another face model teach by their landmarks; see `KnownFaces`.
    """

    photometric: float = 1.9
    photometric_kind: PhotometricKind = "l2"
    robust_scale: float = 0.1
    trusted: bool = False
    shape_learns: bool = True
    ssim: float = 0.0
    ssim_kind: SsimKind = "global"
    identity: float = 0.0
    identity_network: str = "arcface"
    identity_weights_dir: str = ""
    landmarks: float = 1.6e-3
    landmark_unit: LandmarkUnit = "pixels"
    landmark_weights: str = "uniform"
    landmark_set: str = "ibug68"
    landmark_errors: float = 0.0
    landmark_errors_start: int = 5
    prior: float = 3e-4
    prior_identity: float = 1.0
    prior_expression: float = 0.8
    prior_albedo: float = 1.7e-2
    prior_light: float = 0.0
    reflectance: float = 0.0
    smoothness: float = 0.0
    parameters: float = 0.0
    bases: float = 0.0
    points: float = 1.0
    depth: float = 0.3
    coefficients: float = 0.02

    def __post_init__(self) -> None:
        check_choices(self, "loss")


class FaceLosses:
    """The weighted terms of a batch of faces that were seen.

    Args:
        viewer: rendered the faces.
        targets: what each kind of landmarks is compared with.
        config: see `FaceLossConfig`.
        identity: (rendering over photograph, photograph, landmarks) to (B,) distances; needed
            where the term has a weight.
        known: the terms of known faces; None: of faces known in the viewer's own face model.
        parameters: the term of that name; needed where it has a weight.
    """

    def __init__(
        self,
        viewer: FaceViewer,
        targets: Mapping[str, LandmarkTarget],
        config: FaceLossConfig,
        identity: Identity | None = None,
        known: KnownFaces | None = None,
        parameters: ParameterTerm | None = None,
    ) -> None:
        if config.parameters and parameters is None:
            raise InputError("parameters", "3DDFA's model, as loss.parameters is not 0", "none")
        if config.identity and identity is None:
            raise InputError("identity", "a recogniser, as loss.identity is not 0", "none")
        self.viewer, self.targets, self.config, self._identity = viewer, targets, config, identity
        model = viewer.model
        self._skin = reflectance(model)
        self._laplacian = uniform_laplacian(model.faces, len(model.mean))
        spread = expression_spread(model)
        self._spread = spread if model.expression_kind == "blendshape" else None
        self._known, self._parameters = known or KnownFaces(model), parameters
        c = config
        self.errors = LandmarkErrorWeights(start=c.landmark_errors_start)
        self._prior = PriorWeights(c.prior_identity, c.prior_expression, c.prior_albedo)

    def to(self, device: torch.device) -> FaceLosses:
        """Itself, moved to another device, with its viewer."""
        if self._skin.device != device:
            self.viewer.to(device)
            self.targets = {name: target.to(device) for name, target in self.targets.items()}
            self._skin, self._laplacian = self._skin.to(device), self._laplacian.to(device)
            self._spread = None if self._spread is None else self._spread.to(device)
            self.errors.to(device)
            self._known.to(device)
            if self._parameters is not None:
                self._parameters.to(device)
            if isinstance(self._identity, IdentityTerm):
                self._identity.to(device)
        return self

    def __call__(self, seen: RenderedBatch, batch: FaceBatch) -> dict[str, Tensor]:
        """Name to weighted term, scalars."""
        terms = {
            **self._image_terms(seen, batch),
            **self._shape_terms(seen),
            **self._landmark_terms(seen, batch),
            **self._known(seen, batch),
        }
        if self._parameters is not None and self.config.parameters:
            terms["parameters"] = self._parameters(seen, batch)
        weights = vars(self.config)
        return {name: weights[name] * term for name, term in terms.items() if weights[name]}

    def lessons(self, batch: FaceBatch) -> set[str]:
        """The terms that learn from what a batch knows, by name; priors learn from nothing."""
        c = self.config
        marks = {
            bool((torch.isfinite(annotated).all(-1) & (self.targets[kind].weights > 0)).any())
            for kind, annotated in batch.landmarks.items()
            if kind in self.targets
        }
        known = batch.known is not None and bool(batch.known.any())
        fitted = self._parameters is not None and self._parameters.knows(batch)
        taught = {
            **dict.fromkeys(("photometric", "ssim", "identity"), True),
            **dict.fromkeys(("landmarks", "landmark_errors"), True in marks),
            **dict.fromkeys(("points", "depth", "coefficients"), known),
            "parameters": fitted,
        }
        return {name for name, there in taught.items() if there and vars(c)[name]}

    def bases(self, learned: LearnedBases | None) -> dict[str, Tensor]:
        """The weighted term of bases that are learned; nothing where they are not."""
        weight = self.config.bases
        if learned is None or not weight:
            return {}
        return {"bases": weight * learned.change(self.viewer.model)}

    @property
    def see_images(self) -> bool:
        """Whether any term compares a rendering with the photograph."""
        return bool(self.config.photometric or self.config.ssim or self.config.identity)

    def _image_terms(self, seen: RenderedBatch, batch: FaceBatch) -> dict[str, Tensor]:
        c, photo = self.config, batch.images
        if not self.see_images:
            return {}
        shown, mask = seen.rendering.over(photo), self._mask(seen, batch)
        terms = {}
        if c.photometric:
            terms["photometric"] = masked_mean(self._difference(shown, photo), mask)
        if c.ssim:
            terms["ssim"] = self._dissimilarity(shown, photo, mask)
        if c.identity and self._identity is not None:
            terms["identity"] = self._identity(shown, photo, seen.landmarks["3d"]).mean()
        return terms

    def _mask(self, seen: RenderedBatch, batch: FaceBatch) -> Tensor:
        """Which pixels count, (B,1,H,W)."""
        mask = face_mask(seen.rendering, batch)
        if self.config.trusted:
            mask = mask * seen.rendering.extras[:, 1:2].detach()
        return mask

    def _difference(self, shown: Tensor, photo: Tensor) -> Tensor:
        kind = self.config.photometric_kind
        if kind == "robust":
            return robust_photometric(shown, photo, self.config.robust_scale)
        return (colour_distance if kind == "l2" else colour_difference)(shown, photo)

    def _dissimilarity(self, shown: Tensor, photo: Tensor, mask: Tensor) -> Tensor:
        if self.config.ssim_kind == "global":
            return ssim_loss(shown, photo, mask).mean()
        return masked_mean(ssim_map_loss(shown, photo, mask), mask)

    def _shape_terms(self, seen: RenderedBatch) -> dict[str, Tensor]:
        c, coefficients = self.config, seen.faces.coefficients
        terms = {}
        if c.prior:
            prior = coefficient_prior(coefficients, self._prior, self._spread)
            terms["prior"] = prior.mean()
        if c.prior_light:
            terms["prior_light"] = light_prior(coefficients.light).mean()
        if c.reflectance:
            albedo = seen.model.albedo(coefficients)
            terms["reflectance"] = albedo_flatness(albedo, self._skin).mean()
        if c.smoothness:
            terms["smoothness"] = smoothness(seen.vertices, self._laplacian).mean()
        return terms

    def _landmark_terms(self, seen: RenderedBatch, batch: FaceBatch) -> dict[str, Tensor]:
        """Weighted sum over each face's known points, over their number; mean over the faces."""
        side = float(batch.images.shape[-1])
        length = side / _PAPER_SIDE if self.config.landmark_unit == "pixels" else side
        unit = batch.images.new_full((len(batch), 1), length)
        pairs = pair_landmarks(seen.landmarks, batch.landmarks, self.targets)
        distance = landmark_distance(pairs.predicted, pairs.annotated, unit) * pairs.weights
        known = (pairs.weights > 0).sum(1).clamp(min=1)
        terms = {"landmarks": (distance.sum(1) / known).mean()}
        if self.config.landmark_errors:
            terms["landmark_errors"] = self._worst_landmarks(seen, batch, unit)
        return terms

    def _worst_landmarks(self, seen: RenderedBatch, batch: FaceBatch, unit: Tensor) -> Tensor:
        """The 68 points weighted by their errors so far, which are gathered on the way."""
        total = unit.new_zeros(len(unit))
        for kind, annotated in batch.landmarks.items():
            contour = self.targets[kind].contour
            predicted = seen.landmarks[contour]
            if annotated.shape[1] == predicted.shape[1]:
                self.errors.add(predicted, annotated, unit)
                weights = self.errors.current.to(unit)
                total = total + landmark_loss(
                    predicted, annotated, weights, unit, contours=(contour, contour)
                )
        return total.mean()
