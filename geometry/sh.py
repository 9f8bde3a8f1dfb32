"""Light as real spherical harmonics of 3 bands.

Basis and order: 1, y, z, x, xy, yz, 3z^2-1, xz, x^2-y^2 of the unit normal (x, y, z), times the
constants of the orthonormal real harmonics, 0.282095, 0.488603 (three times), 1.092548 (xy, yz,
xz), 0.315392 and 0.546274, as in Ramamoorthi and Hanrahan, An Efficient Representation for
Irradiance Environment Maps, SIGGRAPH 2001, equation 3. A light is (B, 9, 3), one column for each
of R, G and B, and the colour seen is `albedo * (basis(normals) @ light)`. Their Lambert factors
A = (pi, 2 pi/3, pi/4) of the bands, which turn incoming radiance into irradiance, are not applied:
a light holds the coefficients of the shading itself.
Light multiplies sRGB-coded albedo in [0, 1], without gamma, as the systems we compare with do.
"""

from __future__ import annotations

from math import pi, sqrt

import torch
from torch import Tensor

from ..core.errors import InputError
from .checks import check_shape
from .coefficients import ambient_light

__all__ = [
    "ambient_light",
    "from_deep3d",
    "from_flat27",
    "light_from_direction",
    "rotate_light",
    "sh_basis",
    "shade",
]

BAND_OF_TERM = (0, 1, 1, 1, 2, 2, 2, 2, 2)
LAMBERT = (pi, 2 * pi / 3, pi / 4)
_C0 = sqrt(1 / (4 * pi))
_C1 = sqrt(3 / (4 * pi))
_C2 = sqrt(15 / (4 * pi))
_C20 = sqrt(5 / (16 * pi))
_C22 = sqrt(15 / (16 * pi))


def sh_basis(normals: Tensor) -> Tensor:
    """The nine basis functions at unit normals.

    Args:
        normals: (B, N, 3) of length 1; not normalised here. A zero normal (a vertex that no face
            uses) gets the constant terms only.

    Returns:
        (B, N, 9).

    Raises:
        InputError: wrong shape.
    """
    check_shape("normals", normals, ("B", "N", 3))
    x, y, z = normals.unbind(-1)
    terms = (
        *(torch.full_like(x, _C0), _C1 * y, _C1 * z, _C1 * x, _C2 * x * y, _C2 * y * z),
        *(_C20 * (3 * z * z - 1), _C2 * x * z, _C22 * (x * x - y * y)),
    )
    return torch.stack(terms, -1)


def shade(normals: Tensor, light: Tensor) -> Tensor:
    """Shading colour at unit normals: basis(normals) @ light, to be multiplied with the albedo.

    >>> shade(torch.tensor([[[0.0, 0.0, 1.0]]]), ambient_light(1, 0.5))
    tensor([[[0.5000, 0.5000, 0.5000]]])

    Args:
        normals: (B, N, 3) of length 1.
        light: (B, 9, 3).

    Returns:
        (B, N, 3); 1 leaves the albedo as it is, values may be negative or above 1.

    Raises:
        InputError: wrong shapes or different B.
    """
    check_shape("light", light, ("B", 9, 3))
    basis = sh_basis(normals)
    if basis.shape[0] != light.shape[0]:
        raise InputError("light", f"a batch of {basis.shape[0]} as normals", f"{light.shape[0]}")
    return basis @ light


def _colour(name: str, value: float | Tensor, like: Tensor) -> Tensor:
    """A grey level or (B, 3) colours as (B, 3)."""
    if not isinstance(value, Tensor):
        return like.new_full((like.shape[0], 3), value)
    check_shape(name, value, (like.shape[0], 3))
    return value


def light_from_direction(
    direction: Tensor, ambient: float | Tensor, diffuse: float | Tensor
) -> Tensor:
    """A distant lamp on a matte surface, plus ambient light.

    ambient + diffuse * max(0, normal . direction), projected to 3 bands: term i of the lamp is
    A(band) * basis_i(direction) (Ramamoorthi and Hanrahan 2001, equations 8 and 9). The projection
    is within 0.094 * diffuse of the clamped cosine, and below 0 by at most 0.04 * diffuse.

    Args:
        direction: (B, 3) from the surface towards the lamp; normalised here, not 0.
        ambient: a grey level or (B, 3) colours, shading where the lamp does not reach.
        diffuse: a grey level or (B, 3) colours, added where the surface faces the lamp.

    Returns:
        (B, 9, 3).

    Raises:
        InputError: wrong shapes or a direction of length 0.
    """
    check_shape("direction", direction, ("B", 3))
    length = torch.linalg.vector_norm(direction, dim=-1, keepdim=True)
    if bool((length == 0).any()):
        raise InputError("direction", "vectors with a length above 0", "a zero vector")
    basis = sh_basis((direction / length)[:, None])[:, 0]
    lambert = direction.new_tensor([LAMBERT[band] for band in BAND_OF_TERM])
    lamp = (basis * lambert)[:, :, None] * _colour("diffuse", diffuse, direction)[:, None]
    constant = _colour("ambient", ambient, direction)[:, None] / _C0
    return torch.cat((lamp[:, :1] + constant, lamp[:, 1:]), 1)


def from_flat27(vector: Tensor) -> Tensor:
    """Papers' flat vector, nine numbers for R, then for G, then for B, as (B, 9, 3).

    Only the layout changes: `reshape(3, 9).T`. Order and constants stay the paper's own.

    Raises:
        InputError: `vector` is not (B, 27).
    """
    check_shape("vector", vector, ("B", 27))
    return vector.reshape(-1, 3, 9).transpose(1, 2)


def from_deep3d(gamma: Tensor, initial: float = 0.8) -> Tensor:
    """The light of Deep3DFaceRecon and its descendants in our basis, with the same shading.

    Its basis (compute_color of its bfm.py) is 1, -y, z, -x, xy, -yz, 3z^2-1, -xz, x^2-y^2 with the
    orthonormal constants times pi, 2 pi/sqrt(3) and 2 pi/sqrt(8) for the bands.

    Args:
        gamma: (B, 27) as predicted by the network.
        initial: what its code adds to the first coefficient of each colour.

    Returns:
        (B, 9, 3).

    Raises:
        InputError: `gamma` is not (B, 27).
    """
    light = from_flat27(gamma)
    light = torch.cat((light[:, :1] + initial, light[:, 1:]), 1)
    bands = (pi, 2 * pi / sqrt(3), 2 * pi / sqrt(8))
    signs = (1, -1, 1, -1, 1, -1, 1, -1, 1)
    scale = [s * bands[band] for s, band in zip(signs, BAND_OF_TERM, strict=True)]
    return light * light.new_tensor(scale)[:, None]


def _icosahedron(like: Tensor) -> Tensor:
    """Its 12 corners (12, 3): a spherical 5-design, so sums over them integrate products of two
    of the basis functions exactly.
    """
    golden = (1 + sqrt(5)) / 2
    corners = [(0.0, a, b * golden) for a in (-1, 1) for b in (-1, 1)]
    rolled = [c[k:] + c[:k] for c in corners for k in range(3)]
    return like.new_tensor(rolled) / sqrt(1 + golden**2)


def rotate_light(light: Tensor, R: Tensor) -> Tensor:
    """The light turned with the surface: shade(R n, rotate_light(light, R)) == shade(n, light).

    Exact: each band is closed under rotation, and the matrix between the bands' coefficients is
    integrated exactly on the corners of an icosahedron.

    Args:
        light: (B, 9, 3).
        R: (B, 3, 3) rotations, column vectors.

    Returns:
        (B, 9, 3).

    Raises:
        InputError: wrong shapes or different B.
    """
    check_shape("light", light, ("B", 9, 3))
    check_shape("R", R, (light.shape[0], 3, 3))
    directions = _icosahedron(light).expand(light.shape[0], 12, 3)
    turned = sh_basis(directions @ R)  # rows d^T R = (R^T d)^T
    matrix = (4 * pi / 12) * sh_basis(directions).transpose(1, 2) @ turned
    return matrix @ light
