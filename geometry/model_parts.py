"""What a face model is built from: what is said of it, its mesh, and its modes.

The fields bear the names of the model's attributes, and errors name them: files, readers and
callers pass on what they have by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from numpy.typing import ArrayLike

BasisKind = Literal["gaussian", "blendshape"]


@dataclass(frozen=True)
class ModelFacts:
    """What is said of a model.

    >>> ModelFacts("mine", licence="CC0").version
    0

    Attributes:
        name: of the model.
        licence: what may be done with it.
        source: where it comes from.
        version: of a shipped model; 0 for others.
    """

    name: str
    licence: str = ""
    source: str = ""
    version: int = 0


@dataclass(frozen=True)
class ModelMesh:
    """The mean face and its chart.

    >>> triangle = [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    >>> ModelMesh(triangle, faces=[[0, 1, 2]], unit="cm").unit
    'cm'

    Attributes:
        mean: (V,3), counted in `unit`, as the bases of shape and the origin are.
        faces: (F,3) indices, counter-clockwise seen from outside.
        uv: (T,2), v up; None: the model has no texture coordinates.
        uv_faces: (F,3) indices into `uv`; None: `faces`, with one row of `uv` per vertex.
        mirror: (V,) every vertex's mirror image; None: not known.
        unit: of mean, bases of shape and origin: mm, cm, dm, m or um.
        origin: (3,) the point that becomes the origin, the midpoint of the eyeball centres, in the
            given unit. None estimates it: the mean of the two eyes' landmarks of `ibug68`, 12 mm
            (an eyeball's radius) further back.
    """

    mean: ArrayLike
    faces: ArrayLike
    uv: ArrayLike | None = None
    uv_faces: ArrayLike | None = None
    mirror: ArrayLike | None = None
    unit: str = "mm"
    origin: ArrayLike | None = None


@dataclass(frozen=True)
class ModelBases:
    """How faces differ from the mean.

    >>> import numpy as np
    >>> bases = ModelBases(expression=np.zeros((1, 3, 3)), expression_names=["jawOpen"])
    >>> bases.expression_kind, bases.identity is None
    ('blendshape', True)

    Attributes:
        identity: (Ki,V,3) per unit of a coefficient, in the mesh's unit; None: no modes.
        expression: (Ke,V,3) likewise; None: no modes.
        identity_kind: "gaussian" or "blendshape".
        expression_kind: "gaussian" or "blendshape".
        expression_names: Ke names, or none.
        albedo_mean: (V,3) sRGB-coded in [0,1]; None: grey.
        albedo_basis: (Ka,V,3) per standard deviation; None: no modes.
    """

    identity: ArrayLike | None = None
    expression: ArrayLike | None = None
    identity_kind: BasisKind = "gaussian"
    expression_kind: BasisKind = "blendshape"
    expression_names: Sequence[str] = ()
    albedo_mean: ArrayLike | None = None
    albedo_basis: ArrayLike | None = None
