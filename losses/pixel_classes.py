"""Cross entropies of pixels: of their classes, and of a mask of visible skin."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..geometry.checks import check_shape
from .term import make_term

_EDGE = 1e-7  # float32 knows 1 - 6e-8


@make_term("logits")
def segmentation_error(logits: Tensor, classes: Tensor) -> Tensor:
    """Cross entropy of each pixel's predicted class.

    Args:
        logits: (B,C,H,W).
        classes: (B,H,W) int64, the true ones.

    Returns:
        (B,H,W).

    Raises:
        InputError: the shapes differ.
    """
    count, _, height, width = logits.shape
    check_shape("classes", classes, (count, height, width))
    return functional.cross_entropy(logits, classes, reduction="none")


@make_term("predicted", masks=["target"])
def attention_cross_entropy(predicted: Tensor, target: Tensor) -> Tensor:
    """-(t ln a + (1 - t) ln(1 - a)) of each pixel: SADRNet's L_A.

    It takes probabilities, not logits, because SADRNet uses its mask in the network as well, and
    computes in float32 at least, so that it can stand under mixed precision. Probabilities are kept
    1e-7 off 0 and 1.

    Args:
        predicted: (B,1,H,W) in [0,1].
        target: the same shape, 1 where the face is seen.

    Returns:
        (B,1,H,W), at most 16.1.

    Raises:
        InputError: the shapes differ.
    """
    check_shape("predicted", predicted, (None, 1, None, None))
    check_shape("target", target, tuple(predicted.shape))
    dtype = torch.promote_types(predicted.dtype, torch.float32)
    share = predicted.to(dtype).clamp(_EDGE, 1 - _EDGE)
    true = target.to(dtype)
    return -(true * share.log() + (1 - true) * torch.log1p(-share))
