"""Terms on who a face is: how far wrong identity coefficients move it, how much the errors of one
person's pictures differ, and whether a face recognition network sees the same person.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..geometry.checks import check_shape
from .reduction import unit
from .term import make_term


@make_term("basis")
def displacement_matrix(basis: Tensor) -> Tensor:
    """The matrix G of c^T G c, the mean squared displacement that coefficients c make.

    Args:
        basis: (K,V,3) mm per unit, at the V points that count.

    Returns:
        (K,K), mm^2 per unit^2.

    Raises:
        InputError: another shape.
    """
    check_shape("basis", basis, (None, None, 3))
    flat = basis.flatten(1)
    return flat @ flat.T / basis.shape[1]


@make_term("predicted", "target", "matrix")
def squared_displacement(predicted: Tensor, target: Tensor, matrix: Tensor) -> Tensor:
    """Mean squared displacement between the faces of two sets of coefficients.

    Args:
        predicted: (B,K).
        target: the same shape.
        matrix: (K,K) of `displacement_matrix`.

    Returns:
        (B,), mm^2.

    Raises:
        InputError: the shapes differ.
    """
    check_shape("target", target, tuple(predicted.shape))
    check_shape("matrix", matrix, (predicted.shape[1], predicted.shape[1]))
    error = predicted - target
    return ((error @ matrix) * error).sum(1)


@make_term("errors")
def disagreement(errors: Tensor, person: Tensor) -> Tensor:
    """Squared distance of each picture's errors from their mean over the pictures of its person.

    Pictures of one person have one truth, so that their errors differ as their predictions do.

    Args:
        errors: (B,K), predictions minus truth.
        person: (B,) int64, alike for pictures of one person.

    Returns:
        (B,K).

    Raises:
        InputError: another number of persons.
    """
    check_shape("person", person, (len(errors),))
    names, which = torch.unique(person, return_inverse=True)
    total = errors.new_zeros(len(names), errors.shape[1]).index_add(0, which, errors)
    count = torch.bincount(which, minlength=len(names)).to(errors)
    return (errors - (total / count[:, None])[which]).square()


@make_term("first", "second")
def cosine_distance(first: Tensor, second: Tensor) -> Tensor:
    """1 - cosine of the angle between embeddings: MLANet's eq 11, Deep3D's perceptual term.

    The network is not part of the term: embed photograph and rendering with the same frozen one,
    aligned alike, and detach the photograph's embedding.

    >>> cosine_distance(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 5.0]]))
    tensor([1.])

    Args:
        first: (B,D) embeddings of any length.
        second: the same shape.

    Returns:
        (B,) in [0,2], float32 at least; 1 with a gradient of 0 where an embedding is 0.

    Raises:
        InputError: the shapes differ.
    """
    check_shape("first", first, (None, None))
    check_shape("second", second, tuple(first.shape))
    a, b = (unit(e.to(torch.promote_types(e.dtype, torch.float32))) for e in (first, second))
    return 1 - (a * b).sum(1)
