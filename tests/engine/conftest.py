"""Lets the tests of the engine, and the processes that they start, import `line_task`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))


@pytest.fixture(scope="session")
def start_python():
    """Starts `code` in `world` processes that find each other; returns them as a list of Popen."""

    def start(code: str, world: int = 1, port: int = 0) -> Sequence[subprocess.Popen[bytes]]:
        base = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        base["PYTHONPATH"] = str(FOLDER)
        processes = []
        for rank in range(world):
            own = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world}
            address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port} if world > 1 else {}
            settings = {**own, **address} if world > 1 else {}
            environment = base | {name: str(value) for name, value in settings.items()}
            processes.append(subprocess.Popen([sys.executable, "-c", code], env=environment))
        return processes

    return start


@pytest.fixture
def free_port():
    """A port nobody listens to, for processes that meet on this machine."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
