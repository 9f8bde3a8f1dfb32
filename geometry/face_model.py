"""The 3D morphable model every reader fills and everything else uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Self

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ..core.errors import InputError, shown
from .checks import check_shape
from .coefficients import Coefficients, ambient_light
from .landmarks import LandmarkSet
from .model_arrays import (
    as_albedo,
    as_basis,
    as_floats,
    as_indices,
    as_permutation,
    as_regions,
    as_uv,
    check_landmark_ids,
    check_names,
    estimate_origin,
)
from .model_parts import BasisKind, ModelBases, ModelFacts, ModelMesh

SHIPPED_MODELS, SHIPPED_VERSION = ("default", "default-face"), 3
"""Names of the shipped face model and its part, and the version of both: coefficients, vertices and
whatever was trained on them mean something else in another version."""

MM_PER_UNIT = {"mm": 1.0, "cm": 10.0, "dm": 100.0, "m": 1000.0, "um": 0.001}


class FaceModel(nn.Module):
    """A linear face model: S = mean + identity basis a + expression basis d; T likewise.

    Blanz and Vetter 1999, with separate expressions. Build one with `from_arrays`.

    >>> triangle = ModelMesh(
    ...     [[0.0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]], unit="cm", origin=[0.0, 0, 0]
    ... )
    >>> raised = ModelBases(identity=[[[0.0, 0, 1]] * 3])
    >>> model = FaceModel.from_arrays(ModelFacts("triangle"), triangle, raised)
    >>> model.sizes, model.vertices(model.zero_coefficients())[0, 1]
    ((1, 0, 0), tensor([10.,  0.,  0.]))

    Attributes:
        mean: (V,3) mm, model space (see conventions.md).
        faces: (F,3) int64, counter-clockwise seen from outside.
        identity: (Ki,V,3) mm per unit.
        expression: (Ke,V,3) mm per unit.
        identity_kind: of the identity basis, "gaussian" (units are standard deviations) or
            "blendshape" (0..1).
        expression_kind: the same of the expression basis.
        expression_names: Ke names, or empty.
        albedo_mean: (V,3) sRGB-coded [0,1].
        albedo_basis: (Ka,V,3) per standard deviation.
        uv: (T,2) v up.
        uv_faces: (F,3) int64 into uv.
        landmarks: named landmark sets.
        regions: named vertex masks (V,) bool.
        mirror: (V,) int64, every vertex's mirror image, or None.
        name: of the model.
        licence: what may be done with it.
        source: where it comes from.
        version: of the shipped model; 0 of others.
    """

    mean: Tensor
    faces: Tensor
    identity: Tensor
    expression: Tensor
    albedo_mean: Tensor
    albedo_basis: Tensor
    uv: Tensor
    uv_faces: Tensor
    mirror: Tensor | None

    def __init__(
        self,
        arrays: Mapping[str, Tensor | None],
        facts: ModelFacts,
        *,
        kinds: tuple[BasisKind, BasisKind],
        expression_names: Sequence[str],
        landmarks: Mapping[str, LandmarkSet],
        regions: Mapping[str, Tensor],
    ) -> None:
        super().__init__()
        self.name, self.licence, self.source = facts.name, facts.licence, facts.source
        self.version = facts.version
        self.identity_kind, self.expression_kind = kinds
        self.expression_names = tuple(expression_names)
        for key, value in arrays.items():
            self.register_buffer(key, value, persistent=False)
        self.landmarks, self.regions = dict(landmarks), dict(regions)

    @classmethod
    def from_arrays(
        cls,
        facts: ModelFacts,
        mesh: ModelMesh,
        bases: ModelBases | None = None,
        *,
        landmarks: Mapping[str, LandmarkSet] | None = None,
        regions: Mapping[str, ArrayLike] | None = None,
    ) -> FaceModel:
        """Build a model from arrays in any unit.

        Args:
            facts: name, licence, source and version.
            mesh: the mean face, its unit, and its texture coordinates.
            bases: how faces differ from it; None: not at all.
            landmarks: landmark sets by name.
            regions: vertex masks (V,) by name.

        Raises:
            InputError: an array is missing, has the wrong shape, an index out of range or NaN.
        """
        if mesh.unit not in MM_PER_UNIT:
            raise InputError("unit", "one of " + ", ".join(MM_PER_UNIT), repr(mesh.unit))
        bases = bases or ModelBases()
        marks = dict(landmarks or {})
        surface = _mesh_arrays(mesh, marks)
        count = len(surface["mean"])
        modes = _basis_arrays(bases, count, MM_PER_UNIT[mesh.unit])
        return cls(
            {"mirror": None, **surface, **modes},
            ModelFacts(
                shown(facts.name),
                shown(facts.licence, keep="\n"),
                shown(facts.source, keep="\n"),
                facts.version,
            ),
            kinds=(bases.identity_kind, bases.expression_kind),
            expression_names=[shown(text) for text in bases.expression_names],
            landmarks=marks,
            regions=as_regions(regions or {}, count),
        )

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """What `to` calls: landmark sets and regions move along with the arrays."""
        super()._apply(fn, recurse)
        self.landmarks = {name: landmarks.changed(fn) for name, landmarks in self.landmarks.items()}
        self.regions = {name: fn(mask) for name, mask in self.regions.items()}
        return self

    def with_bases(self, identity: Tensor, albedo_basis: Tensor) -> FaceModel:
        """This model with other bases of the same shapes; everything else is shared."""
        check_shape("identity", identity, tuple(self.identity.shape))
        check_shape("albedo_basis", albedo_basis, tuple(self.albedo_basis.shape))
        return self._with({"identity": identity, "albedo_basis": albedo_basis})

    def named(self, name: str) -> FaceModel:
        """This model under another name; everything is shared."""
        return self._with({}, name)

    def with_uv(self, uv: Tensor, uv_faces: Tensor) -> FaceModel:
        """This model with other texture coordinates (T,2) and corners (F,3); the rest is shared."""
        coords, corners = as_uv(uv, uv_faces, self.faces)
        return self._with({"uv": coords, "uv_faces": corners})

    def _with(self, arrays: Mapping[str, Tensor], name: str | None = None) -> FaceModel:
        return FaceModel(
            {**self._buffers, **arrays},
            ModelFacts(name or self.name, self.licence, self.source, self.version),
            kinds=(self.identity_kind, self.expression_kind),
            expression_names=self.expression_names,
            landmarks=self.landmarks,
            regions=self.regions,
        )

    @property
    def sizes(self) -> tuple[int, int, int]:
        """The numbers of identity, expression and albedo coefficients."""
        return len(self.identity), len(self.expression), len(self.albedo_basis)

    def zero_coefficients(self, batch: int = 1) -> Coefficients:
        """The mean face under white ambient light, `batch` times."""
        identity, expression, albedo = (torch.zeros(batch, k).to(self.mean) for k in self.sizes)
        return Coefficients(identity, expression, albedo, ambient_light(batch).to(self.mean))

    def vertices(self, coefficients: Coefficients, chosen: Tensor | None = None) -> Tensor:
        """Vertex positions (B,V,3), mm in model space.

        Args:
            coefficients: of B faces.
            chosen: (V,) int64: these vertices alone, which is faster than making the rest; None
                for all of them.
        """
        self._check_sizes(coefficients)
        mean, identity, expression = self.mean, self.identity, self.expression
        if chosen is not None:
            identity, expression = (b.index_select(1, chosen) for b in (identity, expression))
            mean = mean[chosen]
        shape = _combine(coefficients.identity, identity)
        return mean + shape + _combine(coefficients.expression, expression)

    def albedo(self, coefficients: Coefficients) -> Tensor:
        """Vertex albedo (B,V,3), sRGB-coded; extreme coefficients may leave [0,1]."""
        self._check_sizes(coefficients)
        return self.albedo_mean + _combine(coefficients.albedo, self.albedo_basis)

    def landmark_points(self, vertices: Tensor, name: str = "ibug68") -> Tensor:
        """Landmarks (B,L,3) of the set `name` on meshes (B,V,3) of this model."""
        return self.landmark_set(name).points(vertices)

    def landmarks_of(self, coefficients: Coefficients, name: str = "ibug68") -> Tensor:
        """Landmarks (B,L,3) of faces, without making the rest of their meshes.

        Args:
            coefficients: of B faces.
            name: of the landmark set.
        """
        marks = self.landmark_set(name)
        used, place = torch.unique(marks.vertices, return_inverse=True)
        return marks.of_corners(self.vertices(coefficients, used)[:, place])

    def landmark_set(self, name: str) -> LandmarkSet:
        """The landmark set `name`.

        Raises:
            InputError: the model has no such set.
        """
        if name not in self.landmarks:
            known = ", ".join(sorted(self.landmarks)) or "none"
            raise InputError("landmark set", f"one this model has ({known})", repr(name))
        return self.landmarks[name]

    def region(self, name: str) -> Tensor:
        """The vertex mask (V,) of region `name`; all of them where there is none."""
        everywhere = torch.ones(len(self.mean), dtype=torch.bool, device=self.mean.device)
        return self.regions.get(name, everywhere)

    def _check_sizes(self, coefficients: Coefficients) -> None:
        for field, size in zip(("identity", "expression", "albedo"), self.sizes, strict=True):
            check_shape(f"coefficients.{field}", getattr(coefficients, field), (None, size))


def _mesh_arrays(mesh: ModelMesh, landmarks: Mapping[str, LandmarkSet]) -> dict[str, Tensor]:
    """The mean in mm about the origin, the triangles, the chart, and the mirror where known."""
    scale = MM_PER_UNIT[mesh.unit]
    points = as_floats("mean", mesh.mean, (None, 3)) * scale
    count = len(points)
    triangles = as_indices("faces", mesh.faces, count)
    check_landmark_ids(landmarks, count)
    coords, corners = as_uv(mesh.uv, mesh.uv_faces, triangles)
    shift = (
        estimate_origin(points, landmarks)
        if mesh.origin is None
        else as_floats("origin", mesh.origin, (3,)) * scale
    )
    arrays = {"mean": points - shift, "faces": triangles, "uv": coords, "uv_faces": corners}
    if mesh.mirror is not None:
        arrays["mirror"] = as_permutation("mirror", mesh.mirror, count)
    return arrays


def _basis_arrays(bases: ModelBases, count: int, scale: float) -> dict[str, Tensor]:
    """The bases, those of shape in mm, of meshes of `count` vertices."""
    expression = as_basis("expression", bases.expression, count) * scale
    check_names(bases.expression_names, len(expression))
    return {
        "identity": as_basis("identity", bases.identity, count) * scale,
        "expression": expression,
        "albedo_mean": as_albedo(bases.albedo_mean, count),
        "albedo_basis": as_basis("albedo_basis", bases.albedo_basis, count),
    }


def _combine(weights: Tensor, basis: Tensor) -> Tensor:
    flat = weights @ basis.flatten(1)
    return flat.reshape(len(weights), *basis.shape[1:])
