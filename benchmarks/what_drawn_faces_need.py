"""What matters when a network learns from drawn faces alone: the default recipe, short, with one
thing taken away in every row.

    python benchmarks/what_drawn_faces_need.py AFLW2000 --out DIR [--views 60000] [--faces 6000]
                                               [--rows ...]

Every row draws its own faces (the same seed, other settings), learns from as many views, and is
scored on AFLW2000-3D in the protocol's crop, through the model's coefficients: the mean of bins on
the original points of the rows % 4 == 2, and on drawn faces as everything has them. What is done is
kept in DIR and not done again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.shards import write_shards
from selfie3d.evaluate.registry import Request
from selfie3d.evaluate.run import run_protocol
from selfie3d.train import run_training

CONFIG = Path(__file__).parents[1] / "configs" / "default.yaml"
BATCH, UNSEEN, SIZE = 128, 300, 120
PLAIN = {"hair": 0.0, "beard": 0.0}
CLEAR = {"glasses": 0.0, "occluder": 0.0, "shadow": 0.0, "border": 0.0}
FRAMED = {"tight": 1, "tight_scale": 0, "tight_shift": 0, "turned": 0}
ROWS: dict[str, tuple[dict[str, float], list[str], float]] = {
    "everything": ({}, [], 1.0),
    "no hair, no beards": (PLAIN, [], 1.0),
    "flat backgrounds": ({"background": 0.0}, [], 1.0),
    "no poor camera, no JPEG": ({"degradation": 0.0}, [], 1.0),
    "nothing before the face, no shadows": (CLEAR, [], 1.0),
    "none of these": (PLAIN | CLEAR | {"background": 0.0, "degradation": 0.0}, [], 1.0),
    "one framing, no turns": ({}, [f"data.augment.{k}={v}" for k, v in FRAMED.items()], 1.0),
    "a sixth of the faces": ({}, [], 1 / 6),
    "no depth, no coefficients in the loss": (
        {},
        [f"loss.{term}=0" for term in ("depth", "identity", "expression", "albedo", "light")],
        1.0,
    ),
}
"""Row to settings of the faces, settings of training, and share of the faces."""


def draw(settings: dict[str, float], count: int, options: argparse.Namespace, seed: int) -> Path:
    """Shards of such faces; rows with the same settings share them."""
    words = "_".join(f"{key}{value:g}" for key, value in settings.items()) or "everything"
    folder = options.out / f"faces{seed}_{words}"
    config = SyntheticConfig(size=SIZE, seed=seed, **settings)
    write_shards(folder, config, count, options.workers)
    return folder


def run_row(name: str, options: argparse.Namespace) -> dict[str, float]:
    """Draw, train and score one row, or read what was found before."""
    folder = options.out / name.replace(" ", "_").replace(",", "")
    done = folder / "figures.json"
    if done.is_file():
        return json.loads(done.read_text())
    faces, training, share = ROWS[name]
    own = draw(faces, options.faces, options, seed=1)
    steps = options.views // BATCH
    settings = [
        f"output={folder}",
        f"data.train=['{own}']",
        f"data.validation='{draw({}, UNSEEN, options, seed=2)}'",
        f"data.limit={round(share * options.faces)}",
        f"engine.threads={options.threads}",
        f"engine.schedule={{steps: {steps}, warmup: {steps // 20}, shape: cosine}}",
        "engine.optimizer.average=0.99",
        "engine.validate_every=1e9",
    ]
    run_training(CONFIG, [*settings, *training])
    figures = score(str(folder / "last.safetensors"), options.aflw2000, folder / "aflw2000")
    summary = json.loads((folder / "summary.json").read_text())
    figures["drawn faces"] = summary["validation"]["error"]
    done.write_text(json.dumps(figures, indent=1))
    return figures


def score(weights: str, root: Path, out: Path) -> dict[str, float]:
    """Means on the rows % 4 == 2 of AFLW2000-3D, original points."""
    choice = ["every=4", "offset=2"]
    figures = run_protocol("aflw2000", Request(root, out, weights, overrides=choice)).figures
    first = {f.name: f.value for f in reversed(figures) if f.table == figures[0].table}
    return {name: first[name] for name in ("0 to 30", "30 to 60", "60 to 90", "mean of bins")}


def table(rows: dict[str, dict[str, float]]) -> str:
    """Markdown."""
    columns = list(next(iter(rows.values())))
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    lines += [
        f"| {name} | " + " | ".join(f"{row[c]:.2f}" for c in columns) + " |"
        for name, row in rows.items()
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("aflw2000", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--views", type=int, default=60_000)
    parser.add_argument("--faces", type=int, default=6_000)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rows", nargs="*", default=list(ROWS), choices=list(ROWS))
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    rows = {}
    for name in options.rows:
        rows[name] = run_row(name, options)
        print(table(rows), flush=True)
    (options.out / "table.md").write_text(table(rows) + "\n")


if __name__ == "__main__":
    main()
