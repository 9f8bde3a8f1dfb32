"""Draw arrays for every compiled kernel that takes an index from a number; for fuzz.py --kernels.

The process compiles them with numba's own check of every index (NUMBA_BOUNDSCHECK) into a folder of
its own: an index out of bounds is an IndexError here, where it would be anybody's memory elsewhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable

import numpy as np

ODD = [np.nan, np.inf, -np.inf, 1e30, -1e30, 3e38, 2.0**31, -(2.0**31), 2.0**63, 1e-38, 0.0, -0.0]
Dice = np.random.Generator


def fuzz_kernels(seconds: float, seed: int) -> int:
    """Run the worker in a process of its own; 1 where it found a fault or ended by a signal."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": folder, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, __file__, str(seconds), str(seed)]
        return 1 if subprocess.run(command, env=os.environ | settings).returncode else 0


def numbers(dice: Dice, *shape: int, scale: float = 1.0, odd: float = 0.15) -> np.ndarray:
    """Float32, some of them odd."""
    values = dice.normal(0, scale, shape)
    chosen = dice.random(shape) < odd * dice.random() ** 2
    values[chosen] = dice.choice(ODD, int(chosen.sum()))
    return values.astype(np.float32)


def crops(dice: Dice) -> None:
    import torch
    from selfie3d.geometry.cut import cut_out, warp

    height, width, size = (int(n) for n in dice.integers(1, 14, 3))
    pictures = dice.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    spread = float(10.0 ** dice.uniform(-6, 4))
    frames = torch.from_numpy(numbers(dice, 2, 2, 3, scale=spread))
    flags = torch.from_numpy(dice.random(2) < 0.5)
    refused(lambda: warp(pictures, frames, size, flags))
    refused(lambda: cut_out(pictures[0], frames[0], size))
    refused(lambda: cut_out(pictures[0, ..., 0], frames[1], size))


def labels(dice: Dice) -> None:
    import torch
    from selfie3d.datasets.shards.rendered import CELL, warp_labels

    height, width, size = (int(n) for n in dice.integers(1, 7, 3))
    packed = dice.integers(0, 256, (2, height, width), dtype=np.uint8)
    frames = torch.from_numpy(numbers(dice, 2, 2, 3, scale=float(10.0 ** dice.uniform(-6, 4))))
    flags = torch.from_numpy(dice.random(2) < 0.5)
    refused(lambda: warp_labels(packed, frames, CELL * size, flags))


def pictures(dice: Dice) -> None:
    import torch
    from selfie3d.render import Fragments, get_rasterizer

    cpu = get_rasterizer("cpu")
    batch, vertices, triangles = int(dice.integers(1, 4)), int(dice.integers(1, 9)), 12
    height, width = (int(n) for n in dice.integers(1, 14, 2))
    pos = torch.from_numpy(numbers(dice, batch, vertices, 4)).requires_grad_()
    if dice.random() < 0.7:
        pos = (pos.detach() + torch.tensor([0, 0, 0, 2.0])).requires_grad_()
    tri = torch.from_numpy(dice.integers(0, vertices, (triangles, 3)).astype(np.int32))
    rast = cpu.rasterize(pos, tri, (height, width))
    if dice.random() < 0.5:  # what somebody might hand over for one
        buffer = torch.from_numpy(numbers(dice, batch, height, width, 4, scale=20))
        rast = Fragments(buffer.requires_grad_())
    attr = torch.from_numpy(numbers(dice, batch, vertices, 2)).requires_grad_()
    out = cpu.interpolate(attr, rast, tri)
    tex = torch.from_numpy(numbers(dice, batch, *dice.integers(1, 5, 2), 3)).requires_grad_()
    uv = torch.from_numpy(numbers(dice, batch, height, width, 2)).requires_grad_()
    color = torch.cat([out, cpu.texture(tex, uv)], -1)
    cpu.antialias(color, rast, pos, tri).sum().backward()


def texels(dice: Dice) -> None:
    from selfie3d.pipeline.texture.fill import extend, retreat, spread
    from selfie3d.pipeline.texture.kernels import sample_texels

    side, vertices = int(dice.integers(1, 9)), int(dice.integers(1, 9))
    height, width, h, w, n = (int(k) for k in dice.integers(1, 14, 5))
    count, channels = side * side, int(dice.integers(1, 8))
    table = numbers(dice, vertices, 10, scale=float(10.0 ** dice.uniform(-2, 4)))
    table[:, 3] = abs(table[:, 3])
    photo = numbers(dice, height, width, 4)
    photo[..., 3] = dice.random((height, width)) < 0.9
    to_maps = numbers(dice, 2, 3).astype(np.float64)
    near, to_near = numbers(dice, n, n, scale=100), numbers(dice, 3).astype(np.float64)
    sampled, fitted = np.zeros((2, count, 3), np.float32)
    trust, shown = np.zeros(count, np.float32), np.zeros((count, channels), np.float32)
    sample_texels(
        np.arange(count), dice.integers(0, vertices, (count, 3)), numbers(dice, count, 3), table,
        photo, numbers(dice, h, w, channels), to_maps, near, to_near, 4.0, sampled, fitted, trust,
        shown,
    )  # fmt: skip
    values, weight = numbers(dice, side, side, channels), abs(numbers(dice, side, side))
    extend(values, weight)
    spread(values, weight, values[0, 0], 3.0, weight > 0.5, 2.0)
    retreat(weight, float(dice.uniform(0, 9)))


def refused(call: Callable[[], object]) -> None:
    """An error of this package is an answer, too."""
    from selfie3d.core.errors import InputError

    try:
        call()
    except InputError:
        COUNTS["refused"] += 1


COUNTS: Counter[str] = Counter()
KERNELS = {"crops": crops, "labels": labels, "pictures": pictures, "texels": texels}


def main(seconds: float, seed: int) -> int:
    dice = np.random.default_rng(seed)
    start, faults = time.monotonic(), 0
    np.seterr(all="ignore")
    while time.monotonic() - start < seconds or COUNTS.total() < len(KERNELS):
        name = list(KERNELS)[int(dice.integers(len(KERNELS)))]
        COUNTS[name] += 1
        try:
            KERNELS[name](dice)
        except Exception:  # noqa: BLE001
            faults += 1
            traceback.print_exc()
        if COUNTS.total() % 2000 == 0:
            print(dict(COUNTS), flush=True)
    print(f"{dict(COUNTS)}: {faults} faults, every index checked")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2])))
