"""Move a readout to where a network's predictions fit an annotation best.

    python -m selfie3d.evaluate.predict.readout DATA --weights NAME|PATH --out FILE.json
                                                [--name 300w-lp|aflw2000-reannotated]

300W-LP and AFLW2000-3D place several of the 68 points elsewhere than our anatomy: the landmark set
`300w-lp`. It starts as the best fit of annotations (facemodels/calibrate_landmarks.py), which knows
shape but not how a face looks; once a network finds the pose from pictures, offsets in the face's
own frame complete the readout: those with the least error by the protocol's own measure, the mean
of the three bins' means, and not far from where they were. The re-annotation of AFLW2000-3D is
another convention with a readout of its own, `aflw2000-reannotated`, which is not symmetric: its
points lie to the left of the original ones at every yaw, by half a per cent of the box.
Rows % 4 == 2 calibrate, and nothing is trained by it: no weight changes, and networks predict
`ibug68` only.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...core.errors import InputError
from ...core.image_file import read_image
from ...core.progress import progress_bar
from ...core.whole_file import write_json
from ...datasets.photographs.aflw2000 import Aflw2000, read_aflw2000, to_pixels
from ...facemodels.landmark_fit import READOUTS, next_version
from ...geometry.camera import PerspectiveCamera
from ...geometry.checks import check_shape
from ...geometry.landmarks import IBUG68_MIRROR
from ...pipeline.network.regress import RegressOptions, Regressor
from ..metrics.batch_landmarks import batch_nme
from ..metrics.landmarks import yaw_bins

REANNOTATED = "aflw2000-reannotated"
_PULL = 0.02  # % of NME per mm^2 that an offset has moved, mean of the points
_STEPS = 60
_LOST = 12.0  # %: a face that was missed by more says nothing about the convention


@dataclass(frozen=True)
class FoundFaces:
    """Predictions and annotations of N faces.

    Attributes:
        body: (N,68,3) points of `ibug68` on the predicted meshes, mm in model space.
        camera: N cameras to photograph pixels.
        annotation: (N,68,2) pixels by our convention.
        weight: (N,) what each face counts, on any scale.
    """

    body: Tensor
    camera: PerspectiveCamera
    annotation: Tensor
    weight: Tensor

    def __post_init__(self) -> None:
        check_shape("body", self.body, (None, 68, 3))
        check_shape("annotation", self.annotation, (len(self.body), 68, 2))
        check_shape("weight", self.weight, (len(self.body),))

    def errors(self, offset: Tensor) -> Tensor:
        """NME (N,) in % with offsets (68,3) mm from `body`, by the root of the box's area."""
        seen = self.camera.project(self.body + offset)[..., :2]
        every = torch.ones(self.annotation.shape[:2], dtype=torch.bool)
        return batch_nme(seen, self.annotation, every)


def readout_offset(faces: FoundFaces, start: Tensor, *, mirrors: bool = True) -> Tensor:
    """Offsets (68,3) mm from `ibug68` with the least mean error.

    Args:
        faces: see `FoundFaces`.
        start: (68,3) mm, where the search starts; faces that are missed with it do not count.
        mirrors: whether they are symmetric.

    Raises:
        InputError: every face is missed.
    """
    weight = faces.weight * (faces.errors(start) < _LOST)
    if not float(weight.sum()) > 0:
        raise InputError("predictions", "faces near their annotations", "none")
    weight = weight / weight.sum()
    offset, change = start.clone().requires_grad_(), symmetric if mirrors else torch.clone
    optimizer = torch.optim.LBFGS([offset], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        both = change(offset)
        moved = (both - start).square().sum(1).mean()
        value: Tensor = (weight * faces.errors(both)).sum() + _PULL * moved
        value.backward()
        return value

    optimizer.step(loss)
    return change(offset.detach())


def symmetric(offset: Tensor) -> Tensor:
    """Offsets (68,3) and their mirror image, halved."""
    return (offset + offset[list(IBUG68_MIRROR)] * offset.new_tensor([-1.0, 1.0, 1.0])) / 2


def find_faces(
    data: Aflw2000, rows: list[int], regressor: Regressor, annotation: Tensor
) -> FoundFaces:
    """Predict in the boxes of the original annotation, one pass.

    Args:
        data: the data set. rows: of it.
        regressor: what predicts.
        annotation: (N,68,2) of these rows, pixels by our convention.
    """
    bodies, cameras = [], []
    points = to_pixels(data.points[rows].transpose(0, 2, 1))
    with progress_bar("Predicting faces", len(rows)) as advance:
        for row, truth in zip(rows, points, strict=True):
            picture = read_image(data.image_path(row))
            (x0, y0), (x1, y1) = truth[:, :2].min(0), truth[:, :2].max(0)
            face = regressor([picture], [(x0, y0, x1, y1)])[0]
            vertices = regressor.model.vertices(face.coefficients)
            bodies.append(regressor.model.landmark_points(vertices, "ibug68"))
            cameras.append(face.camera)
            advance()
    camera = PerspectiveCamera(
        *(torch.cat([vars(c)[name] for c in cameras]) for name in vars(cameras[0]))
    )
    return FoundFaces(torch.cat(bodies), camera, annotation, _by_bin(data, rows))


def _by_bin(data: Aflw2000, rows: list[int]) -> Tensor:
    """Weights (N,) with which a mean is the mean of the bins' means."""
    bins = yaw_bins(data.yaw_fitted[rows])
    return torch.from_numpy(1 / np.bincount(bins, minlength=3)[bins]).float()


def calibrate(root: Path, weights: str, out: Path, name: str = "300w-lp") -> dict[str, object]:
    """Calibrate on the rows % 4 == 2 that have a photograph; write and return the JSON content.

    Args:
        root: a folder of AFLW2000-3D. weights: a shipped name or a path.
        out: the JSON file to write.
        name: of the readout.

    Raises:
        InputError: no such readout, or the folder lacks the annotation.
    """
    if name not in READOUTS:
        raise InputError("name", f"one of {', '.join(READOUTS)}", repr(name))
    data = read_aflw2000(root)
    points = data.reannotated if name == REANNOTATED else data.points
    if points is None:
        raise InputError(str(root), "AFLW2000-3D with its re-annotated points", "none")
    regressor = Regressor(RegressOptions(weights=weights, passes=1, mirrored=False))
    rows = [row for row in range(2, len(data.names), 4) if data.has_image[row]]
    annotation = to_pixels(points[rows].transpose(0, 2, 1))[..., :2]
    start = regressor.model.landmark_set(name).offset
    faces = find_faces(data, rows, regressor, torch.from_numpy(annotation).float())
    offset = readout_offset(faces, start, mirrors=name != REANNOTATED)
    content: dict[str, object] = {
        "name": name,
        "version": next_version(name),
        "base": "ibug68",
        "contour": "3d",
        "source": f"AFLW2000-3D, rows % 4 == 2: best fit, then the least "
        f"mean error of the weights {regressor.name!r}",
        "moved_mm": round(float((offset - start).square().sum(1).mean().sqrt()), 2),
        "offset_mm": np.round(offset.numpy().astype(np.float64), 2).tolist(),
    }
    write_json(out, content)
    return content


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path, help="a folder of AFLW2000-3D")
    parser.add_argument("--weights", default="default", help="a shipped name or a path")
    parser.add_argument("--out", type=Path, required=True, help="the JSON file to write")
    parser.add_argument("--name", choices=list(READOUTS), default="300w-lp")
    given = parser.parse_args()
    content = calibrate(given.data, given.weights, given.out, given.name)
    print(f"moved by {content['moved_mm']} mm (root mean square)")


if __name__ == "__main__":
    main()
