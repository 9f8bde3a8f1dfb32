"""CSANet: MobDenseNet's plan with SGE in its units and coordinate attention between its layers.

The paper (section 4.1) gives seven layers of units "inspired by" DAMDNet and no table of them, so
the sizes are those of DAMDNet's public code, in which coordinate attention takes the place of
squeeze and excitation. Its ablation "Ours-CA" is `sge=False`.
"""

from __future__ import annotations

from dataclasses import dataclass

from .blocks.channel_attention import Activation, CoordinateAttention
from .damdnet import enhance_groups
from .mobdensenet import DenseMobileNetwork, MobDenseNetOptions


@dataclass(frozen=True)
class CsaNetOptions(MobDenseNetOptions):
    """As `MobDenseNetOptions`, with the two attentions.

    Attributes:
        sge: spatial group-wise enhancement in every unit, groups of two channels.
        coordinate_attention: after every layer.
        act: of coordinate attention: "swish" (the paper) or "hswish" (the cited code).
        reduction: of coordinate attention; the paper gives none, 32 is the cited code's.
    """

    sge: bool = True
    coordinate_attention: bool = True
    act: Activation = "swish"
    reduction: int = 32


class CsaNet(DenseMobileNetwork):
    """Crops to 62 numbers: 12 of the pose (a 3x4 affine), 40 of shape, 10 of expression.

    The paper states neither parameters nor multiplications: 2.758 M and 118.1 M at 120 px.

    Args:
        options: see `CsaNetOptions`.

    Example:
        >>> import torch
        >>> network = CsaNet(CsaNetOptions(size=64)).eval()
        >>> tuple(network(torch.zeros(1, 3, 64, 64)).shape)
        (1, 62)
    """

    paper = "CSANet (Liu et al.)"

    def __init__(self, options: CsaNetOptions | None = None) -> None:
        o = options or CsaNetOptions()
        super().__init__(
            o.outputs,
            o.size,
            enhance=lambda c: enhance_groups(c) if o.sge else None,
            attend=lambda c: (
                CoordinateAttention(c, o.reduction, o.act) if o.coordinate_attention else None
            ),
        )
        self.options = o
