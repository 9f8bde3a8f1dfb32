"""What a dense-point network reads in drawn people: classes, errors by group, identity by mode.

    python benchmarks/drawn_people.py SHARDS --weights default --out DIR

SHARDS is a folder of `selfie3d synth`, drawn with material that no training picture showed. The
people of its pictures are drawn once more from the seed in index.json, for age, sex and tone of
skin; sex and age are numbers that shape and skin follow, no statement about real people. Writes
DIR/drawn_people.json and prints: NME of ibug68 (% of the longer side of its box) by group; IoU
by class; R^2 and slope of truth on answers for each of the first 20 identity modes; the variance of
the neutral shape that is explained; the share of errors within the stated ones, for points that are
seen and for hidden ones.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from selfie3d.core.progress import progress_bar
from selfie3d.datasets.shards.dense import open_rendered
from selfie3d.datasets.shards.rendered import DenseBatchMaker, LabelledPoints
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.person import draw_person
from selfie3d.datasets.synthetic.studio import Studio
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.coefficient_mirror import CoefficientMirror
from selfie3d.geometry.segments import SEGMENTS
from selfie3d.models.heads.points import stated_errors
from selfie3d.models.weights import load_weights
from selfie3d.recipes.dense.metrics import DenseFindings, dense_metrics

MODES = 20
BATCH = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("shards", type=Path)
    parser.add_argument("--weights", default="default")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    figures = measure(options.shards, options.weights)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "drawn_people.json").write_text(json.dumps(figures, indent=1))
    show(figures)


def measure(folder: Path, name: str) -> dict:
    """Everything that is told, by name."""
    weights, faces = load_weights(name), open_rendered([folder])
    model, layout = load_face_model(weights.layout.face_model), weights.layout
    size = int(weights.network.input_shape[-1])
    make = DenseBatchMaker(
        faces, LabelledPoints.of(model, layout), CoefficientMirror.of(model), size
    )
    scale = weights.facts.get("sigma_scale")
    scale = None if scale is None else torch.tensor(scale)
    frame, parts, within, seen = layout.landmarks("ibug68"), [], [], []
    with progress_bar("Reading faces", len(faces)) as advance, torch.inference_mode():
        for rows in torch.arange(len(faces)).split(BATCH):
            batch = make(rows, 0)
            out = weights.network(batch.images)
            parts.append(DenseFindings.of(out, batch, frame))
            error = (out.points[..., :2] - batch.points[..., :2]).norm(dim=-1)
            within.append(error <= stated_errors(out.log_sigma, scale))
            seen.append(batch.visible)
            advance(len(rows))
    found = DenseFindings.joined(parts)
    inside, visible = torch.cat(within).float(), torch.cat(seen)
    nme = 100 * found.distance[:, frame].mean(1).numpy()
    return {
        "figures": dict(dense_metrics(found, layout, model)),
        "groups": groups(folder, faces.person, nme),
        "iou": iou(found.confusion),
        "modes": modes(found, model.sizes[0]),
        "within_stated": {
            "all": float(inside.mean()),
            "seen": float(inside[visible].mean()),
            "hidden": float(inside[~visible].mean()),
        },
    }


def groups(folder: Path, person: torch.Tensor, nme: np.ndarray) -> dict[str, list]:
    """Mean NME by fifths of lightness, and by classes of age and sex: (group, faces, NME)."""
    config = SyntheticConfig(**json.loads((folder / "index.json").read_text())["config"])
    studio = Studio.of(config)
    numbers = person.numpy()
    people = {int(n): draw_person(int(n), studio, config) for n in np.unique(numbers)}
    tone = np.array([studio.head.tone(people[n].albedo) for n in numbers])
    age = np.array([people[n].traits.age for n in numbers])
    sex = np.array([people[n].traits.sex for n in numbers])
    edges = np.quantile(tone, np.linspace(0, 1, 6))
    fifth = np.clip(np.searchsorted(edges, tone, side="right") - 1, 0, 4)
    names = ("darkest fifth", "second", "third", "fourth", "lightest fifth")
    return {
        "skin": rows(nme, [(name, fifth == k) for k, name in enumerate(names)]),
        "age": rows(nme, [
            ("to 25", age < 25), ("25 to 40", (age >= 25) & (age < 40)),
            ("40 to 60", (age >= 40) & (age < 60)), ("60 and more", age >= 60),
        ]),
        "sex": rows(nme, [
            ("feminine", sex < -0.33), ("between", abs(sex) <= 0.33), ("masculine", sex > 0.33)
        ]),
    }  # fmt: skip


def rows(nme: np.ndarray, parts: list) -> list:
    return [(name, int(own.sum()), float(nme[own].mean())) for name, own in parts if own.any()]


def iou(confusion: torch.Tensor) -> dict[str, float]:
    own = confusion.diagonal().double()
    either = confusion.sum(0) + confusion.sum(1) - own
    return {
        name: float(own[k] / either[k]) for k, name in enumerate(SEGMENTS) if confusion[k].sum() > 0
    }


def modes(found: DenseFindings, count: int) -> list[tuple[float, float]]:
    """(R^2, slope of truth on answer) of the leading modes."""
    answer, real = found.predicted[:, :count].numpy(), found.truth[:, :count].numpy()
    result = []
    for k in range(MODES):
        left = ((answer[:, k] - real[:, k]) ** 2).sum() / (
            (real[:, k] - real[:, k].mean()) ** 2
        ).sum()
        result.append((1 - float(left), float(np.polyfit(answer[:, k], real[:, k], 1)[0])))
    return result


def show(figures: dict) -> None:
    for name, value in figures["figures"].items():
        print(f"{name:24} {value:.4g}")
    for title, table in figures["groups"].items():
        print(f"\nNME by {title}, %")
        for name, count, value in table:
            print(f"  {name:16} {count:6} {value:.2f}")
    print("\nIoU by class")
    for name, value in figures["iou"].items():
        print(f"  {name:12} {value:.3f}")
    print("\nidentity modes: R^2, slope")
    for k, (r2, slope) in enumerate(figures["modes"]):
        print(f"  {k + 1:3} {r2:.2f} {slope:.2f}")
    print("\nwithin the stated error:", figures["within_stated"])


if __name__ == "__main__":
    main()
