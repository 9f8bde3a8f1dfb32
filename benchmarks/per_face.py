"""CPU and wall time of every step from a found face to its files, on one photograph.

    python benchmarks/per_face.py [--photo FILE ...] [--rounds 5] [--threads 1]
        [--against CHECKOUT] [--textures DIR]

Without photographs: the demo's. With `--against`, another checkout of this repository does the same
in a process of its own, in turn with this one; ratios are this one's time over the other's, and the
largest and mean difference of both textures is given in levels of 255. Figures are medians over the
rounds, the first of which is for warming up.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
VIEWS = [(0.0, yaw, 0.0) for yaw in (-60.0, -30.0, 0.0, 30.0, 60.0)]


class Stages:
    """The steps of one photograph, with what each of them was given in a whole run."""

    def __init__(self, photo: str, size: int) -> None:
        from selfie3d.core.image_file import read_image
        from selfie3d.pipeline import ReconstructOptions, Reconstructor

        self.maker = Reconstructor(ReconstructOptions(texture_size=size, max_faces=1))
        self.photo = photo
        self.picture = read_image(photo)
        self.found = self.maker.detect(self.picture)[0]
        self.start = self.maker.regress([(self.picture, self.found)])[0]
        self.given: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {}
        self._note(self.maker.textures, "build")
        self._note(self.maker.fitter.appearance, "solve")
        self.face = self._face()

    def steps(self) -> dict[str, Callable[[], object]]:
        maker, face = self.maker, self.face
        build, solve = self.given["build"], self.given["solve"]
        return {
            "detect": lambda: maker.detect(self.picture),
            "network and solver": lambda: maker.regress([(self.picture, self.found)]),
            "segmentation": lambda: maker._evidence(self.picture, self.start),
            "appearance": lambda: maker.fitter.appearance.solve(*solve[0], **solve[1]),
            "texture": lambda: maker.textures.build(*build[0], **build[1]),
            "face in all": self._face,
            "GLB": face.glb,
            "one view": lambda: face.render((0.0, 20.0, 0.0), 256),
            "five views": lambda: face.render_views(VIEWS, 384),
            "turntable": lambda: pictures().turntable_picture(face),
            "overlay": lambda: pictures().overlay_picture(face, self.picture),
        }

    def _face(self) -> Any:
        return self.maker.reconstruct_face(self.picture, self.found, lambda: None, self.start)

    def _note(self, owner: object, name: str) -> None:
        inner = getattr(owner, name)

        def noting(*arguments: Any, **named: Any) -> Any:
            self.given[name] = arguments, named
            return inner(*arguments, **named)

        setattr(owner, name, noting)


def pictures() -> Any:
    """The module of pictures, wherever the checkout has it."""
    import importlib

    for path in Path(sys.modules["selfie3d"].__file__).parent.glob("pipeline/**/pictures.py"):
        folder = ".".join(path.relative_to(path.parents[len(path.parents) - 1]).parts[-3:-1])
        folder = folder[folder.index("pipeline") :]
        return importlib.import_module(f"selfie3d.{folder}.pictures")
    raise ImportError("no pictures.py in this checkout")


def work(options: argparse.Namespace) -> None:
    """Answer each photograph's path, line by line, with times; save its texture where told."""
    import torch

    torch.set_num_threads(options.threads)
    known: dict[str, Stages] = {}
    for line in sys.stdin:
        photo, target = json.loads(line)
        if photo not in known:
            known.clear()
            known[photo] = Stages(photo, options.size)
        times = {}
        for name, step in known[photo].steps().items():
            wall, cpu = time.perf_counter(), time.process_time()
            step()
            times[name] = (time.perf_counter() - wall, time.process_time() - cpu)
        image = known[photo].face.texture.image
        image = image * torch.from_numpy(known[photo].maker.textures.atlas.mask)
        np.save(target, (image * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).numpy())
        print(json.dumps(times), flush=True)


class Worker:
    """A process that works with one checkout."""

    def __init__(self, checkout: Path, options: argparse.Namespace, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "selfie3d").symlink_to(checkout.resolve(), target_is_directory=True)
        threads = str(options.threads)
        environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": threads}
        command = [sys.executable, str(Path(__file__).resolve()), "--work"]
        command += ["--size", str(options.size), "--threads", threads]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def round(self, photo: str) -> dict[str, tuple[float, float]]:
        print(json.dumps([photo, str(self.folder / "texture.npy")]), file=self.process.stdin)
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"the process of {self.folder} ended")
        return json.loads(answer)

    def texture(self) -> np.ndarray:
        return np.load(self.folder / "texture.npy")


def measure(workers: list[Worker], photo: str, rounds: int) -> list[dict[str, list[float]]]:
    """Milliseconds, wall and CPU, of every step by every worker; workers take turns."""
    seen: list[list[dict[str, tuple[float, float]]]] = [[] for _ in workers]
    for _ in range(rounds + 1):
        for worker, own in zip(workers, seen, strict=True):
            own.append(worker.round(photo))
    return [
        {
            name: [1e3 * statistics.median(r[name][k] for r in own[1:]) for k in (0, 1)]
            for name in own[0]
        }
        for own in seen
    ]


def report(found: list[dict[str, list[float]]]) -> None:
    heads = ["", *(["other wall", "CPU"] if found[1:] else []), "wall", "CPU", "ratio of CPU"]
    print(" | ".join(f"{head:>18}" for head in heads))
    for name, own in found[0].items():
        others = found[1][name] if found[1:] else []
        cells = [f"{value:.1f}" for value in (*others, *own)]
        cells += [f"{own[1] / others[1]:.2f}"] if others else []
        print(" | ".join(f"{cell:>18}" for cell in (name, *cells)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--photo", nargs="+", default=[str(ROOT / "pipeline/data/astronaut.jpg")])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--textures", type=Path, help="keep the textures here, beside each other")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        return work(options)
    checkouts = [ROOT, *([options.against] if options.against else [])]
    with tempfile.TemporaryDirectory() as folder:
        workers = [Worker(c, options, Path(folder) / str(k)) for k, c in enumerate(checkouts)]
        for photo in options.photo:
            print(f"\n{photo}, median of {options.rounds} rounds, milliseconds")
            report(measure(workers, photo, options.rounds))
            textures = [worker.texture() for worker in workers]
            if textures[1:]:
                off = np.abs(textures[0].astype(int) - textures[1])
                print(f"textures: mean difference {off.mean():.3f} levels, largest {off.max()}")
            if options.textures:
                options.textures.mkdir(parents=True, exist_ok=True)
                from PIL import Image

                both = np.concatenate(textures[::-1], 1)
                Image.fromarray(both).save(options.textures / f"{Path(photo).stem}.png")


if __name__ == "__main__":
    main()
