"""3DDFA_V2's public mb05 through this package, on the 1,000 images of AFLW2000-3D that are there.

python benchmarks/mb05.py DATA [--out runs/mb05] [--every 1]

DATA holds models/3ddfa, aflw2000 and aflw2000_gt. Four ways, each scored by the protocol aflw2000:

- "3ddfa": the data set's own crops, and landmarks by 3DDFA_V2's formula, in whose frame the first
  pixel's centre is at 0; beside aflw2000_gt/mb05_aflw2000_pts68.npy, what other code made of them.
- "crops": the same crops, with pixels where they are.
- "own": our crops out of the photographs, by the box of the true points.
- "decoded": as "own", through faces and their nearest weak perspective cameras.
"""

from __future__ import annotations

import argparse
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from selfie3d.core.image_file import read_image
from selfie3d.core.progress import progress_bar
from selfie3d.datasets.photographs.aflw2000 import Aflw2000, read_aflw2000, to_annotation, to_pixels
from selfie3d.evaluate.metrics.landmarks import BINS
from selfie3d.evaluate.predict.predictions import Predictions, write_predictions
from selfie3d.evaluate.protocols.aflw2000 import crop_side
from selfie3d.evaluate.registry import PROTOCOLS, Request
from selfie3d.facemodels.readers.tddfa_points import read_tddfa_points
from selfie3d.geometry.crop import Crop
from selfie3d.geometry.face_model import FaceModel
from selfie3d.models.heads.layouts import LayoutSpec
from selfie3d.models.public.points import load_public
from selfie3d.models.tddfa.layout import TddfaLayout
from selfie3d.models.tddfa.whitening import read_whitening
from selfie3d.pipeline.locate.cut import cut_tensor
from torch import Tensor, nn

SIDE = 120
WAYS = ("3ddfa", "crops", "own", "decoded")
Points = NDArray[np.float64]
_COLUMNS = (*BINS, "mean of bins")


@dataclass(frozen=True)
class Public:
    """The network, what its outputs mean, and the face model of its landmarks."""

    network: nn.Module
    layout: TddfaLayout
    model: FaceModel

    @classmethod
    def read(cls, folder: Path) -> Public:
        whitening = read_whitening(folder / "param_stats.npz", prefix="v2_")
        points = read_tddfa_points(folder, whitening.std[12:52], whitening.std[52:])
        spec = LayoutSpec.of(points.model, SIDE, points.origin.tolist())
        layout = TddfaLayout(spec, whitening.in_units(points.factors))
        return cls(load_public("3ddfa_v2", folder / "mb05_120x120.pth"), layout, points.model)

    def landmarks(self, images: Tensor, decoded: bool) -> Points:
        """(B,68,3) in pixels of crops (B,3,120,120)."""
        with torch.inference_mode():
            outputs = self.network(images)
            coefficients = self.layout.coefficients(outputs)
            points = self.model.landmark_points(self.model.vertices(coefficients))
            cameras = self.layout.decode(outputs).camera if decoded else self.layout.affine(outputs)
            return cameras.project(points).double().numpy()


def stored_crops(archive: Path, names: list[str]) -> Iterator[Tensor]:
    with tarfile.open(archive) as tar:
        for name in names:
            content = tar.extractfile(name)
            picture = Image.open(io.BytesIO(content.read() if content else b"")).convert("RGB")
            yield torch.tensor(np.asarray(picture)).permute(2, 0, 1)[None].float() / 255


def own_crops(data: Aflw2000, rows: NDArray[np.int64]) -> Iterator[tuple[Crop, Tensor]]:
    """By the protocol's box: the longer side of the true points' times the root of 2."""
    points = to_pixels(data.points[rows].transpose(0, 2, 1))[..., :2]
    sides = crop_side(data.points[rows])
    for row, corners, side in zip(rows, points, sides, strict=True):
        middle = (corners.min(0) + corners.max(0)) / 2
        crop = Crop.from_square((float(middle[0]), float(middle[1])), float(side), SIDE)
        yield crop, cut_tensor(read_image(data.image_path(int(row))), crop)


def in_3ddfas_frame(points: Points, box: Points) -> Points:
    scale = (box[2:] - box[:2]) / SIDE
    moved = points.copy()
    moved[..., :2] = (points[..., :2] - 0.5) * scale + box[:2]
    return moved


def in_pixels(points: Points, box: Points) -> Points:
    moved = points.copy()
    moved[..., :2] = points[..., :2] * (box[2:] - box[:2]) / SIDE + box[:2]
    return to_annotation(moved)


def out_of_crop(points: Points, crop: Crop) -> Points:
    plane = crop.to_photo(torch.from_numpy(points[..., :2])).numpy()
    return to_annotation(np.concatenate([plane, points[..., 2:]], -1))


def predict(root: Path, data: Aflw2000, rows: NDArray[np.int64]) -> dict[str, Points]:
    """Landmarks (N,68,3) by way, in the annotation's frame; depth in pixels of the crop."""
    public = Public.read(root / "models" / "3ddfa")
    boxes = np.load(root / "aflw2000_gt" / "AFLW2000-3D_crop.roi_box.npy")[rows].astype(float)
    names = [data.names[row] for row in rows]
    found: dict[str, list[Points]] = {way: [] for way in WAYS}
    stored = stored_crops(root / "aflw2000_gt" / "crops120.tar", names)
    with progress_bar("Predicting", len(rows)) as advance:
        for box, image, (crop, own) in zip(boxes, stored, own_crops(data, rows), strict=True):
            points = public.landmarks(image, decoded=False)[0]
            found["3ddfa"].append(in_3ddfas_frame(points, box))
            found["crops"].append(in_pixels(points, box))
            for way in ("own", "decoded"):
                points = public.landmarks(own, decoded=way == "decoded")[0]
                found[way].append(out_of_crop(points, crop))
            advance()
    return {way: np.stack(points) for way, points in found.items()}


def score(root: Path, out: Path, names: list[str], points: Points) -> str:
    """A table of the protocol's figures in 2D: bins and their mean by annotation and split."""
    file = out / "landmarks.npz"
    write_predictions(file, Predictions(tuple(names), points.transpose(0, 2, 1), None, {}))
    options = ["rows=named", "depth=crop120", "pictures=0", "balanced_seeds=0"]
    report = PROTOCOLS.create("aflw2000", options)(Request(root, out, None, file, options))
    rows: dict[str, list[str]] = {}
    for figure in report.figures:
        if figure.table.startswith("68 points, 2D:") and figure.name in _COLUMNS:
            key = f"{figure.annotation}, {figure.split}"
            rows.setdefault(key, []).append(f"{figure.value:.3f}")
    return "\n".join(f"    {key:28s} {' '.join(values)}" for key, values in rows.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/mb05"))
    parser.add_argument("--every", type=int, default=1)
    given = parser.parse_args()
    data = read_aflw2000(given.data)
    rows = np.flatnonzero(data.has_image)[:: given.every]
    names = [data.names[row] for row in rows]
    found = predict(given.data, data, rows)
    reference = np.load(given.data / "aflw2000_gt" / "mb05_aflw2000_pts68.npy")[rows]
    gap = np.abs(found["3ddfa"] - reference.transpose(0, 2, 1))
    print(f"{len(rows)} images; from mb05_aflw2000_pts68.npy: at most {gap.max():.5f} px")
    for way, points in found.items():
        print(f"{way}: {' / '.join(_COLUMNS)}")
        print(score(given.data, given.out / way, names, points), flush=True)


if __name__ == "__main__":
    main()
