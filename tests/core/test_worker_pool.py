"""Processes that share work: killed ones are named, their work is done again, none is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the processes import it, too

import pool_work
from selfie3d.core.errors import InputError
from selfie3d.core.worker_pool import Died, WorkerPool


def pool(folder: Path, fails: str = "") -> WorkerPool[str, str]:
    return WorkerPool(pool_work.work, pool_work.start, (folder, fails), lambda item: f"item {item}")


def gone(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        state = Path(f"/proc/{pid}/stat")
        if state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.1)
    return False


def test_killed_once_and_killed_always(tmp_path, capfd):
    items = ["a", "once", "b", "die", "c", "exit"]
    found = dict(pool(tmp_path).work(items, 2))
    assert {k: v for k, v in found.items() if isinstance(v, str)} == {
        "a": "A",
        "once": "ONCE",
        "b": "B",
        "c": "C",
    }
    assert found["die"] == Died("SIGKILL") and found["exit"] == Died("exit status 7")
    said = capfd.readouterr().err.splitlines()
    once = [line for line in said if "item once" in line]
    assert len(once) == 1 and "SIGKILL" in once[0] and "another one does its work" in once[0]
    assert sum("item die" in line for line in said) == 2
    assert all("worker process" in line for line in said)


def test_errors_of_the_work_and_of_the_start(tmp_path):
    with pytest.raises(EOFError, match="raise"):
        list(pool(tmp_path).work(["a", "raise"], 1))
    with pytest.raises(KeyError, match="no start"):
        list(pool(tmp_path, "raise").work(["a"], 1))
    with pytest.raises(InputError, match=r"exit status 3.*--workers"):
        list(pool(tmp_path, "die").work(["a"], 1))


def sleeper(folder: Path, mark: str) -> int:
    """The process that sleeps, once it does."""
    path = folder / mark
    for _ in range(600):
        if path.exists() and path.read_text():
            return int(path.read_text())
        time.sleep(0.1)
    raise TimeoutError(mark)


def test_a_closed_iterator_ends_them(tmp_path):
    going = pool(tmp_path).work(["a", "sleep"], 2)
    assert next(going)[0] == "a"
    pid = sleeper(tmp_path, "sleep")
    going.close()
    assert gone(pid)


SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import pool_work
from selfie3d.core.ending import terminable
from selfie3d.core.worker_pool import WorkerPool

if __name__ == "__main__":
    pool = WorkerPool(pool_work.work, pool_work.start, (Path(sys.argv[2]),), str)
    with terminable():
        print(list(pool.work(["sleep"], 1)))
"""


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_they_end_with_the_first_process(tmp_path, end):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "script.py", str(Path(__file__).parent), str(tmp_path)]
    first = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    pid = sleeper(tmp_path, "sleep")
    first.send_signal(end)
    said = first.communicate(timeout=60)[1]
    assert gone(pid)
    if end == signal.SIGTERM:
        assert "1 worker processes were ended" in said and first.returncode != 0
