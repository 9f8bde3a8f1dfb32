"""DAMDNet (Jiang et al. 2019b): MobDenseNet with attention in its units and between its layers.

Inside the units is spatial group-wise enhancement (SGE; Li et al. 2019; CSANet's equations 3 and
4), between the layers squeeze and excitation.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from .blocks.channel_attention import SqueezeExcitation
from .mobdensenet import DenseMobileNetwork, MobDenseNetOptions

_EPSILON = 1e-5
CHANNELS_OF_A_GROUP = 2


class SpatialGroupEnhance(nn.Module):
    """Weights every place by how much its features resemble their group's mean.

    Of each group of channels, with its mean g over the H*W places (equation 3):
    a = <x, g> at every place, made to mean 0 and standard deviation 1 over the places, and
    y = x * sigmoid(w a + b) (equation 4).

    CSANet leaves out the learned w and b of each group, which the original and DAMDNet's code
    have, and writes only "normalized". Built here: w starts at 0 and b at 1, so that a new block
    multiplies by sigmoid(1); the standard deviation is the unbiased one, plus 1e-5.

    Args:
        channels: a multiple of `groups`.
        groups: sets of neighbouring channels.

    Raises:
        InputError: the channels do not divide into so many groups.
    """

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        if groups < 1 or channels % groups:
            raise InputError("groups", f"a divisor of {channels} channels", str(groups))
        self.groups = groups
        self.weight = nn.Parameter(torch.zeros(groups))
        self.bias = nn.Parameter(torch.ones(groups))

    def forward(self, x: Tensor) -> Tensor:
        """(B,channels,H,W), at least two places, to the same shape."""
        grouped = x.unflatten(1, (self.groups, -1))  # (B,G,C/G,H,W)
        likeness = (grouped * grouped.mean((3, 4), keepdim=True)).sum(2).float()
        centred = likeness - likeness.mean((2, 3), keepdim=True)
        spread = likeness.std((2, 3), keepdim=True) + _EPSILON
        scaled = self.weight[:, None, None] * (centred / spread) + self.bias[:, None, None]
        gate = torch.sigmoid(scaled).to(x.dtype)
        return (grouped * gate.unsqueeze(2)).flatten(1, 2)


@dataclass(frozen=True)
class DamdNetOptions(MobDenseNetOptions):
    """As `MobDenseNetOptions`, with the two attentions.

    Attributes:
        sge: spatial group-wise enhancement in every unit, groups of two channels.
        squeeze_excitation: after every layer, reduction 16.
    """

    sge: bool = True
    squeeze_excitation: bool = True


class DamdNet(DenseMobileNetwork):
    """Crops to 62 numbers, with attention inside the units and between the layers.

    It has 2.755 M parameters, and makes 117.9 M multiplications for 120 pixels, as the public code.

    Args:
        options: see `DamdNetOptions`.
    """

    paper = "DAMDNet (Jiang et al. 2019)"

    def __init__(self, options: DamdNetOptions | None = None) -> None:
        o = options or DamdNetOptions()
        super().__init__(
            o.outputs,
            o.size,
            enhance=lambda c: enhance_groups(c) if o.sge else None,
            attend=lambda c: SqueezeExcitation(c) if o.squeeze_excitation else None,
        )
        self.options = o


def enhance_groups(channels: int) -> SpatialGroupEnhance:
    """Spatial group-wise enhancement in groups of two channels, as DAMDNet's code has it."""
    return SpatialGroupEnhance(channels, channels // CHANNELS_OF_A_GROUP)
