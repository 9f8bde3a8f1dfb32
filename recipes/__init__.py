"""What is trained: one folder for each kind of task, above an engine that knows no faces."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
