"""Clips of known truth: how still, how late, how fast, and how sure of who it is.

    python benchmarks/video.py --photo PORTRAIT [--data DATA] [--frames 120] [--out FOLDER]

Four clips of 640 x 480 pixels with sensor noise: a photograph before a camera that stands still
(jitter) and one that pans (lag of the place), a drawn head that turns (lag and error of the pose)
and, where DATA has models/ict, one of ICT's heads that speaks (lag and correlation of expressions).
Jitter is the mean acceleration of landmarks, pixels per frame squared; lag the shift at which the
truth, scaled and moved, is nearest to what was found. Times are of the processor, by the frame.
With FOLDER five frames of every clip are drawn, to be looked at.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from selfie3d import Reconstructor
from selfie3d.geometry.face_model import FaceModel
from selfie3d.geometry.rotation import matrix_to_euler
from selfie3d.pipeline.video.clip import Frame
from selfie3d.pipeline.video.moment import Moment
from selfie3d.pipeline.video.painter import paint
from selfie3d.pipeline.video.performance import Performance
from selfie3d.pipeline.video.smooth import SmoothOptions
from selfie3d.pipeline.video.tracker import FaceTracker
from video_clips import RATE, SPOKEN, Shot, filmed, speaking, turning

Array = NDArray[np.float64]
_BEGUN = 10  # frames that are left out: who it is has to be found first
_SHIFTS = np.arange(-3, 8.01, 0.1)  # frames


class _NoTables:
    """Takes what would be written."""

    def __init__(self, *_: object) -> None:
        self.frames = 0

    def add(self, moment: Moment) -> None:
        self.frames += 1

    def miss(self, time: float) -> None:
        pass


@dataclass(frozen=True)
class Found:
    """What was found in a clip: a person in every frame, and milliseconds of each."""

    moments: list[Moment]
    truth: list[dict[str, float]]
    cost: Array


def follow(maker: Reconstructor, shots: Sequence[Shot], smooth: SmoothOptions | None) -> Found:
    """One pass over a clip of one person."""
    tracker = FaceTracker(maker.regressor, maker.detector)
    performance = Performance(maker.model, maker.fitter.appearance, tracker, smooth, _NoTables)
    moments, cost = [], []
    for k, shot in enumerate(shots):
        begin = time.process_time()
        seen = performance.see(Frame(shot.picture, k / RATE))
        cost.append(1e3 * (time.process_time() - begin))
        if [one.person for one in seen] != [1]:
            raise SystemExit(f"frame {k}: people {[one.person for one in seen]}, not one")
        moments += seen
    return Found(moments, [shot.truth for shot in shots], np.array(cost))


def jitter(found: Found, model: FaceModel) -> float:
    """Mean acceleration of landmarks."""
    marks = np.array([m.landmarks(model)[:, :2] for m in found.moments])[_BEGUN:]
    return float(np.linalg.norm(np.diff(marks, 2, axis=0), axis=-1).mean())


def lag(signal: Array, truth: Array) -> float:
    """Milliseconds by which a signal is later than the truth."""
    frames, errors = np.arange(len(truth)), []
    part = slice(_BEGUN, len(truth) - 4)
    for shift in _SHIFTS:
        late = np.interp(frames - shift, frames, truth)[part]
        design = np.stack([late, np.ones_like(late)], 1)
        errors.append(np.linalg.lstsq(design, signal[part], rcond=None)[1].sum())
    return float(1e3 / RATE * _SHIFTS[int(np.argmin(errors))])


def spread(found: Found) -> tuple[float, float]:
    """How far the identity of frames is from the last one's, standard deviations: first, later."""
    values = np.array([m.coefficients.identity[0].numpy() for m in found.moments])
    away = np.sqrt(np.square(values - values[-1]).mean(1))
    return float(away[0]), float(away[len(away) // 2 :].max())


def signals(found: Found, model: FaceModel) -> dict[str, tuple[Array, Array]]:
    """What was found and what is true, by name."""
    turns = torch.from_numpy(np.array([m.pose.rotation for m in found.moments]))
    angles = np.degrees(matrix_to_euler(turns).numpy())
    middles = np.array([m.pose.middle for m in found.moments])
    weights, names = np.array([m.expression for m in found.moments]), model.expression_names
    known = {"x": middles[:, 0], "y": middles[:, 1]}
    known |= dict(zip(("pitch", "yaw", "roll"), angles.T, strict=True))
    for name in SPOKEN:
        rows = [k for k, other in enumerate(names) if other.removesuffix("Left") == name
                or other.removesuffix("Right") == name]  # fmt: skip
        known[name] = weights[:, rows].mean(1)
    wanted = found.truth[0]
    return {n: (known[n], np.array([t[n] for t in found.truth])) for n in wanted}


def report(name: str, pair: tuple[Found, Found], model: FaceModel) -> Iterator[str]:
    """Lines of a clip, as it was found without and with smoothing."""
    first, later = spread(pair[1])
    yield f"{name}:"
    if name == "still":
        still = [jitter(found, model) for found in pair]
        yield f"  jitter {still[0]:.3f} -> {still[1]:.3f} px/frame^2"
    yield f"  identity {first:.3f} sd from the last one at first, {later:.3f} in the second half"
    for key in pair[0].truth[0] if name != "still" else ():
        (raw, truth), (smooth, _) = (signals(found, model)[key] for found in pair)
        late = [lag(signal, truth) for signal in (raw, smooth)]
        line = f"  {key}: lag {late[0]:.0f} -> {late[1]:.0f} ms"
        off = [np.abs(s - truth)[_BEGUN:].mean() for s in (raw, smooth)]
        like = [np.corrcoef(s[_BEGUN:], truth[_BEGUN:])[0, 1] for s in (raw, smooth)]
        if key in ("pitch", "yaw", "roll"):
            line += f", error {off[0]:.2f} -> {off[1]:.2f} degrees"
        yield line + f", correlation {like[0]:.2f} -> {like[1]:.2f}"
    cost = pair[1].cost[_BEGUN:]
    yield f"  {np.median(cost):.1f} ms a frame (median), {cost.mean():.1f} (mean) of one core"


def draw(path: Path, shots: Sequence[Shot], found: Found, model: FaceModel) -> None:
    """Five frames side by side."""
    chosen = np.linspace(0, len(shots) - 1, 5).astype(int)
    shown = [paint(shots[k].picture, [found.moments[k]], model) for k in chosen]
    Image.fromarray(np.concatenate(shown, 1)).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photo", type=Path, required=True, help="a portrait")
    parser.add_argument("--data", type=Path, help="with models/ict")
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--out", type=Path, help="for pictures")
    given = parser.parse_args()
    torch.set_num_threads(1)
    maker = Reconstructor()
    clips = {
        "still": lambda: filmed(given.photo, given.frames, moving=False),
        "pan": lambda: filmed(given.photo, given.frames, moving=True),
        "turn": lambda: turning(given.frames),
        "talk": lambda: speaking(given.data, given.frames),
    }
    for name, make in clips.items():
        if name == "talk" and given.data is None:
            continue
        shots = list(make())
        pair = follow(maker, shots, None), follow(maker, shots, SmoothOptions())
        print("\n".join(report(name, pair, maker.model)), flush=True)
        if given.out is not None:
            given.out.mkdir(parents=True, exist_ok=True)
            draw(given.out / f"{name}.png", shots, pair[1], maker.model)


if __name__ == "__main__":
    main()
