"""The weights that two processes end with, against those of one with the whole batch."""

from __future__ import annotations

import pytest
import torch
from line_task import FORTY_STEPS, LineTask, last_state
from selfie3d.engine.trainer import Trainer

SCRIPT = """
from dataclasses import replace
from pathlib import Path
from line_task import FORTY_STEPS, LineTask
from selfie3d.engine.trainer import Trainer

for norm in (False, True):
    settings = replace(FORTY_STEPS, sync_batch_norm=norm)
    Trainer(LineTask(norm=norm), settings, Path({out!r}) / str(norm), {{}}).run()
"""


@pytest.fixture(scope="module")
def together(tmp_path_factory, fork_python):
    """The folder with the runs of two processes."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    out = tmp_path_factory.mktemp("two")
    running = fork_python(SCRIPT.format(out=str(out)), 2, port)
    assert [process.wait() for process in running] == [0, 0]
    return out


@pytest.mark.parametrize("norm", [False, True], ids=["plain", "synchronised norms"])
def test_weights_are_the_same_to_1e_5(together, tmp_path, norm):
    """Forty steps of SGD with momentum and clipping, without and with a batch normalisation."""
    Trainer(LineTask(norm=norm), FORTY_STEPS, tmp_path, {}).run()
    one, two = last_state(tmp_path), last_state(together / str(norm))
    moved = 0.0
    for name, start in LineTask(norm=norm).network.state_dict().items():
        found, wanted = two["network"][name], one["network"][name]
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
        moved = max(moved, float((wanted - start).abs().max()))
    assert moved > 0.1
