"""What benchmarks/gpu.py trains: steps of shipped configurations on faces that are drawn first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from selfie3d.core.config import load_config, peek_config
from selfie3d.engine.optimization import make_optimizer
from selfie3d.engine.runtime import PlainRuntime
from selfie3d.engine.step_timer import StepTimer
from selfie3d.engine.stepper import Stepper
from selfie3d.recipes.registry import DEFAULT_RECIPE, find_recipe
from selfie3d.train import find_config

Clock = Callable[[Callable[[], object]], float]
_TOY = {
    "mlanet": ["network.name=resnet18", "network.options={size: 64, imagenet: ''}"],
    "default": ["network.size=64", "network.width=8", "network.blocks=[1,1,1]"],
}


def settings(name: str, folder: Path, batch: int, precision: str, quick: bool) -> list[str]:
    """Of a run on so many drawn faces; the identity term is off, as its weights are the user's."""
    common = [f"data.batch={batch}", "engine.prefetch=0", f"engine.precision={precision}"]
    own = _TOY[name] if quick else []
    if name == "default":
        size = "data.synthetic.size=80" if quick else "data.synthetic.size=144"
        none = ["data.train=[]", "data.validation=''"]
        return [*common, *none, f"data.draw={batch}", "data.validate=1", size, *own]
    side = 80 if quick else 256
    drawn = f"[{{name: drawn, root: '{folder}', options: {{count: {batch}, size: {side}}}}}]"
    data = [f"data.train={drawn}", f"data.validation={drawn}", "data.validate=1", "data.crop=tight"]
    return [*common, *data, "loss.identity=0", "network.options.imagenet=''", *own]


class Training:
    """Steps on one batch, which lies on the device: reading and cropping do not count."""

    def __init__(self, name: str, overrides: list[str], device: torch.device, out: Path) -> None:
        file = find_config(name)
        recipe = find_recipe(peek_config("recipe", DEFAULT_RECIPE, file, overrides))
        config = load_config(recipe.config, file, overrides)
        self.task: Any = recipe.build(config)
        runtime = PlainRuntime(device.type)
        self.batch = next(self.task.source).to(runtime.device)
        optimizer = make_optimizer(self.task.network, config.engine.optimizer)
        self.timer = StepTimer(runtime.device)
        self._stepper = Stepper(self.task, optimizer, runtime, config.engine, out, self.timer)
        self._rate = config.engine.optimizer.rate

    def step(self) -> None:
        """One step of the engine."""
        self._stepper(lambda: self.batch, 0, self._rate, lambda: 0.0)

    def render(self) -> Callable[[], None] | None:
        """The step's rendering alone, forward and backward; None where nothing is rendered."""
        viewer = getattr(getattr(self.task, "_losses", None), "viewer", None)
        if viewer is None:
            return None
        with torch.no_grad():
            faces = self.task._decode(self.task.network(self.batch.images).float())
            vertices = viewer.model.vertices(faces.coefficients)
            albedo = viewer.model.albedo(faces.coefficients)
        leaves = [value.clone().requires_grad_() for value in (vertices, albedo)]
        side = self.batch.images.shape[-1]

        def run() -> None:
            light = faces.coefficients.light
            seen = viewer.renderer(
                leaves[0], faces.camera, (side, side), albedo=leaves[1], light=light
            )
            (seen.image.sum() + seen.mask.sum()).backward()

        return run


def measure(training: Training, clock: Clock) -> dict[str, float]:
    """Images a second, ms of a step, and the share of it that rendering takes."""
    step = clock(training.step)
    found = {"ms a step": step, "images/s": 1e3 * len(training.batch) / step}
    rendering = training.render()
    if rendering is not None:
        found["ms of rendering"] = clock(rendering)
        found["share of rendering"] = found["ms of rendering"] / step
    return found
