"""Finished 8-bit pictures of a mesh on the CPU: several samples a pixel, one rasterization for all
layers. For looking at; what is differentiated goes through `FaceRenderer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.errors import InputError
from ..geometry.checks import check_shape
from .cpu.antialias import find_pairs
from .cpu.checks import run_slices
from .cpu.functions import view as view_of
from .cpu.paint import average, blend_edges, fill, paint_shades, paint_texture
from .cpu.raster import rasterize_images
from .cpu.topology import Topology, check_indices, topology_of
from .overlay import Picture

Floats = NDArray[np.float32]
Indices = NDArray[np.int32]


@dataclass(frozen=True)
class Textured:
    """A layer that shows a texture.

    Attributes:
        uv: (T,2) texture coordinates, v up. triangles: (F,3) int32 indices into them.
        texels: (h,w,3) uint8, row 0 at v = 1.
    """

    uv: Tensor
    triangles: Tensor
    texels: Picture

    def check(self, count: int, faces: int, vertices: int) -> None:
        """Check that this layer fits `count` views of a mesh, whatever its vertices."""
        check_shape("uv", self.uv, (None, 2))
        check_shape("triangles of uv", self.triangles, (faces, 3))
        check_indices(topology_of(self.triangles), len(self.uv), "uv")
        _check_colours("texels", self.texels)

    def paint(self, view: int, fragments: Floats, colours: Floats, triangles: Indices) -> None:
        """Paint one view's pixels, whatever the mesh's own triangles."""
        own = topology_of(self.triangles).tri
        paint_texture(fragments, own, view_of(self.uv.float()), self.texels, colours)


@dataclass(frozen=True)
class Shaded:
    """A layer that shows the grey levels (B,V) of vertices, sRGB-coded in [0,1]."""

    shades: Tensor

    def check(self, count: int, faces: int, vertices: int) -> None:
        """Check that this layer fits `count` views of a mesh, whatever its faces."""
        check_shape("shades", self.shades, (count, vertices))

    def paint(self, view: int, fragments: Floats, colours: Floats, triangles: Indices) -> None:
        """Paint one view's pixels."""
        paint_shades(fragments, triangles, view_of(self.shades[view].float()), colours)


def draw_pictures(
    clip: Tensor,
    triangles: Tensor,
    layers: Sequence[Textured | Shaded],
    background: Floats,
    samples: int = 2,
) -> list[list[Picture]]:
    """Pictures of each layer from each side.

    >>> corners = torch.tensor([[[-1.0, 1, 0, 1], [3, 1, 0, 1], [-1, -3, 0, 1]]])
    >>> grey = Shaded(torch.ones(1, 3))
    >>> ((picture,),) = draw_pictures(
    ...     corners, torch.tensor([[0, 1, 2]], dtype=torch.int32), [grey], np.zeros((2, 2, 3), "f4")
    ... )
    >>> picture[..., 0].tolist()
    [[255, 255], [255, 255]]

    Args:
        clip: (B,V,4) of B views, in the clip space of a picture of the background's size.
        triangles: (F,3) int32; what depends on them alone is kept while the same tensor comes.
        layers: what the mesh shows.
        background: (H,W,3) float32 in [0,1].
        samples: in a pixel, along either side.

    Returns:
        a list of B pictures (H,W,3) uint8 for each layer.

    Raises:
        InputError: wrong shapes, indices outside their arrays, samples below 1.
    """
    check_shape("clip", clip, (None, None, 4))
    _check_colours("background", background)
    if samples < 1:
        raise InputError("samples", "1 or more", str(samples))
    topology = topology_of(triangles)
    check_indices(topology, clip.shape[1], "clip")
    for layer in layers:
        layer.check(len(clip), len(triangles), clip.shape[1])
    pictures = np.empty((len(layers), len(clip), *background.shape), np.uint8)

    def draw(first: int, last: int) -> None:
        for view in range(first, last):
            _draw(clip, view, topology, layers, background, samples, pictures[:, view])

    run_slices(draw, len(clip))
    return [list(layer) for layer in pictures]


def _draw(
    clip: Tensor,
    view: int,
    topology: Topology,
    layers: Sequence[Textured | Shaded],
    background: Floats,
    samples: int,
    pictures: NDArray[np.uint8],
) -> None:
    """Draw one view's layers into their pictures (L,H,W,3)."""
    own = clip[view : view + 1].detach().float()
    size = tuple(side * samples for side in background.shape[:2])
    fragments = torch.from_numpy(np.empty((1, *size, 4), np.float32))
    rasterize_images(view_of(own), topology.tri, fragments.numpy(), 0, 1)
    pairs, blends, counts = find_pairs(own, fragments, topology)
    colours = np.empty((*size, 3), np.float32)
    for layer, picture in zip(layers, pictures, strict=True):
        fill(background, samples, colours)
        layer.paint(view, fragments[0].numpy(), colours, topology.tri)
        blend_edges(colours.reshape(-1, 3), pairs[0], blends[0], int(counts[0]))
        average(colours, samples, picture)


def _check_colours(name: str, image: NDArray[Any]) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise InputError(name, "shape (H, W, 3) with a pixel at least", f"shape {image.shape}")
