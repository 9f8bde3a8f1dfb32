"""The five papers' networks from our own drawn faces, equal minutes each: one table.

    python benchmarks/five_systems.py DATA --out DIR --train SHARDS... --unseen SHARDS
                                      [--minutes 60] [--pictures DIR] [--systems NAME ...]
                                      [--fine-tune AFLW_SHARDS [--fine-minutes 20]]

Unlike `systems.py`, whose faces are plain portraits, SHARDS are what the shipped network learns
from (docs/synthetic.md), faces are mirrored, moved and scaled, and the shape is judged on heads
that nobody drew from: DATA is the research data with aflw2000, aflw2000_gt, scans and models/ict;
--pictures holds drawn ICT heads (`shape_testbed.py make`). MobDenseNet, CSANet and SADRNet learn as
in their papers, MLANet and Mobile-FaceRNet by points, depth and coefficients of the known faces: a
network that has seen nothing finds no face by rendering in so short a time. With --fine-tune
(benchmarks/aflw_crops_to_shards.py) these two go on with their papers' losses on photographs. Those
weights are research only. What is done is kept in DIR and not done again. Figures, each beside
the mean face's: NME on the rows % 4 == 2 of AFLW2000-3D, mean of bins, original points; p2s, mm, of
neutral shapes on ICT heads and scans. One thread; `cpu` is what the run took of a processor, as
minutes on a busy machine say nothing.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from boxed_network import open_boxed
from ict_heads import prepared
from scans import heads_of, network_row, read_scans
from selfie3d.datasets import RenderedPhotographs
from selfie3d.evaluate import Request
from selfie3d.evaluate.protocols.synthetic import MeanFace, known_face
from selfie3d.facemodels import load_face_model
from shape_network import measure_network
from systems import aflw2000, mean_face_on_aflw2000

ROOT = Path(__file__).resolve().parents[1]
HALF = ["every=4", "offset=2"]  # the rows on which choices are made
OFF = ("photometric", "ssim", "reflectance", "smoothness", "landmarks", "identity", "prior")
KNOWN = (
    *(f"loss.{term}=0" for term in OFF),
    "loss.landmark_errors=0",
    "loss.points=1",
    "loss.depth=0.3",
    "loss.coefficients=0.1",
    "data.crop=tight",
)
BFLOAT16 = "engine.precision=bfloat16"
AUGMENT = (
    "mirrored: 0.5, turned_deg: 5, scaled: 0.05, moved: 0.02, colour_low: 0.9, colour_high: 1.1"
)


@dataclass(frozen=True)
class System:
    """One row.

    Attributes:
        config: of configs/. size: of crops, pixels; `paper` is the paper's. rate: the largest.
        settings: beyond those of every system. fine: of fine-tuning; none has none.
    """

    config: str
    size: int
    paper: int
    rate: float
    settings: tuple[str, ...] = ()
    fine: tuple[str, ...] = ()


ALONE = ("loss.points=0", "loss.depth=0", "loss.coefficients=0", "data.crop=tight")
SYSTEMS = {
    "MobDenseNet (R3FA)": System("mobdensenet", 64, 120, 1.5e-3),
    "CSANet": System("csanet", 64, 120, 1.5e-3),
    "Mobile-FaceRNet": System(
        "mobile_facernet",
        64,
        64,
        1e-3,
        (*KNOWN, "network.learned_bases=false", "loss.bases=0"),
        (*ALONE, "loss.bases=0", "loss.prior_expression=4e-3", "loss.prior_identity=0.3"),
    ),
    "MLANet": System(
        "mlanet",
        64,
        224,
        5e-4,
        (*KNOWN, "network.options.imagenet=", BFLOAT16),
        (
            *ALONE,
            "loss.identity=0",
            "network.options.imagenet=",
            "loss.prior_identity=40",
            BFLOAT16,
        ),
    ),
    "SADRNet": System(
        "sadrnet",
        64,
        256,
        6e-4,
        ("loss.deformation=15", BFLOAT16, "engine.schedule.warmup_epochs=0"),
    ),
}


def common(out: Path, minutes: float, rate: float) -> list[str]:
    """What every run is told."""
    schedule = f"steps: 0, epochs: 0, minutes: {minutes}, warmup: 30, warmup_epochs: 0"
    return [
        f"output={out}",
        "data.test=[]",
        "data.epoch=0",
        "data.validate=128",
        "data.batch=16",
        "data.readers=1",
        f"data.augment={{{AUGMENT}}}",
        "engine.threads=1",
        "engine.prefetch=1",
        "engine.validate_unit=seconds",
        "engine.validate_every=1e9",
        f"engine.schedule={{{schedule}, shape: cosine}}",
        f"engine.optimizer={{name: adamw, rate: {rate}, average: 0.98, clip: 1, decay: 0.01}}",
    ]


def train(system: System, out: Path, given: argparse.Namespace) -> None:
    """A run on drawn faces."""
    shards = ", ".join(f"{{name: rendered, root: '{folder}'}}" for folder in given.train)
    settings = [
        f"network.options.size={system.size}",
        f"data.train=[{shards}]",
        f"data.validation=[{{name: rendered, root: '{given.unseen}'}}]",
        *system.settings,
    ]
    run(system.config, [*common(out, given.minutes, system.rate), *settings], out)


def fine_tune(system: System, start: Path, out: Path, given: argparse.Namespace) -> None:
    """The run goes on with the paper's losses on photographs."""
    kind = f"name: shards, root: '{given.fine_tune}', options: {{pattern: "
    settings = [
        f"network.start={start / 'last.safetensors'}",
        "network.fixed_norms=true",
        f"data.train=[{{{kind}'train-*.tar'}}}}]",
        f"data.validation=[{{{kind}'val-*.tar'}}}}]",
        *system.fine,
    ]
    rate = system.rate / 10
    run(system.config, [*common(out, given.fine_minutes, rate), *settings], out)


def run(config: str, settings: list[str], out: Path) -> None:
    """A training in a process of its own, unless it was done; `cpu.json` says what it took."""
    if (out / "summary.json").is_file():
        return
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, str(ROOT / "train.py"), config, *settings], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    (out / "cpu.json").write_text(json.dumps({"seconds": round(spent)}))


class Judge:
    """Measures networks, and the mean face, where nobody drew training faces from."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given, self.model = given, load_face_model("default")
        self.known = prepared(given.data, self.model)
        self.scans = read_scans(given.data)
        self.heads = heads_of(self.scans, self.known)

    def mean_face(self) -> dict[str, float]:
        """Of the unseen drawn faces on photographs, of the face model on shapes."""
        drawn = RenderedPhotographs(self.given.unseen, 256)
        mean = MeanFace.of([known_face(self.model, drawn[row]) for row in range(len(drawn))])
        found = mean_face_on_aflw2000(mean, self.given.data, self.given.out / "mean", HALF)
        skin, shape = self.known.skin, self.model.mean.double().numpy()
        scans = {k: float(skin.distances(shape, head).mean()) for k, head in self.heads.items()}
        return {"AFLW2000": found["AFLW2000 original"]} | scans

    def network(self, out: Path) -> dict[str, float]:
        """Of the last weights of a run."""
        done = out / "figures.json"
        if done.is_file():
            return json.loads(done.read_text())
        weights = str(out / "last.safetensors")
        request = Request(self.given.data, out / "aflw2000", weights, overrides=HALF)
        found = {"AFLW2000": aflw2000(request)["AFLW2000 original"]}
        row = network_row(self.known, weights, self.scans, self.heads)
        found |= {name: float(row[name]) for name in self.scans}  # type: ignore[arg-type]
        if self.given.pictures:
            network = open_boxed(weights, self.model)
            (rows,) = measure_network(self.known, self.given.pictures, network, "truth").values()
            found |= {"ICT": rows[1]["p2s"], "mean ICT": rows[0]["p2s"]}
        summary = json.loads((out / "summary.json").read_text())
        found |= {"images": summary["images"], "minutes": summary["seconds"] / 60}
        cpu = out / "cpu.json"
        found["cpu"] = (
            json.loads(cpu.read_text())["seconds"] / 60 if cpu.is_file() else float("nan")
        )
        done.write_text(json.dumps(found, indent=1))
        return found


def table(rows: dict[str, dict[str, float]], mean: dict[str, float]) -> str:
    """Markdown; "(!)" marks what the mean face does as well."""
    judged = ["AFLW2000", *(name for name in next(iter(rows.values())) if name == "ICT")]
    judged += [name for name in mean if name != "AFLW2000"]
    mean = mean | {"ICT": next(iter(rows.values())).get("mean ICT", float("nan"))}
    head = ["system", *judged, "images", "minutes", "of which cpu"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    lines.append("| mean face | " + " | ".join(f"{mean[k]:.2f}" for k in judged) + " | | | |")
    for name, found in rows.items():
        cells = [f"{found[k]:.2f}" + (" (!)" if found[k] >= mean[k] else "") for k in judged]
        cells += [f"{found['images']:,.0f}", f"{found['minutes']:.0f}", f"{found['cpu']:.1f}"]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--train", type=Path, nargs="+", required=True)
    parser.add_argument("--unseen", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--pictures", type=Path, help="drawn ICT heads; none: they are not judged")
    parser.add_argument("--fine-tune", type=Path, help="shards of AFLW's crops")
    parser.add_argument("--fine-minutes", type=float, default=20)
    parser.add_argument("--systems", nargs="*", default=list(SYSTEMS), choices=list(SYSTEMS))
    return parser.parse_args()


def main() -> None:
    given = read_arguments()
    torch.set_num_threads(1)
    for name in given.systems:
        train(SYSTEMS[name], given.out / SYSTEMS[name].config, given)
    judge = Judge(given)
    mean, rows = judge.mean_face(), {}
    for name in given.systems:
        system = SYSTEMS[name]
        out = given.out / system.config
        sized = f"{name}, {system.size} px (paper: {system.paper})"
        rows[sized] = judge.network(out)
        if given.fine_tune and system.fine:
            fine = out.with_name(f"{system.config}_fine")
            fine_tune(system, out, fine, given)
            rows[f"{sized}, fine-tuned"] = judge.network(fine)
        print(table(rows, mean), flush=True)
    (given.out / "table.md").write_text(table(rows, mean) + "\n")


if __name__ == "__main__":
    main()
