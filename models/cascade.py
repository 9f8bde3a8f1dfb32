"""3DDFA's cascade: parameters that a network corrects again and again, seeing where they lie.

Zhu et al., Face Alignment Across Large Poses, CVPR 2016: p_{k+1} = p_k + Net(I, p_k), where the
network sees the photograph, the PNCC of p_k and the patches around the anchors of p_k. CSANet
trains this again as its baseline ("unified network structure across the cascade") and gives neither
the number of iterations nor how they are trained.

Ours: one network for all iterations; p_0 is the mean of the training set; three iterations; the
parameters between iterations are kept within 5 standard deviations, so that an untrained network
does not lose the face; and how it is trained (`starts`): the iterations before the last one run
without gradient, in evaluation mode, as they will when the network is used, and the network then
learns the corrections of every iteration in one batch.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..geometry.camera import AffineCamera
from ..geometry.face_model import FaceModel
from .cascade_anchors import anchor_patches, face_anchors
from .heads.tddfa_layout import TddfaLayout
from .two_stream import PATCH

Pncc = Callable[[Tensor, AffineCamera, tuple[int, int]], Tensor]
"""(vertices (B,V,3), cameras, (height, width)) to PNCC (B,3,height,width)."""
CHANNELS = 9  # photograph, PNCC, patches
_LIMIT = 5.0  # standard deviations


class Cascade(nn.Module):
    """What the iterations of one network share.

    Args:
        layout: of the parameters; its whitening may still change. Its crops have a side that
            divides by 3: there is a patch of 3 x 3 pixels for every anchor.
        model: of the layout.
        pncc: draws it, see `render.pncc`.
        iterations: how often the network is called.

    Raises:
        InputError: no iteration, a crop that does not divide, or a model without surface.
    """

    mean: Tensor
    identity: Tensor
    expression: Tensor
    anchor_ids: Tensor
    anchor_weights: Tensor

    def __init__(
        self, layout: TddfaLayout, model: FaceModel, pncc: Pncc, iterations: int = 3
    ) -> None:
        super().__init__()
        if iterations < 1:
            raise InputError("iterations", "1 or more", str(iterations))
        size = layout.spec.crop_size
        if size % PATCH:
            raise InputError("crop size", f"a multiple of {PATCH}", str(size))
        self.layout, self.pncc, self.iterations = layout, pncc, iterations
        anchors = face_anchors(model, size // PATCH)
        modes = layout.modes.to(model.expression)
        buffers = {
            "mean": model.mean,
            "identity": model.identity[: layout.parts["identity"]],
            "expression": torch.einsum("kvc,kd->dvc", model.expression, modes),
            "anchor_ids": anchors.vertices,
            "anchor_weights": anchors.weights,
        }
        for name, value in buffers.items():
            self.register_buffer(name, value, persistent=False)

    def first(self, images: Tensor) -> Tensor:
        """p_0 (B,P): the training set's mean."""
        return images.new_zeros(len(images), self.layout.size)

    @torch.no_grad()
    def inputs(self, images: Tensor, outputs: Tensor) -> Tensor:
        """What the network sees of current parameters.

        Args:
            images: (B,3,S,S) RGB in [0,1]. outputs: (B,P), whitened.

        Returns:
            (B,9,S,S): photograph, PNCC, patches.
        """
        size = images.shape[-1]
        with torch.autocast(images.device.type, enabled=False):
            camera = self.layout.affine(outputs)
            vertices = self._vertices(outputs)
            code = self.pncc(vertices, camera, (size, size))
            corners = vertices[:, self.anchor_ids] * self.anchor_weights[..., None]
            places = camera.project(corners.sum(2))[..., :2]
            return torch.cat([images, code.to(images), anchor_patches(images, places, PATCH)], 1)

    def step(self, network: nn.Module, images: Tensor, outputs: Tensor) -> Tensor:
        """p_{k+1} (B,P) of p_k (B,P)."""
        update: Tensor = network(self.inputs(images, outputs))
        return outputs + update.to(outputs)

    @torch.no_grad()
    def starts(self, network: nn.Module, images: Tensor) -> list[Tensor]:
        """p_0, ..., p_{K-1} (B,P) each, without gradient.

        Args:
            network: 9 channels to updates; it evaluates, and is then as it was.
            images: (B,3,S,S).
        """
        training = network.training
        network.eval()
        try:
            found = [self.first(images)]
            for _ in range(self.iterations - 1):
                found.append(self.step(network, images, found[-1]).clamp(-_LIMIT, _LIMIT))
        finally:
            network.train(training)
        return found

    @torch.no_grad()
    def predict(self, network: nn.Module, images: Tensor) -> Tensor:
        """p_K (B,P), after all iterations.

        Args:
            network: as of `starts`; it is left as it is, so it should be evaluating.
            images: (B,3,S,S).
        """
        outputs = self.first(images)
        for k in range(self.iterations):
            outputs = self.step(network, images, outputs)
            if k + 1 < self.iterations:
                outputs = outputs.clamp(-_LIMIT, _LIMIT)
        return outputs

    def _vertices(self, outputs: Tensor) -> Tensor:
        """(B,V,3) mm in model space."""
        parts = self.layout.split(outputs)
        numbers = torch.cat([parts["identity"], parts["expression"]], 1)
        basis = torch.cat([self.identity, self.expression])
        return self.mean + (numbers @ basis.flatten(1)).unflatten(1, (-1, 3))
