"""DAMDNet (Jiang et al. 2019b): MobDenseNet with attention in its units and between its layers."""

from __future__ import annotations

from dataclasses import dataclass

from .blocks.sge import SpatialGroupEnhance
from .blocks.squeeze_excitation import SqueezeExcitation
from .mobdensenet import DenseMobileNetwork, MobDenseNetOptions

CHANNELS_OF_A_GROUP = 2


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
    """2.755 M parameters, 117.9 M multiplications at 120 px, as the public code has.

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
