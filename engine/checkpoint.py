"""Checkpoints: everything a killed run needs to go on as if nothing had happened."""

from __future__ import annotations

import os
import pickle
import re
import shutil
from pathlib import Path
from typing import Any

import torch

from ..core.errors import InputError

_PATTERN = re.compile(r"step_(\d+)\.pt")


def save_checkpoint(folder: Path, step: int, state: dict[str, Any], keep: int) -> Path:
    """Write `step_N.pt` atomically and delete all but the `keep` latest.

    Args:
        folder: made if missing.
        step: optimiser steps done.
        state: tensors, numbers, strings and containers of them only.
        keep: at least 1.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step_{step:08d}.pt"
    partial = path.with_suffix(".partial")
    with open(partial, "wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
    for old in checkpoints(folder)[: -max(keep, 1)]:
        old.unlink(missing_ok=True)
    return path


def keep_as(path: Path, name: str) -> Path:
    """Let a checkpoint also lie beside itself as `name`, which outlives it; atomic."""
    target, partial = path.with_name(name), path.with_name(f"{name}.partial")
    partial.unlink(missing_ok=True)
    try:
        os.link(path, partial)
    except OSError:  # no hard links on this file system
        shutil.copyfile(path, partial)
    os.replace(partial, target)
    return target


def checkpoints(folder: Path) -> list[Path]:
    """Every finished checkpoint of a folder, oldest first."""
    found = [p for p in folder.glob("step_*.pt") if _PATTERN.fullmatch(p.name)]
    return sorted(found, key=lambda path: int(path.stem.split("_")[1]))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """What `save_checkpoint` wrote.

    Raises:
        InputError: the file is damaged or no checkpoint.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, pickle.UnpicklingError) as error:
        raise InputError(str(path), "a checkpoint", str(error).splitlines()[0]) from error
    if not isinstance(state, dict) or "step" not in state:
        raise InputError(str(path), "a checkpoint", type(state).__name__)
    return state
