"""Gates for the channels of a map: squeeze and excitation, and coordinate attention.

Squeeze and excitation is Hu et al. 2018, equations 2 to 4; coordinate attention is Hou et al.
2021, CSANet's equations 5 to 8.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...core.errors import InputError

_FEWEST = 8
Activation = Literal["swish", "hswish"]
ACTIVATIONS: dict[Activation, type[nn.Module]] = {"swish": nn.SiLU, "hswish": nn.Hardswish}


class SqueezeExcitation(nn.Module):
    """One gate for every channel: y = x * sigmoid(W2 ReLU(W1 mean(x))), without biases.

    Args:
        channels: of the input and the output.
        reduction: the inner channels are channels // reduction, at least 1. 16 is the paper's and
            that of DAMDNet's code.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        inner = max(1, channels // reduction)
        self.squeeze = nn.Linear(channels, inner, bias=False)
        self.excite = nn.Linear(inner, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B,channels,H,W) to the same shape."""
        inner = functional.relu(self.squeeze(x.mean((2, 3))))
        return x * torch.sigmoid(self.excite(inner))[:, :, None, None]


class CoordinateAttention(nn.Module):
    """One gate for every row and one for every column of each channel.

    z_h, z_w = means over the columns and over the rows; f = act(norm(F1 [z_h, z_w]))
    (equation 5); g_h = sigmoid(F_h f_h), g_w = sigmoid(F_w f_w) (equations 6 and 7);
    y_c(i,j) = x_c(i,j) g_h_c(i) g_w_c(j) (equation 8, which prints g_c^c(i) for g_h_c(i)).

    CSANet calls the activation "Swish ... x sigmoid(x)"; the original's code has h-swish,
    x ReLU6(x+3)/6. It gives no reduction: 32, the original's.

    Args:
        channels: of the input and the output.
        reduction: the inner channels are channels / reduction, at least 8.
        act: "swish" or "hswish".

    Raises:
        InputError: another activation.
    """

    def __init__(self, channels: int, reduction: int = 32, act: Activation = "swish") -> None:
        super().__init__()
        if act not in ACTIVATIONS:
            raise InputError("act", f"one of {', '.join(ACTIVATIONS)}", repr(act))
        inner = max(_FEWEST, channels // reduction)
        self.encode = nn.Sequential(
            nn.Conv2d(channels, inner, 1, bias=False), nn.BatchNorm2d(inner), ACTIVATIONS[act]()
        )
        self.rows = nn.Conv2d(inner, channels, 1)
        self.columns = nn.Conv2d(inner, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B,channels,H,W) to the same shape."""
        of_rows = x.mean(3, keepdim=True)  # (B,C,H,1)
        of_columns = x.mean(2, keepdim=True).transpose(2, 3)  # (B,C,W,1)
        encoded = self.encode(torch.cat([of_rows, of_columns], 2))
        f_rows, f_columns = encoded.split([x.shape[2], x.shape[3]], 2)
        g_columns = torch.sigmoid(self.columns(f_columns.transpose(2, 3)))
        return x * torch.sigmoid(self.rows(f_rows)) * g_columns
