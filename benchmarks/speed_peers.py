"""Seconds a photograph beside peers, one thread, the same photographs on the same machine.

    python benchmarks/speed_peers.py PHOTOS [--tddfa FOLDER] [--mediapipe PYTHON] [--count 60]

PHOTOS is a folder of photographs with a face each, read beforehand. `--tddfa` is a folder with
3DDFA_V2's mb05_120x120.pth and param_stats.npz, which run through this package behind our detector;
`--mediapipe` the interpreter of an environment with mediapipe 0.10.21, whose FaceMesh finds a face
and 478 points. Each is warmed up on the first photographs; the table has medians of what follows.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from mb05 import SIDE, Public
from numpy.typing import NDArray
from selfie3d.core.image_file import list_images, read_image
from selfie3d.geometry.crop import Crop
from selfie3d.pipeline.locate.cut import cut_tensor
from selfie3d.pipeline.output.files import FileOptions, write_face
from selfie3d.pipeline.reconstructor import Reconstructor

WARM_UP = 5
MEDIAPIPE = """
import json, sys, time
import numpy as np
import mediapipe as mp
mesh = mp.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=True)
times, found = [], 0
for path in sys.argv[1:]:
    picture = np.load(path)
    wall, cpu = time.perf_counter(), time.process_time()
    found += mesh.process(picture).multi_face_landmarks is not None
    times.append((time.perf_counter() - wall, time.process_time() - cpu))
print(json.dumps({"times": times, "found": found}))
"""
Picture = NDArray[np.uint8]
Times = list[tuple[float, float]]


def timed(work: Callable[[Picture], object], pictures: list[Picture]) -> Times:
    """Wall and processor seconds for each picture."""
    times = []
    for picture in pictures:
        wall, cpu = time.perf_counter(), time.process_time()
        work(picture)
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
    return times


def ours(maker: Reconstructor, out: Path, write: tuple[str, ...]) -> Callable[[Picture], object]:
    """The largest face with these outputs."""

    def work(picture: Picture) -> None:
        face = maker.detect(picture)[0]
        start = maker.regress([(picture, face)])[0]
        textured = write != ("json",)
        made = maker.reconstruct_face(picture, face, start=start, textured=textured)
        write_face(out, "face", made, picture, "photograph", FileOptions(write=write))

    return work


def points_only(maker: Reconstructor) -> Callable[[Picture], object]:
    """Points, identity, expression and pose, without albedo and light."""
    return lambda picture: maker.regress([(picture, maker.detect(picture)[0])])


def tddfa(maker: Reconstructor, folder: Path) -> Callable[[Picture], object]:
    """mb05 in our detector's box: 68 points in the photograph."""
    public = Public.read(folder)

    def work(picture: Picture) -> object:
        x0, y0, x1, y1 = maker.detect(picture)[0].box
        side = 1.58 * ((x1 - x0) + (y1 - y0)) / 2  # what 3DDFA_V2 takes round a box
        crop = Crop.from_square(((x0 + x1) / 2, (y0 + y1) / 2), side, SIDE)
        return public.landmarks(cut_tensor(picture, crop), decoded=False)

    return work


def mediapipe(python: str, pictures: list[Picture], folder: Path) -> Times:
    """Its own times, taken in its own environment."""
    paths = []
    for number, picture in enumerate(pictures):
        paths.append(folder / f"{number}.npy")
        np.save(paths[-1], picture)
    command = [python, "-c", MEDIAPIPE, *map(str, paths)]
    answer = json.loads(subprocess.check_output(command, stderr=subprocess.DEVNULL))
    print(f"mediapipe finds a face in {answer['found']} of {len(pictures)}")
    return [(wall, cpu) for wall, cpu in answer["times"]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--tddfa", type=Path)
    parser.add_argument("--mediapipe")
    parser.add_argument("--count", type=int, default=60)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    maker = Reconstructor()
    read = [read_image(path) for path in list_images([arguments.photos])]
    pictures = [p for p in read if maker.detector.detect(p)][: arguments.count + WARM_UP]
    rows: dict[str, Times] = {}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        if arguments.mediapipe:
            name = "mediapipe FaceMesh: found, 478 points"
            rows[name] = mediapipe(arguments.mediapipe, pictures, out)
        if arguments.tddfa:
            work = tddfa(maker, arguments.tddfa)
            rows["3DDFA_V2 mb05 behind our detector: 68 points"] = timed(work, pictures)
        rows["ours: found"] = timed(maker.detect, pictures)
        rows["ours: found, points, shape, expression, pose"] = timed(points_only(maker), pictures)
        rows["ours: the same with albedo, light, JSON"] = timed(
            ours(maker, out, ("json",)), pictures
        )
        rows["ours: with texture and GLB"] = timed(ours(maker, out, ("glb",)), pictures)
        everything = ("glb", "obj", "overlay", "turntable")
        rows["ours: with OBJ and pictures, too"] = timed(ours(maker, out, everything), pictures)
    print(f"{len(pictures) - WARM_UP} photographs\n\n| | wall ms | CPU ms |\n|---|---|---|")
    for name, times in rows.items():
        wall, cpu = 1e3 * np.median(np.array(times[WARM_UP:]), axis=0)
        print(f"| {name} | {wall:.1f} | {cpu:.1f} |")


if __name__ == "__main__":
    main()
