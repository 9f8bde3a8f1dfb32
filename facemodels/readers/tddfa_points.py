"""3DDFA's face model at its 68 landmarks, from the user's own copy of its files.

Made from the Basel Face Model 2009 (non-commercial research): read here, never shipped. With it,
the 62 numbers of 3DDFA's networks become landmarks and are evaluated without a dense model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.array_pickle import read_pickled_arrays
from ...core.errors import InputError, MissingFileError
from ...core.text_files import read_text_numbers
from ...geometry.face_model import FaceModel
from ...geometry.landmarks import LandmarkSet
from ...geometry.model_parts import ModelBases, ModelFacts, ModelMesh
from ..layout import indices_of, points_of
from .source import Source, read_mat, required

Array = NDArray[np.float64]
MM = 0.001  # per micrometre, 3DDFA's unit of length
_POINTS = 68
_TEXTS = ("u_base.txt", "w_shp_base.txt", "w_exp_base.txt")
_SOURCE = (
    "It comes with github.com/cleardusk/3DDFA (c++/weights); the Basel Face Model behind it is for "
    "non-commercial research."
)


def is_tddfa_model(name_or_path: str | Path) -> bool:
    """Whether this is 3DDFA's own model at its 68 points: a folder of texts, or V2's pickle."""
    path = Path(name_or_path)
    return (path / _TEXTS[0]).is_file() or (path.suffix == ".pkl" and path.is_file())


@dataclass(frozen=True)
class TddfaPoints:
    """The model at 68 points, and what it takes to convert 3DDFA's parameters to ours.

    Attributes:
        model: of 68 vertices without triangles; its one landmark set is `ibug68` (3D). Lengths in
            mm, coefficients in `identity_unit` and `expression_unit`, the origin between the eyes.
        origin: (3,) mm; 3DDFA's own origin in the model's space: the layout's pivot.
        identity_unit: (Ki,) raw coefficient of 3DDFA per unit of ours.
        expression_unit: (Ke,) likewise.
    """

    model: FaceModel
    origin: Tensor
    identity_unit: Tensor
    expression_unit: Tensor

    @property
    def factors(self) -> Tensor:
        """(12 + Ki + Ke,) ours per 3DDFA's parameter: `Whitening.in_units` takes them.

        The matrix is in pixels per mm instead of micrometre, the translation in pixels in both.
        """
        row = torch.tensor([1 / MM, 1 / MM, 1 / MM, 1.0])
        return torch.cat([row.repeat(3), 1 / self.identity_unit, 1 / self.expression_unit])

    def first(self, identity: int, expression: int) -> TddfaPoints:
        """With no more than the first so many modes."""
        whole = self.model
        model = FaceModel.from_arrays(
            ModelFacts(whole.name, licence=whole.licence, source=whole.source),
            ModelMesh(whole.mean, whole.faces, origin=np.zeros(3)),
            ModelBases(
                identity=whole.identity[:identity],
                expression=whole.expression[:expression],
                identity_kind="gaussian",
                expression_kind="gaussian",
            ),
            landmarks=whole.landmarks,
        )
        units = self.identity_unit[:identity], self.expression_unit[:expression]
        return TddfaPoints(model, self.origin, *units)


def read_tddfa_points(
    path: str | Path,
    identity_unit: Sequence[float] | Tensor | None = None,
    expression_unit: Sequence[float] | Tensor | None = None,
) -> TddfaPoints:
    """The model of a folder or a pickle.

    >>> from tempfile import TemporaryDirectory
    >>> columns = {"u": 1, "w_shp": 40, "w_exp": 10}
    >>> with TemporaryDirectory() as folder:  # three texts of 68 points, as 3DDFA has them
    ...     for name, count in columns.items():
    ...         np.savetxt(Path(folder, f"{name}_base.txt"), np.ones((204, count)))
    ...     points = read_tddfa_points(folder)
    >>> points.model.mean.shape, points.model.sizes
    (torch.Size([68, 3]), (40, 10, 0))

    Args:
        path: a folder with u_base.txt, w_shp_base.txt and w_exp_base.txt (3DDFA: 40 and 10 modes);
            3DDFA_V2's bfm_noneck_v3.pkl, which is read without running anything in it; or
            Model_Shape.mat with Model_Exp.mat beside it, which has all modes of 300W-LP's fits.
        identity_unit: raw coefficients that count as one unit, such as the standard deviations of
            3DDFA's whitening; None leaves them raw.
        expression_unit: likewise.

    Raises:
        MissingFileError: a file is missing.
        InputError: a file is damaged, or has other shapes.
    """
    given = Path(path)
    read = _read_texts if given.is_dir() else _read_mats if given.suffix == ".mat" else _read_pickle
    mean, identity, expression = read(given)
    units = [
        torch.ones(len(basis)) if unit is None else torch.as_tensor(unit, dtype=torch.float32)
        for unit, basis in ((identity_unit, identity), (expression_unit, expression))
    ]
    kinds = ("identity", "expression")
    for name, unit, basis in zip(kinds, units, (identity, expression), strict=True):
        if unit.shape != (len(basis),) or not bool((unit > 0).all()):
            raise InputError(f"{name}_unit", f"{len(basis)} positive numbers", str(unit.tolist()))
    model = FaceModel.from_arrays(
        ModelFacts(
            "3ddfa-68", licence="Basel Face Model: non-commercial research only", source=str(given)
        ),
        ModelMesh(mean.astype(np.float32), np.zeros((0, 3), np.int64), unit="um"),
        ModelBases(
            identity=_scaled(identity, units[0]),
            expression=_scaled(expression, units[1]),
            identity_kind="gaussian",
            expression_kind="gaussian",
        ),
        landmarks={"ibug68": LandmarkSet.from_vertices("ibug68", range(_POINTS))},
    )
    origin = model.mean.double() - torch.from_numpy(mean * MM)
    return TddfaPoints(model, origin.mean(0).float(), units[0], units[1])


def _scaled(basis: Array, unit: Tensor) -> NDArray[np.float32]:
    return (basis * unit.double().numpy()[:, None, None]).astype(np.float32)


def _read_texts(folder: Path) -> tuple[Array, Array, Array]:
    arrays = []
    for name in _TEXTS:
        if not (folder / name).exists():
            raise MissingFileError(str(folder / name), "3DDFA's model at its landmarks", _SOURCE)
        arrays.append(read_text_numbers(folder / name))
    return _shaped(folder, arrays[0], arrays[1], arrays[2])


def _read_pickle(path: Path) -> tuple[Array, Array, Array]:
    if not path.exists():
        raise MissingFileError(str(path), "3DDFA_V2's model", _SOURCE)
    arrays = read_pickled_arrays(path)
    names = ("u", "w_shp", "w_exp", "keypoints")
    missing = [name for name in names if name not in arrays]
    if missing:
        raise InputError(str(path), "the arrays " + ", ".join(names), f"no {', '.join(missing)}")
    mean, identity, expression, rows = (arrays[name] for name in names)
    count = len(mean)
    if rows.dtype.kind not in "iu" or rows.size != 3 * _POINTS or not (rows < count).all():
        raise InputError(f"{path}: keypoints", f"{3 * _POINTS} rows of u", f"{rows.shape}")
    picked = rows.reshape(-1)
    if len(identity) != count or len(expression) != count:
        raise InputError(str(path), f"{count} rows in every array", f"{len(identity)}")
    return _shaped(path, mean.reshape(-1)[picked], identity[picked], expression[picked])


def _read_mats(path: Path) -> tuple[Array, Array, Array]:
    """Of Model_Shape.mat and its neighbour: mean with that of the expressions, raw columns."""
    source = Source(path)
    shape = required(source.arrays, ("mu_shape", "w", "keypoints"), path)
    other = path
    if "w_exp" not in source.arrays:
        other = source.need("the expressions", _SOURCE, "Model_Exp.mat", "Model_Expression.mat")
    mu_exp, w_exp = required(read_mat(other), ("mu_exp", "w_exp"), other)
    mean = points_of("mu_shape", shape[0], path).astype(np.float64)
    offset = points_of("mu_exp", mu_exp, other)
    if len(offset) != len(mean) or any(len(b) != 3 * len(mean) for b in (shape[1], w_exp)):
        got = f"{len(offset)} of the expressions"
        raise InputError(str(other), f"{len(mean)} vertices as {path.name}", got)
    ids = indices_of("keypoints", shape[2], len(mean), path=path)
    rows = (3 * ids[:, None] + np.arange(3)).reshape(-1)
    return _shaped(path, (mean + offset)[ids], shape[1][rows], w_exp[rows])


def _shaped(path: Path, mean: NDArray, *bases: NDArray) -> tuple[Array, Array, Array]:
    """Mean (68,3) and bases (K,68,3) of rows x0, y0, z0, x1, ..."""
    rows = 3 * _POINTS
    if mean.size != rows or any(b.ndim != 2 or len(b) != rows for b in bases):
        got = ", ".join(str(a.shape) for a in (mean, *bases))
        raise InputError(str(path), f"{rows} rows, x, y, z of 68 points, in three arrays", got)
    identity, expression = (b.astype(np.float64).T.reshape(-1, _POINTS, 3) for b in bases)
    return mean.astype(np.float64).reshape(_POINTS, 3), identity, expression
