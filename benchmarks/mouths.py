"""Mouths and eyes of the mesh against photographs and against drawn people.

    python benchmarks/mouths.py DATA --out DIR [--every 3]

DATA holds aflw2000 and aflw2000_gt. Three tables, each without and with what `mouth` and `gaze` of
`pipeline.network` do: the lips' largest opening (mm, of all columns) on 30 photographs of `CLOSED`,
which were chosen by looking at them; the opening in the middle of the lips on frontal photographs
(of all but rows % 4 == 2, every n-th) by the annotated one, mean of both annotations' three pairs
of inner lips; and on 48 people drawn here the lips' opening and the place of the pupils against
the truth. Annotated inner lips of closed mouths are 2 to 3 mm apart.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from selfie3d.core.image_file import read_image
from selfie3d.core.progress import progress_bar
from selfie3d.datasets.photographs.aflw2000 import Aflw2000, read_aflw2000, to_pixels
from selfie3d.datasets.synthetic import faces as drawing
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.face import SyntheticFace
from selfie3d.evaluate.predict.photographs import boxes_around
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.lip_columns import PLACES, LipColumns
from selfie3d.geometry.rotation import matrix_to_euler
from selfie3d.pipeline.network.regress import RegressedFace, RegressOptions, Regressor

CLOSED = (
    "01210", "01290", "03238", "00877", "00929", "02744", "00690", "00379", "00161",
    "00397", "01230", "02953", "00729", "01168", "01150", "00678", "00350", "02271",
    "01260", "02415", "02344", "04273", "03731", "00060", "04232", "01475", "01000",
    "00255", "03893", "02759",
)  # fmt: skip
"""Images of AFLW2000-3D, frontal to 25 degrees, whose lips touch."""

KINDS = ("closed", "closed smile", "slightly open", "teeth", "open", "wide")
PAIRS = ((61, 67), (62, 66), (63, 65))
MIDDLE = len(PLACES) // 2
LIPS = (0.0, -70.0, 33.5)
Networks = dict[str, Regressor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--every", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    networks = {
        "without": Regressor(RegressOptions(lips=False, gaze=False)),
        "with": Regressor(),
    }
    data = read_aflw2000(given.data)
    tables = {
        "closed": closed(data, networks),
        "open": opened(data, networks, given.every),
        "drawn": drawn(networks),
    }
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "mouths.json").write_text(json.dumps(tables, indent=1))
    for title, rows in tables.items():
        print(f"\n{title}")
        for row in rows:
            print("  ", {k: round(v, 2) if isinstance(v, float) else v for k, v in row.items()})


def openings(network: Regressor, face: RegressedFace) -> np.ndarray:
    columns, own = LipColumns.of(network.model), face.coefficients
    return columns.openings(own.identity, own.expression)[0].numpy()


def seen(network: Regressor, data: Aflw2000, rows: np.ndarray) -> list[RegressedFace]:
    boxes = boxes_around(to_pixels(data.points[rows].transpose(0, 2, 1))[..., :2])
    faces = []
    with progress_bar("Reading faces", len(rows)) as advance:
        for row, box in zip(rows, boxes, strict=True):
            faces += network([read_image(data.image_path(row))], [box])
            advance()
    return faces


def closed(data: Aflw2000, networks: Networks) -> list[dict]:
    rows = np.array([data.names.index(f"image{number}.jpg") for number in CLOSED])
    table = []
    for name, network in networks.items():
        gaps = np.array([openings(network, f).max() for f in seen(network, data, rows)]).clip(0)
        table.append({
            "network": name, "photographs": len(rows), "mean mm": float(gaps.mean()),
            "largest mm": float(gaps.max()), "to 0.5 mm": int((gaps <= 0.5).sum()),
        })  # fmt: skip
    return table


def opened(data: Aflw2000, networks: Networks, every: int) -> list[dict]:
    """By the annotated opening, mm of the model's scale."""
    free = data.has_image & (np.abs(data.yaw_fitted) < 30) & (np.arange(len(data.names)) % 4 != 2)
    rows = np.nonzero(free)[0][::every]
    marks = to_pixels(data.points[rows].transpose(0, 2, 1))[..., :2]
    other = to_pixels(data.reannotated[rows].transpose(0, 2, 1))
    table = []
    for name, network in networks.items():
        faces = seen(network, data, rows)
        per_mm = np.array([scale(face) for face in faces])
        true = (apart(marks) + apart(other)) / 2 / per_mm
        found = np.array([openings(network, face)[MIDDLE] for face in faces])
        for low, high in ((-1, 3), (3, 6), (6, 9), (9, 14), (14, 60), (9, 60)):
            own = (true >= low) & (true < high)
            table.append({
                "network": name, "annotated": f"{low} to {high} mm", "photographs": int(own.sum()),
                "annotated mm": float(true[own].mean()), "found mm": float(found[own].mean()),
            })  # fmt: skip
    return table


def apart(marks: np.ndarray) -> np.ndarray:
    """Pixels (N,) between inner lips of 68 points (N,68,2), across the mouth."""
    along = marks[:, 54] - marks[:, 48]
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    down = np.stack([-along[:, 1], along[:, 0]], 1)
    gaps = [((marks[:, b] - marks[:, a]) * down).sum(1) for a, b in PAIRS]
    return np.mean(gaps, 0)


def scale(face: RegressedFace) -> float:
    """Pixels per mm at the lips."""
    lips = face.camera.rotation[0] @ torch.tensor(LIPS) + face.camera.translation[0]
    return float(face.camera.focal[0] / -lips[2])


def drawn(networks: Networks, count: int = 48) -> list[dict]:
    people = draw_people(count)
    table = []
    for name, network in networks.items():
        figures = {kind: [] for kind in KINDS}
        for kind, person in people:
            marks = person.landmarks["ibug68"][:, :2]
            box = (*marks.min(0).tolist(), *marks.max(0).tolist())
            face = network([np.ascontiguousarray(person.image)], [box])[0]
            figures[kind].append(judged(network, face, person))
        for kind, rows in figures.items():
            found = dict(zip(("true mm", "found mm", "largest mm", "pupils off mm"),
                             np.mean(rows, 0).tolist(), strict=True))  # fmt: skip
            table.append({"network": name, "mouth": kind, "people": len(rows), **found})
    return table


def judged(network: Regressor, face: RegressedFace, person: SyntheticFace) -> tuple[float, ...]:
    """True and found opening in the middle, the found one's largest, and how far pupils are off."""
    model = network.model
    truth = model.zero_coefficients()
    truth.identity[0] = torch.as_tensor(person.identity)
    truth.expression[0] = torch.as_tensor(person.expression)
    columns = LipColumns.of(model)
    true = columns.openings(truth.identity, truth.expression)[0]
    found = openings(network, face)
    parts = (person.rotation, person.translation, person.focal, person.centre)
    values = [torch.as_tensor(np.asarray(v), dtype=torch.float32) for v in parts]
    camera = PerspectiveCamera(*(v.reshape(1, *v.shape) for v in values))
    off = pupils(model, camera, truth) - pupils(model, face.camera, face.coefficients)
    return (
        float(true[MIDDLE].clamp(min=0)),
        float(max(found[MIDDLE], 0)),
        float(max(found.max(), 0)),
        float(off.norm(dim=1).mean()) / scale(face),
    )


def pupils(model, camera: PerspectiveCamera, coefficients) -> torch.Tensor:
    vertices = model.vertices(coefficients)
    sides = model.mean[:, 0] > 0, model.mean[:, 0] < 0
    middle = [vertices[:, model.regions["pupil"] & side].mean(1) for side in sides]
    return camera.project(torch.stack(middle, 1))[0, :, :2]


def draw_people(count: int) -> list[tuple[str, SyntheticFace]]:
    """Upright people of 384 pixels with chosen mouths, who look anywhere."""
    config = SyntheticConfig(size=384, seed=77, occluder=0, degradation=0, border=0, turns=0.3)
    people, kind, plain = [], "", drawing.draw_expression
    studio = drawing.SyntheticFaces(config)

    def expression(random: np.random.Generator, names: tuple[str, ...]) -> np.ndarray:
        return acted(random, kind, names)

    drawing.draw_expression = expression  # what is asked of people is no setting of the generator
    try:
        for number in range(count):
            kind = KINDS[number % len(KINDS)]
            people.append((kind, studio.item(number)))
    finally:
        drawing.draw_expression = plain
    upright = [np.abs(matrix_to_euler(torch.as_tensor(np.asarray(p.rotation))[None])[0, :2].numpy())
               for _, p in people]  # fmt: skip
    return [one for one, turn in zip(people, upright, strict=True) if (np.degrees(turn) < 25).all()]


def acted(random: np.random.Generator, kind: str, names: tuple[str, ...]) -> np.ndarray:
    values = dict.fromkeys(names, 0.0)
    pairs = {"closed smile": {"mouthSmile": 0.6},
             "teeth": {"mouthSmile": 0.7, "mouthUpperUp": 0.5, "mouthLowerDown": 0.6}}  # fmt: skip
    for name, weight in pairs.get(kind, {}).items():
        values[f"{name}Left"] = values[f"{name}Right"] = weight
    jaw = {"slightly open": (0.06, 0.12), "open": (0.25, 0.4), "wide": (0.6, 0.9)}.get(kind)
    values["jawOpen"] = random.uniform(*jaw) if jaw else 0.0
    aside, up = random.uniform(-0.8, 0.8), random.uniform(-0.5, 0.5)
    out, inward = ("Left", "Right") if aside > 0 else ("Right", "Left")
    values[f"eyeLookOut{out}"] = values[f"eyeLookIn{inward}"] = abs(aside)
    for side in ("Left", "Right"):
        values[f"eyeLook{'Up' if up > 0 else 'Down'}{side}"] = abs(up)
    return np.array([values[name] for name in names], np.float32)


if __name__ == "__main__":
    main()
