"""IResNet of ArcFace: faces to vectors whose angle says how alike two people look.

Deng et al. 2019, with the improved residual units of Duta et al. 2020. The names of the tensors are
those of insightface's public PyTorch weights (`backbone.pth` of its arcface_torch), so that these
load as they are. Depth is read from the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from ...core.errors import InputError
from ...core.sketch import sketching
from ..checkpoint import count_children, load_state, read_state

INPUT_SHAPE = (3, 112, 112)
DIMENSIONS = 512
_WIDTHS = (64, 128, 256, 512)
_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 14, 3), 100: (3, 13, 30, 3)}


class _Unit(nn.Module):
    """Two 3x3 convolutions, norms first and last, PReLU between; the second one strides."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.prelu = nn.PReLU(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
        self.downsample = nn.Sequential(*shortcut) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        inner = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        return self.bn3(self.conv2(inner)) + self.downsample(x)


class IResNet(nn.Module):
    """Aligned faces to vectors of 512.

    Args:
        depth: 18, 34, 50 or 100.

    Raises:
        InputError: another depth.
    """

    def __init__(self, depth: int = 50) -> None:
        super().__init__()
        if depth not in _BLOCKS:
            raise InputError("depth", f"one of {', '.join(map(str, _BLOCKS))}", str(depth))
        self.depth, self.input_shape = depth, INPUT_SHAPE
        self.conv1 = nn.Conv2d(3, _WIDTHS[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(_WIDTHS[0])
        self.prelu = nn.PReLU(_WIDTHS[0])
        inputs = _WIDTHS[0]
        for stage, (width, count) in enumerate(zip(_WIDTHS, _BLOCKS[depth], strict=True), 1):
            units = [_Unit(inputs, width, 2), *(_Unit(width, width, 1) for _ in range(count - 1))]
            self.add_module(f"layer{stage}", nn.Sequential(*units))
            inputs = width
        self.bn2 = nn.BatchNorm2d(inputs)
        side = INPUT_SHAPE[-1] // 2 ** len(_WIDTHS)
        self.fc = nn.Linear(inputs * side * side, DIMENSIONS)
        self.features = nn.BatchNorm1d(DIMENSIONS)

    def forward(self, faces: Tensor) -> Tensor:
        """(B,512), not normalised, of RGB faces (B,3,112,112) in [0,1] aligned by five points."""
        x = self.prelu(self.bn1(self.conv1(2 * faces - 1)))
        for stage in range(1, len(_WIDTHS) + 1):
            x = self.get_submodule(f"layer{stage}")(x)
        vectors: Tensor = self.features(self.fc(self.bn2(x).flatten(1)))
        return vectors


def load_iresnet(path: str | Path) -> IResNet:
    """ArcFace's network out of a file with insightface's weights, ready to use.

    Args:
        path: of insightface's `backbone.pth`; its tensors tell the depth.

    Raises:
        MissingFileError: no such file.
        InputError: the file is damaged, or its tensors are no IResNet's.
    """
    state = read_state(path)
    with sketching():
        network = IResNet(_depth_of(state, path))
    return load_state(network, state, path)


def _depth_of(state: Mapping[str, Tensor], path: str | Path) -> int:
    blocks = tuple(count_children(state, f"layer{k}") for k in range(1, len(_WIDTHS) + 1))
    for depth, known in _BLOCKS.items():
        if known == blocks:
            return depth
    raise InputError(
        str(path),
        f"an IResNet of depth {', '.join(map(str, _BLOCKS))}",
        f"tensors {', '.join(list(state)[:3])}, ...",
        "Use backbone.pth of insightface's arcface_torch.",
    )
