"""One entry per family of face models: how to recognise it, read it, and what is known of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..core.registry import Registry
from ..geometry.face_model import FaceModel
from .source import Source


@dataclass(frozen=True)
class Family:
    """A reader and its facts.

    Attributes:
        title: the models it reads.
        layout: where the names, shapes and types of the arrays are documented.
        space: unit and axes of the files; everything is turned into mm and model space.
        notes: what the conversion decides.
        recognise: whether a source is of this family, by its content.
        read: the model of a source; InputError or MissingFileError name what is wrong.
        trims: whether `read` itself keeps the wanted numbers of modes.
    """

    title: str
    layout: str
    space: str
    recognise: Callable[[Source], bool]
    read: Callable[[Source], FaceModel]
    notes: str = ""
    trims: bool = False


FAMILIES: Registry[Family] = Registry("kind of face model")
