"""Smaller ONNX files: weights stored in 16 or 8 bits, which a runtime widens once when it starts.

Operators stay those of float32: on CPUs, where half precision is slower than single, the network
takes the same time, and the activations lose nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

Storage = Literal["float32", "float16", "int8"]
"""How weights are stored."""

_FEWEST = 256  # numbers of a tensor that is worth it
_STEPS = 127


def shrink(model: onnx.ModelProto, storage: Storage, prefix: str) -> None:
    """Store large tensors of a model in fewer bits, in place.

    In "int8" each row of a matrix, and each output channel of a convolution, has a step of its own.

    Args:
        model: whose initializers are float32.
        storage: of the weights.
        prefix: of the names of those that are meant; biases and other small ones stay.
    """
    if storage == "float32":
        return
    kept, nodes = [], []
    for tensor in model.graph.initializer:
        values = _large(tensor, prefix)
        if values is None:
            kept.append(tensor)
        else:
            parts, made = _packed(tensor.name, values, storage)
            kept += parts
            nodes += made
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])


def _large(tensor: onnx.TensorProto, prefix: str) -> NDArray[np.float32] | None:
    """The numbers of a tensor that is to shrink."""
    import onnx

    wanted = tensor.name.startswith(prefix) and tensor.data_type == onnx.TensorProto.FLOAT
    values = onnx.numpy_helper.to_array(tensor) if wanted and len(tensor.dims) > 1 else None
    return None if values is None or values.size < _FEWEST else values


def _packed(
    name: str, values: NDArray[np.float32], storage: Storage
) -> tuple[list[onnx.TensorProto], list[onnx.NodeProto]]:
    """Stored tensors, and the nodes that make the tensor `name` of them."""
    from onnx import TensorProto, helper, numpy_helper

    if storage == "float16":
        stored = numpy_helper.from_array(values.astype(np.float16), f"{name}.stored")
        return [stored], [helper.make_node("Cast", [stored.name], [name], to=TensorProto.FLOAT)]
    axes = tuple(range(1, values.ndim))
    step = np.maximum(np.abs(values).max(axes, keepdims=True) / _STEPS, np.float32(1e-12))
    stored = numpy_helper.from_array(np.rint(values / step).astype(np.int8), f"{name}.stored")
    steps = numpy_helper.from_array(step, f"{name}.step")
    wide = f"{name}.wide"
    return [stored, steps], [
        helper.make_node("Cast", [stored.name], [wide], to=TensorProto.FLOAT),
        helper.make_node("Mul", [wide, steps.name], [name]),
    ]
