"""Depth, normals and segmentation of a reconstructed face, pixel by pixel of its photograph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ...core.errors import UnknownNameError
from ...core.image_file import write_image
from ...core.whole_file import write_whole
from ...geometry.face_model import FaceModel
from ...geometry.segments import SEGMENTS, Segment
from ...render.face import FaceRenderer
from ..face import ReconstructedFace, SeenSegments
from ..options import MAPS

_TILE = 1024  # pixels of a side that is drawn at once
_STEP, _STEPS = 0.1, 65535  # mm per step of a 16-bit depth, at least; how many there are
_REGIONS = (
    ("skin", Segment.SKIN), ("scalp", Segment.SKIN), ("ears", Segment.EARS),
    ("neck", Segment.NECK), ("brows", Segment.BROWS), ("lips", Segment.LIPS),
    ("mouth", Segment.MOUTH), ("gums", Segment.MOUTH), ("tongue", Segment.MOUTH),
    ("teeth", Segment.TEETH), ("left_eye", Segment.SCLERA), ("right_eye", Segment.SCLERA),
    ("iris", Segment.IRIS), ("pupil", Segment.IRIS),
)  # fmt: skip
"""Regions of the shipped model and what they are; later ones lie on earlier ones."""


@dataclass(frozen=True)
class PhotoMaps:
    """Maps of the photograph's size (H,W); None what was not asked for.

    Attributes:
        depth: (H,W) float32, mm of true size along the viewing axis; 0 where the head is not.
        normals: (H,W,3) float32 of unit length in camera space: x right, y up, z to the viewer; 0
            where the head is not.
        segmentation: (H,W) uint8, codes of `geometry.segments.Segment`: what the photograph shows
            where a network saw it, else which part of the head lies there.
    """

    depth: NDArray[np.float32] | None = None
    normals: NDArray[np.float32] | None = None
    segmentation: NDArray[np.uint8] | None = None

    @property
    def depth_step_mm(self) -> float:
        """Millimetres per step of the depth's PNG: a tenth, or more where a face is far away."""
        far = 0.0 if self.depth is None else float(self.depth.max(initial=0))
        return _STEP * max(1, int(np.ceil(far / (_STEP * _STEPS))))

    def describe(self) -> dict[str, object]:
        """What NAME.json says of the files."""
        found: dict[str, object] = {}
        if self.depth is not None:
            found["depth_mm_per_step"] = self.depth_step_mm
        if self.segmentation is not None:
            found["segmentation_codes"] = {name: code for code, name in enumerate(SEGMENTS)}
        return found


def photo_maps(
    face: ReconstructedFace, size: tuple[int, int], names: Sequence[str] = MAPS
) -> PhotoMaps:
    """Maps of a face in the frame of its photograph.

    Args:
        face: the face. size: (height, width) of the photograph. names: of `MAPS`.

    Raises:
        UnknownNameError: another name.
    """
    for name in names:
        if name not in MAPS:
            raise UnknownNameError("map", name, list(MAPS))
    by_head = "segmentation" in names and face.segments is None
    drawn = _drawn(face, size) if by_head or set(names) - {"segmentation"} else None
    segmentation = None
    if "segmentation" in names:
        seen = face.segments
        segmentation = drawn[4] if seen is None and drawn is not None else _seen(seen, size)
    return PhotoMaps(
        drawn[0] * np.float32(face.scale) if drawn is not None and "depth" in names else None,
        np.moveaxis(drawn[1:4], 0, -1) if drawn is not None and "normals" in names else None,
        None if segmentation is None else segmentation.astype(np.uint8),
    )


def write_maps(out: Path, name: str, maps: PhotoMaps) -> list[Path]:
    """Write NAME_depth.png (16 bits), NAME_normals.png, NAME_segmentation.png and NAME_maps.npz.

    The PNGs hold depth in steps of `depth_step_mm`, normals as (n + 1) / 2 of 255, and codes; the
    NPZ has the numbers themselves.
    """
    pictures: dict[str, NDArray[np.uint8] | NDArray[np.uint16]] = {}
    if maps.depth is not None:
        pictures["depth"] = np.rint(maps.depth / maps.depth_step_mm).astype(np.uint16)
    if maps.normals is not None:
        coded = np.rint((maps.normals + 1) * 127.5).astype(np.uint8)
        pictures["normals"] = np.where(maps.normals.any(-1, keepdims=True), coded, 0)
    if maps.segmentation is not None:
        pictures["segmentation"] = maps.segmentation
    files = []
    for kind, picture in pictures.items():
        files.append(out / f"{name}_{kind}.png")
        _write_png(files[-1], picture)
    arrays = {kind: value for kind, value in vars(maps).items() if value is not None}
    files.append(out / f"{name}_maps.npz")
    write_whole(files[-1], lambda target: _save(target, arrays))
    return files


def _save(target: Path, arrays: dict[str, NDArray[np.generic]]) -> None:
    with target.open("wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]


def _write_png(path: Path, picture: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    if picture.dtype == np.uint8:
        write_whole(path, lambda target: write_image(target, picture))
    else:
        write_whole(path, lambda target: Image.fromarray(picture).save(target, "PNG"))


def _drawn(face: ReconstructedFace, size: tuple[int, int]) -> NDArray[np.float32]:
    """Depth in the model's mm, the three parts of the normal, and codes: (5,H,W)."""
    found = np.zeros((5, *size), np.float32)
    vertices = face.model.vertices(face.coefficients)
    renderer, codes = FaceRenderer(face.model.faces), _codes(face.model)
    points = face.camera.project(vertices)[0, :, :2]
    for top, left, height, width in _tiles(points, size):
        shift = torch.tensor([[1.0, 0.0, -left], [0.0, 1.0, -top]])
        with torch.no_grad():
            seen = renderer(
                vertices,
                face.camera.moved(shift),
                (height, width),
                albedo=torch.zeros_like(vertices),
                antialias=False,
            )
        triangle, there = seen.fragments.triangle[0], seen.fragments.covered[0]
        kind = torch.where(there, codes[triangle.clamp(min=0)], 0)
        parts = torch.cat([seen.depth[0], seen.normals[0], kind[None].float()]) * there
        found[:, top : top + height, left : left + width] = parts.numpy()
    return found


def _tiles(points: Tensor, size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Top, left, height and width of the parts of a photograph in which points (V,2) lie."""
    low = points.amin(0).floor().long().clamp(min=0).tolist()
    high = [min(int(v) + 1, s) for v, s in zip(points.amax(0), size[::-1], strict=True)]
    for top in range(low[1], high[1], _TILE):
        for left in range(low[0], high[0], _TILE):
            yield top, left, min(_TILE, high[1] - top), min(_TILE, high[0] - left)


def vertex_codes(model: FaceModel) -> Tensor:
    """What every vertex (V,) of a face model is: codes of `geometry.segments.Segment`."""
    codes = torch.full((len(model.mean),), int(Segment.SKIN))
    for name, segment in _REGIONS:
        if name in model.regions:
            codes[model.regions[name]] = int(segment)
    return codes


def _codes(model: FaceModel) -> Tensor:
    """What every triangle (F,) is: the middle one of its corners' codes."""
    return vertex_codes(model)[model.faces].median(1).values


def _seen(segments: SeenSegments | None, size: tuple[int, int]) -> NDArray[np.int64]:
    """The likeliest class of every pixel (H,W); background outside the network's crop."""
    found = np.zeros(size, np.int64)
    if segments is None:
        return found
    side = torch.tensor([segments.crop.size[1], segments.crop.size[0]], dtype=torch.float64)
    corners = torch.tensor([[0.0, 0], [1, 0], [0, 1], [1, 1]], dtype=torch.float64) * side
    for top, left, height, width in _tiles(segments.crop.to_photo(corners), size):
        y, x = torch.meshgrid(
            torch.arange(height, dtype=torch.float64) + top + 0.5,
            torch.arange(width, dtype=torch.float64) + left + 0.5,
            indexing="ij",
        )
        grid = 2 * segments.crop.to_crop(torch.stack([x, y], -1)) / side - 1
        values = functional.grid_sample(
            segments.probabilities[None].float(),
            grid[None].float(),
            align_corners=False,
            padding_mode="border",
        )
        inside = (grid.abs() <= 1).all(-1)
        found[top : top + height, left : left + width] = (values[0].argmax(0) * inside).numpy()
    return found
