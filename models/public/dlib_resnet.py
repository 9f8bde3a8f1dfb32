"""dlib's face recognition network: aligned faces to 128 numbers whose distance tells people apart.

A residual network (He et al. 2016) of 29 convolutions by Davis King, trained on about three million
faces; two pictures of one person are nearer than 0.6. Its file, in the public domain, comes with
the package `face-recognition-models` and is read here without dlib. What dlib calls an affine
layer, batch normalisation at rest, is multiplied into the convolution before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...core.sketch import sketching
from ..checkpoint import load_state
from .dlib_file import DlibFile

FILE = "dlib_face_recognition_resnet_model_v1.dat"
INPUT_SHAPE = (3, 150, 150)
DIMENSIONS = 128
SAME_PERSON = 0.6
"""Distance of the descriptors below which dlib calls two faces the same person's."""

_STEM = 32
_UNITS = (
    *((32, False),) * 3, (64, True), *((64, False),) * 3, (128, True), *((128, False),) * 2,
    (256, True), *((256, False),) * 2, (256, True),
)  # fmt: skip
"""(channels, whether it halves the sides) of every residual unit, from input to output."""
_DIVISOR = 256.0
_LARGEST = 1 << 25  # bytes of a file; the network's has 22.5 million
_EXPECTED = f"dlib's face recognition network ({FILE})"


class _Unit(nn.Module):
    """Two 3x3 convolutions beside the input, or its 2x2 means where they halve the sides.

    What is smaller, in channels or sides, is filled up with zeros.
    """

    def __init__(self, inputs: int, outputs: int, halves: bool) -> None:
        super().__init__()
        stride, padding = (2, 0) if halves else (1, 1)
        self.halves = halves
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.conv2(functional.relu(self.conv1(x)))
        beside = functional.avg_pool2d(x, 2) if self.halves else x
        shape = [max(sizes) for sizes in zip(inner.shape[1:], beside.shape[1:], strict=True)]
        return functional.relu(_filled(inner, shape) + _filled(beside, shape))


class DlibResNet(nn.Module):
    """Aligned faces to descriptors of 128 numbers.

    Attributes:
        average: (3,) mean red, green and blue, of 255, that is taken off the picture.
    """

    average: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.input_shape = INPUT_SHAPE
        self.register_buffer("average", torch.zeros(3))
        self.stem = nn.Conv2d(3, _STEM, 7, 2)
        widths = [_STEM, *(width for width, _ in _UNITS)]
        units = zip(widths, _UNITS, strict=False)
        self.units = nn.Sequential(*(_Unit(before, *unit) for before, unit in units))
        self.fc = nn.Linear(widths[-1], DIMENSIONS, bias=False)

    def forward(self, faces: Tensor) -> Tensor:
        """(B,128), not normalised, of RGB faces (B,3,150,150) in [0,1], aligned as dlib does."""
        x = (255 * faces - self.average[:, None, None]) / _DIVISOR
        x = functional.max_pool2d(functional.relu(self.stem(x)), 3, 2)
        descriptors: Tensor = self.fc(self.units(x).mean((2, 3)))
        return descriptors


def load_dlib_resnet(path: str | Path) -> DlibResNet:
    """dlib's face recognition network out of its file, ready to use.

    Args:
        path: of `FILE`, as the package `face-recognition-models` has it.

    Raises:
        MissingFileError: there is no such file.
        InputError: it is damaged, or holds something else; the message says at which byte.
    """
    file = DlibFile(path, _EXPECTED, _LARGEST)
    state = _read(file)
    with sketching():
        network = DlibResNet()
    return load_state(network, state, path)


def _filled(x: Tensor, shape: list[int]) -> Tensor:
    """Zeros after the last channel, row and column, up to a shape (C,H,W)."""
    more = [wanted - size for wanted, size in zip(shape, x.shape[1:], strict=True)]
    return functional.pad(x, (0, more[2], 0, more[1], 0, more[0])) if any(more) else x


def _read(file: DlibFile) -> dict[str, Tensor]:
    """The tensors of `DlibResNet` by name.

    The file is a nest: first the versions of all layers, from the output to the input, then what
    they hold, from the input to the output.
    """
    file.expect("a version", 1)  # of the loss layer, which holds the network
    _read_loss(file)
    file.expect("the versions of the layers", *_versions())
    state = {"average": _read_input(file)}
    state |= _read_convolution(file, "stem", (_STEM, 3, 7, 7), 2, 0, innermost=True)
    _read_plain(file, "relu_")
    _read_pool(file, "max_pool_2", 3, 2)
    width = _STEM
    for number, (wider, halves) in enumerate(_UNITS):
        state |= _read_unit(file, f"units.{number}", width, wider, halves)
        width = wider
    _read_pool(file, "avg_pool_2", 0, 1)
    state |= _read_fc(file, width)
    file.end()
    return state


def _versions() -> Iterator[int]:
    """Versions of all layers but the loss, from output to input: 2, but 1 of tags and skips."""
    yield from (2, 2)  # fc, mean over the sides
    for _, halves in reversed(_UNITS):
        yield from (2, 2)  # relu, sum
        if halves:
            yield from (2, 1, 1)  # mean of 2x2, skip, tag
        yield from (2, 2, 2, 2, 2)  # affine, convolution, relu, affine, convolution
        yield 1  # tag
    yield from (2, 2, 2, 3)  # maximum, relu, affine, convolution on the input


def _read_loss(file: DlibFile) -> None:
    file.expect_text("loss_metric_2")
    file.real()  # margin and distance of the training
    file.real()


def _read_input(file: DlibFile) -> Tensor:
    file.expect_text("input_rgb_image_sized")
    average = [file.real() for _ in range(3)]
    if not all(0 <= value <= 255 for value in average):
        raise file.error(f"a mean colour of {average}")
    file.expect("sides of the picture", *INPUT_SHAPE[1:])
    return torch.tensor(average)


def _read_unit(
    file: DlibFile, name: str, inputs: int, outputs: int, halves: bool
) -> dict[str, Tensor]:
    stride, padding = (2, 0) if halves else (1, 1)
    first = (outputs, inputs, 3, 3)
    state = _read_convolution(file, f"{name}.conv1", first, stride, padding)
    _read_plain(file, "relu_")
    state |= _read_convolution(file, f"{name}.conv2", (outputs, outputs, 3, 3), 1, 1)
    if halves:
        _read_pool(file, "avg_pool_2", 2, 2)
    _read_plain(file, "add_prev_")
    _read_plain(file, "relu_")
    return state


def _read_convolution(
    file: DlibFile,
    name: str,
    shape: tuple[int, int, int, int],
    stride: int,
    padding: int,
    innermost: bool = False,
) -> dict[str, Tensor]:
    """A convolution and its affine layer, multiplied into one."""
    count, size = shape[0], shape[1] * shape[2] * shape[3]
    file.expect_text("con_4")
    numbers = file.tensor((count * (size + 1), 1, 1, 1)).flatten()
    file.expect("filters", count, shape[2], shape[3], stride, stride, padding, padding)
    file.alias(shape)
    file.alias((1, count, 1, 1))
    _skip_reals(file)
    _read_state(file, innermost)
    scale, shift = _read_affine(file, count)
    weight, bias = numbers[: count * size].reshape(shape), numbers[count * size :]
    return {
        f"{name}.weight": weight * scale[:, None, None, None],
        f"{name}.bias": bias * scale + shift,
    }


def _read_affine(file: DlibFile, count: int) -> tuple[Tensor, Tensor]:
    file.expect_text("affine_")
    numbers = file.tensor((2 * count, 1, 1, 1)).flatten()
    file.alias((1, count, 1, 1))
    file.alias((1, count, 1, 1))
    file.expect("the affine layer's mode", 0)  # of a convolution
    _read_state(file)
    return numbers[:count], numbers[count:]


def _read_plain(file: DlibFile, name: str) -> None:
    """A layer without settings."""
    file.expect_text(name)
    _read_state(file)


def _read_pool(file: DlibFile, name: str, side: int, stride: int) -> None:
    file.expect_text(name)
    file.expect("a window and stride", side, side, stride, stride, 0, 0)
    _read_state(file)


def _read_fc(file: DlibFile, inputs: int) -> dict[str, Tensor]:
    file.expect_text("fc_2")
    file.expect("outputs and inputs", DIMENSIONS, inputs)
    weight = file.tensor((inputs, DIMENSIONS, 1, 1))
    file.alias((inputs, DIMENSIONS, 1, 1))
    file.alias((0, 0, 0, 0))
    file.expect("the kind of bias", 1)  # none
    _skip_reals(file)
    _read_state(file)
    return {"fc.weight": weight[:, :, 0, 0].T.contiguous()}


def _skip_reals(file: DlibFile) -> None:
    """How fast weights and biases learned, and decayed."""
    for _ in range(4):
        file.real()


def _read_state(file: DlibFile, innermost: bool = False) -> None:
    """What every layer keeps from its training: three flags and three tensors, left empty."""
    for _ in range(3):
        file.flag()
    for _ in range(3):
        file.tensor((0, 0, 0, 0))
    if innermost:
        file.expect("pictures per sample", 1)
