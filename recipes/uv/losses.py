"""The terms of training on UV maps: SADRNet's equations 19 to 24.

Texels are weighed by the part of the face that they lie on (`part_texels`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...geometry.checks import check_finite
from ...geometry.face_model import FaceModel
from ...geometry.posed import FaceCamera
from ...geometry.uv import UVMapper
from ...losses.pixel_classes import attention_cross_entropy
from ...losses.surface import edge_length_difference, normal_deviation
from ...losses.uv_maps import (
    SADRNET_REGIONS,
    grid_edges,
    grid_triangles,
    map_distance,
    map_points,
    region_weights,
)
from ...models.sadrnet.layout import SHAPE_UNIT, UvLayout
from ...models.sadrnet.network import UvPrediction
from ..lessons import require_weight
from .targets import UvTargets

FACE_PARTS: dict[str, tuple[str, ...]] = {
    "eyes": ("eyelids", "brows"),
    "nose": ("nose",),
    "mouth": ("lips",),
    "neck": ("neck",),
}
"""Which regions of a face model make up a part; regions that it lacks are left out."""
_REMEDY = (
    "Basel models converted by `selfie3d model convert` have them, others by arrays region_NAME in "
    "their .npz (docs/face_model_format.md); or leave the part out of loss.weights."
)
TERMS = ("geometry", "deformation", "position", "attention", "edges", "normals")


def require_parts(model: FaceModel, parts: Sequence[str]) -> None:
    """Refuse parts that a face model does not say where they are.

    Raises:
        InputError: a part of `FACE_PARTS` of which the model has not one region.
    """
    for part in parts:
        regions = FACE_PARTS.get(part, ())
        if regions and not any(name in model.regions for name in regions):
            known = ", ".join(sorted(model.regions)) or "no regions"
            expected = f"a face model with the region {' or '.join(regions)}"
            raise InputError(f"loss.weights: {part}", expected, f"{model.name}: {known}", _REMEDY)


def part_texels(
    model: FaceModel, mapper: UVMapper, landmark_set: str = "ibug68"
) -> dict[str, Tensor]:
    """Texels of "skin" (the whole chart), of `FACE_PARTS` and of the "landmarks".

    A texel belongs to a region if at least half of its place in its triangle does. A landmark is
    one texel, as in the weight mask of PRNet that SADRNet took over (68 of 256 x 256).

    Args:
        model: the face model.
        mapper: of a chart of it.
        landmark_set: of the model.

    Returns:
        masks (H,W) bool; they overlap.

    Raises:
        InputError: the model has no such landmarks.
    """
    parts = {"skin": mapper.mask}
    for part, regions in FACE_PARTS.items():
        known = [model.regions[name] for name in regions if name in model.regions]
        parts[part] = _texels_of(known, mapper)
    marks = torch.zeros_like(mapper.mask)
    marks.view(-1)[landmark_texels(model, mapper, landmark_set)] = True
    return {**parts, "landmarks": marks}


def landmark_texels(model: FaceModel, mapper: UVMapper, landmark_set: str = "ibug68") -> Tensor:
    """The chart's texel nearest to each landmark on the mean face.

    Where two parts of the surface touch on the mean face, as closed lips do, it may lie on the
    other one.

    Returns:
        (L,) int64, row * W + column; landmarks that the model lacks are left out.

    Raises:
        InputError: the model has no such landmarks.
    """
    points = model.landmark_points(model.mean[None], landmark_set)[0]
    points = points[torch.isfinite(points).all(1)]
    chart = mapper.mask.view(-1).nonzero()[:, 0]
    surface = mapper.position_map(model.mean[None])[0].flatten(1)[:, chart]
    return chart[torch.cdist(points, surface.T).argmin(1)]


def _texels_of(regions: list[Tensor], mapper: UVMapper) -> Tensor:
    if not regions:
        return torch.zeros_like(mapper.mask)
    vertices = torch.stack(regions).any(0).float()
    return (mapper.position_map(vertices[None, :, None])[0, 0] >= 0.5) & mapper.mask


@dataclass(frozen=True)
class UvLossConfig:
    """Weights of the terms, SADRNet's by default; 0 leaves a term out.

    Maps are compared in their own units, see `models.sadrnet.layout`.

    Attributes:
        geometry: of the face G after self-alignment, whose gradients go through the alignment into
            both maps (0 in the authors' code, because "SVD does not converge"; 0.1 in the paper).
        deformation: of the shape's map, D or S.
        position: of the posed face's map P.
        attention: of the cross entropy of the attention.
        edges: of the lengths of the shape's edges.
        normals: of the shape's edges against the true normals.
        weights: of the texels by the parts of `part_texels`; later ones win.
        align_with_attention: the alignment of G weighs landmarks by attention in training, too, as
            in the paper; the authors' code does so in evaluation only.
    """

    geometry: float = 0.1
    deformation: float = 0.5
    position: float = 1.0
    attention: float = 0.05
    edges: float = 1.0
    normals: float = 0.1
    weights: dict[str, float] = field(default_factory=lambda: dict(SADRNET_REGIONS))
    align_with_attention: bool = False

    def __post_init__(self) -> None:
        require_weight(self, TERMS)
        if not any(weight > 0 for weight in self.weights.values()):
            raise InputError("loss.weights", "a part with a weight above 0", str(self.weights))


class UvLosses(nn.Module):
    """The weighted terms of a batch of maps.

    Of a network without a position map (table IV, row 2) the face G takes the place of P; of one
    without a shape (rows 1 and 4) P is all there is, and the terms of G and of the shape are left
    out.

    Args:
        layout: of the maps.
        model: whose regions weigh the texels.
        config: see `UvLossConfig`.

    Attributes:
        weights: (S,S) of the texels; 0 outside the face.

    Raises:
        UnknownNameError: weights of a part that does not exist.
        InputError: no texel has a weight, or a part with a weight of which the model has no region.
    """

    weights: Tensor
    mask: Tensor
    edges: Tensor
    triangles: Tensor

    def __init__(self, layout: UvLayout, model: FaceModel, config: UvLossConfig) -> None:
        super().__init__()
        self.layout, self.config = layout, config
        require_parts(model, list(config.weights))
        weights = region_weights(part_texels(model, layout.mapper), list(config.weights.items()))
        check_finite("loss.weights", weights)
        mask = weights > 0
        if not bool(mask.any()):
            raise InputError("loss.weights", "weights above 0 on the face", str(config.weights))
        tables = {
            "weights": weights,
            "mask": mask,
            "edges": grid_edges(mask),
            "triangles": grid_triangles(mask),
        }
        for name, table in tables.items():
            self.register_buffer(name, table, persistent=False)

    def forward(self, prediction: UvPrediction, targets: UvTargets) -> dict[str, Tensor]:
        """Name to weighted term, scalars: means over all faces, to which unknown ones add 0.

        Raises:
            InputError: no term that the maps have counts.
        """
        maps = UvPrediction(*(None if m is None else m.float() for m in prediction))
        terms = {**self._posed_terms(maps, targets), **self._shape_terms(maps, targets)}
        if maps.attention is not None and self.config.attention:
            entropy = attention_cross_entropy(maps.attention, targets.attention)
            terms["attention"] = _mean(entropy.flatten(1).mean(1), targets.attended)
        weights = vars(self.config)
        counted = {name: weights[name] * term for name, term in terms.items() if weights[name]}
        if not counted:
            expected = f"a weight above 0 of one of {', '.join(terms)}, which this network has"
            raise InputError("loss", expected, "0 for all of them")
        return counted

    def camera(self, maps: UvPrediction) -> FaceCamera:
        """The camera of the face G, which self-alignment finds."""
        if not self.config.align_with_attention:
            maps = maps._replace(attention=None)
        return self.layout.camera(maps)

    def _posed_terms(self, maps: UvPrediction, targets: UvTargets) -> dict[str, Tensor]:
        """The terms of P and G."""
        posed = maps.position
        terms = {}
        if maps.deformation is not None and (posed is None or self.config.geometry):
            geometry = self.layout.geometry_map(maps.deformation, self.camera(maps))
            if posed is None:
                posed = geometry
            else:
                terms["geometry"] = self._distance(geometry, targets.position, targets.known)
        if posed is None:
            raise InputError("prediction", "a position map or a shape map", "neither")
        return {"position": self._distance(posed, targets.position, targets.known), **terms}

    def _shape_terms(self, maps: UvPrediction, targets: UvTargets) -> Mapping[str, Tensor]:
        """The terms of D and S; S in `SHAPE_UNIT`."""
        c, deformation = self.config, maps.deformation
        if deformation is None:
            return {}
        terms = {"deformation": self._distance(deformation, targets.shaped, targets.known)}
        if not (c.edges or c.normals):
            return terms
        predicted, true = (
            map_points(self.layout.shape_map(m) / SHAPE_UNIT) for m in (deformation, targets.shaped)
        )
        if c.edges:
            difference = edge_length_difference(predicted, true, self.edges)
            terms["edges"] = _mean(difference.mean(1), targets.known)
        if c.normals:
            deviation = normal_deviation(predicted, true, self.triangles)
            terms["normals"] = _mean(deviation.mean((1, 2)), targets.known)
        return terms

    def _distance(self, predicted: Tensor, true: Tensor, known: Tensor) -> Tensor:
        return _mean(map_distance(predicted, true, self.mask, self.weights), known)


def _mean(values: Tensor, known: Tensor) -> Tensor:
    """Mean (B,) over all faces, unknown ones 0: alike however a batch is divided."""
    return torch.where(known, values, 0.0).mean()
