"""SADRNet: table IV's rows, its shapes, its attention, its way with images and poses."""

from __future__ import annotations

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.models.sadrnet.network import (
    SadrNet,
    SadrNetOptions,
    decode_pose,
    standardise,
)

SMALL = {"size": 64, "width": 4}


@pytest.mark.parametrize(
    ("at", "sa", "df", "given"),
    [
        (False, False, False, {"position"}),
        (False, False, True, {"deformation", "pose"}),
        (False, True, True, {"position", "deformation"}),
        (True, False, False, {"position", "attention"}),
        (True, True, False, {"position", "deformation", "attention"}),
        (True, True, True, {"position", "deformation", "attention"}),
    ],
)
def test_rows_of_table_4(at, sa, df, given):
    options = SadrNetOptions(**SMALL, attention=at, self_alignment=sa, deformation=df)
    network = SadrNet(options)
    prediction = network(torch.rand(2, 3, 64, 64))
    found = {name for name, value in prediction._asdict().items() if value is not None}
    assert found == given
    sum(value.sum() for value in prediction if value is not None).backward()
    assert all(p.grad is not None for p in network.parameters())


def test_shapes_of_section_3e():
    network = SadrNet().eval()
    shapes = {}
    for name in ("stem", "low", "attention", "high", "decoder", "position", "deformation"):
        part = network.get_submodule(name)
        part.register_forward_hook(
            lambda _, inputs, output, name=name: shapes.update({name: tuple(output.shape[1:])})
        )
    with torch.no_grad():
        prediction = network(torch.rand(1, 3, 256, 256))
    assert shapes == {
        "stem": (16, 255, 255),
        "low": (128, 32, 32),
        "attention": (1, 32, 32),
        "high": (512, 8, 8),
        "decoder": (64, 64, 64),
        "position": (3, 256, 256),
        "deformation": (3, 256, 256),
    }
    assert prediction.attention.shape == (1, 1, 32, 32)


def test_attention_multiplies_by_its_exponential():
    """Equation 9: F_a = F_l exp(A)."""
    torch.manual_seed(0)
    network, seen = SadrNet(SadrNetOptions(**SMALL)).eval(), {}
    network.low.register_forward_hook(lambda _, inputs, output: seen.update(low=output))
    network.high.register_forward_pre_hook(lambda _, inputs: seen.update(high=inputs[0]))
    with torch.no_grad():
        attention = network(torch.rand(2, 3, 64, 64)).attention
    assert bool((attention > 0).all()) and bool((attention < 1).all())
    torch.testing.assert_close(seen["high"], seen["low"] * torch.exp(attention))


def test_every_image_is_standardised_alone():
    images = torch.rand(2, 3, 9, 9) * torch.tensor([0.1, 1.0])[:, None, None, None]
    result = standardise(images)
    for image, own in zip(images, result, strict=True):
        for channel, values in zip(image.double().numpy(), own.double().numpy(), strict=True):
            wanted = (channel - channel.mean()) / (channel.var() + 1e-3) ** 0.5
            assert abs(values - wanted).max() < 1e-5


def test_the_last_layer_may_be_negative_and_is_float32():
    torch.manual_seed(0)
    network = SadrNet(SadrNetOptions(**SMALL)).train()
    with torch.autocast("cpu", torch.bfloat16):
        prediction = network(torch.rand(2, 3, 64, 64))
    assert all(m.dtype == torch.float32 for m in prediction if m is not None)
    assert bool((prediction.position < 0).any()) and bool((prediction.deformation < 0).any())
    assert prediction.position.bfloat16().float().ne(prediction.position).any()


def test_zero_is_no_pose_and_others_are_similarities():
    scale, R, t = decode_pose(torch.zeros(2, 10))
    torch.testing.assert_close(scale, torch.ones(2))
    torch.testing.assert_close(R, torch.eye(3).expand(2, 3, 3))
    torch.testing.assert_close(t, torch.zeros(2, 3))
    scale, R, _ = decode_pose(torch.randn(5, 10))
    assert bool((scale > 0).all())
    torch.testing.assert_close(R @ R.mT, torch.eye(3).expand(5, 3, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(R), torch.ones(5))


def test_unusable_sizes():
    for size in (32, 100):
        with pytest.raises(InputError, match=rf"a multiple of 32, 64 or more, got {size}"):
            SadrNetOptions(size=size)
