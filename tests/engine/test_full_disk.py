"""A disk that fills up while a run writes: one clear error, nothing half written."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from selfie3d.core.ending import TerminatedError
from selfie3d.core.errors import InputError
from selfie3d.engine import checkpoint
from selfie3d.engine.checkpoint import checkpoints, save_checkpoint
from selfie3d.engine.reporter import RunLog
from selfie3d.engine.summary import Summary

LIMITED = """
import resource, sys
from pathlib import Path
import torch
from selfie3d.core.errors import InputError
from selfie3d.engine.checkpoint import save_checkpoint
folder = Path(sys.argv[1])
save_checkpoint(folder, 1, {"step": 1}, 3)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    save_checkpoint(folder, 2, {"step": 2, "weights": torch.zeros(100_000)}, 3)
except InputError as error:
    print(error)
"""


def test_a_checkpoint(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "step_00000002.pt: expected a file that can be written" in done.stdout, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["step_00000001.pt"]


def test_a_signal_while_a_checkpoint_is_written(tmp_path, monkeypatch):
    """It is no fault of the disk, which torch's own error would make of it."""

    class Interrupted(io.FileIO):
        def write(self, content):
            if self.tell() > 20_000:
                raise TerminatedError(signal.SIGTERM)
            return super().write(content)

    save_checkpoint(tmp_path, 1, {"step": 1}, 3)
    monkeypatch.setattr(checkpoint, "open", Interrupted, raising=False)
    with pytest.raises(TerminatedError, match="SIGTERM"):
        save_checkpoint(tmp_path, 2, {"step": 2, "weights": torch.zeros(100_000)}, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["step_00000001.pt"]


def test_the_log_and_the_summary(tmp_path, monkeypatch):
    log = RunLog(tmp_path, tensorboard=False)
    log.begin(0, {})
    log.write("training", {"step": 1})
    (tmp_path / "log.jsonl").unlink()
    (tmp_path / "log.jsonl").symlink_to("/dev/full")
    with pytest.raises(InputError, match=r"log\.jsonl.*No space left.*Free some space"):
        log.write("training", {"step": 2})
    (tmp_path / "summary.json").mkdir()
    with pytest.raises(InputError, match=r"summary\.json"):
        Summary(1, 1, 1.0, 0, 1, {}, {}, {}).write(tmp_path / "summary.json")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["log.jsonl", "summary.json"]


def test_a_damaged_log_is_kept_but_for_what_is_damaged(tmp_path):
    whole = b'{"kind": "training", "step": 1}\n'
    (tmp_path / "log.jsonl").write_bytes(whole + b'{"step": 1e999}\n{"step": \xff1}\n' + whole)
    RunLog(tmp_path, tensorboard=False).begin(1, {})
    assert (tmp_path / "log.jsonl").read_bytes() == 2 * whole


def test_an_output_that_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    for make in (
        lambda: save_checkpoint(tmp_path / "file" / "checkpoints", 1, {"step": 1}, 3),
        lambda: RunLog(tmp_path / "file", tensorboard=False),
    ):
        with pytest.raises(InputError, match="output folder"):
            make()
    save_checkpoint(tmp_path / "run", 1, {"step": 1, "x": torch.zeros(3)}, 3)
    assert len(checkpoints(tmp_path / "run")) == 1
