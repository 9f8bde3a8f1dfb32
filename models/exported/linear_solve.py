"""Linear systems in ONNX, which has no operator for them: Gauss-Jordan elimination in a loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...core.errors import InputError

if TYPE_CHECKING:
    import onnx

_DOMAIN, _NAME = "selfie3d", "SolvePositive"
_BODY = """
<domain: "selfie3d", opset_import: ["": VERSION]>
SolvePositive (system, right) => (x) {
  joined = Concat <axis = 2> (system, right)
  size = Shape <start = 2, end = 3> (system)
  zero = Constant <value_ints = [0]> ()
  steps = Squeeze (size, zero)
  yes = Constant <value = bool {1}> ()
  reduced = Loop <body = pivot (int64 k, bool before, m) => (bool after, next) {
    after = Identity (before)
    one = Constant <value_ints = [1]> ()
    at = Reshape (k, one)
    row = Gather <axis = 1> (m, at)
    column = Gather <axis = 2> (m, at)
    head = Gather <axis = 2> (row, at)
    bits = Constant <value_floats = [0.0, 1.0]> ()
    bit = OneHot <axis = -1> (at, size, bits)
    upright = Constant <value_ints = [1, -1, 1]> ()
    unit = Reshape (bit, upright)
    rest = Sub (column, unit)
    scaled = Div (row, head)
    taken = Mul (rest, scaled)
    next = Sub (m, taken)
  }> (steps, yes, joined)
  end = Shape <start = 2, end = 3> (reduced)
  axis = Constant <value_ints = [2]> ()
  x = Slice (reduced, size, end, axis)
}
"""
"""Row k becomes unit row k: of the other rows its multiples are taken, of itself all but 1."""


def solve_traced(system: Tensor, right: Tensor) -> Tensor:
    """x of system x = right in a graph that is being exported; it can't be run by torch.

    Args:
        system: (B,K,K), symmetric and positive definite, so that no pivoting is needed.
        right: (B,K,R).

    Returns:
        (B,K,R).

    Raises:
        InputError: a torch that can't write operators of others.
    """
    symbolic = getattr(getattr(torch.onnx, "ops", None), "symbolic", None)
    if symbolic is None:
        remedy = "Update it, or export the network alone."
        raise InputError("torch", "2.8 or newer, to export the solver", torch.__version__, remedy)
    x: Tensor = symbolic(
        f"{_DOMAIN}::{_NAME}", (system, right), dtype=right.dtype, shape=right.shape, version=1
    )
    return x


def with_solver(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with the loop in each place of `solve_traced`, of ONNX's own operators only.

    Args:
        model: as torch exports it.
    """
    from onnx import inliner, parser

    if all(node.domain != _DOMAIN for node in model.graph.node):
        return model
    version = next(item.version for item in model.opset_import if not item.domain)
    model.functions.append(parser.parse_function(_BODY.replace("VERSION", str(version))))
    inlined = inliner.inline_local_functions(model)
    own = [item for item in inlined.opset_import if item.domain != _DOMAIN]
    del inlined.opset_import[:]
    inlined.opset_import.extend(own)
    return inlined
