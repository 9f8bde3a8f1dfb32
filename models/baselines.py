"""The plain networks that the papers compare with: torchvision's, with another last layer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from ..core.torchvision_shim import ensure_torchvision
from .blocks.output import OutputLayer
from .inputs import ImagenetNormalise, check_images, check_size
from .network import Network
from .public.imagenet import load_imagenet

_LEAST_SIZE = 64


@dataclass(frozen=True)
class BaselineOptions:
    """Sizes of a network.

    Attributes:
        outputs: numbers predicted.
        size: side of the square input in pixels.
        normalise: whether images get ImageNet's mean and standard deviation, as its weights
            expect; without, the network sees them in [0,1], as Deep3DFaceRecon's weights do.
        imagenet: path of torchvision's ImageNet weights for it; "" for none.
    """

    outputs: int = 62
    size: int = 120
    normalise: bool = True
    imagenet: str = ""

    def __post_init__(self) -> None:
        check_size(self.size, 1, _LEAST_SIZE)


@dataclass(frozen=True)
class Baseline:
    """One of torchvision's networks.

    Attributes:
        constructor: its name in torchvision.models.
        last: its last layer, as a path of attributes.
        paper: who compares with it.
        options: the defaults, which are those of that comparison.
    """

    constructor: str
    last: str
    paper: str
    options: BaselineOptions = BaselineOptions()


_DEEP3D = BaselineOptions(257, 224)
BASELINES = {
    "resnet18": Baseline("resnet18", "fc", "ResNet (He et al. 2016)", _DEEP3D),
    "resnet34": Baseline("resnet34", "fc", "ResNet (He et al. 2016)", _DEEP3D),
    "resnet50": Baseline("resnet50", "fc", "ResNet (He et al. 2016); MLANet, table 3", _DEEP3D),
    "resnext50": Baseline("resnext50_32x4d", "fc", "ResNeXt (Xie et al. 2017); R3FA, table 2"),
    "mobilenet_v2": Baseline(
        "mobilenet_v2", "classifier.1", "MobileNetV2 (Sandler et al. 2018); R3FA, table 2"
    ),
    "densenet121": Baseline(
        "densenet121", "classifier", "DenseNet (Huang et al. 2017); R3FA, table 2"
    ),
}


class BaselineNetwork(Network):
    """A network of torchvision behind ImageNet's normalisation, its stem as it is.

    Args:
        name: a key of `BASELINES`.
        options: see `BaselineOptions`; None for the defaults of that network.

    Raises:
        MissingFileError: torchvision is not installed, or there is no such file of weights.
    """

    output_kind = "parameters"

    def __init__(self, name: str, options: BaselineOptions | None = None) -> None:
        super().__init__()
        baseline = BASELINES[name]
        o = options or baseline.options
        self.options = replace(o, imagenet="")  # what is needed to build it again from its weights
        self.input_shape = (3, o.size, o.size)
        self.paper = baseline.paper
        self.normalise = ImagenetNormalise() if o.normalise else nn.Identity()
        self.backbone = _construct(baseline, o.outputs)
        if o.imagenet:
            load_imagenet(self.backbone, name, o.imagenet)

    def forward(self, images: Tensor) -> Tensor:
        """(B,3,size,size) RGB in [0,1] to (B,outputs)."""
        check_images(images, self.input_shape)
        numbers: Tensor = self.backbone(self.normalise(images))
        return numbers


def _construct(baseline: Baseline, outputs: int) -> nn.Module:
    ensure_torchvision()
    from torchvision import models

    network: nn.Module = getattr(models, baseline.constructor)(weights=None)
    owner, _, attribute = baseline.last.rpartition(".")
    last: Any = network.get_submodule(baseline.last)
    setattr(network.get_submodule(owner), attribute, OutputLayer(last.in_features, outputs))
    return network
