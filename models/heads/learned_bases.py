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
    """Differences from a model's identity and albedo bases.

    Args:
        identity, albedo: numbers of modes. vertices: of the model.

    Attributes:
        identity: (Ki,V,3) mm per unit. albedo: (Ka,V,3), sRGB-coded, per standard deviation.
    """

    def __init__(self, identity: int, albedo: int, vertices: int) -> None:
        super().__init__()
        self.identity = nn.Parameter(torch.zeros(identity, vertices, 3))
        self.albedo = nn.Parameter(torch.zeros(albedo, vertices, 3))

    def added_to(self, model: FaceModel) -> FaceModel:
        """The model with the learned bases; gradients reach them.

        Raises:
            InputError: a model of other sizes.
        """
        own = tuple(self.identity.shape[:2]), tuple(self.albedo.shape[:2])
        wanted = tuple(model.identity.shape[:2]), tuple(model.albedo_basis.shape[:2])
        if own != wanted:
            expected = f"modes and vertices of identity and albedo {own}, as the weights have"
            raise InputError("face model", expected, f"{model.name}: {wanted}")
        return model.with_bases(model.identity + self.identity, model.albedo_basis + self.albedo)

    def change(self, model: FaceModel) -> Tensor:
        """How far the bases moved, (): squared norms over those of the model's bases, added."""
        pairs = (self.identity, model.identity), (self.albedo, model.albedo_basis)
        return sum(
            (own.square().sum() / basis.square().sum() for own, basis in pairs if basis.numel()),
            start=self.identity.new_zeros(()),
        )


def bases_of(network: nn.Module) -> LearnedBases | None:
    """What a network has learned of the bases; None where it uses the face model's."""
    return next((m for m in network.children() if isinstance(m, LearnedBases)), None)


def model_of(network: nn.Module, model: FaceModel) -> FaceModel:
    """The face model that a network's coefficients belong to."""
    bases = bases_of(network)
    return model if bases is None else bases.added_to(model)
