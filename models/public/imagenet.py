"""ImageNet weights of torchvision's networks out of local files."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from ...core.errors import InputError, MissingFileError
from ...core.weights_dir import weight_folders
from ..checkpoint import read_state

_HOST = "https://download.pytorch.org/models/"
_LICENCE = "BSD-3-Clause (torchvision); trained on ImageNet, whose images are for research only"
_SHOWN = 3


@dataclass(frozen=True)
class _Known:
    """A file of torchvision, and where its network's classifier begins."""

    file: str
    classifier: str


KNOWN = {
    "resnet18": _Known("resnet18-f37072fd.pth", "fc."),
    "resnet34": _Known("resnet34-b627a593.pth", "fc."),
    "resnet50": _Known("resnet50-0676ba61.pth", "fc."),
    "resnext50": _Known("resnext50_32x4d-7cdf4587.pth", "fc."),
    "mobilenet_v2": _Known("mobilenet_v2-b0353104.pth", "classifier."),
    "densenet121": _Known("densenet121-a639ec97.pth", "classifier."),
}


def load_imagenet(
    network: nn.Module, name: str, path: str | Path, own: Collection[str] = ()
) -> None:
    """Give a network, in place, the tensors of an ImageNet file, without the classifier.

    Args:
        network: with torchvision's names of tensors.
        name: whose weights, a key of `KNOWN`.
        path: of the file, or its name alone if it lies where downloaded weights are looked for.
        own: beginnings of names that are the network's own, as its last layer's, or parts of names
            between points; torchvision's file need not have them.

    Raises:
        MissingFileError: no such file; names source and licence.
        InputError: it is damaged, or holds other tensors.
    """
    file = _find(name, path)
    classifier = KNOWN[name].classifier
    state = {
        _modern(key): value
        for key, value in read_state(file).items()
        if not key.startswith(classifier)
    }
    wanted = {k: v for k, v in network.state_dict().items() if not _is_own(k, (classifier, *own))}
    _compare(state, wanted, file, name)
    network.load_state_dict({key: state[key] for key in wanted if key in state}, strict=False)


def _find(name: str, path: str | Path) -> Path:
    asked = Path(path).expanduser()
    places = [asked] if len(asked.parts) > 1 else [asked, *(f / asked for f in weight_folders())]
    for place in places:
        if place.is_file():
            return place
    file = KNOWN[name].file
    raise MissingFileError(
        " or ".join(map(str, places)),
        f"The ImageNet weights of {name}, {file},",
        f"Get them from {_HOST}{file} (licence: {_LICENCE}), or leave `imagenet` empty.",
    )


def _is_own(key: str, own: Collection[str]) -> bool:
    return any(key.startswith(part) or f".{part}" in key for part in own)


def _modern(key: str) -> str:
    """DenseNet's files of before torch 0.4 have points inside names, "norm.1" for "norm1"."""
    return re.sub(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\.", r"\1\2.", key)


def _compare(state: dict[str, Tensor], wanted: dict[str, Tensor], file: Path, name: str) -> None:
    missing = [k for k in wanted if k not in state and not k.endswith("num_batches_tracked")]
    wrong = [k for k in state if k not in wanted or state[k].shape != wanted[k].shape]
    if missing or wrong:
        parts = (f"{len(missing)} missing", missing), (f"{len(wrong)} that do not fit", wrong)
        got = "; ".join(f"{text} ({', '.join(keys[:_SHOWN])})" for text, keys in parts if keys)
        raise InputError(str(file), f"the tensors of torchvision's {name}", got)
