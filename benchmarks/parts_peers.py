"""Jaw, brows, nose, eyes and mouth of frontal faces, beside mediapipe's.

    python benchmarks/parts_peers.py DATA --mediapipe PYTHON [--weights default]
        [--boxes detector] [--limit 0]

DATA holds aflw2000 and aflw2000_gt, PYTHON is the interpreter of an environment with mediapipe
0.10.21 (FaceMesh, 478 points, with its own detector). Faces to 30 degrees of yaw, rows % 4 == 0;
where the 68 points lie on either mesh is fitted on rows % 4 == 2 in the same way for both: weights
of the points nearest on average, of mediapipe's 478 and of the 692 that our network is taught, on
the reconstructed mesh. "ours, set" is the annotation's landmark set of the shipped model. Printed
for both annotations: the mean error by part, % of the square root of the area of the 68 points'
box, of photographs in which both find the face.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from selfie3d.core.errors import NoFaceError
from selfie3d.core.image_file import read_image
from selfie3d.core.progress import progress_bar
from selfie3d.datasets.photographs.aflw2000 import Aflw2000, read_aflw2000, to_pixels
from selfie3d.evaluate.metrics.landmarks import box_size
from selfie3d.evaluate.predict.photographs import boxes_around
from selfie3d.evaluate.predict.predictor import load_predictor
from selfie3d.geometry.dense_points import points_of
from selfie3d.models.weights import load_weights

PARTS = {
    "jaw": slice(0, 17), "brows": slice(17, 27), "nose": slice(27, 36), "eyes": slice(36, 48),
    "mouth": slice(48, 68), "all": slice(0, 68),
}  # fmt: skip
SETS = {"original": "300w-lp", "re-annotated": "aflw2000-reannotated"}
FITTED, REPORTED = 2, 0  # rows % 4
NEAREST = 8
RIDGE = 0.02  # of the weights, against equal ones
FACE_MESH = """
import json, sys
import cv2
import mediapipe as mp
mesh = mp.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True)
answers = []
for path in json.load(sys.stdin):
    picture = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
    found = mesh.process(picture).multi_face_landmarks
    height, width = picture.shape[:2]
    answers.append([[p.x * width, p.y * height] for p in found[0].landmark] if found else None)
json.dump(answers, open(sys.argv[1], "w"))
"""
Array = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--mediapipe", required=True)
    parser.add_argument("--weights", default="default")
    parser.add_argument("--boxes", choices=("detector", "protocol"), default="detector")
    parser.add_argument("--limit", type=int, default=0, help="so many photographs of either kind")
    given = parser.parse_args()
    torch.set_num_threads(1)
    data = read_aflw2000(given.data)
    fitted, reported = (frontal(data, rest, given.limit) for rest in (FITTED, REPORTED))
    rows = np.concatenate([fitted, reported])
    dense = mediapipe(given.mediapipe, data, rows)
    mine, sets = ours(data, rows, given.weights, given.boxes)
    for name, truth in annotations(data).items():
        found = {"ours, set": sets[name][len(fitted) :]}
        for method, points in {"ours": mine, "mediapipe": dense}.items():
            readout = fit_readout(points[: len(fitted)], truth[fitted])
            found[method] = read_out(points[len(fitted) :], readout)
        show(name, found, truth[reported])


def annotations(data: Aflw2000) -> dict[str, Array]:
    """Both, (N,68,2) in our pixels."""
    original = to_pixels(data.points.transpose(0, 2, 1))[..., :2]
    return {"original": original, "re-annotated": to_pixels(data.reannotated.transpose(0, 2, 1))}


def frontal(data: Aflw2000, rest: int, limit: int) -> NDArray[np.int64]:
    rows = np.arange(len(data.names))
    chosen = rows[data.has_image & (np.abs(data.yaw_fitted) <= 30) & (rows % 4 == rest)]
    return chosen[: limit or None]


def ours(
    data: Aflw2000, rows: NDArray[np.int64], weights: str, boxes: str
) -> tuple[Array, dict[str, Array]]:
    """The network's points on our meshes (N,692,2), and (N,68,2) of each landmark set; NaN: none.

    As `reconstruct` sees faces: mirrored as well.
    """
    predictor, layout = load_predictor(weights, boxes, mirrored=True), load_weights(weights).layout
    where = boxes_around(annotations(data)["original"][rows])
    points = np.full((len(rows), len(layout), 2), np.nan)
    sets = {name: np.full((len(rows), 68, 2), np.nan) for name in SETS}
    with progress_bar("Reading faces", len(rows)) as advance:
        for k, row in enumerate(rows):
            try:
                face = predictor(read_image(data.image_path(row)), where[k])
            except NoFaceError:
                continue
            body = points_of(face.model, layout, face.model.vertices(face.coefficients))
            points[k] = face.camera.project(body)[0, :, :2].numpy()
            for name, marks in SETS.items():
                sets[name][k] = face.landmarks(marks)[:, :2]
            advance()
    return points, sets


def mediapipe(python: str, data: Aflw2000, rows: NDArray[np.int64]) -> Array:
    """Its points (N,478,2); NaN where it found no face, or another one."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        paths = json.dumps([str(data.image_path(row).resolve()) for row in rows])
        command = [python, "-c", FACE_MESH, file.name]
        subprocess.run(command, input=paths, text=True, stderr=subprocess.DEVNULL, check=True)
        answers = json.load(file)
    points = np.full((len(rows), 478, 2), np.nan)
    for k, (row, answer) in enumerate(zip(rows, answers, strict=True)):
        if answer is not None and is_of(np.array(answer), annotations(data)["original"][row]):
            points[k] = answer
    return points


def is_of(found: Array, points: Array) -> bool:
    """Whether a found face is the annotated one."""
    middle, size = (points.max(0) + points.min(0)) / 2, np.ptp(points, 0).max()
    other, own = (found.max(0) + found.min(0)) / 2, np.ptp(found, 0).max()
    return bool(np.abs(other - middle).max() < size / 2 and 0.5 < own / size < 2)


def fit_readout(dense: Array, truth: Array) -> list[tuple[NDArray[np.int64], Array]]:
    """Points and weights, of sum 1, for each of the 68."""
    there = ~np.isnan(dense[:, 0, 0])
    size = box_size(truth[there])[:, None, None]
    seen, marks = dense[there] / size, truth[there] / size
    readout = []
    for k in range(68):
        apart = np.linalg.norm(seen - marks[:, k, None], axis=2).mean(0)
        near = np.argsort(apart)[:NEAREST]
        middle = seen[:, near].mean(1)
        rest = (seen[:, near] - middle[:, None]).transpose(0, 2, 1).reshape(-1, NEAREST)
        wanted = (marks[:, k] - middle).reshape(-1)
        square = rest.T @ rest / len(rest)
        square += RIDGE * np.trace(square) / NEAREST * np.eye(NEAREST)
        weights = np.linalg.solve(square, rest.T @ wanted / len(rest))
        readout.append((near, weights - weights.mean() + 1 / NEAREST))
    return readout


def read_out(dense: Array, readout: list[tuple[NDArray[np.int64], Array]]) -> Array:
    return np.stack([weights @ dense[:, near] for near, weights in readout], 1)


def show(name: str, methods: dict[str, Array], truth: Array) -> None:
    found = {method: ~np.isnan(points[:, 0, 0]) for method, points in methods.items()}
    both = np.logical_and.reduce(list(found.values()))
    counts = ", ".join(f"{method} finds {there.sum()}" for method, there in found.items())
    print(f"\n{name}: {len(truth)} photographs, {counts}, both {both.sum()}; NME %")
    print(f"{'':12}" + "".join(f"{part:>8}" for part in PARTS))
    size = box_size(truth)
    for method, points in methods.items():
        error = 100 * np.linalg.norm(points - truth, axis=2) / size[:, None]
        cells = [f"{error[both, part].mean():8.2f}" for part in PARTS.values()]
        print(f"{method:12}" + "".join(cells))


if __name__ == "__main__":
    main()
