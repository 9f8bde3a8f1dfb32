"""Photographs as textures of a face model: what is seen is carried over, the rest completed."""

from .build import Texture, TextureBuilder
from .merge import merge_textures

__all__ = ["Texture", "TextureBuilder", "merge_textures"]
