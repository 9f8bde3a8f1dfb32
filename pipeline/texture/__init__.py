"""Photographs as textures of a face model: what is seen is carried over, the rest completed."""

from .build import Texture, TextureBuilder
from .evidence import Evidence, evidence_of
from .merge import merge_textures

__all__ = ["Evidence", "Texture", "TextureBuilder", "evidence_of", "merge_textures"]
