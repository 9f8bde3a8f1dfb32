"""Processes for the tests of the engine, which can import `line_task`, as the tests do."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

from nursery import Forked, Nursery  # noqa: E402


def of_rank(rank: int, world: int, port: int) -> dict[str, str]:
    """The variables of one of several processes that find each other; none for a single one."""
    if world == 1:
        return {}
    own = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world}
    settings = {**own, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return {name: str(value) for name, value in settings.items()}


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """Of every process."""
    paths = [str(FOLDER), *filter(None, [os.environ.get("PYTHONPATH")])]
    more = {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return {**os.environ, **more, "PYTHONPATH": os.pathsep.join(paths)}


@pytest.fixture(scope="session")
def fork_python(environment) -> Iterator[Callable[..., list[Forked]]]:
    """Starts `code` in `world` processes that find each other, and need not import torch."""
    nursery = Nursery(environment)

    def start(code: str, world: int = 1, port: int = 0) -> list[Forked]:
        return [nursery.start(code, of_rank(rank, world, port)) for rank in range(world)]

    yield start
    nursery.close()


@pytest.fixture
def free_port():
    """A port nobody listens to, for processes that meet on this machine."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
