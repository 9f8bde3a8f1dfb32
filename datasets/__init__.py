"""Data sets: synthetic faces of our own, and everybody's photographs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
