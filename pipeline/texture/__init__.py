"""Photographs as textures of a face model: what is seen is carried over, the rest completed."""

from .build import Texture, TextureBuilder
from .look import FittedPhoto

__all__ = ["FittedPhoto", "Texture", "TextureBuilder"]
