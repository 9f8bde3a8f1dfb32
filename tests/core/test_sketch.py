"""Networks without storage; what they do not import is tried in a fresh process."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from selfie3d.core.sketch import sketching
from torch import nn


@pytest.mark.parametrize("draw", [nn.init.normal_, nn.init.kaiming_normal_, nn.init.uniform_])
def test_shapes_without_storage(draw):
    with sketching():
        layer = nn.Conv2d(3, 8, 5)
        draw(layer.weight)
    assert layer.weight.is_meta and layer.weight.shape == (8, 3, 5, 5)


def test_random_numbers_are_drawn_outside():
    with sketching():
        pass
    assert float(nn.init.normal_(torch.zeros(50)).std()) > 0.3


def test_the_compiler_stays_out():
    code = """
import sys
from selfie3d.core.sketch import sketching
from torch import nn
with sketching():
    layer = nn.Linear(3, 4)
    nn.init.normal_(layer.weight, std=0.1)
    nn.init.kaiming_normal_(layer.weight)
    nn.init.zeros_(layer.bias)
assert "torch._dynamo" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
