"""Configuration: frozen dataclasses merged with a YAML file and `key.sub=value`.

Every part states its options as a frozen dataclass beside itself; the defaults are the
documentation. OmegaConf checks and converts the values, so that `3e-4` in YAML is a number.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

from .errors import InputError, MissingFileError, UnknownNameError

if TYPE_CHECKING:
    from omegaconf import DictConfig

T = TypeVar("T")


def load_config(
    schema: type[T], file: str | Path | None = None, overrides: Sequence[str] = ()
) -> T:
    """An instance of `schema` from its defaults, then `file`, then `overrides`.

    Args:
        schema: a frozen dataclass, whose fields may be further dataclasses.
        file: a YAML file with a subset of the fields, nested as they are.
        overrides: `key=value` or `key.sub=value`, the value in YAML.

    Raises:
        UnknownNameError: a key is no field; the message names the nearest one.
        InputError: a value has the wrong type, or the file or an override cannot be read.
        MissingFileError: `file` does not exist.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    config = OmegaConf.structured(schema)
    _thaw(config)
    layers = [_read_overrides(overrides)]
    if file is not None:
        layers.insert(0, _read_yaml(Path(file)))
    try:
        for layer in layers:
            _refuse_unknown(config, layer, known=_dotted_keys(config))
            config.merge_with(layer)
        return OmegaConf.to_object(config)  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        raise _as_input_error(error) from error


def peek_config(key: str, default: str, file: str | Path, overrides: Sequence[str] = ()) -> str:
    """The text that `load_config` would find at a top-level key, before the schema is known.

    Args:
        key: without dots. default: where neither file nor overrides have it.
        file, overrides: as of `load_config`.

    Raises:
        InputError, MissingFileError: as `load_config`, about the files themselves.
    """
    value: object = default
    for layer in (_read_yaml(Path(file)), _read_overrides(overrides)):
        value = layer.get(key, value)
    return str(value)


def resolved_dict(config: object) -> dict[str, Any]:
    """Every field of a configuration as plain dicts, lists, strings, numbers and None.

    What goes into checkpoints and reports; `load_config` accepts it again as YAML.

    Raises:
        InputError: `config` is no dataclass instance.
    """
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        raise InputError("config", "an instance of a dataclass", repr(config))
    return {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


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


def _read_yaml(path: Path) -> DictConfig:
    from omegaconf import DictConfig, OmegaConf
    from yaml import YAMLError

    if not path.is_file():
        raise MissingFileError(str(path), "The configuration file", "Check the path.")
    try:
        content = OmegaConf.load(path)
    except (YAMLError, UnicodeDecodeError, OSError) as error:
        raise InputError(str(path), "readable YAML", str(error)) from error
    if not isinstance(content, DictConfig):
        raise InputError(str(path), "`key: value` lines", "something else")
    return content


def _read_overrides(overrides: Sequence[str]) -> DictConfig:
    from omegaconf import OmegaConf
    from yaml import YAMLError

    for text in overrides:
        if not text.partition("=")[0] or "=" not in text:
            raise InputError("override", "key=value or key.sub=value", repr(text))
    try:
        return OmegaConf.from_dotlist(list(overrides))
    except YAMLError as error:
        raise InputError("override", "a value in YAML", str(error)) from error


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
    node: DictConfig, given: DictConfig, known: list[str], prefix: str = ""
) -> None:
    from omegaconf import DictConfig

    for key in map(str, given):
        name = f"{prefix}{key}"
        if key not in node:
            raise UnknownNameError("configuration key", name, known)
        child, value = node._get_node(key), given._get_node(key)
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
        types = {field.name: field.type for field in dataclasses.fields(owner)}
        kind = types.get(key.rpartition(".")[2], wanted)
        wanted = kind.__name__ if isinstance(kind, type) else str(kind)
    return InputError(key, wanted, str(error).splitlines()[0].rstrip("."))
