"""From UV maps to coefficients and cameras: what evaluation and reconstruction understand."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...geometry.box_bounds import least_in_box
from ...geometry.checks import check_shape
from ...geometry.coefficient_vector import EXPRESSION_UNIT
from ...geometry.coefficients import Coefficients, ambient_light
from ...geometry.face_model import FaceModel
from ...geometry.posed import PosedFaces
from ..sadrnet import UvPrediction
from .uv_layout import UvLayout, UvSpec
from .vertex_fit import INDEPENDENT, NOISE_MM


class BoundedVertexFit(nn.Module):
    """The most likely coefficients of vertices with noise, blendshapes within [0,1].

    Likelihood and priors are those of `VertexFit`, which knows no bounds. A Gaussian expression
    basis has none here either, and both agree.

    Args:
        model: the face model.
        vertices: (V,) bool, those that count.
    """

    basis: Tensor
    normal: Tensor
    mean: Tensor
    chosen: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, model: FaceModel, vertices: Tensor) -> None:
        super().__init__()
        check_shape("vertices", vertices, (len(model.mean),))
        self.sizes = model.sizes
        weight = INDEPENDENT / max(1, int(vertices.sum())) / NOISE_MM**2
        basis = torch.cat([model.identity, model.expression])[:, vertices].flatten(1).double()
        bounded = torch.zeros(len(basis), dtype=torch.bool)
        bounded[self.sizes[0] :] = model.expression_kind == "blendshape"
        unit = torch.where(bounded, EXPRESSION_UNIT, 1.0).double()
        buffers = {
            "basis": (weight * basis).float(),
            "normal": (weight * basis @ basis.T + torch.diag(unit**-2)).float(),
            "mean": model.mean,
            "chosen": vertices,
            "low": torch.where(bounded, 0.0, -torch.inf),
            "high": torch.where(bounded, 1.0, torch.inf),
        }
        for name, value in buffers.items():
            self.register_buffer(name, value, persistent=False)

    def forward(self, vertices: Tensor) -> Coefficients:
        """Coefficients of vertices (B,V,3), mm in model space; mean albedo, white light.

        Gradients pass.
        """
        check_shape("vertices", vertices, (None, *self.mean.shape))
        offset = (vertices.float() - self.mean)[:, self.chosen].flatten(1)
        found = least_in_box(self.normal, offset @ self.basis.T, self.low, self.high)
        identity, expression, albedo = self.sizes
        count = len(vertices)
        return Coefficients(
            found[:, :identity],
            found[:, identity : identity + expression],
            found.new_zeros(count, albedo),
            ambient_light(count).to(found),
        )


class UvDecoder(nn.Module):
    """Reads faces of a model off a network's maps.

    The vertices are those after self-alignment; the coefficients are the most likely ones behind
    them, so that what the model cannot express is lost.

    Args:
        spec: of the maps.
        model: the face model.

    Raises:
        InputError: another model than the spec's, or one without UV coordinates.
    """

    def __init__(self, spec: UvSpec, model: FaceModel) -> None:
        super().__init__()
        self.layout = UvLayout(spec, model)
        self.fit = BoundedVertexFit(model, self.layout.in_chart)

    def forward(self, prediction: UvPrediction) -> PosedFaces:
        """B faces with weak perspective cameras in crop pixels.

        Raises:
            InputError: maps that the layout cannot read.
        """
        faces = self.layout.decode(prediction)
        return PosedFaces(self.fit(faces.vertices), faces.camera)
