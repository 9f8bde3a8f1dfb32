"""Networks by name."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from torch import nn

from ..core.errors import InputError, UnknownNameError
from ..core.registry import Registry

NETWORKS: Registry[nn.Module] = Registry("network")
"""Entries build an `nn.Module` from keyword options, all with defaults.

Each network has
- `input_shape`: (channels, height, width) of one image, RGB in [0,1];
- `output_kind`: "points" (`PointPrediction`), "parameters" ((B,outputs), option `outputs`) or
  "uv" (`UvPrediction`);
- `options`: the frozen dataclass it was built with, less files that were read; `vars` of it builds
  the network again;
- `paper`: where it comes from.
An unknown option is an `UnknownNameError`.
"""

_STAGES = ("blocks", "widths")
_MOST = 1 << 24


@NETWORKS.register("dense-points")
def _dense_points(**options: object) -> nn.Module:
    from .dense_points import DensePointNetwork, DensePointOptions

    return DensePointNetwork(_with(DensePointOptions(), options))


@NETWORKS.register("mobdensenet")
def _mobdensenet(**options: object) -> nn.Module:
    from .mobdensenet import MobDenseNet, MobDenseNetOptions

    return MobDenseNet(_with(MobDenseNetOptions(), options))


@NETWORKS.register("damdnet")
def _damdnet(**options: object) -> nn.Module:
    from .damdnet import DamdNet, DamdNetOptions

    return DamdNet(_with(DamdNetOptions(), options))


@NETWORKS.register("csanet")
def _csanet(**options: object) -> nn.Module:
    from .csanet import CsaNet, CsaNetOptions

    return CsaNet(_with(CsaNetOptions(), options))


@NETWORKS.register("mobile_facernet")
def _mobile_facernet(**options: object) -> nn.Module:
    from .mobile_facernet import MobileFaceRNet, MobileFaceRNetOptions

    return MobileFaceRNet(_with(MobileFaceRNetOptions(), options))


@NETWORKS.register("mlanet")
def _mlanet(**options: object) -> nn.Module:
    from .mlanet import MlaNet, MlaNetOptions

    return MlaNet(_with(MlaNetOptions(), options))


@NETWORKS.register("sadrnet")
def _sadrnet(**options: object) -> nn.Module:
    from .sadrnet.network import SadrNet, SadrNetOptions

    return SadrNet(_with(SadrNetOptions(), options))


@NETWORKS.register("3ddfa")
def _two_stream(**options: object) -> nn.Module:
    from .tddfa.two_stream import TwoStreamNetwork, TwoStreamOptions

    return TwoStreamNetwork(_with(TwoStreamOptions(), options))


@NETWORKS.register("mobilenet_v1")
def _mobilenet_v1(**options: object) -> nn.Module:
    from .tddfa.mobilenet_v1 import MobileNetV1, MobileNetV1Options

    return MobileNetV1(_with(MobileNetV1Options(), options))


@NETWORKS.register("resnet18")
def _resnet18(**options: object) -> nn.Module:
    return _baseline("resnet18", options)


@NETWORKS.register("resnet34")
def _resnet34(**options: object) -> nn.Module:
    return _baseline("resnet34", options)


@NETWORKS.register("resnet50")
def _resnet50(**options: object) -> nn.Module:
    return _baseline("resnet50", options)


@NETWORKS.register("resnext50")
def _resnext50(**options: object) -> nn.Module:
    return _baseline("resnext50", options)


@NETWORKS.register("mobilenet_v2")
def _mobilenet_v2(**options: object) -> nn.Module:
    return _baseline("mobilenet_v2", options)


@NETWORKS.register("densenet121")
def _densenet121(**options: object) -> nn.Module:
    return _baseline("densenet121", options)


def _baseline(name: str, options: dict[str, object]) -> nn.Module:
    from .baselines import BASELINES, BaselineNetwork

    return BaselineNetwork(name, _with(BASELINES[name].options, options))


def _with(defaults: Any, options: dict[str, object]) -> Any:  # noqa: ANN401
    """The options with some changed; lists, as JSON and YAML have them, become tuples."""
    known = [field.name for field in fields(defaults)]
    for name in options:
        if name not in known:
            raise UnknownNameError("option", name, known)
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    for name, value in values.items():
        _check_counts(name, value)
    return replace(defaults, **values)


def _check_counts(name: str, value: object) -> None:
    """Whole numbers count something: 0 or more, widths and blocks of a stage 1 or more.

    Raises:
        InputError: others.
    """
    least = 1 if name in _STAGES else 0
    for item in value if isinstance(value, tuple) else (value,):
        if isinstance(item, int) and not least <= item <= _MOST:
            raise InputError(name, f"whole numbers from {least} to {_MOST:,}", f"{value}")
