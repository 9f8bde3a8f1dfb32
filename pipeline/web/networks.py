"""The two networks of the page as ONNX: what finds faces, and what sees them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...detect.drawn_network import FinderOutput, load_finder
from ...models.exported.graph import NETWORK, differences, traced
from ...models.exported.storage import shrink
from ...models.fuse import fuse_norms

_STEP = 16  # sides of the detector's input are multiples
_TOLERANCE = 0.05  # logits and pixels: weights are stored in half precision


class _Finder(nn.Module):
    """The detector's network, from pictures to a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.network = fuse_norms(load_finder()[0])

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(B,3,H,W) RGB in [0,1] to the fields of `FinderOutput`."""
        return tuple(self.network(images))


def detector_onnx() -> bytes:
    """Our own detector for pictures of any size in steps of 16 pixels, weights in 16 bits.

    The outputs are those of `FinderOutput`, by name.

    Raises:
        MissingFileError: the detector's weights, onnx, onnxscript or onnxruntime are not there.
        InputError: the exporter made another network of it.
    """
    finder = _Finder().eval()
    noise = torch.rand(2, 3, 6 * _STEP, 8 * _STEP, generator=torch.Generator().manual_seed(0))
    model = traced(finder, FinderOutput._fields, noise, _STEP)
    shrink(model, "float16", f"{NETWORK}.")
    content = model.SerializeToString()
    worst = max(item.largest for item in differences(content, finder, noise))
    if worst > _TOLERANCE:
        remedy = "Tell us which versions of torch and onnxruntime these are."
        raise InputError("detector", "torch's numbers in ONNX", f"{worst:.2g} off", remedy)
    return content
