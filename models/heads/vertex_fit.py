"""Coefficients of meshes: what turns a network's vertices into a face of the model."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...geometry.checks import check_shape
from ...geometry.coefficient_vector import EXPRESSION_UNIT
from ...geometry.coefficients import Coefficients, ambient_light
from ...geometry.face_model import FaceModel

NOISE_MM = 1.0
INDEPENDENT = 300  # points of a mesh whose errors are taken as independent


class VertexFit(nn.Module):
    """The most likely coefficients of vertices with noise: one linear solve, made once.

    Identity is normal with deviation 1; expressions too, or 0.3 for blendshapes. Neighbouring
    vertices err alike, so that all vertices together count as 300 points with 1 mm of noise each.

    Args:
        model: the face model.
        vertices: (V,) bool, those that count; None takes the region "face".
    """

    solve: Tensor
    mean: Tensor
    chosen: Tensor

    def __init__(self, model: FaceModel, vertices: Tensor | None = None) -> None:
        super().__init__()
        self.sizes = model.sizes
        chosen = model.region("face") if vertices is None else vertices
        check_shape("vertices", chosen, (len(model.mean),))
        basis = torch.cat([model.identity, model.expression])[:, chosen].flatten(1).double()
        blendshapes = model.expression_kind == "blendshape"
        unit = torch.ones(len(basis), dtype=torch.float64)
        unit[self.sizes[0] :] = EXPRESSION_UNIT if blendshapes else 1.0
        weight = INDEPENDENT / max(1, int(chosen.sum())) / NOISE_MM**2
        normal = weight * basis @ basis.T + torch.diag(unit**-2)
        solve = torch.linalg.solve(normal, weight * basis)
        for name, value in (("solve", solve.float()), ("mean", model.mean), ("chosen", chosen)):
            self.register_buffer(name, value, persistent=False)

    def forward(self, vertices: Tensor) -> Coefficients:
        """Coefficients of vertices (B,V,3), mm in model space; mean albedo, white light."""
        check_shape("vertices", vertices, (None, *self.mean.shape))
        offset = (vertices - self.mean.to(vertices))[:, self.chosen].flatten(1)
        found = offset @ self.solve.to(vertices).T
        identity, expression, albedo = self.sizes
        count = len(vertices)
        return Coefficients(
            found[:, :identity],
            found[:, identity : identity + expression],
            vertices.new_zeros(count, albedo),
            ambient_light(count).to(vertices),
        )
