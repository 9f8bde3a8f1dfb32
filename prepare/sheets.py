"""Pictures of what came out: a sheet of samples with points and masks, and one of rejects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..core.errors import Selfie3dError
from ..core.image_file import read_image, write_image
from ..datasets.batches.crops import crop_of
from ..datasets.batches.sample import FaceDataset, FaceSample
from ..datasets.photographs.celeba import CelebA, CelebAImages
from ..datasets.photographs.folder import PhotoFolder
from ..datasets.photographs.landmark_sets import points_68
from ..datasets.photographs.registry import DATASETS
from ..datasets.photographs.w300lp import W300LP, W300LPOptions
from ..datasets.shards.tar import TarShards
from ..geometry.cut import cut_out
from ..render.overlay import contact_sheet, draw_landmarks, resize, to_picture
from .options import PrepareOptions
from .photographs import Collection
from .work import Reject

_COLUMNS, _ROWS, _CELL = 10, 6, 160
_TINT = np.array([40, 200, 60])
Picture = NDArray[np.uint8]


def write_sheets(
    out: Path,
    collection: Collection,
    options: PrepareOptions,
    *,
    root: Path,
    rejects: Sequence[Reject],
) -> list[Path]:
    """Write contact_sheet.png and, where there are any, rejects.png; samples are read back."""
    data = _read_back(out, collection, options, root)
    chosen = np.unique(np.linspace(0, len(data) - 1, _COLUMNS * _ROWS).round().astype(int))
    cells = [cell for row in chosen.tolist() if (cell := _cell(data, row)) is not None]
    path = out / "contact_sheet.png"
    files = [path] if cells else []
    if cells:
        write_image(path, contact_sheet(cells, _COLUMNS, _CELL))
    if rejects:
        shown = list(rejects)[: _COLUMNS * _ROWS]
        names = {photograph.name: photograph.file for photograph in collection.photographs}
        pictures = [_reject_cell(names[reject.name], reject) for reject in shown]
        write_image(out / "rejects.png", contact_sheet(pictures, _COLUMNS, _CELL))
        files.append(out / "rejects.png")
    return files


def _read_back(
    out: Path, collection: Collection, options: PrepareOptions, root: Path
) -> FaceDataset:
    if options.write == "shards":
        return TarShards(out, "*-*.tar", collection.kind)
    if collection.kind == "celeba":
        found = "img_celeba" in Path(collection.photographs[0].name).parts
        images: CelebAImages = "img_celeba" if found else "img_align_celeba"
        return CelebA(root, "all", images, prepared=str(out / images))
    if collection.kind == "300w-lp":
        return W300LP(root, W300LPOptions(prepared=str(out)))
    if collection.kind in DATASETS:
        return DATASETS.create(collection.kind, str(root), prepared=str(out))
    return PhotoFolder(root, prepared=str(out))


def _cell(data: FaceDataset, row: int) -> Picture | None:
    """The face with its points, on the mask tinted green; None for a row that is bad."""
    try:
        sample = data[row]
        crop = crop_of("sadrnet", sample, _CELL)
    except Selfie3dError:
        return None
    image, _ = cut_out(_tinted(sample), crop.matrix, crop.size)
    points = points_68(sample.landmarks)
    if points is None:
        return to_picture(image)
    import torch

    return draw_landmarks(to_picture(image), crop.to_crop(torch.from_numpy(points)).numpy())


def _tinted(sample: FaceSample) -> Picture:
    if sample.skin is None:
        return sample.picture
    weight = 0.35 * (sample.skin > 127)[..., None]
    return (sample.picture * (1 - weight) + _TINT * weight).astype(np.uint8)


def _reject_cell(file: Path, reject: Reject) -> Picture:
    try:
        picture = read_image(file, max_side=_CELL)
    except Selfie3dError:
        picture = np.full((_CELL, _CELL, 3), 96, np.uint8)
    scale = _CELL / max(picture.shape[:2])
    picture = resize(picture, *(max(1, round(n * scale)) for n in picture.shape[:2]))
    square = np.zeros((_CELL, _CELL, 3), np.uint8)
    square[: picture.shape[0], : picture.shape[1]] = picture[:_CELL, :_CELL]
    canvas = Image.fromarray(square)
    pen = ImageDraw.Draw(canvas)
    words = f"{Path(reject.name).name}: {reject.reason}".encode("ascii", "replace").decode()
    lines = [words[at : at + 26] for at in range(0, min(len(words), 78), 26)]
    pen.multiline_text((3, _CELL - 13 * len(lines)), "\n".join(lines), fill=(255, 210, 60))
    return np.asarray(canvas)
