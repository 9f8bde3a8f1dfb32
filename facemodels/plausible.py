"""Whether a face model that somebody made is a face, and which mistake was made if it is not.

Nonsense would come of it later: a face in metres, upside down or inside out is fitted to the wall
behind. Lengths are millimetres here, and +x is the subject's left, +y up, +z out of the face.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.errors import InputError
from ..geometry.face_model import MM_PER_UNIT, FaceModel

Array = NDArray[np.float64]
_EYES = 64.0  # mm between the middles of the eyes' points
_EYES_APART = (30.0, 130.0)
_EXTENT = (60.0, 3000.0)  # mm, of the largest side of a model without eyes
_HIGHEST = 1.5  # of an albedo or texture coordinate: what is above is meant otherwise
_LOWEST = -0.5
_FARTHEST = 250.0  # mm that a unit of a coefficient may move a vertex
_FEWEST = 300  # vertices from which on a mesh can be a face with its 68 points
_RIGHT, _LEFT, _MOUTH = range(36, 42), range(42, 48), range(48, 68)
_TIP = 30
# Where points of a face lie about the middle of the eyes, in distances of the eyes, and how far
# from there those of any face may lie (measured: default, ICT, Surrey).
_PLACES: dict[str, tuple[range, tuple[float, float, float], float]] = {
    "right brow (17-21)": (range(17, 22), (-0.5, 0.3, 0.0), 0.5),
    "left brow (22-26)": (range(22, 27), (0.5, 0.3, 0.0), 0.5),
    "nose's bridge (27)": (range(27, 28), (0.0, 0.05, 0.2), 0.4),
    "nose's tip (30)": (range(30, 31), (0.0, -0.5, 0.5), 0.5),
    "mouth's right corner (48)": (range(48, 49), (-0.4, -1.05, 0.1), 0.45),
    "mouth's left corner (54)": (range(54, 55), (0.4, -1.05, 0.1), 0.45),
    "mouth (48-67)": (range(48, 68), (0.0, -1.05, 0.2), 0.45),
    "chin (8)": (range(8, 9), (0.0, -1.65, 0.1), 0.7),
    "jaw's right end (0)": (range(0, 1), (-1.1, -0.05, -0.95), 0.7),
    "jaw's left end (16)": (range(16, 17), (1.1, -0.05, -0.95), 0.7),
}
_NAME = "landmarks_ibug68_vertices"


def check_plausible(model: FaceModel, path: Path) -> FaceModel:
    """The model, if it is a face in millimetres that looks along +z with its outside outside.

    What a model does not have (landmarks, colours, texture coordinates) is not judged.

    Args:
        model: as it was read.
        path: of its file, for messages.

    Raises:
        InputError: it is not; the message says what was measured and which mistake that is likely.
    """
    eyes, large = _eyes(model), len(model.mean) >= _FEWEST
    if eyes is None and large:
        _check_extent(model, path)
    if eyes is not None:
        right, left, points = eyes
        _check_apart(float(np.linalg.norm(left - right)), path)
        _check_axes(right, left, points, path)
    _check_winding(model, path)
    if eyes is not None and large:
        _check_places(*eyes, path)
    _check_colours(model, path)
    _check_modes(model, path)
    return model


def _eyes(model: FaceModel) -> tuple[Array, Array, Array] | None:
    """The middles of the right and left eye (3,), and the 68 points, NaN where there is none."""
    if "ibug68" not in model.landmarks or len(model.landmarks["ibug68"]) != 68:
        return None
    points = model.landmark_points(model.mean[None])[0].double().numpy()
    known = np.isfinite(points[:, 0])
    if not (known[_RIGHT].any() and known[_LEFT].any()):
        return None
    return _middle(points, _RIGHT), _middle(points, _LEFT), points


def _middle(points: Array, which: range) -> Array:
    part = points[list(which)]
    return part[np.isfinite(part[:, 0])].mean(0)


def _check_apart(apart: float, path: Path) -> None:
    if not _EYES_APART[0] <= apart <= _EYES_APART[1]:
        expected = f"eyes {_EYES_APART[0]:g} to {_EYES_APART[1]:g} mm apart"
        raise InputError(f"{path}: unit", expected, f"{apart:.3g} mm", _unit_remedy(_EYES / apart))


def _check_extent(model: FaceModel, path: Path) -> None:
    side = float((model.mean.amax(0) - model.mean.amin(0)).max())
    if not _EXTENT[0] <= side <= _EXTENT[1]:
        expected = f"a face of {_EXTENT[0]:g} to {_EXTENT[1]:g} mm"
        raise InputError(f"{path}: unit", expected, f"{side:.3g} mm", _unit_remedy(200 / side))


def _unit_remedy(factor: float) -> str:
    """What the lengths are likely in, if they have to be multiplied by `factor`."""
    if not np.isfinite(factor) or factor <= 0:
        return "Its landmarks or vertices lie in one place."
    unit = min(MM_PER_UNIT, key=lambda name: abs(np.log10(MM_PER_UNIT[name] / factor)))
    return (
        f"Lengths seem to be in {unit} where another unit was said or meant: give the file the "
        f'array unit = "{unit}" ({", ".join(MM_PER_UNIT)} are known; mm where there is none).'
    )


def _check_axes(right: Array, left: Array, points: Array, path: Path) -> None:
    across = left - right
    expected = "+x towards the subject's left, +y up and +z out of the face"
    if np.abs(across).argmax() != 0 or across[0] < 0:
        where = _direction(across)
        remedy = "Turn the axes, or exchange the points 36-41 (the right eye) and 42-47 (the left)."
        raise InputError(f"{path}: mean", expected, f"the left eye lies {where} the right", remedy)
    middle = (right + left) / 2
    if np.isfinite(points[list(_MOUTH)]).any():
        up = middle - _middle(points, _MOUTH)
        if np.abs(up).argmax() != 1 or up[1] < 0:
            remedy = "If y points down or z up, turn mean, bases and origin: y and z change sign."
            got = f"the eyes lie {_direction(up)} the mouth"
            raise InputError(f"{path}: mean", expected, got, remedy)
    if np.isfinite(points[_TIP]).all() and points[_TIP, 2] <= middle[2]:
        got = f"the nose's tip lies {middle[2] - points[_TIP, 2]:.3g} mm behind the eyes"
        remedy = "z points into the face: turn its sign, and that of x, so that it is no mirror."
        raise InputError(f"{path}: mean", expected, got, remedy)


def _direction(vector: Array) -> str:
    axis = int(np.abs(vector).argmax())
    return f"in {'+' if vector[axis] > 0 else '-'}{'xyz'[axis]} from"


def _check_winding(model: FaceModel, path: Path) -> None:
    corners = model.mean[model.faces].double()
    if not len(corners):
        return
    normals = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    away = corners.mean(1) - model.mean.double().mean(0)
    outward = float((normals * away).sum())
    if outward < 0:
        remedy = "They are wound clockwise: exchange two columns of faces (and of uv_faces)."
        got = "most of them facing inwards"
        raise InputError(f"{path}: faces", "triangles counter-clockwise from outside", got, remedy)


def _check_places(right: Array, left: Array, points: Array, path: Path) -> None:
    unit, middle = float(np.linalg.norm(left - right)), (right + left) / 2
    remedy = (
        "They are the 68 points of iBUG in their order, as vertices counted from 0: counted from "
        "1, of another order, or of another mesh they lie elsewhere."
    )
    for name, (which, place, reach) in _PLACES.items():
        if not np.isfinite(points[list(which)]).any():
            continue
        away = float(np.linalg.norm((_middle(points, which) - middle) / unit - np.array(place)))
        if away > reach:
            got = f"it {away * unit:.0f} mm from there"
            raise InputError(f"{path}: {_NAME}", f"the {name} where a face has it", got, remedy)


def _check_colours(model: FaceModel, path: Path) -> None:
    parts = {"albedo_mean": model.albedo_mean, "albedo_basis": model.albedo_basis, "uv": model.uv}
    for name, values in parts.items():
        if not values.numel():
            continue
        low, high = float(values.min()), float(values.max())
        if high > _HIGHEST or low < -_HIGHEST or (low < _LOWEST and name != "albedo_basis"):
            remedy = (
                "Divide by the texture's width and height." if name == "uv" else "Divide by 255."
            )
            raise InputError(f"{path}: {name}", "values of 0..1", f"{low:.3g}..{high:.3g}", remedy)


def _check_modes(model: FaceModel, path: Path) -> None:
    for name in ("identity", "expression"):
        basis: torch.Tensor = getattr(model, name)
        farthest = float(basis.norm(dim=2).max()) if basis.numel() else 0.0
        if not farthest <= _FARTHEST:
            expected = f"displacements of at most {_FARTHEST:g} mm per unit of a coefficient"
            remedy = (
                "They are in the unit of the mean, per standard deviation or blendshape weight."
            )
            raise InputError(f"{path}: {name}", expected, f"{farthest:.3g} mm", remedy)
