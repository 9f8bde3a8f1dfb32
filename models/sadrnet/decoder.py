"""From UV maps to coefficients and cameras: what evaluation and reconstruction understand.

Coefficients are the most likely ones behind the vertices, with blendshapes within [0,1]: linear
least squares with bounds, in batches (`least_in_box`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...geometry.checks import check_shape
from ...geometry.coefficients import EXPRESSION_UNIT, Coefficients, ambient_light
from ...geometry.face_model import FaceModel
from ...geometry.posed import PosedFaces
from .layout import UvLayout, UvSpec
from .network import UvPrediction
from .self_alignment import INDEPENDENT, NOISE_MM

_SHORTER = 8  # halvings that the line search looks at


def least_in_box(
    normal: Tensor, right: Tensor, low: Tensor, *, high: Tensor, steps: int = 30
) -> Tensor:
    """The x of low <= x <= high with the least x^T N x / 2 - x^T r.

    Projected Newton steps (Bertsekas, Projected Newton Methods, SIAM J. Control Optim. 1982): the
    unknowns that a bound holds stay there, the others are solved for exactly, and of the steps of
    1, 1/2, 1/4 ... of that way the best is taken.

    Args:
        normal: (K,K), symmetric and positive definite.
        right: (B,K); gradients pass to it, through the unknowns that no bound holds.
        low, high: (K,), infinite where there is no bound.
        steps: at most so many; few are needed.

    Returns:
        (B,K).

    Raises:
        InputError: wrong shapes.
    """
    check_shape("normal", normal, ("K", "K"))
    check_shape("right", right, ("B", len(normal)))
    for name, bound in (("low", low), ("high", high)):
        check_shape(name, bound, (len(normal),))
    with torch.no_grad():
        x = torch.linalg.solve(normal, right.T).T.clamp(low, high)
        for _ in range(steps):
            goal = _solved(normal, right, x, _held(normal, right, x, low, high))
            moved = _best(normal, right, x, goal, low, high)
            if torch.equal(moved, x):
                break
            x = moved
    return _solved(normal, right, x, _held(normal, right, x, low, high)).clamp(low, high)


def _held(normal: Tensor, right: Tensor, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Unknowns (B,K) at a bound that would leave the box."""
    gradient = (x @ normal - right).detach()
    return ((x <= low) & (gradient > 0)) | ((x >= high) & (gradient < 0))


def _solved(normal: Tensor, right: Tensor, x: Tensor, held: Tensor) -> Tensor:
    """The least (B,K) with held unknowns where they are."""
    free = ~held
    system = torch.where(
        free[:, :, None] & free[:, None], normal, torch.diag_embed(held.to(normal))
    )
    fixed = torch.where(held, x, 0.0)
    wanted = torch.where(held, x, right - fixed @ normal)
    return torch.linalg.solve(system, wanted[..., None])[..., 0]


def _best(
    normal: Tensor, right: Tensor, x: Tensor, goal: Tensor, low: Tensor, high: Tensor
) -> Tensor:
    """The best point on the way to the goal, held in the box."""
    shares = 0.5 ** torch.arange(_SHORTER).to(x)
    tried = (x + shares[:, None, None] * (goal - x)).clamp(low, high)
    tried = torch.cat([x[None], tried])  # first: not to move, unless that is better
    energy = (tried * (0.5 * tried @ normal - right)).sum(-1)
    return tried.gather(0, energy.argmin(0)[None, :, None].expand(1, *x.shape))[0]


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
        numbers = least_in_box(self.normal, offset @ self.basis.T, self.low, high=self.high)
        identity, expression, albedo = self.sizes
        count = len(vertices)
        return Coefficients(
            numbers[:, :identity],
            numbers[:, identity : identity + expression],
            numbers.new_zeros(count, albedo),
            ambient_light(count).to(numbers),
        )


class UvDecoder(nn.Module):
    """Reads faces of a face model off the UV maps that a network predicts.

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
