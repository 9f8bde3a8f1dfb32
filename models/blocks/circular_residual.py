"""SADRNet's residual block: a 4x4 convolution on a map that goes on at the other side."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

_KERNEL = 4
_PADDING = (2, 1, 2, 1)  # left, right, top, bottom


class CircularResidualBlock(nn.Module):
    """1x1 to half the channels, 4x4, 1x1, each with norm; plus the input; ReLU.

    The paper names "residual blocks [66]" only; kernel, circular padding and the norms' momentum
    of 0.5 are those of SADRNet's code. Its `padding=3` with mode "circular" was written for torch
    before 1.5, which padded 2 before and 1 after; newer versions pad 3 on both sides, which
    changes the shapes. Here the padding is written out.

    Args:
        inputs, outputs: channels.
        stride: 1 or 2; of the 4x4 convolution and of the shortcut's 1x1.
        momentum: of the norms' running statistics.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, momentum: float = 0.5) -> None:
        super().__init__()
        half = outputs // 2
        self.enter = _layer(inputs, half, 1, 1, momentum)
        self.wide = _layer(half, half, _KERNEL, stride, momentum)
        self.leave = _layer(half, outputs, 1, 1, momentum)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else _layer(inputs, outputs, 1, stride, momentum)

    def forward(self, x: Tensor) -> Tensor:
        """(B,inputs,H,W), at least 2x2, to (B,outputs,H/stride,W/stride), rounded up."""
        y = functional.relu(self.enter(x), inplace=True)
        y = functional.relu(self.wide(functional.pad(y, _PADDING, "circular")), inplace=True)
        return functional.relu(self.leave(y) + self.shortcut(x), inplace=True)


def _layer(inputs: int, outputs: int, kernel: int, stride: int, momentum: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, bias=False),
        nn.BatchNorm2d(outputs, momentum=momentum),
    )
