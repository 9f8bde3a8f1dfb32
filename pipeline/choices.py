"""What a reconstruction may be told in words, without anything that takes time to import."""

from __future__ import annotations

from typing import Literal

Glasses = Literal["keep", "remove"]
"""What becomes of glasses on the front of a texture."""

Backend = Literal["torch", "onnxruntime"]
"""What runs a network."""

MeshName = Literal["head", "face"]
"""What of a face model goes into files: all of it, or the mask of `default-face`."""
