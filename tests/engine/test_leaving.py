"""Processes of a group that end as soon as their work is done."""

from __future__ import annotations

SCRIPT = """
import sys
import warnings
import torch
from selfie3d.engine.runtime import make_runtime

warnings.simplefilter("ignore", FutureWarning)
network = make_runtime("cpu").wrap(torch.nn.Linear(2, 2))
network(torch.ones(4, 2)).sum().backward()
del network
sys.setswitchinterval(1.0)  # the main thread keeps the interpreter to its end
torch.distributed.all_reduce_coalesced([torch.zeros(1) for _ in range(20_000)])
"""


def test_threads_that_still_let_go_of_tensors_abort_nothing(fork_python, free_port):
    """torch aborts a process that such a thread outlives: here about 3 of 4 pairs."""
    running = fork_python(SCRIPT, 2, free_port)
    assert [process.wait() for process in running] == [0, 0]
