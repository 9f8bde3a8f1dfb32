"""The shipped face model, its builder and readers of other models."""

from __future__ import annotations

from .registry import FACE_MODELS, load_face_model

__all__ = ["FACE_MODELS", "load_face_model"]
