"""The compiler of kernels, which is `core.jit`, under the name that the kernels of images know."""

from ...core.jit import inline as inline
from ...core.jit import kernel as kernel
