"""What networks do with their images first: look at their shape, bring them to a range."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..core.errors import InputError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def check_images(images: Tensor, input_shape: tuple[int, int, int], least: int = 1) -> None:
    """Images must be (B, *input_shape) with B at least `least`.

    Raises:
        InputError: names what was expected and what came.
    """
    if images.dim() != 4 or tuple(images.shape[1:]) != input_shape or images.shape[0] < least:
        count = "B" if least == 1 else f"{least} or more while training"
        expected = f"({count}, {', '.join(map(str, input_shape))})"
        raise InputError("images", expected, str(tuple(images.shape)))


def check_size(size: int, step: int, least: int = 0) -> None:
    """The side of a network's input must be a multiple of `step`, at least `least`.

    Raises:
        InputError: it is not.
    """
    if size % step or size < max(step, least):
        words = f"a multiple of {step}" if step > 1 else "a whole number"
        more = f", {least} or more" if least else ""
        raise InputError("size", words + more, str(size))


class ImagenetNormalise(nn.Module):
    """Channels' mean and standard deviation over ImageNet to 0 and 1, as its weights expect."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name, values in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """(B,3,H,W) RGB in [0,1]."""
        return (images - self.mean) / self.std
