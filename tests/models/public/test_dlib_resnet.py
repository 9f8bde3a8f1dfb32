"""dlib's network from files that are written here in its layout, and from files that are not."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.models.public.dlib_file import DlibFile
from selfie3d.models.public.dlib_resnet import DIMENSIONS, DlibResNet, load_dlib_resnet

UNITS = [(32, 0)] * 3 + [(64, 1)] + [(64, 0)] * 3 + [(128, 1)] + [(128, 0)] * 2
UNITS += [(256, 1)] + [(256, 0)] * 2 + [(256, 1)]


def number(value: int) -> bytes:
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def real(value: float) -> bytes:
    mantissa, exponent = math.frexp(value)
    return number(int(mantissa * 2**24)) + number(exponent - 24)


def text(value: str) -> bytes:
    return number(len(value)) + value.encode()


def tensor(values: np.ndarray, *shape: int) -> bytes:
    return b"".join(map(number, (2, *shape))) + values.astype("<f4").tobytes()


def alias(*shape: int) -> bytes:
    return b"".join(map(number, (1, *shape)))


STATE = b"110" + 3 * tensor(np.zeros(0), 0, 0, 0, 0)


def plain(name: str, *numbers: int) -> bytes:
    return text(name) + b"".join(map(number, numbers)) + STATE


def convolution(random, inputs: int, outputs: int, side: int, stride: int, padding: int) -> bytes:
    weights = random.normal(size=outputs * inputs * side * side) / math.sqrt(inputs * side * side)
    values = np.concatenate([weights, random.normal(size=outputs) * 0.1])
    settings = (outputs, side, side, stride, stride, padding, padding)
    affine = np.concatenate([random.uniform(0.5, 1, outputs), random.normal(size=outputs) * 0.1])
    head = text("con_4") + tensor(values, len(values), 1, 1, 1)
    head += b"".join(map(number, settings)) + alias(outputs, inputs, side, side)
    head += alias(1, outputs, 1, 1) + 4 * real(1.0)
    tail = text("affine_") + tensor(affine, 2 * outputs, 1, 1, 1) + 2 * alias(1, outputs, 1, 1)
    return head + STATE + tail + number(0) + STATE


def written(seed: int = 0) -> bytes:
    """A file of dlib's layout with random weights."""
    random = np.random.default_rng(seed)
    versions = [2, 2]
    for _, halves in reversed(UNITS):
        versions += [2, 2] + [2, 1, 1] * halves + [2] * 5 + [1]
    versions += [2, 2, 2, 3]
    content = number(1) + text("loss_metric_2") + real(0.04) + real(0.6)
    content += b"".join(map(number, versions)) + text("input_rgb_image_sized")
    content += real(122.5) + real(117.0) + real(104.25) + number(150) + number(150)
    stem = convolution(random, 3, 32, 7, 2, 0)
    cut = stem.index(text("affine_"))
    content += stem[:cut] + number(1) + stem[cut:] + plain("relu_")
    content += plain("max_pool_2", 3, 3, 2, 2, 0, 0)
    width = 32
    for wider, halves in UNITS:
        content += convolution(random, width, wider, 3, 1 + halves, 1 - halves) + plain("relu_")
        content += convolution(random, wider, wider, 3, 1, 1)
        content += plain("avg_pool_2", 2, 2, 2, 2, 0, 0) * halves
        content += plain("add_prev_") + plain("relu_")
        width = wider
    content += plain("avg_pool_2", 0, 0, 1, 1, 0, 0) + text("fc_2") + number(128) + number(256)
    content += tensor(random.normal(size=256 * 128) / 16, 256, 128, 1, 1)
    content += alias(256, 128, 1, 1) + alias(0, 0, 0, 0) + number(1) + 4 * real(1.0) + STATE
    return content


@pytest.fixture(scope="module")
def content():
    return written()


@pytest.fixture
def save(tmp_path):
    def save(content: bytes):
        path = tmp_path / "network.dat"
        path.write_bytes(content)
        return path

    return save


def test_a_file_becomes_a_network(content, save):
    network = load_dlib_resnet(save(content))
    assert network.average.tolist() == [122.5, 117.0, 104.25]
    values = 3 * 49 * 32 + 32 + 256 * 128
    width = 32
    for wider, _ in UNITS:
        values += 9 * width * wider + 9 * wider * wider + 2 * wider
        width = wider
    assert sum(p.numel() for p in network.parameters()) == values
    assert not any(p.requires_grad for p in network.parameters())
    faces = torch.rand(2, 3, 150, 150, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        vectors = network(faces)
        assert vectors.shape == (2, DIMENSIONS)
        torch.testing.assert_close(network(faces[1:]), vectors[1:])


def test_the_affine_layer_is_in_the_convolution(save):
    """The first one by hand, from the bytes."""
    content = written(1)
    start = content.index(text("con_4")) + 7 + len(alias(4736, 1, 1, 1))
    numbers = torch.from_numpy(np.frombuffer(content, "<f4", 4736, start).copy())
    start = content.index(text("affine_")) + 9 + len(alias(64, 1, 1, 1))
    scale, shift = torch.from_numpy(np.frombuffer(content, "<f4", 64, start).copy()).split(32)
    network = load_dlib_resnet(save(content))
    picture = torch.rand(1, 3, 21, 21)
    plainly = torch.conv2d(picture, numbers[:4704].reshape(32, 3, 7, 7), numbers[4704:], stride=2)
    wanted = plainly * scale[:, None, None] + shift[:, None, None]
    torch.testing.assert_close(network.stem(picture), wanted, rtol=1e-5, atol=1e-5)


def test_its_gradient_is_that_of_its_values(content, save):
    """Along a direction in the picture, in double precision."""
    network = load_dlib_resnet(save(content)).double()
    generator = torch.Generator().manual_seed(0)
    face, towards, along = (
        torch.rand(1, 3, 150, 150, generator=generator, dtype=torch.double) for _ in range(3)
    )
    towards = (network(towards) * 0 + 1) / DIMENSIONS
    face.requires_grad_()
    (gradient,) = torch.autograd.grad((network(face) * towards).sum(), face)
    with torch.no_grad():
        ahead, behind = (float((network(face + s * along) * towards).sum()) for s in (1e-7, -1e-7))
    assert float((gradient * along).sum()) == pytest.approx((ahead - behind) / 2e-7, rel=1e-4)


@pytest.mark.parametrize("length", [0, 1, 3, 20, 300, 340, 5_000, 20_000, -1])
def test_a_file_cut_short_is_refused(content, save, length):
    with pytest.raises(InputError, match=r"network\.dat"):
        load_dlib_resnet(save(content[:length]))


def test_more_than_the_network_is_refused(content, save):
    with pytest.raises(InputError, match="3 bytes more"):
        load_dlib_resnet(save(content + b"abc"))


def test_a_huge_file_is_refused_unread(save, monkeypatch):
    path = save(b"\1\1")
    with path.open("r+b") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(InputError, match="more than 33554432 bytes"):
        load_dlib_resnet(path)


def test_no_file(tmp_path):
    with pytest.raises(MissingFileError):
        load_dlib_resnet(tmp_path / "network.dat")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (text("loss_metric_2"), text("loss_ranking2"), "no 'loss_metric_2'"),
        (number(150), number(90), "sides of the picture"),
        (text("con_4"), text("con_6"), "no 'con_4'"),
        (tensor(np.zeros(0), 4736, 1, 1, 1), tensor(np.zeros(0), 1 << 60, 1, 1, 1), "4736"),
        (tensor(np.zeros(0), 64, 1, 1, 1), tensor(np.zeros(0), -64, 1, 1, 1), r"-64"),
        (real(122.5), number(1 << 40) + number(1000), "not finite"),
        (real(122.5), number(1) + number(5000), "not finite"),
        (real(122.5), real(-122.5), "mean colour"),
        (b"110", b"1\xff0", "neither yes nor no"),
        (text("loss_metric_2"), b"\x7f", "no number"),
    ],
)
def test_another_file_is_refused_by_name(content, save, old, new, message):
    with pytest.raises(InputError, match=rf"network\.dat.*{message}"):
        load_dlib_resnet(save(content.replace(old, new, 1)))


def test_numbers_that_are_not_finite_are_refused(content, save):
    at = content.index(text("con_4")) + 7 + len(alias(4736, 1, 1, 1)) + 40
    with pytest.raises(InputError, match="not finite"):
        load_dlib_resnet(save(content[:at] + struct.pack("<f", math.nan) + content[at + 4 :]))


def test_damaged_bytes_are_no_crash(content, save):
    """Every byte of the head and of the layers' settings, one after the other."""
    random = np.random.default_rng(3)
    head = content[:420]
    for at in random.choice(len(head), 150, replace=False):
        broken = bytearray(content[:30_000])
        broken[at] = int(random.integers(256))
        with pytest.raises(InputError):
            load_dlib_resnet(save(bytes(broken)))


@pytest.mark.parametrize("value", [0, 1, 255, 256, -3, 2**40])
def test_numbers(save, value):
    assert DlibFile(save(number(value)), "a number", 100).integer() == value


@pytest.mark.parametrize("value", [0.0, 0.5, -0.0625, 122.782])
def test_reals(save, value):
    assert DlibFile(save(real(value)), "a number", 100).real() == pytest.approx(value, rel=1e-6)


def test_what_halves_the_sides_fills_up_with_zeros():
    """8 pixels become 3 by convolution and 4 by the mean: dlib adds them at the first corner."""
    unit = DlibResNet().units[3]
    for convolution in (unit.conv1, unit.conv2):
        torch.nn.init.zeros_(convolution.weight)
        torch.nn.init.ones_(convolution.bias)
    out = unit(torch.ones(1, 32, 8, 8))
    assert out.shape == (1, 64, 4, 4)
    assert out[0, 0].tolist() == [[2, 2, 2, 1]] * 3 + [[1, 1, 1, 1]]
    assert out[0, 40, :3, :3].eq(1).all()
    assert out[0, 40, 3].eq(0).all()
