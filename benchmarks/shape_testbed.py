"""Judge a face model and a network by heads that neither was made from.

    python benchmarks/shape_testbed.py span    DATA --out DIR [--model NAME|FILE] [--heads 100]
    python benchmarks/shape_testbed.py surrey  DATA --out DIR [--model NAME|FILE] [--heads 100]
    python benchmarks/shape_testbed.py means   DATA --out DIR [--model NAME|FILE]
    python benchmarks/shape_testbed.py points  DATA --out DIR [--model NAME|FILE] [--weights none]
    python benchmarks/shape_testbed.py make    DATA --pictures DIR [--model NAME|FILE] [--heads 100]
    python benchmarks/shape_testbed.py network DATA --pictures DIR --out DIR [--model NAME|FILE]
                                               [--weights default] [--boxes truth|detector]
    python benchmarks/shape_testbed.py together DATA --pictures DIR --out DIR [--model NAME|FILE]

DATA holds research models: models/ict/ict_drawn24591.npz, models/sfm/sfm_3448.npz and
models/bfm53215/Model_Shape_Sim.mat. ICT-FaceKit's heads are N(0,1) over its identity modes; heads
of one --seed are always the same first ones, so keep that seed out of whatever a model is made of.

`span`: mean face, best fits of the first modes to the heads' vertices, and the fits' coefficients.
`surrey`: best fits to half of the points of Surrey heads, on the other half. `means`: landmarks of
other models' means. `points`: what the solver makes of true points, perfect and with noise, in the
network's layout (--weights) or in a new one (`none`). `make` draws heads in eight views each,
`network` judges the neutral shapes that a network sees in them (where no face is found none is
judged, and `failed` counts it), `together` one shape from 1, 2, 4 and 8 views of a head. p2s: mean
distance of points of the face to the surface after similarity ICP; rigid: with one scale for all
heads, that of the mean faces; vertex: between corresponding vertices after a similarity; all in the
heads' mm.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from boxed_network import open_boxed
from ict_heads import Registration, prepared, random_heads
from ict_views import draw_views
from selfie3d.core.errors import InputError
from selfie3d.facemodels import load_face_model
from selfie3d.models.weights import load_weights
from selfie3d.pipeline.network.regress import Regressor
from shape_network import make_pictures, measure_network, measure_together
from shape_points import face_layout, measure_points
from shape_span import measure_means, measure_span, measure_surrey
from shape_tables import Row, write_tables

KINDS = ("span", "surrey", "means", "points", "make", "network", "together")


def measure(given: argparse.Namespace, known: Registration) -> dict[str, list[Row]]:
    """The tables that were asked for; `make` has none."""
    model = known.skin.model
    if given.what == "span":
        return measure_span(known, random_heads(given.heads, given.seed))
    if given.what == "surrey":
        return measure_surrey(known, given.data, given.heads, given.seed)
    if given.what == "means":
        return measure_means(known, given.data)
    if given.what == "points":
        own = given.weights == "none"
        layout = face_layout(model) if own else load_weights(given.weights).layout
        return measure_points(known, draw_views(known.heads, given.heads, given.seed), layout)
    if given.what == "make":
        make_pictures(known, given.pictures, given.heads, given.seed)
        return {}
    network = open_boxed(given.weights, model)
    if not isinstance(network, Regressor) and (given.what, given.boxes) != ("network", "truth"):
        expected = "a network of dense points, or `network` in true boxes"
        raise InputError("--weights", expected, network.name)
    if given.what == "together":
        return measure_together(known, given.pictures, network)
    return measure_network(known, given.pictures, network, given.boxes)


def read_arguments() -> argparse.Namespace:
    """What was given on the command line.

    Raises:
        InputError: a folder is missing.
    """
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("what", choices=KINDS)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="default", help="a name or an .npz with ibug68")
    parser.add_argument("--weights", help="of `points` (none) and `network` (default)")
    parser.add_argument("--boxes", choices=("truth", "detector"), default="truth")
    parser.add_argument("--heads", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures", type=Path, help="of `make` and `network`")
    parser.add_argument("--out", type=Path, help="where tables are written")
    given = parser.parse_args()
    if given.weights is None:
        given.weights = "none" if given.what == "points" else "default"
    needed = {
        "make": ["pictures"],
        "network": ["pictures", "out"],
        "together": ["pictures", "out"],
    }.get(given.what, ["out"])
    for name in needed:
        if getattr(given, name) is None:
            raise InputError(f"--{name}", "a folder", "none")
    return given


def main() -> None:
    given = read_arguments()
    torch.set_num_threads(1)
    start = time.perf_counter()
    known = prepared(given.data, load_face_model(given.model))
    tables = measure(given, known)
    facts: dict[str, object] = {"model": given.model}
    if given.what in ("points", "network", "together"):
        facts["weights"] = given.weights
    if given.what == "network":
        facts["boxes"] = given.boxes
    elif given.what != "means":
        facts["heads"], facts["seed"] = given.heads, given.seed
    facts["vertices"], facts["judged"] = len(known.skin.model.mean), len(known.skin.ids)
    facts["asked"], facts["scale"] = len(known.asked), known.scale
    facts["seconds"] = round(time.perf_counter() - start)
    if tables:
        write_tables(given.out, given.what, facts, tables)


if __name__ == "__main__":
    main()
