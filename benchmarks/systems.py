"""Every system trained on the same synthetic faces, then scored alike: one table.

    python benchmarks/systems.py --out DIR [--faces 64000] [--size 64] [--systems NAME ...]
                                 [--train SHARDS] [--unseen SHARDS] [--aflw2000 ROOT]

Each learns from as many different faces, each seen once, in its own supervision: parameters
(R3FA's MobDenseNet, CSANet), UV maps (SADRNet), or the photographs with their landmarks and skin
alone, by rendering (MLANet, Mobile-FaceRNet). Of each paper's recipe stand network, crop and
losses, and most weights of these (`System.settings` says which do not). Ours, since these runs are
short: the size of the crops, batches of 32 (SADRNet: its 16), AdamW, warm-up and a cosine, no
augmentation, no ImageNet or ArcFace weights; and the faces that are drawn where no shards are
given: portraits that turn by up to 24 degrees, with nothing before the face, no hair and a good
camera, so that shape can be learnt from so few. Scores: `selfie3d evaluate synthetic` on faces that
none has seen and, with --aflw2000, `selfie3d evaluate aflw2000`. What is done is kept in DIR and
not done again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from selfie3d.ablate.rows import ABLATIONS
from selfie3d.datasets.photographs.aflw2000 import read_aflw2000, to_annotation, to_pixels
from selfie3d.datasets.photographs.rendered import RenderedPhotographs
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.shards import write_shards
from selfie3d.evaluate.predict.batches import Item
from selfie3d.evaluate.predict.photographs import boxes_around, predict_landmarks
from selfie3d.evaluate.predict.predictions import write_predictions
from selfie3d.evaluate.protocols.network_cost import count_parameters
from selfie3d.evaluate.protocols.synthetic import FIGURES, TABLE, MeanFace, known_face
from selfie3d.evaluate.registry import Request
from selfie3d.evaluate.run import run_protocol
from selfie3d.facemodels.registry import load_face_model
from selfie3d.models.weights import load_weights

ROOT = Path(__file__).resolve().parents[1]
UNSEEN = 500
PORTRAITS = SyntheticConfig(
    turns=0.25, hair=0, beard=0, glasses=0, occluder=0, shadow=0, border=0, degradation=0
)
BFLOAT16 = "engine.precision=bfloat16"  # where it is faster: dense convolutions of 64 channels on


@dataclass(frozen=True)
class System:
    """One row.

    Attributes:
        config: of configs/. learns: in words. rate: largest learning rate.
        settings: beyond those of every system. batch: faces of a step.
    """

    config: str
    learns: str
    rate: float
    settings: tuple[str, ...] = ()
    batch: int = 32


def system(paper: str, config: str, learns: str, *settings: str, batch: int = 32) -> System:
    """As the paper's ablation learns from drawn faces, with further settings."""
    short = ABLATIONS.create(paper)
    return System(config, learns, short.rate, (*short.drawn, *short.short, *settings), batch)


SYSTEMS = {
    "MobDenseNet (R3FA)": system("mobdensenet", "mobdensenet", "parameters"),
    "CSANet": system("csanet", "csanet", "parameters"),
    "Mobile-FaceRNet": system(
        "mobile-facernet", "mobile_facernet", "photographs", "network.learned_bases=false"
    ),
    "MLANet": system("mlanet", "mlanet", "photographs", BFLOAT16),
    # Its own warm-up over 4 epochs goes on beside ours: the rate stays below 7e-4.
    "SADRNet": system("sadrnet", "sadrnet", "UV maps", BFLOAT16, batch=16),
}


def settings_of(name: str, options: argparse.Namespace) -> list[str]:
    """What is changed in a system's recipe."""
    system, steps = SYSTEMS[name], options.faces // SYSTEMS[name].batch
    given = f"name: rendered, root: '{options.train}', options: {{limit: {options.faces}}}"
    still = "mirrored: 0, turned_deg: 0, scaled: 0, moved: 0, colour_low: 1, colour_high: 1"
    return [
        f"output={folder_of(name, options)}",
        f"network.options.size={options.size}",
        f"data.train=[{{{given}}}]",
        f"data.validation=[{{name: rendered, root: '{options.unseen}'}}]",
        "data.test=[]",
        "data.epoch=0",
        "data.validate=256",
        f"data.batch={system.batch}",
        "data.readers=1",
        f"data.augment={{{still}}}",
        "engine.threads=" + str(options.threads),
        "engine.prefetch=1",
        "engine.validate_unit=steps",
        f"engine.validate_every={max(1, steps // 4)}",
        f"engine.schedule={{steps: {steps}, warmup: {steps // 20}, shape: cosine}}",
        f"engine.optimizer={{name: adamw, rate: {system.rate}, average: 0.99, clip: 1}}",
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
        found |= aflw2000(Request(options.aflw2000, folder / "aflw2000", weights))
    done.write_text(json.dumps(found, indent=1))
    return found


def aflw2000(request: Request) -> dict[str, float]:
    """Means of bins, %, by annotation."""
    figures = run_protocol("aflw2000", request).figures
    return {
        f"AFLW2000 {f.annotation}": f.value
        for f in reversed(figures)
        if f.table.startswith("68 points, 2D") and f.name == "mean of bins"
    }


def mean_of(unseen: Path) -> MeanFace:
    """The mean of the unseen faces."""
    model, faces = load_face_model("default"), RenderedPhotographs(unseen, UNSEEN)
    return MeanFace.of([known_face(model, faces[row]) for row in range(len(faces))])


def mean_face_on_aflw2000(
    mean: MeanFace, root: Path, out: Path, chosen: Sequence[str] = ()
) -> dict[str, float]:
    """What a mean face gives there, in the boxes of the annotated points, on `chosen` rows."""
    out.mkdir(parents=True, exist_ok=True)
    data = read_aflw2000(root)
    rows = np.flatnonzero(data.has_image).tolist()
    boxes = boxes_around(to_pixels(data.points[rows].transpose(0, 2, 1))[..., :2])
    predictions = predict_landmarks(
        lambda _, box: mean.at(box),
        [Item(data.names[r], data.image_path(r), b) for r, b in zip(rows, boxes, strict=True)],
        points=lambda face: to_annotation(face.landmarks("300w-lp")),
    )
    file = out / "mean_face.npz"
    landmarks = replace(predictions, pose_deg=None)  # one pose for all, which looks like radians
    write_predictions(file, landmarks)
    overrides = ["rows=named", *chosen]
    return aflw2000(Request(root, out, predictions=file, overrides=overrides))


def table(rows: dict[str, dict[str, float]], mean: dict[str, float]) -> str:
    """Markdown; a figure that is worse than the mean face's is marked."""
    first = next(iter(rows.values()))
    real = [key for key in first if key.startswith("AFLW2000")]
    head = ["system", "learns from", "M parameters", *FIGURES, *real, "images", "minutes"]
    units = ["", "", "", *(f", {unit}" for unit in FIGURES.values()), *[", %"] * len(real), "", ""]
    means = [first[f"mean {key}"] for key in FIGURES] + [mean[key] for key in real]
    lines = [
        "| " + " | ".join(h + u for h, u in zip(head, units, strict=True)) + " |",
        "|---" * len(head) + "|",
        row("mean face", "", "", *(f"{value:.2f}" for value in means), "", ""),
    ]
    for name, found in rows.items():
        cells = [marked(found[key], found[f"mean {key}"]) for key in FIGURES]
        cells += [marked(found[key], mean[key]) for key in real]
        size, seen = f"{found['parameters'] / 1e6:.2f}", f"{found['seen']:,.0f}"
        lines.append(row(name, SYSTEMS[name].learns, size, *cells, seen, f"{found['minutes']:.0f}"))
    return "\n".join(lines)


def row(*cells: str) -> str:
    """One of Markdown."""
    return "| " + " | ".join(cells) + " |"


def marked(value: float, mean: float) -> str:
    """A figure; "(!)" if the mean face is as good."""
    return f"{value:.2f}" + (" (!)" if value >= mean else "")


def draw(folder: Path, count: int, seed: int, side: int) -> Path:
    """Shards of synthetic faces; those that are there are not drawn again."""
    write_shards(folder, replace(PORTRAITS, seed=seed, size=side), count, os.cpu_count() or 1)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--faces", type=int, default=64000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--systems", nargs="*", default=list(SYSTEMS), choices=list(SYSTEMS))
    parser.add_argument("--train", type=Path)
    parser.add_argument("--unseen", type=Path)
    parser.add_argument("--aflw2000", type=Path)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    side = int(options.size * PORTRAITS.margin)
    options.train = options.train or draw(options.out / "faces", options.faces, 3, side)
    options.unseen = options.unseen or draw(options.out / "unseen", UNSEEN, 4, side)
    root, rows, mean = options.aflw2000, {}, {}
    if root:
        mean = mean_face_on_aflw2000(mean_of(options.unseen), root, options.out / "mean")
    for name in options.systems:
        train(name, options)
        rows[name] = score(name, options)
        print(table(rows, mean), flush=True)
    (options.out / "table.md").write_text(table(rows, mean) + "\n")


if __name__ == "__main__":
    main()
