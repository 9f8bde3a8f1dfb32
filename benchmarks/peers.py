"""What the rasterizer is measured against: a floor and other people's rasterizers."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

import numba
import numpy as np
import torch
from face_mesh import clip_positions
from numpy.typing import NDArray


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _project(pos, screen, height, width):
    for v in range(pos.shape[0]):
        inverse = np.float32(1) / pos[v, 3]
        screen[v, 0] = (pos[v, 0] * inverse + np.float32(1)) * np.float32(0.5 * width)
        screen[v, 1] = (np.float32(1) - pos[v, 1] * inverse) * np.float32(0.5 * height)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _floor(pos, tri, screen, out):
    """Transform every vertex, box every triangle, write the buffer: each once, nothing else."""
    height, width = out.shape[0], out.shape[1]
    _project(pos, screen, height, width)
    out[:] = 0
    for t in range(tri.shape[0]):
        i, j, k = tri[t, 0], tri[t, 1], tri[t, 2]
        x0 = max(math.ceil(min(screen[i, 0], screen[j, 0], screen[k, 0]) - 0.5), 0)
        x1 = min(math.floor(max(screen[i, 0], screen[j, 0], screen[k, 0]) - 0.5), width - 1)
        y0 = max(math.ceil(min(screen[i, 1], screen[j, 1], screen[k, 1]) - 0.5), 0)
        y1 = min(math.floor(max(screen[i, 1], screen[j, 1], screen[k, 1]) - 0.5), height - 1)
        if x0 <= x1 and y0 <= y1:
            out[y0, x0, 3] = t + 1


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _bare_floor(pos, tri, screen, out):
    """The same without the question which pixels a triangle may touch: all of it vectorizes."""
    _project(pos, screen, out.shape[0], out.shape[1])
    out[:] = 0
    total = np.float32(0)
    for t in range(tri.shape[0]):
        i, j, k = tri[t, 0], tri[t, 1], tri[t, 2]
        total += max(screen[i, 0], screen[j, 0], screen[k, 0])
        total -= min(screen[i, 1], screen[j, 1], screen[k, 1])
    out[0, 0, 0] = total


def floor_runs(pos: NDArray, tri: NDArray, size: int) -> dict[str, Callable[[], object]]:
    """Both floors on one image; pos (V,4), tri (T,3). The memory is new each time, as ours is."""

    def call(kernel: Callable[..., None]) -> Callable[[], object]:
        return lambda: kernel(
            pos, tri, np.empty((len(pos), 2), np.float32), np.empty((size, size, 4), np.float32)
        )

    return {"floor": call(_floor), "floor without boxes": call(_bare_floor)}


def sim3dr_runs(
    folder: str, pos: NDArray, tri: NDArray, size: int
) -> dict[str, Callable[[], object]]:
    """Sim3DR's two rasterizers on one image; the projection is done for it beforehand."""
    sys.path.insert(0, folder)
    import Sim3DR_Cython

    screen = pos[:, :3] / pos[:, 3:]
    vertices = np.ascontiguousarray(
        np.stack(
            [(screen[:, 0] + 1) * size / 2 - 0.5, (1 - screen[:, 1]) * size / 2 - 0.5,
             -screen[:, 2]], 1
        ).astype(np.float32)
    )  # fmt: skip
    depth = np.empty((size, size), np.float32)
    ids = np.empty((size, size), np.int32)
    weights = np.empty((size * size, 3), np.float32)
    image = np.empty((size, size, 3), np.uint8)
    colors = np.ones_like(vertices)

    def triangles() -> None:
        depth[:], ids[:], weights[:] = -1e8, -1, 0
        Sim3DR_Cython.rasterize_triangles(vertices, tri, depth, ids, weights, len(tri), size, size)

    def colours() -> None:
        depth[:], image[:] = -1e8, 0
        Sim3DR_Cython.rasterize(image, vertices, tri, colors, depth, len(tri), size, size, 3)

    return {"Sim3DR ids+weights": triangles, "Sim3DR colours": colours}


def pytorch3d_run(
    folder: str | None, vertices: torch.Tensor, tri: torch.Tensor
) -> Callable[[], object] | None:
    """PyTorch3D's forward and backward at 224 px; None where it is absent."""
    if folder:
        sys.path.insert(0, folder)
    try:
        from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
        from pytorch3d.structures import Meshes
    except ImportError as error:
        print(f"PyTorch3D is not measured: {error}")
        return None
    pos = clip_positions(vertices, 1)[0]
    ndc = torch.cat([pos[:, :2] / pos[:, 3:], pos[:, 3:]], 1).requires_grad_()

    def run() -> None:
        mesh = Meshes([ndc], [tri.long()])
        _, _, weights, _ = rasterize_meshes(mesh, 224, 0.0, 1)
        weights.sum().backward()

    return run
