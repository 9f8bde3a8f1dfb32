"""LightCNN-29: a small face recogniser on grey faces (Wu et al. 2018, table II).

Every layer halves its channels by taking the larger of two (max-feature-map). The names of the
tensors are those of the author's public PyTorch weights, `LightCNN_29Layers_checkpoint.pth.tar`.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...core.sketch import sketching
from ..checkpoint import load_state, read_state

INPUT_SHAPE = (1, 128, 128)
DIMENSIONS = 256
_CLASSIFIER = "fc2."  # identities of the training set
_STAGES = ((48, 96, 1), (96, 192, 2), (192, 128, 3), (128, 128, 4))
"""Channels in, channels out, residual blocks; block 4 follows group 3 without pooling."""


class _MaxFeatureMap(nn.Module):
    """A layer with twice the channels, then the larger of each two."""

    def __init__(self, layer: nn.Conv2d | nn.Linear) -> None:
        super().__init__()
        self.filter = layer

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.filter(x).chunk(2, 1)
        return torch.maximum(first, second)


def _convolution(inputs: int, outputs: int, kernel: int) -> _MaxFeatureMap:
    return _MaxFeatureMap(nn.Conv2d(inputs, 2 * outputs, kernel, padding=kernel // 2))


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = _convolution(channels, channels, 3)
        self.conv2 = _convolution(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(self.conv1(x))


class _Group(nn.Module):
    """A 1x1 layer that keeps the channels, then a 3x3 layer."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv_a = _convolution(inputs, inputs, 1)
        self.conv = _convolution(inputs, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.conv_a(x))


class LightCnn29(nn.Module):
    """Aligned grey faces to vectors of 256, without the classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.input_shape = INPUT_SHAPE
        self.conv1 = _convolution(1, 48, 5)
        for k, (inputs, outputs, count) in enumerate(_STAGES, 1):
            self.add_module(f"block{k}", nn.Sequential(*(_Residual(inputs) for _ in range(count))))
            self.add_module(f"group{k}", _Group(inputs, outputs))
        self.fc = _MaxFeatureMap(nn.Linear(8 * 8 * 128, 2 * DIMENSIONS))

    def forward(self, faces: Tensor) -> Tensor:
        """(B,256), not normalised, of grey faces (B,1,128,128) in [0,1]."""
        x = functional.max_pool2d(self.conv1(faces), 2)
        for k in range(1, len(_STAGES) + 1):
            x = self.get_submodule(f"group{k}")(self.get_submodule(f"block{k}")(x))
            x = x if k == 3 else functional.max_pool2d(x, 2)
        vectors: Tensor = self.fc(x.flatten(1))
        return vectors


def load_lightcnn29(path: str | Path) -> LightCnn29:
    """LightCNN-29 out of a file with the author's weights, ready to use, without its classifier.

    Args:
        path: of `LightCNN_29Layers_checkpoint.pth.tar`.

    Raises:
        MissingFileError: no such file.
        InputError: the file is damaged, or its tensors are not LightCNN-29's.
    """
    state = read_state(path)
    kept = {key: value for key, value in state.items() if not key.startswith(_CLASSIFIER)}
    with sketching():
        network = LightCnn29()
    return load_state(network, kept, path)
