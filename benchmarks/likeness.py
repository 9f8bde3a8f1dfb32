"""How like the photograph is the face? Judged by dlib's face descriptor.

    pip install "selfie3d[identity]"
    python benchmarks/likeness.py DATA --out DIR [--weights NAME|PATH|fit] [--limit 8]
                                  [--every 4] [--drawn 84] [--stage draw|judge]
                                  [--dlib VENV/bin/python --models DIR_OF_DAT_FILES]

84 different people, frontal to 25 degrees, from research photographs below DATA (photos_lm5,
photos_plain, photos_lm51, photos_lm68, photos_id, aflw2000) are reconstructed and rendered:
(a) textured in the photograph's pose, (b) textured from the front and 30 degrees to both sides, (c)
with the model's albedo and light, (d) bare shape in grey. Every view is described by dlib's
network (read by our port: crops and numbers are dlib's), after MTCNN has found its five points
anew. With --dlib, by dlib itself with its own detector and points, in an environment of its own
with dlib-bin and numpy.

Distance of photograph and view, of the same person and of others, and rank-1: how many are found
among all. dlib's "same person" is < 0.6. Beside them the mean face's shape and a stranger's (the
next person's) in the same pose and expression, and the ceiling: drawn people with their true
shape, albedo, light and pose. Never a loss of anything that is shipped.

OUT, outside the repository: report.md, sheets (sheet_NN.png), views/, descriptors.npz.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from likeness_views import draw_drawn, draw_people, people, read_views
from PIL import Image, ImageDraw
from selfie3d import ReconstructOptions
from selfie3d.core.errors import InputError
from selfie3d.core.weights_dir import find_weight
from selfie3d.detect.detectors import get_face_detector
from selfie3d.detect.face import FaceDetector
from selfie3d.evaluate.metrics.face_chip import align_chip, cut_face_chip
from selfie3d.evaluate.metrics.identity import five_points
from selfie3d.models.public.dlib_resnet import FILE, SAME_PERSON, load_dlib_resnet

KINDS = {
    "masked": "the photograph itself, cut out by the mesh's outline",
    "a_pose": "(a) textured, photograph's pose",
    "b_0": "(b) textured, yaw 0",
    "b_p30": "(b) textured, yaw +30",
    "b_m30": "(b) textured, yaw -30",
    "c_pose": "(c) model's albedo, fitted light, photograph's pose",
    "c_0": "(c) the same, yaw 0",
    "d_pose": "(d) grey bare shape, photograph's pose",
    "d_0": "(d) the same, yaw 0",
    "mean_pose": "the mean face's shape in grey, pose and expression fitted",
    "stranger_pose": "a stranger's shape in grey, pose and expression fitted",
}
SHEET = ("photo", "a_pose", "b_0", "b_p30", "b_m30", "c_pose", "c_0", "d_pose")
DRAWN_SHEET = ("photo", "c_pose", "d_pose", "mean_pose", "stranger_pose")
ROWS, CELL = 8, 220  # people of a sheet; pixels of a picture in it
NEAR = 0.4  # of the face's box that the detector's must cover


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--weights", help="as of reconstruct")
    parser.add_argument("--limit", type=int, default=0, help="so many people, evenly spread")
    parser.add_argument("--every", type=int, default=1, help="every n-th person only")
    parser.add_argument("--drawn", type=int, default=84, help="drawn people; 0: none")
    parser.add_argument("--stage", choices=("draw", "judge"), help="one of the two alone")
    parser.add_argument("--dlib", type=Path, help="interpreter of an environment with dlib-bin")
    parser.add_argument("--models", type=Path, help="folder of dlib's .dat files")
    args = parser.parse_args()
    torch.set_num_threads(1)
    sets = {"people": SHEET} | ({"drawn": DRAWN_SHEET} if args.drawn else {})
    if args.stage != "judge":
        draw(args)
    text = ""
    for name, columns in sets.items() if args.stage != "draw" else ():
        out = args.out / name
        found, seen = by_dlib(out, args) if args.dlib else by_port(out)
        np.savez(out / "descriptors.npz", **found)
        rows = judge(found, seen)
        text += f"\n{name}\n\n" + as_table(rows)
        sheets(out, sorted({n.split("__")[0] for n in found}), columns)
    if text:
        (args.out / "report.md").write_text(text)
        print(text)


def draw(args: argparse.Namespace) -> None:
    for name in ("people", "drawn"):
        (args.out / name / "views").mkdir(parents=True, exist_ok=True)
    given = dict(list(people(args.data).items())[:: args.every])
    if args.limit:
        names = list(given)[:: max(1, len(given) // args.limit)][: args.limit]
        given = {name: given[name] for name in names}
    draw_people(given, args.out / "people", ReconstructOptions(max_faces=1, weights=args.weights))
    if args.drawn:
        draw_drawn(args.drawn, args.out / "drawn")


def by_port(out: Path) -> tuple[dict[str, np.ndarray], set[str]]:
    """Descriptors of the views, and the views in which the detector found the face anew."""
    network, detector = load_dlib_resnet(find_weight(FILE)), get_face_detector("mtcnn")
    found, seen = {}, set()
    for name, picture, marks in read_views(out):
        points = found_points(detector, picture, marks)
        seen |= set() if points is None else {name}
        five = five_points(marks) if points is None else torch.from_numpy(points)
        chip = cut_face_chip(picture, align_chip(five))
        image = torch.from_numpy(chip).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            found[name] = network(image)[0].numpy().astype(np.float64)
    return found, seen


def found_points(
    detector: FaceDetector, picture: np.ndarray, marks: np.ndarray
) -> np.ndarray | None:
    """The five points of the face that lies where the landmarks are."""
    low, high = marks.min(0), marks.max(0)
    best, points = NEAR * float(np.prod(high - low)), None
    for face in detector.detect(picture):
        box = np.array(face.box).reshape(2, 2)
        shared = np.minimum(box[1], high) - np.maximum(box[0], low)
        if (shared > 0).all() and (area := float(np.prod(shared))) > best:
            best, points = area, np.array(face.points, dtype=np.float64)
    return points


def by_dlib(out: Path, args: argparse.Namespace) -> tuple[dict[str, np.ndarray], set[str]]:
    if args.models is None:
        raise InputError("--models", "the folder of dlib's .dat files", "none")
    script = Path(__file__).with_name("likeness_dlib.py")
    subprocess.run([args.dlib, script, out, args.models], check=True)
    with np.load(out / "dlib.npz") as file:
        return {n: file[n] for n in file.files if n != "seen"}, set(file["seen"].tolist())


def judge(found: dict[str, np.ndarray], seen: set[str]) -> dict[str, dict[str, float]]:
    """A row of figures for every kind of view."""
    names = sorted(n.removesuffix("__0.photo") for n in found if n.endswith("__0.photo"))
    gallery = np.stack([found[f"{person}__0.photo"] for person in names])
    more = [n for n in found if n.endswith(".photo") and "__0." not in n]
    groups = {"another photograph of the same person": more}
    groups["the photograph mirrored"] = [f"{person}__0.photo.mirror" for person in names]
    groups |= {words: [f"{p}__0.{kind}" for p in names] for kind, words in KINDS.items()}
    rows = {}
    for words, probes in groups.items():
        probes = [name for name in probes if name in found]
        if not probes:
            continue
        owners = np.array([names.index(name.split("__")[0]) for name in probes])
        vectors = np.stack([found[name] for name in probes])
        row = scores(vectors, owners, gallery)
        centred = scores(vectors - vectors.mean(0), owners, gallery - gallery.mean(0))
        row["rank-1 %, centred"] = centred["rank-1 %"]  # without the style that all views share
        row["face found %"] = 100 * float(np.mean([n in seen for n in probes]))
        rows[words] = row
    return rows


def scores(probes: np.ndarray, owners: np.ndarray, gallery: np.ndarray) -> dict[str, float]:
    distance = np.linalg.norm(probes[:, None] - gallery[None], axis=2)
    same = distance[np.arange(len(owners)), owners]
    others = distance[np.arange(len(gallery))[None] != owners[:, None]].reshape(len(owners), -1)
    return {
        "n": len(owners),
        "same": same.mean(),
        "others": others.mean(),
        "rank-1 %": 100 * (distance.argmin(1) == owners).mean(),
        "AUC": (same[:, None] < others).mean(),
        f"same < {SAME_PERSON} %": 100 * (same < SAME_PERSON).mean(),
        f"others < {SAME_PERSON} %": 100 * (others < SAME_PERSON).mean(),
    }


def as_table(rows: dict[str, dict[str, float]]) -> str:
    head = ["view", *next(iter(rows.values()))]
    table = [head, ["---"] * len(head)]
    table += [[words, *(f"{x:.3g}" for x in row.values())] for words, row in rows.items()]
    return "".join("| " + " | ".join(line) + " |\n" for line in table)


def sheets(out: Path, names: list[str], columns: tuple[str, ...]) -> None:
    for start in range(0, len(names), ROWS):
        shown = names[start : start + ROWS]
        sheet = Image.new("RGB", (CELL * len(columns), CELL * len(shown)))
        for row, name in enumerate(shown):
            for column, view in enumerate(columns):
                picture = Image.open(out / "views" / f"{name}__0.{view}.png").resize((CELL, CELL))
                sheet.paste(picture, (column * CELL, row * CELL))
            ImageDraw.Draw(sheet).text((3, row * CELL + 2), name, fill=(255, 255, 0))
        sheet.save(out / f"sheet_{start // ROWS:02d}.png")


if __name__ == "__main__":
    main()
