"""Every system trained on the same synthetic faces, then scored alike: one table.

    python benchmarks/systems.py --out DIR [--faces 32000] [--size 96] [--systems NAME ...]
                                 [--train SHARDS] [--unseen SHARDS] [--aflw2000 ROOT]

Each learns from as many different faces, each seen once, in its own supervision: parameters
(R3FA's MobDenseNet, CSANet), UV maps (SADRNet), or the photographs with their landmarks and skin
alone, by rendering (MLANet, Mobile-FaceRNet). Of each paper's recipe stand network, crop, losses
and their weights; but Mobile-FaceRNet's landmarks weigh ten times as much, so much beside the
colours as MLANet's do: else faces leave the picture when training starts from nothing. Ours, since
these runs are short: the size of the crops, batches of 32, AdamW, warm-up and a cosine, no
augmentation, no ImageNet or ArcFace weights. The faces are drawn where no shards are given.
Scores: `selfie3d evaluate synthetic` on faces that none has seen and, with --aflw2000,
`selfie3d evaluate aflw2000`. What is done is kept in DIR and not done again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.shards import write_shards
from selfie3d.evaluate.network_cost import count_parameters
from selfie3d.evaluate.registry import Request
from selfie3d.evaluate.run import run_protocol
from selfie3d.evaluate.synthetic import TABLE
from selfie3d.evaluate.synthetic_truth import FIGURES
from selfie3d.models.weights import load_weights

ROOT = Path(__file__).resolve().parents[1]
BATCH = 32
UNSEEN = 500
BY_BOX = "data.crop=tight"  # the paper's crop takes five points, and scoring gives a box
ALONE = tuple(f"loss.{term}=0" for term in ("points", "depth", "coefficients"))  # no truth
BFLOAT16 = "engine.precision=bfloat16"  # where it is faster: dense convolutions of 64 channels on


@dataclass(frozen=True)
class System:
    """One row.

    Attributes:
        config: of configs/. learns: in words. rate: largest learning rate.
        settings: beyond those of every system; "{...}" is filled with the size of the crops.
    """

    config: str
    learns: str
    rate: float
    settings: tuple[str, ...] = ()


def pixels_weight(size: int) -> str:
    """MLANet's weight of landmarks for squared pixels of other crops than 224."""
    return f"loss.landmarks={1.6e-3 * (224 / size) ** 2:.3g}"


SYSTEMS = {
    "MobDenseNet (R3FA)": System("mobdensenet", "parameters", 1e-3),
    "CSANet": System("csanet", "parameters", 1e-3),
    "Mobile-FaceRNet": System(
        "mobile_facernet", "photographs", 5e-4, (*ALONE, BY_BOX, "loss.landmarks=4000")
    ),
    "MLANet": System(
        "mlanet",
        "photographs",
        5e-4,
        (*ALONE, "loss.identity=0", "network.options.imagenet=", BY_BOX, BFLOAT16),
    ),
    "SADRNet": System("sadrnet", "UV maps", 1e-3, ("loss.deformation=3", BFLOAT16)),
}


def settings_of(name: str, options: argparse.Namespace) -> list[str]:
    """What is changed in a system's recipe."""
    system, steps = SYSTEMS[name], options.faces // BATCH
    given = f"name: rendered, root: '{options.train}', options: {{limit: {options.faces}}}"
    still = "mirrored: 0, turned_deg: 0, scaled: 0, moved: 0, colour_low: 1, colour_high: 1"
    own = [pixels_weight(options.size)] if system.config == "mlanet" else []
    return [
        f"output={folder_of(name, options)}",
        f"network.options.size={options.size}",
        f"data.train=[{{{given}}}]",
        f"data.validation=[{{name: rendered, root: '{options.unseen}'}}]",
        "data.validate=256",
        f"data.batch={BATCH}",
        "data.readers=1",
        f"data.augment={{{still}}}",
        "engine.threads=" + str(options.threads),
        "engine.prefetch=1",
        "engine.validate_unit=steps",
        f"engine.validate_every={max(1, steps // 4)}",
        f"engine.schedule={{steps: {steps}, warmup: {steps // 20}, shape: cosine}}",
        f"engine.optimizer={{name: adamw, rate: {system.rate}, average: 0.99, clip: 1}}",
        *own,
        *system.settings,
    ]


def folder_of(name: str, options: argparse.Namespace) -> Path:
    """Where a system's run lies."""
    return options.out / SYSTEMS[name].config


def train(name: str, options: argparse.Namespace) -> None:
    """One run; what was stopped goes on."""
    if (folder_of(name, options) / "summary.json").is_file():
        return
    command = [sys.executable, str(ROOT / "train.py"), SYSTEMS[name].config]
    subprocess.run([*command, *settings_of(name, options)], check=True)


def score(name: str, options: argparse.Namespace) -> dict[str, float]:
    """Figures of a trained system, read if they were found before."""
    folder = folder_of(name, options)
    done = folder / "figures.json"
    if done.is_file():
        return json.loads(done.read_text())
    weights = str(folder / "last.safetensors")
    limit = [f"limit={UNSEEN}"]
    request = Request(options.unseen, folder / "synthetic", weights, overrides=limit)
    report = run_protocol("synthetic", request)
    found = {f.name: f.value for f in report.figures if f.table == TABLE}
    found |= {f"mean {f.name}": f.value for f in report.figures if f.table != TABLE}
    summary = json.loads((folder / "summary.json").read_text())
    found |= {"minutes": summary["seconds"] / 60, "seen": summary["images"]}
    found["parameters"] = count_parameters(load_weights(weights).network)
    if options.aflw2000:
        found |= aflw2000(weights, options.aflw2000, folder / "aflw2000")
    done.write_text(json.dumps(found, indent=1))
    return found


def aflw2000(weights: str, root: Path, out: Path) -> dict[str, float]:
    """Means of bins, %, by annotation."""
    figures = run_protocol("aflw2000", Request(root, out, weights)).figures
    return {
        f"AFLW2000 {f.annotation}": f.value
        for f in reversed(figures)
        if f.table.startswith("68 points, 2D") and f.name == "mean of bins"
    }


def table(rows: dict[str, dict[str, float]]) -> str:
    """Markdown; a figure that is worse than the mean face's is marked."""
    first = next(iter(rows.values()))
    real = [key for key in first if key.startswith("AFLW2000")]
    head = ["system", "learns from", "M parameters", *FIGURES, *real, "images", "minutes"]
    units = ["", "", "", *(f", {unit}" for unit in FIGURES.values()), *[", %"] * len(real), "", ""]
    means = [f"{first[f'mean {key}']:.2f}" for key in FIGURES]
    lines = [
        "| " + " | ".join(h + u for h, u in zip(head, units, strict=True)) + " |",
        "|---" * len(head) + "|",
        row("mean face", "", "", *means, *[""] * (len(real) + 2)),
    ]
    for name, found in rows.items():
        cells = [marked(found[key], found[f"mean {key}"]) for key in FIGURES]
        cells += [f"{found[key]:.2f}" for key in real]
        size, seen = f"{found['parameters'] / 1e6:.2f}", f"{found['seen']:,.0f}"
        lines.append(row(name, SYSTEMS[name].learns, size, *cells, seen, f"{found['minutes']:.0f}"))
    return "\n".join(lines)


def row(*cells: str) -> str:
    """One of Markdown."""
    return "| " + " | ".join(cells) + " |"


def marked(value: float, mean: float) -> str:
    """A figure; "(!)" if the mean face is as good."""
    return f"{value:.2f}" + (" (!)" if value >= mean else "")


def draw(folder: Path, count: int, seed: int) -> Path:
    """Shards of synthetic faces; those that are there are not drawn again."""
    write_shards(folder, SyntheticConfig(size=144, seed=seed), count, workers=os.cpu_count() or 1)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--faces", type=int, default=32000)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--systems", nargs="*", default=list(SYSTEMS), choices=list(SYSTEMS))
    parser.add_argument("--train", type=Path)
    parser.add_argument("--unseen", type=Path)
    parser.add_argument("--aflw2000", type=Path)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    options.train = options.train or draw(options.out / "faces", options.faces, seed=3)
    options.unseen = options.unseen or draw(options.out / "unseen", UNSEEN, seed=4)
    rows = {}
    for name in options.systems:
        train(name, options)
        rows[name] = score(name, options)
        print(table(rows), flush=True)
    (options.out / "table.md").write_text(table(rows) + "\n")


if __name__ == "__main__":
    main()
