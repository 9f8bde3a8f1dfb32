"""Every recipe in a small size, for tests that train it on some device."""

from __future__ import annotations

import torch
from selfie3d.core.config import load_config
from selfie3d.recipes.registry import find_recipe

_TOY = "network={options: {size: 64, width: 8, blocks: [1, 1, 1]}, vertices: 60}"
_SMALL = ["network.name=resnet18", "network.options={size: 64, imagenet: ''}", "loss.identity=0"]
_EVERY_TERM = [
    "loss.landmarks=0.001", "loss.reflectance=1", "loss.prior_light=1", "loss.smoothness=1",
    "loss.ssim=1", "loss.landmark_errors=0.1", "loss.trusted=true",
]  # fmt: skip
CASES = {
    "points": ("faces", "self_supervised", [_TOY, *_EVERY_TERM]),
    "started": ("faces", "self_supervised", ["network.start=default"]),
    "mlanet": ("faces", "mlanet", _SMALL),
    "mobile_facernet": ("faces", "mobile_facernet_fixed_bases", _SMALL),
    "learned_bases": (
        "faces",
        "mobile_facernet",
        ["network.options={attention: false, multi_scale: false}"],
    ),
    "csanet": ("tddfa", "csanet", ["network.options.size=64", "whitening.samples=8"]),
    "cascade": ("tddfa", "tddfa_cascade", ["network.options.size=48", "whitening.samples=8"]),
    "uv": ("uv", "sadrnet", ["network.options.size=64", "network.options.width=4"]),
    "dense": ("dense-points", "smoke", ["data.draw=8"]),
}
"""Recipe, configuration and settings by name."""


def data_settings(root):
    """A few faces, drawn once."""
    drawn = f"[{{name: drawn, root: {root}, options: {{count: 4, size: 72}}}}]"
    sets = [f"data.train={drawn}", f"data.validation={drawn}", "data.test=[]"]
    return [*sets, "data.readers=1"]


def configured(repository, data, name, *more):
    """The configuration of a case."""
    recipe, file, own = CASES[name]
    settings = [
        "data.batch=3", "data.validate=3", "engine.threads=1", "engine.precision=float32",
        "engine.prefetch=0", "engine.device=cpu",
    ]  # fmt: skip
    path = repository / "configs" / f"{file}.yaml"
    data = [] if recipe == "dense-points" else data
    return load_config(find_recipe(recipe).config, path, [*data, *own, *settings, *more])


def build(config, name):
    """The task of a case."""
    return find_recipe(CASES[name][0]).build(config)


def step(task, network, batch):
    """The terms, and the gradient of every weight."""
    torch.manual_seed(3)
    network.zero_grad()
    terms = task.losses(network, batch)
    torch.stack(list(terms.values())).sum().backward()
    grads = {name: weight.grad for name, weight in network.named_parameters()}
    return {name: term.detach() for name, term in terms.items()}, grads
