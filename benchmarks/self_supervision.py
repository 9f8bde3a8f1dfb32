"""What rendering losses teach on real photographs without 3D labels: a table of short runs.

    python benchmarks/self_supervision.py SHARDS AFLW2000 --out DIR [--steps 120] [--rows NAME ...]

SHARDS are AFLW's crops with 21 points (benchmarks/aflw_crops_to_shards.py); AFLW2000 is a root with
photographs. Every row starts from the shipped weights, which have seen synthetic faces alone, and
learns from the same crops in the same order. Each is scored on AFLW2000-3D: NME of the 68 points in
the crop of the protocol (`selfie3d evaluate aflw2000`), and L1, PSNR and SSIM of the rendering over
the skin that it shows in these crops. What is done is kept in DIR and not done again. The weights
are results of research on photographs that may be used for research only: they are never shipped.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from selfie3d.datasets.batches.photo_augment import NO_PHOTO_AUGMENTATION
from selfie3d.datasets.photographs.aflw2000_photos import Aflw2000Photographs
from selfie3d.datasets.shards.source import BatchOrder, FaceLoader
from selfie3d.evaluate.metrics.landmarks import BINS
from selfie3d.evaluate.registry import Request
from selfie3d.evaluate.run import run_protocol
from selfie3d.facemodels import load_face_model
from selfie3d.recipes.faces.metrics import FaceViewer, face_metrics
from selfie3d.recipes.faces.network import FaceNetworkConfig, build_face_network
from selfie3d.recipes.faces.targets import landmark_targets
from selfie3d.train import run_training

CONFIG = Path(__file__).parents[1] / "configs" / "self_supervised.yaml"
OFF = {
    "photometric": ["loss.photometric=0"],
    "ssim": ["loss.ssim=0"],
    "landmarks": ["loss.landmarks=0"],
    "priors": ["loss.prior=0", "loss.prior_light=0"],
    "smoothness": ["loss.smoothness=0"],
}
RENDERING = ["loss.photometric=0", "loss.ssim=0", "loss.reflectance=0"]
ROWS: dict[str, list[str]] = {
    "all": [],
    "landmarks alone": [*RENDERING, "loss.smoothness=0"],
    **{f"without {name}": overrides for name, overrides in OFF.items()},
}
SEEDS = {"all": 3, "landmarks alone": 3}
FIGURES = (*BINS, "mean of bins")
_BATCH = 50


def photometric(weights: str, root: Path) -> dict[str, float]:
    """L1, PSNR and SSIM over the visible skin of every photograph that is there."""
    model = load_face_model("default")
    built = build_face_network(FaceNetworkConfig(start=weights), model)
    faces = Aflw2000Photographs(root)
    order = BatchOrder("tight", NO_PHOTO_AUGMENTATION, built.size, _BATCH)
    source = FaceLoader([faces], [1], order)
    batches = (next(source) for _ in range(len(faces) // _BATCH))
    viewer = FaceViewer(model, "cpu", "300w-lp")
    return face_metrics(
        built.network.eval(), built.decode, viewer, batches=batches, targets=landmark_targets()
    )


def score(weights: str, root: Path, out: Path) -> dict[str, float]:
    """Every figure of some weights."""
    report = run_protocol("aflw2000", Request(root, out, weights))
    found = {}
    for figure in report.figures:
        if figure.table.startswith("68 points, 2D") and figure.name in FIGURES:
            key = "" if figure.annotation == "original" else ", re-annotated"
            found.setdefault(f"{figure.name}{key}", round(figure.value, 3))
    return found | {k: round(v, 4) for k, v in photometric(weights, root).items() if k != "error"}


def run_row(name: str, seed: int, arguments: argparse.Namespace) -> dict[str, float]:
    """Train and score one row, or read what was found before."""
    folder = arguments.out / f"{name.replace(' ', '_')}_{seed}"
    done = folder / "figures.json"
    if done.is_file():
        return json.loads(done.read_text())
    shards = arguments.shards
    settings = [
        f"output={folder}",
        f"data.train=[{{name: shards, root: '{shards}', options: {{pattern: 'train-*.tar'}}}}]",
        f"data.validation=[{{name: shards, root: '{shards}', options: {{pattern: 'val-*.tar'}}}}]",
        f"engine.seed={seed}",
        f"engine.schedule.steps={arguments.steps}",
        f"engine.threads={arguments.threads}",
    ]
    start = time.perf_counter()
    run_training(CONFIG, [*settings, *ROWS[name]])
    seconds = time.perf_counter() - start
    weights = str(folder / "last.safetensors")
    figures = score(weights, arguments.aflw2000, folder / "aflw2000") | {"seconds": round(seconds)}
    done.write_text(json.dumps(figures, indent=1))
    return figures


def table(rows: dict[str, dict[str, float]]) -> str:
    """Markdown."""
    columns = [c for c in next(iter(rows.values())) if c != "seconds"]
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    lines += [
        f"| {name} | " + " | ".join(f"{row[c]:.4g}" for c in columns) + " |"
        for name, row in rows.items()
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("shards", type=Path)
    parser.add_argument("aflw2000", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rows", nargs="*", default=list(ROWS))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = {"before": before(arguments)}
    for name in arguments.rows:
        for seed in range(SEEDS.get(name, 1)):
            rows[f"{name}, seed {seed}"] = run_row(name, seed, arguments)
            print(table(rows), flush=True)
    (arguments.out / "table.md").write_text(table(rows) + "\n")


def before(arguments: argparse.Namespace) -> dict[str, float]:
    """The shipped weights."""
    done = arguments.out / "before.json"
    if not done.is_file():
        figures = score("default", arguments.aflw2000, arguments.out / "before")
        done.write_text(json.dumps(figures, indent=1))
    return json.loads(done.read_text())


if __name__ == "__main__":
    main()
