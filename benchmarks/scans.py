"""Judge a face model and a network by the two real scans of the research data.

    python benchmarks/scans.py DATA --out DIR [--model NAME|FILE] [--weights NAME|FILE|none]

DATA holds scans/leeperrysmith, scans/humface, scans/landmarks and models/ict. Distances are p2s of
`shape_figures.py`, mm, of the model's mean face, of the most probable shapes of its modes for half
of a scan's points (within 3 mm) on the other half, and of a network's neutral shapes from 15 drawn
views of each scan. Two heads say little: they tell whether a gain elsewhere is real.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from boxed_network import open_boxed
from ict_heads import Registration, prepared
from selfie3d.core.progress import progress_bar
from selfie3d.evaluate.scans.render import ScanRenderer
from selfie3d.evaluate.scans.scan import Scan, load_scan
from selfie3d.facemodels import load_face_model
from shape_figures import Head, data_file, face_points, fit_identity, shape_of
from shape_span import spans
from shape_tables import Row, write_tables

SCANS = {
    "Lee Perry-Smith": "scans/leeperrysmith/LeePerrySmith.obj",
    "humface": "scans/humface/humfaceClean.npz",
}
_POINTS = 6000  # asked at most
_HALVED, _SIGMA = 2000, 3.0  # points that are halved: one half is fitted within so many mm
_VIEWS = [(pitch, yaw) for pitch in (-15, 0, 20) for yaw in (-40, -20, 0, 20, 40)]  # degrees
_SIDE = 450  # pixels of a drawn view


def read_scans(data: Path) -> dict[str, Scan]:
    found = {}
    for name, place in SCANS.items():
        path = data_file(data, place, f"The scan {name}")
        marks = f"scans/landmarks/{path.stem}.landmarks.json"
        found[name] = load_scan(path, data_file(data, marks, f"The landmarks of the scan {name}"))
    return found


def heads_of(scans: dict[str, Scan], known: Registration) -> dict[str, Head]:
    """The asked points and landmarks of each scan."""
    placed, found = known.place(known.heads.mean), {}
    for name, scan in scans.items():
        whole = Head(scan.surface.vertices, scan.surface.landmarks)
        rows = face_points(known.skin, placed, whole, _POINTS)
        found[name] = Head(whole.points[rows], whole.landmarks)
    return found


def model_rows(known: Registration, heads: dict[str, Head]) -> list[Row]:
    """Mean faces and fits to half of the points, by scan."""
    skin, model = known.skin, known.skin.model
    shapes = {
        "mean face": model.mean.double().numpy(),
        "ICT's mean": known.place(known.heads.mean),
    }
    rows = [
        {"shape": name, **{k: float(skin.distances(s, head).mean()) for k, head in heads.items()}}
        for name, s in shapes.items()
    ]
    with progress_bar("Fitting scans", len(spans(model)) * len(heads)) as advance:
        for modes in spans(model):
            row: dict[str, object] = {"shape": f"fit to half of the points, {modes} modes"}
            for name, head in heads.items():
                row[name] = half_scan(known, head, modes)
                advance()
            rows.append(row)
    return rows


def half_scan(known: Registration, head: Head, modes: int) -> float:
    """p2s on every other point of the fit to those between."""
    rows = np.unique(np.linspace(0, len(head.points) - 1, _HALVED).astype(int))
    fitted, judged = (Head(head.points[rows[k::2]], head.landmarks) for k in (0, 1))
    identity = fit_identity(known.skin, fitted, modes, _SIGMA)
    return float(known.skin.distances(shape_of(known.skin.model, identity), judged).mean())


def network_row(
    known: Registration, weights: str, scans: dict[str, Scan], heads: dict[str, Head]
) -> Row:
    """Mean p2s of the network's neutral shapes over the drawn views, by scan."""
    model = known.skin.model
    network = open_boxed(weights, model)
    row: dict[str, object] = {"shape": f"network {network.name}, {len(_VIEWS)} views"}
    with progress_bar("Drawing and judging scans", len(scans) * len(_VIEWS)) as advance:
        for name, scan in scans.items():
            renderer = ScanRenderer(scan, model, _SIDE)
            pictures, boxes = zip(*[renderer(*view) for view in _VIEWS], strict=True)
            errors = []
            for face in network(pictures, boxes):
                shape = shape_of(model, face.coefficients.identity[0].numpy())
                errors.append(known.skin.distances(shape, heads[name]).mean())
                advance()
            row[name] = float(np.mean(errors))
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument(
        "--weights", default="default", help="a name, a file, or `none`: the model alone"
    )
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    start = time.perf_counter()
    model = load_face_model(given.model)
    scans = read_scans(given.data)
    known = prepared(given.data, model)
    heads = heads_of(scans, known)
    rows = model_rows(known, heads)
    if given.weights != "none":
        rows.insert(1, network_row(known, given.weights, scans, heads))
    facts = {"model": given.model, "weights": given.weights}
    facts |= {f"points of {k}": len(h.points) for k, h in heads.items()}
    facts["seconds"] = round(time.perf_counter() - start)
    write_tables(given.out, "scans", facts, {"Scans, p2s in mm": rows})


if __name__ == "__main__":
    main()
