"""Networks by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from ..core.errors import InputError, UnknownNameError
from ..core.registry import Registry
from .network import Network

NETWORKS: Registry[Network] = Registry("network")
"""Entries build a `Network` from keyword options, all with defaults.

Those that predict parameters have the option `outputs`. An unknown option is an `UnknownNameError`.
"""

_STAGES = ("blocks", "widths")
_MOST = 1 << 24


def create_parameter_network(name: str, outputs: int, options: Mapping[str, object]) -> Network:
    """A network that predicts numbers, in its initial state.

    Args:
        name: of `NETWORKS`.
        outputs: how many numbers it predicts.
        options: its others.

    Raises:
        UnknownNameError: no such network or option.
        InputError: a network that predicts something else, or an option out of range.

    Example:
        >>> create_parameter_network("csanet", 62, {"size": 64}).input_shape
        (3, 64, 64)
    """
    try:
        return NETWORKS.create(name, **{**options, "outputs": outputs})
    except UnknownNameError as error:
        if error.name != "outputs":
            raise
        raise InputError("network.name", "a network of parameters", name) from error


@NETWORKS.register("dense-points")
def _dense_points(**options: object) -> Network:
    from .dense_points import DensePointNetwork, DensePointOptions

    return DensePointNetwork(_with(DensePointOptions(), options))


@NETWORKS.register("mobdensenet")
def _mobdensenet(**options: object) -> Network:
    from .mobdensenet import MobDenseNet, MobDenseNetOptions

    return MobDenseNet(_with(MobDenseNetOptions(), options))


@NETWORKS.register("damdnet")
def _damdnet(**options: object) -> Network:
    from .damdnet import DamdNet, DamdNetOptions

    return DamdNet(_with(DamdNetOptions(), options))


@NETWORKS.register("csanet")
def _csanet(**options: object) -> Network:
    from .csanet import CsaNet, CsaNetOptions

    return CsaNet(_with(CsaNetOptions(), options))


@NETWORKS.register("mobile_facernet")
def _mobile_facernet(**options: object) -> Network:
    from .mobile_facernet import MobileFaceRNet, MobileFaceRNetOptions

    return MobileFaceRNet(_with(MobileFaceRNetOptions(), options))


@NETWORKS.register("mlanet")
def _mlanet(**options: object) -> Network:
    from .mlanet import MlaNet, MlaNetOptions

    return MlaNet(_with(MlaNetOptions(), options))


@NETWORKS.register("sadrnet")
def _sadrnet(**options: object) -> Network:
    from .sadrnet.network import SadrNet, SadrNetOptions

    return SadrNet(_with(SadrNetOptions(), options))


@NETWORKS.register("3ddfa")
def _two_stream(**options: object) -> Network:
    from .tddfa.two_stream import TwoStreamNetwork, TwoStreamOptions

    return TwoStreamNetwork(_with(TwoStreamOptions(), options))


@NETWORKS.register("mobilenet_v1")
def _mobilenet_v1(**options: object) -> Network:
    from .tddfa.mobilenet_v1 import MobileNetV1, MobileNetV1Options

    return MobileNetV1(_with(MobileNetV1Options(), options))


@NETWORKS.register("resnet18")
def _resnet18(**options: object) -> Network:
    return _baseline("resnet18", options)


@NETWORKS.register("resnet34")
def _resnet34(**options: object) -> Network:
    return _baseline("resnet34", options)


@NETWORKS.register("resnet50")
def _resnet50(**options: object) -> Network:
    return _baseline("resnet50", options)


@NETWORKS.register("resnext50")
def _resnext50(**options: object) -> Network:
    return _baseline("resnext50", options)


@NETWORKS.register("mobilenet_v2")
def _mobilenet_v2(**options: object) -> Network:
    return _baseline("mobilenet_v2", options)


@NETWORKS.register("densenet121")
def _densenet121(**options: object) -> Network:
    return _baseline("densenet121", options)


def _baseline(name: str, options: dict[str, object]) -> Network:
    from .baselines import BASELINES, BaselineNetwork

    return BaselineNetwork(name, _with(BASELINES[name].options, options))


def _with(defaults: Any, options: dict[str, object]) -> Any:  # noqa: ANN401
    """The default options with some changed; lists, as JSON and YAML have them, become tuples."""
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
