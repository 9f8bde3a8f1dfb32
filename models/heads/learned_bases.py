"""A face model's bases that are learned along with a network (Mobile-FaceRNet, equations 3 and 4).

The paper makes fully connected layers of the shape and texture bases, which start from the PCA's.
Here a network holds the differences from the face model's bases, which start at 0. Nothing but a
loss (`loss.bases`) keeps them small: unregularised, they explain poses and light by shape.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...geometry.face_model import FaceModel


class LearnedBases(nn.Module):
    """Differences from a face model's identity and albedo bases, 0 at first.

    Args:
        identity: number of identity modes Ki.
        albedo: number of albedo modes Ka.
        vertices: number of the model's vertices V.

    Attributes:
        identity: (Ki,V,3) mm per unit.
        albedo: (Ka,V,3), sRGB-coded, per standard deviation.

    Example:
        >>> sum(parameter.numel() for parameter in LearnedBases(2, 3, vertices=10).parameters())
        150
    """

    def __init__(self, identity: int, albedo: int, vertices: int) -> None:
        super().__init__()
        self.identity = nn.Parameter(torch.zeros(identity, vertices, 3))
        self.albedo = nn.Parameter(torch.zeros(albedo, vertices, 3))

    def added_to(self, model: FaceModel) -> FaceModel:
        """A face model with the learned bases; gradients reach them.

        Raises:
            InputError: a model with other numbers of modes or vertices.
        """
        learned = tuple(self.identity.shape[:2]), tuple(self.albedo.shape[:2])
        given = tuple(model.identity.shape[:2]), tuple(model.albedo_basis.shape[:2])
        if learned != given:
            expected = f"modes and vertices of identity and albedo {learned}, as the weights have"
            raise InputError("face model", expected, f"{model.name}: {given}")
        return model.with_bases(model.identity + self.identity, model.albedo_basis + self.albedo)

    def change(self, model: FaceModel) -> Tensor:
        """How far the bases moved, (): squared norms over those of the model's bases, added."""
        pairs = (self.identity, model.identity), (self.albedo, model.albedo_basis)
        return sum(
            (
                moved.square().sum() / basis.square().sum()
                for moved, basis in pairs
                if basis.numel()
            ),
            start=self.identity.new_zeros(()),
        )


def bases_of(network: nn.Module) -> LearnedBases | None:
    """The bases that a network has learned; None where it uses the face model's.

    Example:
        >>> network = nn.Module()
        >>> bases_of(network) is None
        True
        >>> network.bases = LearnedBases(2, 3, vertices=10)
        >>> bases_of(network) is network.bases
        True
    """
    return next((m for m in network.children() if isinstance(m, LearnedBases)), None)


def model_of(network: nn.Module, model: FaceModel) -> FaceModel:
    """The face model that a network's coefficients belong to.

    Args:
        network: may have learned bases.
        model: the face model that it was made for.

    Returns:
        `model`, with the learned bases where there are any.

    Raises:
        InputError: learned bases of a model of other sizes.
    """
    bases = bases_of(network)
    return model if bases is None else bases.added_to(model)
