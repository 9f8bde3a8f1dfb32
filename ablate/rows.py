"""The rows of the papers' ablations: which configuration each is, and how it is called.

A row is called as the paper's table calls it where it has that row. The last one is the whole
network, which the others are compared with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..core.errors import UnknownNameError
from ..core.registry import Registry


@dataclass(frozen=True)
class AblationRow:
    """One network of an ablation.

    Attributes:
        label: as in the paper's table, or what is taken away.
        config: a name of configs/.
    """

    label: str
    config: str


@dataclass(frozen=True)
class Ablation:
    """What a paper compares, and how it learns from drawn faces in a short run.

    A schedule of 50 epochs cannot be followed in some thousand steps. So short runs have AdamW at
    a rate that fits, and what the papers' recipes need to learn from drawn faces alone.

    Attributes:
        rows: the whole network last.
        size: side of the networks' input in pixels.
        rate: largest learning rate of short runs.
        short: further settings of short runs.
        drawn: settings of runs that learn from drawn faces.
    """

    rows: tuple[AblationRow, ...]
    size: int
    rate: float
    short: tuple[str, ...] = ()
    drawn: tuple[str, ...] = ()

    def chosen(self, configs: Sequence[str]) -> tuple[AblationRow, ...]:
        """Some of the rows in the paper's order; none named: all.

        Raises:
            UnknownNameError: no such row.
        """
        known = {row.config: row for row in self.rows}
        for config in configs:
            if config not in known:
                raise UnknownNameError("row", config, list(known))
        return tuple(row for row in self.rows if not configs or row.config in configs)


ABLATIONS: Registry[Ablation] = Registry("paper with an ablation")
"""By the names of `selfie3d table`."""

_BY_BOX = "data.crop=tight"  # the papers' crop takes five points, and scoring gives a box
_NO_TRUTH = tuple(f"loss.{term}=0" for term in ("points", "depth", "coefficients"))


def _rows(**labels: str) -> tuple[AblationRow, ...]:
    """From configurations to labels."""
    return tuple(AblationRow(label, config) for config, label in labels.items())


@ABLATIONS.register("csanet")
def _csanet() -> Ablation:
    """Table 2's "Ours-CA"; the other attention taken away is no row of the paper's."""
    rows = _rows(
        csanet_no_sge="CSANet without SGE",
        csanet_no_ca="CSANet without coordinate attention",
        csanet="CSANet",
    )
    return Ablation(rows, 120, 3e-3)


@ABLATIONS.register("mobdensenet")
def _mobdensenet() -> Ablation:
    """Table 2 of R3FA: networks."""
    rows = _rows(
        r3fa_resnext50="ResNeXt50",
        r3fa_mobilenet_v2="MobileNetV2",
        r3fa_densenet121="DenseNet121",
        mobdensenet="MobDenseNet",
    )
    return Ablation(rows, 120, 3e-3)


@ABLATIONS.register("sadrnet")
def _sadrnet() -> Ablation:
    """Table IV."""
    rows = _rows(
        sadrnet_position="position map alone",
        sadrnet_regressed_pose="deformation",
        sadrnet_no_attention="self-alignment, deformation",
        sadrnet_no_self_alignment="attention",
        sadrnet_no_deformation="attention, self-alignment",
        sadrnet="attention, self-alignment, deformation",
    )
    return Ablation(rows, 256, 5e-3, short=("loss.deformation=15",))


@ABLATIONS.register("mlanet")
def _mlanet() -> Ablation:
    """Table 3, printed again as table 4."""
    rows = _rows(
        mlanet_plain="without HSCA, PAF",
        mlanet_no_hsca="without HSCA",
        mlanet_no_paf="without PAF",
        mlanet="MLANet",
    )
    needs = ("loss.identity=0", "network.options.imagenet=")  # no weights of others
    drawn = (*_NO_TRUTH, *needs, _BY_BOX, "loss.prior_identity=40")
    return Ablation(rows, 224, 5e-4, drawn=drawn)


@ABLATIONS.register("mobile-facernet")
def _mobile_facernet() -> Ablation:
    """Tables 4 to 7 and figure 7.

    From nothing, its colours win over its landmarks and the faces leave the picture: so fifty times
    its 400, and the priors that go with it: the printed ones of identity, MLANet's too, let shape
    explain poses while these are learnt.
    """
    rows = _rows(
        mobile_facernet_plain="without both modules",
        mobile_facernet_no_attention="Mobile-FaceRNet without attention",
        mobile_facernet_no_multi_scale="without feature fusion",
        mobile_facernet_no_smoothness="without smoothness",
        mobile_facernet_fixed_bases="with the model's bases",
        mobile_facernet="Mobile-FaceRNet",
    )
    priors = ("loss.prior_expression=4e-3", "loss.prior_identity=0.3")
    return Ablation(rows, 64, 1e-3, drawn=(*_NO_TRUTH, _BY_BOX, "loss.landmarks=20000", *priors))
