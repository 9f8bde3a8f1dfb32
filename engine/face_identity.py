"""Identity of a rendering and its photograph, as a face recogniser sees it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..core.errors import MissingFileError
from ..evaluate.embedders import EMBEDDERS, Embedder


class IdentityTerm:
    """1 - cosine of the vectors of aligned faces, differentiable through the rendering.

    MLANet eq. 11; alignment by the predicted landmarks, which is not learnt.

    Args:
        embedder: whose network sees the faces.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._device = torch.device("cpu")

    @classmethod
    def load(cls, name: str, weights_dir: str) -> IdentityTerm:
        """The recogniser of `EMBEDDERS` with the user's weights.

        Raises:
            MissingFileError: its file is not there; the message names source, licence and options.
        """
        try:
            return cls(EMBEDDERS.create(name, Path(weights_dir) if weights_dir else None))
        except MissingFileError as error:
            remedy = (
                f"{error.remedy} Name its folder by loss.identity_weights_dir=DIR, or switch the "
                "term off by loss.identity=0."
            )
            raise MissingFileError(error.path, error.what, remedy) from error

    def to(self, device: torch.device | str) -> IdentityTerm:
        """Itself; the recogniser is moved to another device if it is a module, else it stays."""
        if isinstance(self._embedder.network, nn.Module):
            self._embedder.network.to(device)
            self._device = torch.device(device)
        return self

    def __call__(self, rendered: Tensor, photo: Tensor, landmarks: Tensor) -> Tensor:
        """(B,) in [0,2], on the images' device.

        Args:
            rendered: (B,3,H,W) the rendering over the photograph, in [0,1].
            photo: (B,3,H,W). landmarks: (B,68,2) predicted, in their pixels.
        """
        crops = [self._embedder.align_landmarks(points) for points in landmarks.detach().cpu()]
        pairs = zip(crops, rendered.split(1), photo.split(1), strict=True)
        cut = [(crop.warp(one)[0], crop.warp(other)[0]) for crop, one, other in pairs]
        seen = self._vectors(torch.cat([one for one, _ in cut]))
        with torch.no_grad():
            given = self._vectors(torch.cat([other for _, other in cut]))
        return 1 - (seen * given).sum(1)

    def _vectors(self, crops: Tensor) -> Tensor:
        vectors = self._embedder.network(crops.to(self._device)).to(crops.device)
        return functional.normalize(vectors, dim=1)
