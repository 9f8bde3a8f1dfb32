"""Millions of photographs, on Ray: what `selfie3d batch` does."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
