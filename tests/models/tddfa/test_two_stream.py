"""3DDFA's two streams: which sees what."""

from __future__ import annotations

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.models.tddfa.two_stream import IMAGE, PAF, PNCC, TwoStreamNetwork, TwoStreamOptions

SMALL = TwoStreamOptions(outputs=7, size=48, widths=(4, 8), features=6)


def depends_on(part, network, images):
    """Which channels of the input change what a stream gives."""
    seen = []
    handle = getattr(network, part).register_forward_hook(
        lambda _, inputs, output: seen.append(output)
    )
    with torch.no_grad():
        network(images)
        found = set()
        for name, channels in {"image": IMAGE, "pncc": PNCC, "paf": PAF}.items():
            changed = images.clone()
            changed[:, channels] = torch.rand(changed[:, channels].shape)
            network(changed)
            if not torch.equal(seen[0], seen[-1]):
                found.add(name)
    handle.remove()
    return found


def test_streams_see_their_own_inputs():
    torch.manual_seed(0)
    network = TwoStreamNetwork(SMALL).eval()
    images = torch.rand(1, 9, 48, 48)
    assert depends_on("image_stream", network, images) == {"image", "pncc"}
    assert depends_on("anchor_stream", network, images) == {"paf"}
    assert depends_on("output", network, images) == {"image", "pncc", "paf"}


def test_every_anchor_has_its_own_patch():
    """The first layer of the anchors' stream gives one place for each 3x3 patch, from it alone."""
    torch.manual_seed(0)
    first = TwoStreamNetwork(SMALL).eval().anchor_stream[0]
    x = torch.rand(1, 3, 48, 48, requires_grad=True)
    y = first(x)
    assert y.shape[2:] == (16, 16)
    y[0, :, 2, 5].sum().backward()
    touched = x.grad.abs().sum((0, 1)).nonzero()
    assert touched.amin(0).tolist() == [6, 15] and touched.amax(0).tolist() == [8, 17]


def test_defaults():
    network = TwoStreamNetwork().eval()
    assert network.input_shape == (9, 120, 120)
    assert network(torch.rand(1, 9, 120, 120)).shape == (1, 62)


def test_unusable_size():
    with pytest.raises(InputError, match="size: expected a multiple of 3, 32 or more, got 64"):
        TwoStreamOptions(size=64)
