"""Configuration: frozen dataclasses merged with a YAML file and `key.sub=value`.

Every part states its options as a frozen dataclass beside itself; the defaults are the
documentation. OmegaConf checks and converts the values, so that `3e-4` in YAML is a number.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar, get_type_hints

from .choices import choices_of
from .config_file import first_line, read_config, read_overrides
from .errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from omegaconf import DictConfig

T = TypeVar("T")
_TOLD = "_told"  # attribute of configurations that ask the environment


def load_config(
    schema: type[T], file: str | Path | None = None, overrides: Sequence[str] = ()
) -> T:
    """An instance of `schema` from its defaults, then `file`, then `overrides`.

    >>> Options = dataclasses.make_dataclass("Options", [("rate", float, 0.1)], frozen=True)
    >>> load_config(Options, overrides=["rate=3e-4"])
    Options(rate=0.0003)

    Args:
        schema: a frozen dataclass, whose fields may be further dataclasses.
        file: a YAML file with a subset of the fields, nested as they are.
        overrides: `key=value` or `key.sub=value`, the value in YAML.

    Raises:
        UnknownNameError: a key is no field; the message names the nearest one.
        InputError: a value is missing, NaN or of the wrong type, or the file or an override cannot
            be read.
        MissingFileError: `file` does not exist.
    """
    from omegaconf import OmegaConf, SCMode
    from omegaconf.errors import OmegaConfBaseException

    merged = _merged(schema, file, overrides)
    try:
        result: T = OmegaConf.to_object(merged)  # type: ignore[assignment]
    except OmegaConfBaseException as error:
        raise _as_input_error(error) from error
    except RecursionError as error:
        raise InputError("configuration", "values", "references that lead in circles") from error
    _refuse_nan(result)
    if any("${" in text for text in overrides):
        raw = OmegaConf.to_container(merged, structured_config_mode=SCMode.DICT)
        _remember(result, raw)
    return result


def _merged(schema: type[Any], file: str | Path | None, overrides: Sequence[str]) -> DictConfig:
    """Defaults, file and overrides in one; nothing is resolved yet."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    config = OmegaConf.structured(schema)
    _thaw(config)
    layers = [read_overrides(overrides)]
    if file is not None:
        layers.insert(0, read_config(Path(file)))
    try:
        for layer in layers:
            _refuse_unknown(config, layer, known=_dotted_keys(config))
            config.merge_with(layer)
    except OmegaConfBaseException as error:
        raise _as_input_error(error) from error
    return config


def peek_config(key: str, default: str, file: str | Path, overrides: Sequence[str] = ()) -> str:
    """The text that `load_config` would find at a top-level key, before the schema is known.

    Args:
        key: without dots.
        default: the text where neither file nor overrides have the key.
        file: a YAML file.
        overrides: `key=value` or `key.sub=value`, the value in YAML.

    Raises:
        MissingFileError: `file` does not exist.
        InputError: the file or an override cannot be read.
    """
    from omegaconf.errors import OmegaConfBaseException

    value: object = default
    for layer in (read_config(Path(file)), read_overrides(overrides)):
        try:
            value = layer.get(key, value)
        except OmegaConfBaseException as error:
            raise _as_input_error(error) from error
    return str(value)


def resolved_dict(config: object) -> dict[str, Any]:
    """Every field of a configuration as plain dicts, lists, strings, numbers and None.

    This goes into checkpoints and reports, which others may see: values that the user took from
    the environment are references to it, such as `${oc.env:NAME}`. `load_config` accepts all else
    again as YAML.

    >>> Options = dataclasses.make_dataclass("Options", [("folder", Path), ("sizes", tuple)])
    >>> resolved_dict(Options(Path("shards"), (64, 128)))
    {'folder': 'shards', 'sizes': [64, 128]}

    Raises:
        InputError: `config` is no dataclass instance.
    """
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        raise InputError("config", "an instance of a dataclass", repr(config))
    told: dict[str, Any] = getattr(config, _TOLD, {})
    if told:
        return {str(key): _plain(value) for key, value in told.items()}
    return {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def _remember(config: object, told: object) -> None:
    """Let a configuration and its parts know what they were told before it was resolved."""
    if not dataclasses.is_dataclass(config) or not isinstance(told, Mapping):
        return
    object.__setattr__(config, _TOLD, dict(told))  # they are frozen
    for field in dataclasses.fields(config):
        _remember(getattr(config, field.name), told.get(field.name))


def _refuse_nan(value: object, name: str = "") -> None:
    """Raise InputError for a NaN anywhere."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        for key, item in value.items():
            _refuse_nan(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            _refuse_nan(item, f"{name}[{place}]")
    elif isinstance(value, float) and math.isnan(value):
        raise InputError(name, "a number", "nan")


def _plain(value: object) -> Any:  # noqa: ANN401
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return resolved_dict(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Enum):
        return value.name
    return str(value) if isinstance(value, Path) else value


def _thaw(node: DictConfig) -> None:
    """Let a frozen dataclass's node be merged into; the instance made from it is frozen again."""
    from omegaconf import DictConfig, OmegaConf

    OmegaConf.set_readonly(node, False)
    for key in node:
        child = node._get_node(key)
        if isinstance(child, DictConfig) and not child._is_none():
            _thaw(child)


def _is_structured(node: object) -> TypeGuard[DictConfig]:
    from omegaconf import DictConfig, OmegaConf

    if not isinstance(node, DictConfig) or node._is_none():
        return False
    return dataclasses.is_dataclass(OmegaConf.get_type(node))


def _dotted_keys(node: DictConfig, prefix: str = "") -> list[str]:
    keys: list[str] = []
    for key in map(str, node):
        child = node._get_node(key)
        name = f"{prefix}{key}"
        keys += _dotted_keys(child, f"{name}.") if _is_structured(child) else [name]
    return keys


def _refuse_unknown(
    node: DictConfig, layer: DictConfig, known: list[str], prefix: str = ""
) -> None:
    from omegaconf import DictConfig

    for key in map(str, layer):
        name = f"{prefix}{key}"
        if key not in node:
            raise UnknownNameError("configuration key", name, known)
        child, value = node._get_node(key), layer._get_node(key)
        if not _is_structured(child):
            continue
        if not isinstance(value, DictConfig) or value._is_none():
            below = [other for other in known if other.startswith(f"{name}.")]
            raise InputError(name, f"keys below it: {', '.join(below)}", repr(value))
        _refuse_unknown(child, value, known, f"{name}.")


def _as_input_error(error: Exception) -> InputError:
    """OmegaConf's first line, which says what came, with the field's annotation."""
    key = str(getattr(error, "full_key", None) or "configuration")
    owner = getattr(error, "object_type", None)
    wanted = "a value that fits"
    if dataclasses.is_dataclass(owner):
        name = key.rpartition(".")[2]
        types = {field.name: field.type for field in dataclasses.fields(owner)}
        kind = types.get(name, wanted)
        wanted = kind.__name__ if isinstance(kind, type) else str(kind)
        choices = choices_of(get_type_hints(owner).get(name))
        wanted = f"one of {', '.join(map(str, choices))}" if choices else wanted
    return InputError(key, wanted, first_line(error))
