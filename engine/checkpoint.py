"""Checkpoints: everything a killed run needs to go on as if nothing had happened."""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path
from typing import Any

import torch

from ..core.errors import InputError
from ..core.whole_file import prepare_folder, write_whole
from ..models.torch_file import load_torch

_PATTERN = re.compile(r"step_(\d+)\.pt")


def save_checkpoint(folder: Path, step: int, state: dict[str, Any], keep: int) -> Path:
    """Write `step_N.pt` atomically and delete all but the `keep` latest.

    Args:
        folder: made if missing.
        step: optimiser steps done.
        state: tensors, numbers, strings and containers of them only.
        keep: at least 1.
    """
    prepare_folder(folder)
    path = folder / f"step_{step:08d}.pt"
    save_whole(path, state)
    for old in checkpoints(folder)[: -max(keep, 1)]:
        old.unlink(missing_ok=True)
    return path


def save_whole(path: Path, state: dict[str, Any]) -> None:
    """Let `torch.save` write a file that is whole and on the disk, or not there.

    Raises:
        InputError: it cannot be written.
    """
    write_whole(path, lambda partial: _save(partial, state))


def _save(path: Path, state: dict[str, Any]) -> None:
    try:
        with open(path, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
    except RuntimeError as error:  # torch's own word where a disk is full
        if isinstance(error.__context__, OSError):
            raise error.__context__ from error
        raise OSError(errno.EIO, str(error).splitlines()[0]) from error


def keep_as(path: Path, name: str) -> Path:
    """Let a checkpoint also lie beside itself as `name`, which outlives it; atomic."""
    target = path.with_name(name)
    write_whole(target, lambda partial: _link(path, partial))
    return target


def _link(path: Path, partial: Path) -> None:
    try:
        os.link(path, partial)
    except OSError:  # no hard links on this file system
        shutil.copyfile(path, partial)


def checkpoints(folder: Path) -> list[Path]:
    """Every finished checkpoint of a folder, oldest first."""
    found = [p for p in folder.glob("step_*.pt") if _PATTERN.fullmatch(p.name)]
    return sorted(found, key=lambda path: int(path.stem.split("_")[1]))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """What `save_checkpoint` wrote.

    Raises:
        InputError: the file is damaged, be it by a single byte, or no checkpoint.
    """
    state = load_torch(path, "a checkpoint", own=True)
    if not isinstance(state, dict) or "step" not in state:
        raise InputError(str(path), "a checkpoint", type(state).__name__)
    return state
