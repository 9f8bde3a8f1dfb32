"""The compiler of kernels is `core.jit`; many kernels of pictures know it by this name."""

from ...core.jit import inline as inline
from ...core.jit import kernel as kernel
