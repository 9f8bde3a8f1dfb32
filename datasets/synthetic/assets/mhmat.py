"""Readers of .mhmat: what a surface looks like."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ....core.errors import InputError
from .text import is_number, read_words


@dataclass(frozen=True)
class Material:
    """What a .mhmat says, or what is assumed where it says nothing.

    Attributes:
        diffuse: colour, sRGB-coded, each 0 to 1.
        shininess: 0 dull to 1 glossy; opacity: 0 to 1.
        transparent: whether the alpha of its picture counts.
        cast_shadows: whether it casts any.
        texture: the picture of its colours as the file names it, or empty.
    """

    diffuse: tuple[float, float, float] = (1.0, 1.0, 1.0)
    shininess: float = 0.2
    opacity: float = 1.0
    transparent: bool = False
    cast_shadows: bool = True
    texture: str = ""


def read_material(path: Path) -> Material:
    """Read a .mhmat; what is not known here is passed over.

    Raises:
        InputError: unreadable, or a value that cannot be.
    """
    values = {words[0]: words[1:] for words in read_words(path)}
    plain = Material()
    red, green, blue = _numbers(path, values, "diffuseColor", plain.diffuse)
    return Material(
        diffuse=(red, green, blue),
        shininess=_numbers(path, values, "shininess", (plain.shininess,))[0],
        opacity=_numbers(path, values, "opacity", (plain.opacity,))[0],
        transparent=_flag(values, "transparent", plain.transparent),
        cast_shadows=_flag(values, "castShadows", plain.cast_shadows),
        texture=" ".join(values.get("diffuseTexture", [])),
    )


def _numbers(
    path: Path, values: dict[str, list[str]], key: str, default: tuple[float, ...]
) -> tuple[float, ...]:
    """Numbers of a key, brought into 0 to 1."""
    words = values.get(key)
    if words is None:
        return default
    numbers = [float(word) for word in words[: len(default)] if is_number(word)]
    if len(numbers) < len(default) or any(number != number for number in numbers):
        expected = f"{len(default)} numbers" if len(default) > 1 else "a number"
        raise InputError(f"{path}: {key}", expected, " ".join(words) or "nothing")
    return tuple(min(max(number, 0.0), 1.0) for number in numbers)


def _flag(values: dict[str, list[str]], key: str, default: bool) -> bool:
    words = values.get(key)
    return words[0].lower() in ("true", "1", "yes") if words else default
