"""A paper's ablation: its rows trained alike, scored alike, and put into its table."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
