"""Names of other people's published tensors in ours, by rules.

A map is a list of rules, (beginning of a name as a regular expression, what stands there in ours);
a name that no rule knows is an error. Networks that were trained on BGR get the channels of their
first convolution exchanged, so that ours sees RGB and computes the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.errors import InputError

State = dict[str, Tensor]
Rules = Sequence[tuple[str, str | None]]

_SHOWN = 3
_DEEP3D_SIZES = (80, 64, 80, 3, 27, 2, 1)  # of its final layers
_MB_UNITS = (
    *("2_1", "2_2", "3_1", "3_2", "4_1", "4_2"),
    *("5_1", "5_2", "5_3", "5_4", "5_5", "5_6", "6"),
)
_SADR_LAYERS = ((1, "enter"), (2, "wide"), (3, "leave"))
_SADR_DECODERS = (
    ("decoder_low", "decoder", 10),
    ("decoder_kpt", "position", 7),
    ("decoder_offset", "deformation", 7),
)


@dataclass(frozen=True)
class Mapped:
    """A file's tensors under the names of one of our networks.

    Attributes:
        network: its name in `NETWORKS`.
        options: to build it with.
        state: its tensors by name.
    """

    network: str
    options: dict[str, object]
    state: State


def rename(state: Mapping[str, Tensor], rules: Rules, what: str) -> State:
    """Tensors under other names.

    Args:
        state: tensors by name; `module.` before all of them is dropped.
        rules: the first whose expression fits the beginning of a name replaces that part;
            None instead of a replacement drops the tensor.
        what: whose weights they should be, for the message.

    Raises:
        InputError: a name that no rule knows.
    """
    renamed: State = {}
    unknown = []
    for key, value in state.items():
        name = key.removeprefix("module.")
        for pattern, replacement in rules:
            match = re.match(pattern, name)
            if match:
                if replacement is not None:
                    renamed[match.expand(replacement) + name[match.end() :]] = value
                break
        else:
            unknown.append(key)
    if unknown:
        some = ", ".join(unknown[:_SHOWN])
        raise InputError("weights", f"the tensors of {what}", f"{len(unknown)} others ({some})")
    return renamed


def _rgb(state: State, name: str, what: str) -> State:
    """The first convolution's channels exchanged: BGR to RGB."""
    if name not in state or state[name].shape[1] != 3:
        raise InputError("weights", f"a first convolution of {what}", f"no {name} of 3 channels")
    return state | {name: state[name].flip(1)}


def map_mobilenet_v1(state: Mapping[str, Tensor]) -> Mapped:
    """3DDFA's and 3DDFA_V2's mobilenet (mb1, mb05), trained on BGR.

    The second output layer, landmarks for training (`fc_lm`), is left out.
    """
    what = "3DDFA's MobileNetV1"
    rules: list[tuple[str, str | None]] = [
        (r"conv1\.", "stem.0.0."),
        (r"bn1\.", "stem.0.1."),
        (r"fc_lm\.", None),
        (r"fc(_param)?\.", "output."),
    ]
    for k, unit in enumerate(_MB_UNITS):
        rules += [
            (rf"dw{unit}\.conv_dw\.", f"units.{k}.0.0."),
            (rf"dw{unit}\.bn_dw\.", f"units.{k}.0.1."),
            (rf"dw{unit}\.conv_sep\.", f"units.{k}.2.0."),
            (rf"dw{unit}\.bn_sep\.", f"units.{k}.2.1."),
        ]
    renamed = _rgb(rename(state, rules, what), "stem.0.0.weight", what)
    outputs = _length(renamed, "output.bias", what)
    width = len(renamed["stem.0.0.weight"]) / 32
    return Mapped("mobilenet_v1", {"width": width, "outputs": outputs}, renamed)


def map_deep3d(state: Mapping[str, Tensor]) -> Mapped:
    """Deep3DFaceRecon_pytorch's network, ResNet-50 to 257 numbers, on RGB in [0,1] as it is.

    Its seven final 1x1 convolutions, for the parts of the vector, become one linear layer. The
    order is that of the `deep3d` layout.
    """
    what = "Deep3DFaceRecon's net_recon (ResNet-50)"
    heads = [f"final_layers.{k}." for k in range(len(_DEEP3D_SIZES))]
    rules = [(r"backbone\.", "backbone."), (r"final_layers\.", "final_layers.")]
    renamed = rename(state, rules, what)
    sizes = tuple(len(renamed.get(f"{head}bias", ())) for head in heads)
    if sizes != _DEEP3D_SIZES:
        expected = f"final layers of {', '.join(map(str, _DEEP3D_SIZES))} in {what}"
        raise InputError("weights", expected, ", ".join(map(str, sizes)))
    rest = {k: v for k, v in renamed.items() if not k.startswith("final_layers.")}
    weight = torch.cat([renamed[f"{head}weight"].flatten(1) for head in heads])
    bias = torch.cat([renamed[f"{head}bias"] for head in heads])
    last = {"backbone.fc.weight": weight, "backbone.fc.bias": bias}
    options: dict[str, object] = {"outputs": len(bias), "size": 224, "normalise": False}
    return Mapped("resnet50", options, rest | last)


def _dense_mobile_rules() -> list[tuple[str, str | None]]:
    """Names of LeiJiangJNU/DAMDNet's two networks."""
    inside = {
        "conv1": "bottleneck.0.0",
        "bn1": "bottleneck.0.1",
        "conv2": "bottleneck.2.0",
        "bn2": "bottleneck.2.1",
        "conv3": "bottleneck.4.0",
        "bn3": "bottleneck.4.1",
        "sge": "enhance",
        r"downsample\.0": "side.0",
        r"downsample\.1": "side.1",
        r"transition_layer\.0": "transition.0",
        r"transition_layer\.1": "transition.1",
    }
    rules: list[tuple[str, str | None]] = [
        (r"conv1\.", "stem.0.0."),
        (r"bn1\.", "stem.0.1."),
        (r"conv8\.", "expand."),
        (r"conv9\.", "output."),
    ]
    for k in range(7):
        rules += [
            (rf"layer{k + 1}\.(\d+)\.{theirs}\.", rf"layers.{k}.\1.{ours}.")
            for theirs, ours in inside.items()
        ]
        rules += [
            (rf"seLayer{k + 1}\.fc\.0\.", f"attention.{k}.squeeze."),
            (rf"seLayer{k + 1}\.fc\.2\.", f"attention.{k}.excite."),
        ]
    return rules


def map_damdnet(state: Mapping[str, Tensor]) -> Mapped:
    """DAMDNet of LeiJiangJNU/DAMDNet, trained on BGR."""
    return _map_dense_mobile(state, "damdnet", "DAMDNet")


def map_mobdensenet(state: Mapping[str, Tensor]) -> Mapped:
    """MobDenseNet (R3FA) of LeiJiangJNU/DAMDNet, trained on BGR."""
    return _map_dense_mobile(state, "mobdensenet", "MobDenseNet")


def _map_dense_mobile(state: Mapping[str, Tensor], network: str, what: str) -> Mapped:
    renamed = _rgb(rename(state, _dense_mobile_rules(), what), "stem.0.0.weight", what)
    outputs = _length(renamed, "output.weight", what)
    linear = {"output.weight": renamed["output.weight"].flatten(1)}  # was a 1x1 convolution
    gates = {  # (1,G,1,1) there
        key: value.flatten()
        for key, value in renamed.items()
        if key.endswith(("enhance.weight", "enhance.bias"))
    }
    return Mapped(network, {"outputs": outputs}, renamed | linear | gates)


def map_sadrnet(state: Mapping[str, Tensor]) -> Mapped:
    """SADRNetv2 of MCG-NJU/SADRNet, trained on standardised RGB.

    Its weights are of torch before 1.5, whose circular padding `CircularResidualBlock` writes out.
    The mean shape map and the constants of its losses, which it saves too, are left out.
    """
    what = "SADRNetv2"
    rules: list[tuple[str, str | None]] = [
        (r"layer0\.pipe\.", "stem."),
        (r"rebuilder\.|mean_shape_map|.*_loss\.|fwrse\.|frse\.|nme\.|kptc\.|mae\.|bce\.", None),
        (r"attention_branch\.conv5\.", "attention.12."),
    ]
    rules += [
        (rf"attention_branch\.conv{k}\.pipe\.{j}\.", f"attention.{3 * (k - 1) + j}.")
        for k in range(1, 5)
        for j in range(2)
    ]
    for k in range(1, 11):
        place = f"low.{k - 1}" if k <= 6 else f"high.{k - 7}"
        rules += [
            *((rf"block{k}\.conv{j}\.", f"{place}.{name}.0.") for j, name in _SADR_LAYERS),
            *((rf"block{k}\.bn{j}\.", f"{place}.{name}.1.") for j, name in _SADR_LAYERS),
            (rf"block{k}\.shortcut\.", f"{place}.shortcut."),
        ]
    for theirs, ours, count in _SADR_DECODERS:
        for k in range(count):
            place = f"{ours}.{2 * k}" if k < 4 or ours == "decoder" else f"{ours}.8.{2 * (k - 4)}"
            rules += [
                (rf"{theirs}\.{k}\.deconv\.", f"{place}.convolution."),
                (rf"{theirs}\.{k}\.BN_AC\.0\.", f"{place}.norm."),
            ]
    return Mapped("sadrnet", {}, rename(state, rules, what))


def _length(state: State, name: str, what: str) -> int:
    if name not in state:
        raise InputError("weights", f"the tensors of {what}", f"no {name}")
    return len(state[name])
