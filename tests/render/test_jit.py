"""The compile notice and the cache folder, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import torch
from selfie3d.render.back_ends import get_rasterizer
r = get_rasterizer()
for _ in range(2):
    out = r.texture(torch.ones(1, 2, 2, 1), torch.zeros(1, 1, 1, 2))
assert out.item() == 1
"""


def run(**environment: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return result.stderr


def test_notice_once_while_compiling_and_none_from_the_cache(tmp_path) -> None:
    cache = str(tmp_path / "cache")
    assert run(NUMBA_CACHE_DIR=cache).count("compiling") == 1
    assert any((tmp_path / "cache").rglob("*.nbi"))
    assert run(NUMBA_CACHE_DIR=cache) == ""


def test_compiles_where_no_cache_can_be_written() -> None:
    # Whoever runs this may write anywhere, so numba's message for "nowhere" is raised instead.
    program = """
import numba
compile = numba.njit
def njit(*functions, cache=False, **options):
    if cache:
        raise RuntimeError("cannot cache function: no locator available")
    return compile(*functions, **options)
numba.njit = njit
"""
    result = subprocess.run(
        [sys.executable, "-c", program + PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert result.stderr.count("compiling") == 1
