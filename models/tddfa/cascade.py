"""3DDFA's cascade: parameters that a network corrects again and again, seeing where they lie.

Zhu et al., Face Alignment Across Large Poses, CVPR 2016: p_{k+1} = p_k + Net(I, p_k), where the
network sees the photograph, the PNCC of p_k and the patches around the anchors of p_k. CSANet
trains this again as its baseline ("unified network structure across the cascade") and gives neither
the number of iterations nor how they are trained.

The anchors are those of Zhu et al., Face Alignment in Full Pose Range: A 3D Total Solution, TPAMI
2019 (pose adaptive convolution): points spread evenly over the face are projected by the current
parameters, the photograph is read around each, and the patches, laid out in the anchors' order,
make an image in which every place belongs to one part of the face whatever its pose. The paper
unrolls the face from a cylinder and takes 64 x 64 anchors; here they are as many as the network
asks for.

Ours: one network for all iterations; p_0 is the mean of the training set; three iterations; the
parameters between iterations are kept within 5 standard deviations, so that an untrained network
does not lose the face; and how it is trained (`starts`): the iterations before the last one run
without gradient, in evaluation mode, as they will when the network is used, and the network then
learns the corrections of every iteration in one batch. Ours, too: the cylinder's axis (vertical,
behind the face's skin), anchors beside the unrolled face's convex outline moved to its nearest
vertex, patches upright and 1 pixel apart, and self-occluded anchors read as the others are.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...core.errors import InputError
from ...geometry.camera import AffineCamera
from ...geometry.checks import check_shape
from ...geometry.face_model import FaceModel
from ...geometry.landmarks import LandmarkSet
from .layout import TddfaLayout
from .two_stream import PATCH

_SKIN, _FOLDED = "face", "ears"
Pncc = Callable[[Tensor, AffineCamera, tuple[int, int]], Tensor]
"""(vertices (B,V,3), cameras, (height, width)) to PNCC (B,3,height,width)."""
CHANNELS = 9  # photograph, PNCC, patches
_LIMIT = 5.0  # standard deviations


def face_anchors(model: FaceModel, side: int) -> LandmarkSet:
    """side x side points of the mean face's skin, row by row from the forehead down.

    Columns go from the image's left to its right in a frontal view. The skin is unrolled to
    (azimuth, height), scaled to mm at its mean radius; anchors lie at the middles of equal cells.

    Args:
        model: its region "face" without "ears", where it has these.
        side: anchors in a row and in a column.

    Raises:
        InputError: side below 1, or a model without surface.
    """
    from scipy.spatial import Delaunay, cKDTree

    if side < 1:
        raise InputError("side", "1 or more", str(side))
    skin = model.region(_SKIN)
    if _FOLDED in model.regions:
        skin = skin & ~model.region(_FOLDED)
    numbers = torch.nonzero(skin)[:, 0].cpu().numpy()
    if not len(model.faces) or len(numbers) < 4:
        raise InputError("face model", "one with a surface, for anchors on it", repr(model.name))
    plane = unrolled(model.mean[skin].double().cpu().numpy())
    places = _grid(plane, side)
    mesh = Delaunay(plane)
    simplex = mesh.find_simplex(places)
    ids, weights = numbers[mesh.simplices[simplex]], _barycentric(mesh.transform[simplex], places)
    outside = simplex < 0
    ids[outside] = numbers[cKDTree(plane).query(places[outside])[1]][:, None]
    weights[outside] = (1, 0, 0)
    count = len(places)
    return LandmarkSet(
        "anchors",
        torch.from_numpy(ids.astype(np.int64)),
        torch.from_numpy(weights.astype(np.float32)),
        torch.zeros(count, 3),
        torch.ones(count, dtype=torch.bool),
    )


def unrolled(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (V,3) on a cylinder round a vertical axis behind them, unrolled: (V,2) mm, x right.

    The axis goes through the middle of their x and their rearmost z, so that every point lies
    within 90 degrees of the front.
    """
    x = points[:, 0] - (points[:, 0].min() + points[:, 0].max()) / 2
    z = points[:, 2] - points[:, 2].min()
    radius = float(np.hypot(x, z).mean())
    return np.stack([radius * np.arctan2(x, z), points[:, 1]], 1)


def anchor_patches(images: Tensor, places: Tensor, patch: int = 3) -> Tensor:
    """The photograph around the anchors' images, as one image.

    Args:
        images: (B,C,S,S).
        places: (B,N,2) pixels, N = n x n, in the anchors' order.
        patch: pixels of a patch's side.

    Returns:
        (B,C,patch n,patch n): patch (r,c) at rows patch r.., columns patch c.., its middle at
        anchor n r + c; read bilinearly, 0 outside the photograph.

    Raises:
        InputError: a number of anchors that is no square.
    """
    check_shape("images", images, ("B", "C", "S", "S"))
    check_shape("places", places, (len(images), "N", 2))
    side = round(places.shape[1] ** 0.5)
    if side * side != places.shape[1]:
        raise InputError("places", "a square number of anchors", str(places.shape[1]))
    middle = (patch - 1) / 2
    step = torch.arange(patch, dtype=places.dtype, device=places.device) - middle
    down, right = torch.meshgrid(step, step, indexing="ij")
    grid = places.unflatten(1, (side, 1, side, 1)) + torch.stack([right, down], -1)[:, None]
    pixels = grid.flatten(3, 4).flatten(1, 2)
    size = images.shape[-1]
    return torch.nn.functional.grid_sample(
        images, (2 * pixels / size - 1).to(images), align_corners=False, padding_mode="zeros"
    )


def _grid(plane: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """(side^2,2) middles of equal cells of the points' box, the highest row first."""
    low, high = plane.min(0), plane.max(0)
    share = (np.arange(side) + 0.5) / side
    x = low[0] + share * (high[0] - low[0])
    y = high[1] - share * (high[1] - low[1])
    return np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)


def _barycentric(
    transform: NDArray[np.float64], places: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weights (N,3) of places (N,2) in triangles, by scipy's `Delaunay.transform` (N,3,2)."""
    first = np.einsum("nij,nj->ni", transform[:, :2], places - transform[:, 2])
    return np.concatenate([first, 1 - first.sum(1, keepdims=True)], 1)


class Cascade(nn.Module):
    """What the iterations of 3DDFA's cascade share: what they see, and how they follow.

    Args:
        layout: of the parameters; its whitening may still change. The side of its crops is a
            multiple of 3, as there is a patch of 3 x 3 pixels for every anchor.
        model: the face model of the layout.
        pncc: draws the PNCC, such as `render.PnccRenderer`.
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
            images: (B,3,S,S) RGB in [0,1].
            outputs: (B,P), whitened.

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
            parameters = [self.first(images)]
            for _ in range(self.iterations - 1):
                parameters.append(self.step(network, images, parameters[-1]).clamp(-_LIMIT, _LIMIT))
        finally:
            network.train(training)
        return parameters

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
