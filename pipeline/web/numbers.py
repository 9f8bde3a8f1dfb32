"""What the page in the browser computes with: the face model at the network's points, and facts."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.errors import InputError
from ...geometry.coefficients import EXPRESSION_UNIT
from ...geometry.face_model import FaceModel
from ...geometry.lip_columns import LipColumns
from ...geometry.point_solver import PointSolver
from ...geometry.segments import SEGMENTS, Segment
from ...models.heads.points import PointPrediction, solver_errors
from ...models.weights import Weights
from ..network.gaze import ModelEye, eyes_of
from ..network.mirrored import PredictionMirror
from ..network.regress import RegressOptions, Regressor
from ..output.viewed_model import in_levels

Table = NDArray[Any]
_LANDMARKS = "ibug68"
_ALIGNED = 4  # bytes
_LIGHT_TERMS = 27


def face_numbers(weights: Weights, model: FaceModel) -> tuple[str, bytes]:
    """What the page's solver and textures need, as JSON and as the bytes of its tables.

    Args:
        weights: of dense points, the landmarks first.
        model: their face model, with lips that open.

    Raises:
        InputError: weights or a model that the page knows nothing to do with.
    """
    solver = Regressor(RegressOptions(gaze=False), model, weights).solver
    lips = solver.lips
    if lips is None or weights.layout.landmarks(_LANDMARKS).start != 0:
        expected = "a model with lips, and weights whose first points are landmarks"
        raise InputError("weights", expected, repr(weights.name), "Take the shipped ones.")
    albedo, steps = in_levels(model.albedo_basis.float().numpy())
    tables = _of_solver(solver, weights) | _of_lips(solver, lips) | _of_mirror(model, weights)
    eyes = eyes_of(model)
    tables |= _of_eyes(eyes)
    tables |= {
        "albedo_mean": np.rint(255 * model.albedo_mean.clamp(0, 1).numpy()).astype(np.uint8),
        "albedo": albedo,
    }
    places, content = _packed(tables)
    free = int((solver.columns < len(model.identity)).sum())
    plain = {
        "tables": places,
        "weights": weights.name,
        "size": weights.network.input_shape[-1],
        "free": free,
        "most": 1 / EXPRESSION_UNIT,
        "moving": (solver.columns[free:] - len(model.identity)).tolist(),
        "names": list(model.expression_names),
        "learned_prior": "coefficient_variance" in weights.facts,
        "config": asdict(solver.config),
        "segments": len(SEGMENTS),
        "mouth": [int(Segment.TEETH), int(Segment.MOUTH)],
        "albedo_first": len(model.identity) + len(model.expression),
        "albedo_steps": steps,
        "eye_rows": [eye.rows for eye in eyes],
    }
    return json.dumps(plain, allow_nan=False, separators=(",", ":")), content


def _of_solver(solver: PointSolver, weights: Weights) -> dict[str, Table]:
    """The model at the points, and what is expected of coefficients and errors."""
    basis, columns = solver.basis, solver.columns
    modes = torch.cat([basis.identity, basis.expression * EXPRESSION_UNIT])[columns]
    scale = weights.facts.get("sigma_scale")
    errors = torch.zeros(len(basis.mean))
    errors = solver_errors(errors, None if scale is None else torch.tensor(scale))
    return {
        "mean": _floats(basis.mean),
        "modes": _floats(modes.permute(1, 2, 0)),
        "columns": columns.numpy().astype(np.uint32),
        "precision": _floats(_precision(solver, weights, len(basis.identity))),
        "solver_scale": _floats(errors),
    }


def _precision(solver: PointSolver, weights: Weights, identities: int) -> Tensor:
    """One over the variance (K,) of what the network says of a coefficient, or of the model's."""
    variance = weights.facts.get("coefficient_variance")
    if variance is not None:
        return 1 / torch.tensor(variance)[solver.columns]
    spread = solver.config.expression_spread / EXPRESSION_UNIT
    return torch.where(solver.columns < identities, 1.0, spread**-2)


def _of_lips(solver: PointSolver, lips: LipColumns) -> dict[str, Table]:
    """The lips' columns, by the solver's coefficients."""
    columns = solver.columns
    identities = len(solver.basis.identity)
    unit = torch.where(columns < identities, 1.0, EXPRESSION_UNIT)
    return {
        "lips_rest": _floats(lips.rest),
        "lips_modes": _floats(lips.modes[..., columns] * unit),
        "lips_touching": _floats(lips.touching),
    }


def _of_eyes(eyes: list[ModelEye]) -> dict[str, Table]:
    """Lids, pupil and iris of both eyes; what a unit of each coefficient adds comes last."""
    tables = {}
    for number, eye in enumerate(eyes):
        tables[f"eye_mean_{number}"] = _floats(eye.mean)
        tables[f"eye_modes_{number}"] = _floats(eye.modes.permute(1, 2, 0))
    return tables


def _of_mirror(model: FaceModel, weights: Weights) -> dict[str, Table]:
    """Which point, and which coefficient with which sign, each is in a face's mirror image."""
    if model.mirror is None:
        return {}
    points, count = len(weights.layout), sum(model.sizes) + _LIGHT_TERMS
    numbers = [torch.arange(1.0, size + 1)[None] for size in (points, count)]
    plain = PointPrediction(torch.zeros(1, points, 3), *numbers)
    turned = PredictionMirror.of(model, weights.layout)(plain)
    return {
        "partners": (turned.log_sigma[0] - 1).numpy().astype(np.uint32),
        "mirror_from": (turned.coefficients[0].abs() - 1).round().numpy().astype(np.uint32),
        "mirror_sign": _floats(turned.coefficients[0].sign()),
    }


def _floats(values: Tensor) -> Table:
    return values.contiguous().numpy().astype("<f4")


def _packed(tables: dict[str, Table]) -> tuple[dict[str, dict[str, object]], bytes]:
    """Where each table lies, and all of them one after another."""
    places, parts, start = dict[str, dict[str, object]](), [], 0
    for name, table in tables.items():
        content = table.tobytes()
        content += bytes(-len(content) % _ALIGNED)
        places[name] = {"kind": table.dtype.name, "shape": list(table.shape), "start": start}
        parts.append(content)
        start += len(content)
    return places, b"".join(parts)
