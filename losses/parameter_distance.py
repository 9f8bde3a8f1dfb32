"""Distances between 3DDFA's parameter vectors, and of what they do to a face.

The vector is [M, a, d]: the 12 numbers of a 3x4 matrix M = [f R | t], row by row, Ki identity and
Ke expression coefficients; M acts on points of the face model and gives pixels with y up
(`AffineCamera`). Networks predict it whitened: (p - mean) / std. 3DDFA has Ki = 40 and Ke = 10.

- `pdc`, the parameter distance cost, compares the vectors as they are;
- `vdc`, the vertex distance cost, compares the points that they stand for;
- `wpdc`, the weighted parameter distance cost, weighs each entry by how far its error moves them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..core.errors import InputError
from ..geometry.checks import check_shape
from ..geometry.dense_points import PointBasis, PointLayout
from ..geometry.face_model import FaceModel
from .term import make_term

POSE = 12
"""How many parameters M has."""

PIXELS_PER_MICROMETRE = 0.00057339936
"""The mean scale of 3DDFA's training set, for its model in micrometres and its 120-px crops.

0.573 for a model in mm; for other crops the mean f of the training set (cleardusk/3DDFA#31).
"""

_DEPTH_OFFSET = 11  # the entry of M that moves a face along the viewing axis
_EPS = 1e-6  # pixels, added to what each entry moves


@dataclass(frozen=True)
class AffineBasis:
    """A face model at N points, the whitening of its parameters, and how large it is in pixels.

    All are in one system of units: 3DDFA's own is micrometres and raw coefficients, ours is
    millimetres and standard deviations; `wpdc` and `vdc` give the same in both.

    Attributes:
        points: the model at the N points that are compared.
        mean: (P,) of the parameters, P = 12 + Ki + Ke.
        std: (P,), standard deviations of the parameters, > 0.
        pixels_per_unit: pixels in the crop per unit of length of the model, for typical faces.

    Raises:
        InputError: wrong sizes, a standard deviation that is not positive.
    """

    points: PointBasis
    mean: Tensor
    std: Tensor
    pixels_per_unit: float

    def __post_init__(self) -> None:
        size = POSE + len(self.points.identity) + len(self.points.expression)
        check_shape("mean", self.mean, (size,))
        check_shape("std", self.std, (size,))
        if not bool((self.std > 0).all()):
            raise InputError("std", "positive numbers", f"{float(self.std.min())}")

    def to(self, device: torch.device | str) -> AffineBasis:
        """The same basis on another device."""
        points = PointBasis(*(value.to(device) for value in vars(self.points).values()))
        return replace(self, points=points, mean=self.mean.to(device), std=self.std.to(device))

    def unwhiten(self, whitened: Tensor) -> Tensor:
        """Parameters (B,P) in their own units from whitened ones.

        Raises:
            InputError: another number of parameters.
        """
        check_shape("parameters", whitened, (None, len(self.std)))
        return whitened * self.std + self.mean

    def model_points(self, parameters: Tensor) -> Tensor:
        """The N points (B,N,3) in the face model's own space."""
        middle = POSE + len(self.points.identity)
        with torch.autocast(parameters.device.type, enabled=False):
            return self.points.points(parameters[:, POSE:middle], parameters[:, middle:])

    def image_points(self, parameters: Tensor) -> Tensor:
        """The N points (B,N,3) after M, in pixels with y up."""
        matrix = parameters[:, :POSE].unflatten(1, (3, 4))
        with torch.autocast(parameters.device.type, enabled=False):
            moved = self.model_points(parameters) @ matrix[..., :3].transpose(1, 2)
            return moved + matrix[:, None, :, 3]


@make_term("predicted", "target")
def affine_vertices(predicted: Tensor, target: Tensor, basis: AffineBasis) -> tuple[Tensor, Tensor]:
    """The points that two whitened parameter vectors stand for, in pixels with y up.

    The prediction gets the target's offset in depth (entry 11), which an image does not tell.

    Args:
        predicted: (B,P), whitened.
        target: the same shape.
        basis: the points and the whitening.

    Returns:
        predicted and target points, (B,N,3) each.

    Raises:
        InputError: the shapes do not fit.
    """
    check_shape("target", target, tuple(predicted.shape))
    true = basis.unwhiten(target)
    parameters = basis.unwhiten(predicted)
    before, after = parameters[:, :_DEPTH_OFFSET], parameters[:, _DEPTH_OFFSET + 1 :]
    true_depth = true[:, _DEPTH_OFFSET : _DEPTH_OFFSET + 1]
    parameters = torch.cat([before, true_depth, after], 1)
    return basis.image_points(parameters), basis.image_points(true)


def random_points(
    model: FaceModel,
    landmark_set: str,
    extra: int,
    generator: torch.Generator | None = None,
) -> PointBasis:
    """The model at a landmark set and at random vertices, as 3DDFA draws them for every batch.

    3DDFA takes 68 landmarks and 132 vertices.

    Args:
        model: the face model.
        landmark_set: name of one of its landmark sets.
        extra: how many vertices are drawn.
        generator: draws them; None: torch's global one.

    Raises:
        InputError: the model has no such set, or the set lacks points.
    """
    order = torch.randperm(len(model.mean), generator=generator)[:extra].tolist()
    return PointBasis.of(model, PointLayout(model.name, (landmark_set,), tuple(order), ()))


@make_term("predicted", "target")
def vdc(predicted: Tensor, target: Tensor, basis: AffineBasis) -> Tensor:
    """Vertex distance cost: squared difference of each coordinate of the points.

    Zhu et al., CVPR 2016, as 3DDFA computes it: from parameters in their own units, with the
    target's offset in depth.

    Args:
        predicted: (B,P), whitened.
        target: the same shape.
        basis: the points and the whitening.

    Returns:
        (B,N,3), pixels^2.

    Raises:
        InputError: the shapes do not fit.
    """
    points, true_points = affine_vertices(predicted, target, basis)
    return (points - true_points).square()


@make_term("predicted", "target")
def pdc(predicted: Tensor, target: Tensor) -> Tensor:
    """Parameter distance cost: squared difference of whitened parameters (Zhu et al., CVPR 2016).

    Whitening divides by the standard deviations of the training set. This is R3FA's eq 3 but for
    the power: it calls W the inverse standard deviations, and whitening gives their squares.

    >>> pdc(torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, 1.0]]))
    tensor([[1., 9.]])

    Args:
        predicted: (B,P), whitened.
        target: the same shape.

    Returns:
        (B,P).

    Raises:
        InputError: the shapes differ.
    """
    check_shape("predicted", predicted, (None, None))
    check_shape("target", target, tuple(predicted.shape))
    return (predicted - target).square()


@make_term("predicted", "target")
def wpdc(predicted: Tensor, target: Tensor, basis: AffineBasis) -> Tensor:
    """Weighted parameter distance cost: w (p - g)^2 of whitened parameters.

    Each entry is weighted by how far its error moves the points (`wpdc_weights`). Zhu et al., CVPR
    2016, in the form of cleardusk/3DDFA; CSANet's and R3FA's loss. R3FA's eq 3 calls W the inverse
    standard deviations, which is `pdc`.

    Args:
        predicted: (B,P), whitened.
        target: the same shape.
        basis: the points, the whitening and the scale.

    Returns:
        (B,P); the loss is the mean over all. No gradient goes through the weights.

    Raises:
        InputError: the shapes do not fit.
    """
    check_shape("predicted", predicted, (None, len(basis.std)))
    check_shape("target", target, tuple(predicted.shape))
    return wpdc_weights(predicted, target, basis) * (predicted - target).square()


@torch.no_grad()
def wpdc_weights(predicted: Tensor, target: Tensor, basis: AffineBasis) -> Tensor:
    """The weights of `wpdc`, at most 1 in each row.

    With dp the error of an entry in its own units and (X,Y,Z) the coordinates of the N points of
    the *target's* face (an early version of 3DDFA took the prediction's: cleardusk/3DDFA_V2#65),
    an entry moves the points by, in pixels:

    - a column 0, 1, 2 of the rotation: |dp| times the norm of X, Y, Z over the points;
    - a translation in x or y: |dp| sqrt(N);
    - a coefficient: pixels_per_unit |dp| times the norm of its basis vector at the points.

    To each 1e-6 is added, then all are divided by the face's largest. The offset in depth counts 0.

    Args:
        predicted: (B,P), whitened.
        target: the same shape.
        basis: the points, the whitening and the scale.

    Returns:
        (B,P).
    """
    error = (basis.unwhiten(predicted) - basis.unwhiten(target)).abs()
    points = basis.model_points(basis.unwhiten(target))
    reach = points.norm(dim=1)  # (B,3), of X, Y, Z
    shift = torch.full_like(reach[:, :1], math.sqrt(points.shape[1]))
    pose = torch.cat([reach, shift], 1).repeat(1, 3)  # three rows of (X, Y, Z, 1)
    bases = torch.cat([basis.points.identity, basis.points.expression]).flatten(1).norm(dim=1)
    lengths = (basis.pixels_per_unit * bases).expand(len(error), -1)
    weights = error * torch.cat([pose, lengths], 1) + _EPS
    counted = torch.ones_like(weights)
    counted[:, _DEPTH_OFFSET] = 0
    weights = weights * counted
    return weights / weights.amax(1, keepdim=True)
