"""Move the readout `300w-lp` by the mean residual of a network's predictions.

    python -m selfie3d.evaluate.landmark_readout DATA --weights NAME|PATH --out FILE.json

300W-LP and AFLW2000-3D place several of the 68 points elsewhere than our anatomy. The set starts
as the best fit of annotations (facemodels/calibrate_landmarks.py), which knows shape but not how a
face looks; once a network finds the pose from pictures, the mean of what is left, in the face's
own frame, completes the readout. The original and the re-annotated points count the same, where
both are there: the readout lies between the two conventions. Rows % 4 == 2 calibrate, and nothing
is trained by it: no weight changes, and networks predict `ibug68` only.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..core.errors import InputError
from ..core.progress import progress
from ..datasets.aflw2000 import Aflw2000, read_aflw2000, to_pixels
from ..geometry.camera import PerspectiveCamera
from ..geometry.checks import check_shape
from ..geometry.landmarks import IBUG68_MIRROR
from ..pipeline.regress import RegressOptions, Regressor

_ROUNDS = 3
_LOST = 0.12  # of the box's size: a face that was missed says nothing about the convention
_TURNED_DEG, _TURNED_WEIGHT = 30.0, 2.0  # profiles are rarer than they count in the protocol


@dataclass(frozen=True)
class FoundFaces:
    """Predictions and annotations of N faces.

    Attributes:
        body: (N,68,3) points of `ibug68` on the predicted meshes, mm in model space.
        camera: N cameras to photograph pixels.
        annotation: (N,68,3) pixels by our convention, z in their scale with any origin.
        weight: (N,) what each face counts.
    """

    body: Tensor
    camera: PerspectiveCamera
    annotation: Tensor
    weight: Tensor

    def __post_init__(self) -> None:
        check_shape("body", self.body, (None, 68, 3))
        check_shape("annotation", self.annotation, tuple(self.body.shape))
        check_shape("weight", self.weight, (len(self.body),))


def readout_offset(faces: FoundFaces, start: Tensor) -> Tensor:
    """Symmetric offsets (68,3) mm from `ibug68` that leave no mean residual.

    Args:
        faces: see `FoundFaces`.
        start: (68,3) mm, where the search starts; faces that are missed with it do not count.

    Raises:
        InputError: every face is missed.
    """
    offset = start.clone()
    for _ in range(_ROUNDS):
        seen = faces.camera.project(faces.body + offset)
        rest = faces.annotation - seen
        rest[..., 2] -= rest[..., 2].mean(1, keepdim=True)
        box = faces.annotation[..., :2]
        size = (box.amax(1) - box.amin(1)).prod(1).sqrt()
        kept = faces.weight * (rest[..., :2].norm(dim=-1).mean(1) < _LOST * size)
        if not float(kept.sum()) > 0:
            raise InputError("predictions", "faces near their annotations", "none")
        per_mm = faces.camera.focal / -faces.camera.translation[:, 2]
        in_camera = rest * torch.tensor([1.0, -1.0, 1.0]) / per_mm[:, None, None]
        in_face = in_camera @ faces.camera.rotation
        mean = (in_face * kept[:, None, None]).sum(0) / kept.sum()
        mirrored = mean[list(IBUG68_MIRROR)] * torch.tensor([-1.0, 1.0, 1.0])
        offset = offset + (mean + mirrored) / 2
    return offset


def find_faces(data: Aflw2000, rows: list[int], regressor: Regressor) -> FoundFaces:
    """Predict in the boxes of the original annotation, one pass; a face for each annotation."""
    bodies, cameras = [], []
    points = to_pixels(data.points[rows].transpose(0, 2, 1))
    with progress("Predicting faces", len(rows)) as advance:
        for row, truth in zip(rows, points, strict=True):
            picture = np.asarray(Image.open(data.image_path(row)).convert("RGB"))
            (x0, y0), (x1, y1) = truth[:, :2].min(0), truth[:, :2].max(0)
            face = regressor([picture], [(x0, y0, x1, y1)])[0]
            vertices = regressor.model.vertices(face.coefficients)
            bodies.append(regressor.model.landmark_points(vertices, "ibug68"))
            cameras.append(face.camera)
            advance()
    annotations = [torch.from_numpy(points).float()]
    if data.reannotated is not None:
        again = np.concatenate([data.reannotated[rows], data.points[rows][:, 2:]], 1)
        annotations.append(torch.from_numpy(to_pixels(again.transpose(0, 2, 1))).float())
    times = len(annotations)
    turned = torch.from_numpy(np.abs(data.yaw_fitted[rows]) > _TURNED_DEG)
    camera = PerspectiveCamera(
        *(torch.cat([vars(c)[name] for c in cameras * times]) for name in vars(cameras[0]))
    )
    weight = torch.where(turned, _TURNED_WEIGHT, 1.0).repeat(times)
    return FoundFaces(torch.cat(bodies * times), camera, torch.cat(annotations), weight)


def calibrate(root: Path, weights: str, out: Path) -> dict[str, object]:
    """Calibrate on the rows % 4 == 2 that have a photograph; write and return the JSON content."""
    data = read_aflw2000(root)
    regressor = Regressor(RegressOptions(weights=weights, passes=1))
    rows = [row for row in range(2, len(data.names), 4) if data.has_image[row]]
    start = regressor.model.landmark_set("300w-lp").offset
    offset = readout_offset(find_faces(data, rows, regressor), start)
    content: dict[str, object] = {
        "name": "300w-lp",
        "base": "ibug68",
        "contour": "3d",
        "source": f"AFLW2000-3D, rows % 4 == 2: best fit, then the mean residual of "
        f"the weights {regressor.name!r} on the original and the re-annotated points",
        "moved_mm": round(float((offset - start).square().sum(1).mean().sqrt()), 2),
        "offset_mm": np.round(offset.numpy().astype(np.float64), 2).tolist(),
    }
    out.write_text(json.dumps(content, indent=1) + "\n")
    return content


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="a folder of AFLW2000-3D")
    parser.add_argument("--weights", default="default", help="a shipped name or a path")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    arguments = parser.parse_args()
    content = calibrate(arguments.data, arguments.weights, arguments.out)
    print(f"moved by {content['moved_mm']} mm (root mean square)")


if __name__ == "__main__":
    main()
