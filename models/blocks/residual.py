"""Convolution with normalisation, and the plain residual block."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

QUIET = 0.1
"""Weight at first of the norm that ends a branch beside a shortcut, where networks are trained from
nothing; cf. Goyal et al. 2017, section 5.1, who take 0."""


def conv_norm(
    inputs: int,
    outputs: int,
    kernel: int = 3,
    stride: int = 1,
    *,
    groups: int = 1,
    dilation: int = 1,
) -> nn.Sequential:
    """Convolution without bias and batch normalisation; keeps the size when stride is 1."""
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias=False),
        nn.BatchNorm2d(outputs),
    )


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al. 2016, figure 2), dense and unbottlenecked.

    Args:
        inputs, outputs: channels.
        stride: of the first convolution and of the 1x1 shortcut, which is the identity where
            nothing changes.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = conv_norm(inputs, outputs, 3, stride)
        self.second = conv_norm(outputs, outputs)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else conv_norm(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B,inputs,H,W) to (B,outputs,H/stride,W/stride)."""
        y = functional.relu(self.first(x), inplace=True)
        return functional.relu(self.second(y) + self.shortcut(x), inplace=True)
