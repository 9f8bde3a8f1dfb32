"""Whether a recipe can explain a few photographs at all: each is trained on them alone.

    python benchmarks/overfit.py PHOTOS --out DIR [--recipes mlanet mobile_facernet] [--steps 300]

PHOTOS is a folder of photographs with a face each; the first eight in which one is found are taken,
their 68 points by our own network (annotated ones would need a download). Photometric L1 is that of
the model's own albedo under the predicted light over all visible skin of the rendering, and covered
is the share of the crop that this is. The identity term is off: its weights are the user's.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from selfie3d.core.errors import Selfie3dError
from selfie3d.core.image_file import list_images, read_image, write_image
from selfie3d.datasets.batches.face_pass import FacePass
from selfie3d.datasets.photographs.folder import PhotoFolder
from selfie3d.datasets.photographs.record import Record, format_record
from selfie3d.facemodels import load_face_model
from selfie3d.pipeline.options import ReconstructOptions
from selfie3d.pipeline.reconstructor import Reconstructor
from selfie3d.recipes.faces.metrics import FaceViewer, face_mask
from selfie3d.recipes.faces.network import FaceNetworkConfig, build_face_network
from selfie3d.train import run_training

COUNT = 8
OFF = ["mirrored=0", "turned_deg=0", "scaled=0", "moved=0", "colour_low=1", "colour_high=1"]
OWN = {
    "mlanet": ["loss.identity=0", "network.options.imagenet=''", "engine.optimizer.rate=1e-4"],
    "mobile_facernet": [],
}


def prepare(photos: Path, folder: Path) -> None:
    """Copies of the first photographs with a face, with their points beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    maker = Reconstructor(ReconstructOptions(texture_size=64))
    for path in list_images([photos]):
        if len(list(folder.glob("*.json"))) == COUNT:
            return
        try:
            picture = read_image(path)
            face = maker(picture)[0]
        except Selfie3dError as error:
            print(f"{path.name}: {error}")
            continue
        record = Record({"ibug68-3d": face.landmarks_68[:, :2].astype(float)})
        write_image(folder / f"{path.stem}.png", picture)
        (folder / f"{path.stem}.json").write_text(format_record(record))


def train(recipe: str, folder: Path, out: Path, steps: int, threads: int) -> float:
    """Train on the photographs; the seconds it took."""
    one = f"[{{name: folder, root: '{folder}'}}]"
    settings = [
        f"data.train={one}", f"data.validation={one}", f"data.batch={COUNT}", f"output={out}",
        *(f"data.augment.{text}" for text in OFF),
        f"engine.schedule={{steps: {steps}, epochs: 0, warmup: 20, shape: cosine}}",
        "engine.validate_every=1e9", "engine.validate_unit=seconds", f"engine.threads={threads}",
        "engine.log_every=20",
    ]  # fmt: skip
    start = time.perf_counter()
    run_training(recipe, [*settings, *OWN[recipe]])
    return time.perf_counter() - start


@torch.no_grad()
def measure(weights: Path, folder: Path, crop: str) -> dict[str, float]:
    """L1 over the visible skin and the share that it covers, means over the photographs.

    In training mode: with eight photographs the statistics that evaluation uses lag behind.
    """
    model = load_face_model("default")
    built = build_face_network(FaceNetworkConfig(start=str(weights)), model)
    (batch,) = FacePass(PhotoFolder(folder), crop, built.size, COUNT)
    viewer = FaceViewer(model, "cpu", "ibug68")
    found = {}
    for mode in (True, False):
        seen = viewer(built.decode(built.network.train(mode)(batch.images)), built.size)
        mask = (face_mask(seen.rendering, batch) > 0.5).float()
        shown = seen.rendering.over(batch.images).clamp(0, 1)
        gap = ((shown - batch.images).abs().mean(1, keepdim=True) * mask).flatten(1).sum(1)
        name = "L1" if mode else "L1, evaluation mode"
        found[name] = float((gap / mask.flatten(1).sum(1)).mean())
        found["covered"] = float(mask.mean())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--recipes", nargs="*", default=list(OWN))
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    folder = arguments.out / "photographs"
    prepare(arguments.photos, folder)
    for recipe in arguments.recipes:
        out = arguments.out / recipe
        seconds = train(recipe, folder, out, arguments.steps, arguments.threads)
        figures = measure(out / "last.safetensors", folder, "deep3d") | {"seconds": seconds}
        (out / "figures.json").write_text(json.dumps(figures, indent=1))
        print(recipe, ", ".join(f"{key} {value:.4g}" for key, value in figures.items()))


if __name__ == "__main__":
    main()
