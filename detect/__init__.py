"""Faces in photographs: our own detector, and adapters over detection libraries."""

import lazy_loader

# Each registers its detector; weights and libraries are loaded on use.
from . import drawn as drawn
from . import mtcnn as mtcnn

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
