"""The 3D morphable model every reader fills and everything else uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from .checks import check_finite, check_shape
from .coefficients import Coefficients, ambient_light
from .landmarks import LandmarkSet

BasisKind = Literal["gaussian", "blendshape"]
MM_PER_UNIT = {"mm": 1.0, "cm": 10.0, "dm": 100.0, "m": 1000.0, "um": 0.001}
_EYE_POINTS = (slice(36, 42), slice(42, 48))


class FaceModel(nn.Module):
    """A linear face model: S = mean + identity basis a + expression basis d; T likewise.

    Blanz and Vetter 1999, with separate expressions. Build one with `from_arrays`.

    Attributes:
        mean: (V,3) mm, model space (see conventions.md).
        faces: (F,3) int64, counter-clockwise seen from outside.
        identity: (Ki,V,3) mm per unit; expression: (Ke,V,3) mm per unit.
        identity_kind, expression_kind: "gaussian" (units are standard deviations) or
            "blendshape" (0..1).
        expression_names: Ke names, or empty.
        albedo_mean: (V,3) sRGB-coded [0,1]; albedo_basis: (Ka,V,3) per standard deviation.
        uv: (T,2) v up; uv_faces: (F,3) int64 into uv.
        landmarks: named landmark sets; regions: named vertex masks (V,).
        mirror: (V,) int64, every vertex's mirror image, or None.
        name, licence, source: where the model comes from and what may be done with it.
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
        *,
        name: str,
        kinds: tuple[BasisKind, BasisKind],
        expression_names: Sequence[str],
        landmarks: Mapping[str, LandmarkSet],
        regions: Mapping[str, Tensor],
        licence: str,
        source: str,
    ) -> None:
        super().__init__()
        self.name, self.licence, self.source = name, licence, source
        self.identity_kind, self.expression_kind = kinds
        self.expression_names = tuple(expression_names)
        for key, value in arrays.items():
            self.register_buffer(key, value, persistent=False)
        self.landmarks, self.regions = dict(landmarks), dict(regions)

    @classmethod
    def from_arrays(
        cls,
        *,
        name: str,
        mean: Any,
        faces: Any,
        identity: Any = None,
        expression: Any = None,
        identity_kind: BasisKind = "gaussian",
        expression_kind: BasisKind = "blendshape",
        expression_names: Sequence[str] = (),
        albedo_mean: Any = None,
        albedo_basis: Any = None,
        uv: Any = None,
        uv_faces: Any = None,
        landmarks: Mapping[str, LandmarkSet] | None = None,
        regions: Mapping[str, Any] | None = None,
        mirror: Any = None,
        unit: str = "mm",
        origin: Any = None,
        licence: str = "",
        source: str = "",
    ) -> FaceModel:
        """Build a model from arrays in any unit; see the class for names and shapes.

        Args:
            unit: unit of mean, bases and origin: mm, cm, dm, m or um.
            origin: (3,) the point that becomes the origin, the midpoint of the eyeball centres,
                in the given unit. None estimates it: the mean of the two eyes' landmarks of
                `ibug68`, 12 mm (an eyeball's radius) further back.

        Raises:
            InputError: an array is missing, has the wrong shape, an index out of range or NaN.
        """
        if unit not in MM_PER_UNIT:
            raise InputError("unit", "one of " + ", ".join(MM_PER_UNIT), repr(unit))
        scale = MM_PER_UNIT[unit]
        points = _floats("mean", mean, (None, 3)) * scale
        count = len(points)
        triangles = _indices("faces", faces, count)
        landmarks = dict(landmarks or {})
        _check_landmarks(landmarks, count)
        grey = torch.full((count, 3), 0.6)
        coords, corners = _uv_arrays(uv, uv_faces, triangles)
        shift = (
            _estimate_origin(points, landmarks)
            if origin is None
            else _floats("origin", origin, (3,)) * scale
        )
        arrays = {
            "mean": points - shift,
            "faces": triangles,
            "identity": _basis("identity", identity, count) * scale,
            "expression": _basis("expression", expression, count) * scale,
            "albedo_mean": grey
            if albedo_mean is None
            else _floats("albedo_mean", albedo_mean, (count, 3)),
            "albedo_basis": _basis("albedo_basis", albedo_basis, count),
            "uv": coords,
            "uv_faces": corners,
            "mirror": None if mirror is None else _permutation("mirror", mirror, count),
        }
        if expression_names and len(expression_names) != len(arrays["expression"]):  # type: ignore[arg-type]
            raise InputError(
                "expression_names", "one name per expression", f"{len(expression_names)} names"
            )
        return cls(
            arrays,
            name=name,
            kinds=(identity_kind, expression_kind),
            expression_names=expression_names,
            landmarks=landmarks,
            regions=_regions(regions or {}, count),
            licence=licence,
            source=source,
        )

    @property
    def sizes(self) -> tuple[int, int, int]:
        """The numbers of identity, expression and albedo coefficients."""
        return len(self.identity), len(self.expression), len(self.albedo_basis)

    def zero_coefficients(self, batch: int = 1) -> Coefficients:
        """The mean face under white ambient light, `batch` times."""
        identity, expression, albedo = (torch.zeros(batch, k).to(self.mean) for k in self.sizes)
        return Coefficients(identity, expression, albedo, ambient_light(batch).to(self.mean))

    def vertices(self, coefficients: Coefficients) -> Tensor:
        """Vertex positions (B,V,3), mm in model space."""
        self._check_sizes(coefficients)
        shape = _combine(coefficients.identity, self.identity)
        return self.mean + shape + _combine(coefficients.expression, self.expression)

    def albedo(self, coefficients: Coefficients) -> Tensor:
        """Vertex albedo (B,V,3), sRGB-coded; extreme coefficients may leave [0,1]."""
        self._check_sizes(coefficients)
        return self.albedo_mean + _combine(coefficients.albedo, self.albedo_basis)

    def landmark_points(self, vertices: Tensor, name: str = "ibug68") -> Tensor:
        """Landmarks (B,L,3) of the set `name` on meshes (B,V,3) of this model."""
        return self.landmark_set(name).points(vertices)

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
        """The vertex mask (V,) of region `name`; every vertex where the model has no such region."""
        everywhere = torch.ones(len(self.mean), dtype=torch.bool, device=self.mean.device)
        return self.regions.get(name, everywhere)

    def _check_sizes(self, coefficients: Coefficients) -> None:
        for field, size in zip(("identity", "expression", "albedo"), self.sizes, strict=True):
            check_shape(f"coefficients.{field}", getattr(coefficients, field), (None, size))


def _combine(weights: Tensor, basis: Tensor) -> Tensor:
    flat = weights @ basis.reshape(len(basis), -1)
    return flat.reshape(len(weights), *basis.shape[1:])


def _floats(name: str, value: Any, shape: tuple[int | str | None, ...]) -> Tensor:
    if value is None:
        raise InputError(name, "an array", "nothing")
    tensor = torch.as_tensor(value).to(torch.float32).contiguous()
    check_shape(name, tensor, shape)
    check_finite(name, tensor)
    return tensor


def _basis(name: str, value: Any, count: int) -> Tensor:
    return torch.zeros(0, count, 3) if value is None else _floats(name, value, (None, count, 3))


def _indices(name: str, value: Any, count: int) -> Tensor:
    tensor = torch.as_tensor(value).to(torch.int64).contiguous()
    check_shape(name, tensor, (None, 3))
    if len(tensor) and not (0 <= int(tensor.min()) and int(tensor.max()) < count):
        low, high = int(tensor.min()), int(tensor.max())
        raise InputError(name, f"indices in 0..{count - 1}", f"{low}..{high}")
    return tensor


def _permutation(name: str, value: Any, count: int) -> Tensor:
    tensor = torch.as_tensor(value).to(torch.int64)
    check_shape(name, tensor, (count,))
    if not torch.equal(tensor.sort().values, torch.arange(count)):
        raise InputError(name, "a permutation of the vertices", "repeated or missing indices")
    return tensor


def _uv_arrays(uv: Any, uv_faces: Any, faces: Tensor) -> tuple[Tensor, Tensor]:
    if uv is None:
        return torch.zeros(1, 2), torch.zeros_like(faces)
    coords = _floats("uv", uv, (None, 2))
    corners = faces if uv_faces is None else _indices("uv_faces", uv_faces, len(coords))
    check_shape("uv_faces", corners, tuple(faces.shape))
    if int(corners.max()) >= len(coords):
        raise InputError("uv", "one row per vertex when uv_faces is not given", f"{len(coords)}")
    return coords, corners


def _regions(regions: Mapping[str, Any], count: int) -> dict[str, Tensor]:
    masks = {k: torch.as_tensor(v).to(torch.bool) for k, v in regions.items()}
    for key, mask in masks.items():
        check_shape(f"region {key!r}", mask, (count,))
    return masks


def _check_landmarks(landmarks: Mapping[str, LandmarkSet], count: int) -> None:
    for key, points in landmarks.items():
        if len(points) and int(points.vertices.max()) >= count:
            raise InputError(
                f"landmarks {key!r}", f"vertex ids below {count}", str(int(points.vertices.max()))
            )


def _estimate_origin(points: Tensor, landmarks: Mapping[str, LandmarkSet]) -> Tensor:
    if "ibug68" not in landmarks:
        raise InputError(
            "origin",
            "a point, or ibug68 landmarks to estimate it from",
            "neither",
            "Give the midpoint of the eyeball centres.",
        )
    positions = landmarks["ibug68"].points(points[None])[0]
    eyes = [positions[eye][landmarks["ibug68"].valid[eye]] for eye in _EYE_POINTS]
    if not all(len(eye) for eye in eyes):
        raise InputError("origin", "a point", "nothing, and ibug68 lacks an eye")
    middle = (eyes[0].mean(0) + eyes[1].mean(0)) / 2
    return middle - torch.tensor([0.0, 0.0, 12.0])
