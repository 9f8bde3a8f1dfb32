"""How time and memory grow with the work, each run a process of its own; and the pace of training.

    python benchmarks/scaling.py PHOTOS [--parts photographs faces texture workers training]
        [--counts 1 10 100 1000] [--shards DIR]

PHOTOS is a folder of photographs with a face each; for more of them than there are they come again
under other names. `faces` are the photographs side by side in one picture. Wall and processor
seconds are from start to end, GB the most that the process held. `training` takes the rate of a run
of some steps and the shares of a step from its summary: the default recipe on `--shards` (drawn for
it where none are named), the recipes that render on eight of the photographs. Compile the kernels
by a run beforehand; only on an idle machine do wall seconds mean something.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from overfit import prepare
from PIL import Image
from selfie3d.core.image_file import list_images

CLI = "from selfie3d.cli import main; main()"
FACE = 96  # pixels of a photograph among many in one picture
STEPS = {"default": 40, "mlanet": 12, "mobile_facernet": 100}
WITHOUT = {"mlanet": ["loss.identity=0", "network.options.imagenet=''"]}
DRAWN = ["data.train=[]", "data.validation=''", "data.draw=1024"]


@dataclass(frozen=True)
class Taken:
    """What a process took: seconds by the clock and of the processor, and gigabytes."""

    wall: float
    cpu: float
    memory: float


def taken(*arguments: str) -> Taken:
    """A run of the command line; its exit status does not matter."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", CLI, *arguments],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _, _, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    return Taken(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20)


def table(title: str, head: Sequence[str], rows: Callable[[], object]) -> None:
    """A table whose rows are printed as they are measured."""
    print(f"\n{title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}", flush=True)
    rows()


def row(name: object, one: Taken, count: int = 0) -> None:
    rate = [f"{count / one.wall:.1f}"] if count else []
    cells = [str(name), f"{one.wall:.1f}", f"{one.cpu:.1f}", *rate, f"{one.memory:.2f}"]
    print(f"| {' | '.join(cells)} |", flush=True)


def linked(photos: Sequence[Path], count: int, folder: Path) -> Path:
    """A folder with so many photographs: links to those that there are."""
    folder.mkdir(parents=True)
    for number in range(count):
        source = photos[number % len(photos)].resolve()
        (folder / f"{number:04}{source.suffix}").symlink_to(source)
    return folder


def crowd(photos: Sequence[Path], count: int, path: Path) -> Path:
    """One picture of so many photographs."""
    across = math.ceil(math.sqrt(count))
    picture = Image.new("RGB", (FACE * across, FACE * math.ceil(count / across)))
    for number in range(count):
        small = Image.open(photos[number % len(photos)]).convert("RGB").resize((FACE, FACE))
        picture.paste(small, (FACE * (number % across), FACE * (number // across)))
    picture.save(path)
    return path


def reconstruct(photos: Path, folder: Path, *options: str) -> Taken:
    """Into a folder that is not there yet."""
    out = tempfile.mkdtemp(dir=folder)
    return taken("reconstruct", str(photos), "--out", out, *options)


def photographs(photos: Sequence[Path], folder: Path, counts: Sequence[int]) -> None:
    """By their number, once as JSON alone and once with the GLB."""
    for write in ("json", "glb"):

        def rows(write: str = write) -> None:
            for count in counts:
                own = linked(photos, count, folder / f"{write}{count}")
                row(count, reconstruct(own, folder, "--write", write), count)

        head = ("photographs", "wall s", "CPU s", "photographs/s", "GB")
        table(f"--write {write}", head, rows)


def faces(photos: Sequence[Path], folder: Path) -> None:
    """By the number of faces in one picture."""

    def rows() -> None:
        for count in (1, 10, 100, 300):
            path = crowd(photos, count, folder / f"crowd{count}.png")
            row(count, reconstruct(path, folder, "--write", "json"))

    table("Faces in one picture, --write json", ("faces", "wall s", "CPU s", "GB"), rows)


def texture(photos: Sequence[Path], folder: Path) -> None:
    """By the side of the texture."""

    def rows() -> None:
        for side in (256, 512, 1024, 2048, 4096):
            row(side, reconstruct(photos[0], folder, "--write", "glb", "--size", str(side)))

    table("One photograph, --write glb", ("texels", "wall s", "CPU s", "GB"), rows)


def workers(photos: Sequence[Path], folder: Path, counts: Sequence[int]) -> None:
    """By the processes that work; 0 are threads. GB are those of the first process alone."""
    count = min(max(counts), 100)
    own = linked(photos, count, folder / "shared")

    def rows() -> None:
        for number in (0, 1, 2, 4):
            one = reconstruct(own, folder, "--write", "json", "--workers", str(number))
            row(number, one, count)

    head = ("processes", "wall s", "CPU s", "photographs/s", "GB")
    table(f"{count} photographs, --write json", head, rows)


def rate(recipe: str, settings: Sequence[str], folder: Path) -> None:
    """A row of a training run: images a second and the shares of its stages."""
    out, steps = folder / f"run_{recipe}", STEPS[recipe]
    schedule = f"engine.schedule={{steps: {steps}, epochs: 0, warmup: 1, shape: constant}}"
    quiet = ["engine.validate_every=1e9", "engine.validate_unit=seconds", f"output={out}"]
    taken("train", recipe, *settings, *WITHOUT.get(recipe, []), *quiet, schedule)
    found = json.loads((out / "summary.json").read_text())
    shares = ", ".join(f"{name} {share:.0%}" for name, share in found["shares"].items())
    print(f"| {recipe} | {found['images_per_second']:g} | {shares} |", flush=True)


def training(photos: Path, folder: Path, shards: Path | None) -> None:
    """The shipped recipe and two that render; the first steps, which compile, count too."""
    few = folder / "few"
    prepare(photos, few)
    one = f"[{{name: folder, root: '{few}'}}]"
    drawn = DRAWN if shards is None else [f"data.train=['{shards}']", f"data.validation='{shards}'"]

    def rows() -> None:
        rate("default", [*drawn, "data.validate=128"], folder)
        for recipe in ("mlanet", "mobile_facernet"):
            settings = [f"data.train={one}", f"data.validation={one}", "data.test=[]"]
            rate(recipe, [*settings, "data.batch=8"], folder)

    table("Training", ("recipe", "images/s", "shares of a step"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parts = ["photographs", "faces", "texture", "workers", "training"]
    parser.add_argument("--parts", nargs="+", default=parts, choices=parts)
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--shards", type=Path, help="faces for the default recipe")
    options = parser.parse_args()
    photos = list_images([options.photos])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure: dict[str, Callable[[], None]] = {
            "photographs": lambda: photographs(photos, folder, options.counts),
            "faces": lambda: faces(photos, folder),
            "texture": lambda: texture(photos, folder),
            "workers": lambda: workers(photos, folder, options.counts),
            "training": lambda: training(options.photos, folder, options.shards),
        }
        for part in options.parts:
            measure[part]()


if __name__ == "__main__":
    main()
