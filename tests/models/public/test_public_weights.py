"""Maps of public weights: made-up tensors under the published names, through two computations.

One is our network with the mapped weights, the other is written out here from the published names
alone, with plain functions; both must give the same numbers.
"""

from __future__ import annotations

import pickle

import pytest
import torch
from selfie3d.core.errors import InputError, MissingFileError, UnknownNameError
from selfie3d.models.public.maps import rename
from selfie3d.models.public.points import PUBLIC, load_public, read_public
from torch.nn import functional

PLANES = (16, 24, 32, 64, 96, 160, 320)
UNITS = (1, 2, 3, 4, 3, 3, 1)
STRIDES = (1, 2, 2, 2, 1, 2, 1)
MB = {
    **{"dw2_1": (64, 1), "dw2_2": (128, 2), "dw3_1": (128, 1), "dw3_2": (256, 2)},
    **{"dw4_1": (256, 1), "dw4_2": (512, 2), **{f"dw5_{k}": (512, 1) for k in range(1, 6)}},
    **{"dw5_6": (1024, 2), "dw6": (1024, 1)},
}


class Made(dict):
    """A state dict under construction, drawn so that activations neither vanish nor explode."""

    def __init__(self):
        super().__init__()
        self.g = torch.manual_seed(0)

    def conv(self, name, outputs, inputs, kernel, bias=False):
        fan = inputs * kernel * kernel
        self[f"{name}.weight"] = (
            torch.randn(outputs, inputs, kernel, kernel, generator=self.g) * (2 / fan) ** 0.5
        )
        if bias:
            self[f"{name}.bias"] = torch.randn(outputs, generator=self.g)

    def norm(self, name, channels):
        for part, low in (("weight", 0.5), ("bias", -0.5), ("running_mean", -0.5)):
            self[f"{name}.{part}"] = low + torch.rand(channels, generator=self.g)
        self[f"{name}.running_var"] = 0.5 + torch.rand(channels, generator=self.g)
        self[f"{name}.num_batches_tracked"] = torch.tensor(3)


def norm(x, s, name, eps=1e-5):
    parts = (s[f"{name}.{p}"] for p in ("running_mean", "running_var", "weight", "bias"))
    return functional.batch_norm(x, *parts, eps=eps)


def conv(x, s, name, stride=1, padding=0, groups=1):
    return functional.conv2d(
        x, s[f"{name}.weight"], s.get(f"{name}.bias"), stride, padding, 1, groups
    )


def pictures(side, batch=2):
    return torch.rand(batch, 3, side, side, generator=torch.manual_seed(1))


def through_file(tmp_path, source, content):
    path = tmp_path / "public.pth"
    torch.save(content, path)
    return load_public(source, path)


def assert_same(own, expected):
    scale = expected.abs().max()
    assert float((own - expected).abs().max() / scale) < 1e-4
    assert float(expected.std() / scale) > 1e-3  # the input mattered


# ---- 3DDFA's mobilenets


def made_mobilenet(width, last="fc_param"):
    s, channels = Made(), int(32 * width)
    s.conv("conv1", channels, 3, 3)
    s.norm("bn1", channels)
    for name, (full, _) in MB.items():
        outputs = int(full * width)
        s.conv(f"{name}.conv_dw", channels, 1, 3)
        s.norm(f"{name}.bn_dw", channels)
        s.conv(f"{name}.conv_sep", outputs, channels, 1)
        s.norm(f"{name}.bn_sep", outputs)
        channels = outputs
    for layer, count in ((last, 62), ("fc_lm", 136)):
        s[f"{layer}.weight"] = torch.randn(count, channels, generator=s.g)
        s[f"{layer}.bias"] = torch.randn(count, generator=s.g)
    return s


def run_mobilenet(s, bgr, last="fc_param"):
    x = functional.relu(norm(conv(bgr, s, "conv1", 2, 1), s, "bn1"))
    for name, (_, stride) in MB.items():
        x = conv(x, s, f"{name}.conv_dw", stride, 1, x.shape[1])
        x = functional.relu(norm(x, s, f"{name}.bn_dw"))
        x = functional.relu(norm(conv(x, s, f"{name}.conv_sep"), s, f"{name}.bn_sep"))
    return functional.linear(x.mean((2, 3)), s[f"{last}.weight"], s[f"{last}.bias"])


@pytest.mark.parametrize(("width", "last"), [(0.5, "fc_param"), (0.25, "fc")])
def test_3ddfas_mobilenet(tmp_path, width, last):
    s = made_mobilenet(width, last)
    content = {"epoch": 7, "state_dict": {f"module.{k}": v for k, v in s.items()}}
    images = pictures(120)
    network = through_file(tmp_path, "3ddfa_v2", content)
    assert network.options.width == width
    bgr = (255 * images.flip(1) - 127.5) / 128
    assert_same(network(images), run_mobilenet(s, bgr, last))


# ---- DAMDNet and MobDenseNet


def made_dense_mobile(attention):
    s, inputs = Made(), 32
    s.conv("conv1", 32, 3, 3)
    s.norm("bn1", 32)
    for k, (planes, units) in enumerate(zip(PLANES, UNITS, strict=True), 1):
        for j in range(units):
            unit, inner = f"layer{k}.{j}", inputs * (1 if k == 1 else 6)
            s.conv(f"{unit}.conv1", inner, inputs, 1)
            s.conv(f"{unit}.conv2", inner, 1, 3)
            s.conv(f"{unit}.conv3", planes, inner, 1)
            for n, channels in ((1, inner), (2, inner), (3, planes)):
                s.norm(f"{unit}.bn{n}", channels)
            if attention:
                for part in ("weight", "bias"):
                    s[f"{unit}.sge.{part}"] = torch.randn(1, planes // 2, 1, 1, generator=s.g)
            if j == 0:
                s.conv(f"{unit}.downsample.0", inputs, inputs, 1)
                s.norm(f"{unit}.downsample.1", inputs)
            s.conv(f"{unit}.transition_layer.0", planes, inputs + planes, 1)
            s.norm(f"{unit}.transition_layer.1", planes)
            inputs = planes
        if attention:
            s[f"seLayer{k}.fc.0.weight"] = torch.randn(planes // 16, planes, generator=s.g)
            s[f"seLayer{k}.fc.2.weight"] = torch.randn(planes, planes // 16, generator=s.g)
    s.conv("conv8", 1280, inputs, 1)
    s.conv("conv9", 62, 1280, 1)
    return s


def run_group_enhance(x, weight, bias):
    b, c, h, w = x.shape
    groups = weight.numel()
    x = x.reshape(b * groups, c // groups, h, w)
    t = (x * x.mean((2, 3), keepdim=True)).sum(1).reshape(b * groups, -1)
    t = (t - t.mean(1, keepdim=True)) / (t.std(1, keepdim=True) + 1e-5)
    t = t.reshape(b, groups, h, w) * weight + bias
    return (x * t.reshape(b * groups, 1, h, w).sigmoid()).reshape(b, c, h, w)


def run_dense_mobile(s, bgr, attention):
    x = functional.relu(norm(conv(bgr, s, "conv1", 2, 1), s, "bn1"))
    for k, (units, first) in enumerate(zip(UNITS, STRIDES, strict=True), 1):
        for j in range(units):
            unit, stride = f"layer{k}.{j}", first if j == 0 else 1
            y = functional.relu(norm(conv(x, s, f"{unit}.conv1"), s, f"{unit}.bn1"))
            y = conv(y, s, f"{unit}.conv2", stride, 1, y.shape[1])
            y = norm(
                conv(functional.relu(norm(y, s, f"{unit}.bn2")), s, f"{unit}.conv3"),
                s,
                f"{unit}.bn3",
            )
            if attention:
                y = run_group_enhance(y, s[f"{unit}.sge.weight"], s[f"{unit}.sge.bias"])
            if j == 0:
                x = norm(conv(x, s, f"{unit}.downsample.0", stride), s, f"{unit}.downsample.1")
            x = conv(functional.relu(torch.cat([y, x], 1)), s, f"{unit}.transition_layer.0")
            x = norm(x, s, f"{unit}.transition_layer.1")
        if attention:
            inner = functional.relu(functional.linear(x.mean((2, 3)), s[f"seLayer{k}.fc.0.weight"]))
            x = (
                x
                * functional.linear(inner, s[f"seLayer{k}.fc.2.weight"]).sigmoid()[:, :, None, None]
            )
    return conv(functional.avg_pool2d(conv(x, s, "conv8"), 4), s, "conv9").flatten(1)


@pytest.mark.parametrize(("source", "attention"), [("damdnet", True), ("mobdensenet", False)])
def test_damdnets_two_networks(tmp_path, source, attention):
    s = made_dense_mobile(attention)
    images = pictures(120)
    network = through_file(tmp_path, source, {"state_dict": dict(s)})
    bgr = (255 * images.flip(1) - 127.5) / 128
    assert_same(network(images), run_dense_mobile(s, bgr, attention))


# ---- SADRNet


def made_sadrnet():
    s = Made()
    s.conv("layer0.pipe.0", 16, 3, 4)
    s.norm("layer0.pipe.1", 16)
    inputs = 16
    for k, outputs in enumerate((32, 32, 64, 64, 128, 128, 256, 256, 512, 512), 1):
        half, block = outputs // 2, f"block{k}"
        for n, (a, b, kernel) in enumerate(
            ((half, inputs, 1), (half, half, 4), (outputs, half, 1)), 1
        ):
            s.conv(f"{block}.conv{n}", a, b, kernel)
            s.norm(f"{block}.bn{n}", a)
        if k % 2:
            s.conv(f"{block}.shortcut.0", outputs, inputs, 1)
            s.norm(f"{block}.shortcut.1", outputs)
        inputs = outputs
    for k, channels in enumerate((128, 256, 256, 256), 1):
        s.conv(f"attention_branch.conv{k}.pipe.0", 256, channels, 3)
        s.norm(f"attention_branch.conv{k}.pipe.1", 256)
    s.conv("attention_branch.conv5", 1, 256, 3)
    for name, sizes in SADR_DECODERS.items():
        inputs = 512 if name == "decoder_low" else 64
        for k, (outputs, stride) in enumerate(sizes):
            scale = (2 * stride * stride / (16 * inputs)) ** 0.5
            weight = torch.randn(inputs, outputs, 4, 4, generator=s.g) * scale
            s[f"{name}.{k}.deconv.weight"] = weight
            s.norm(f"{name}.{k}.BN_AC.0", outputs)
            inputs = outputs
    s["rebuilder.mean_posmap_tensor"] = torch.zeros(3, 256, 256)
    s["rebuilder.revert_operator"] = torch.ones(3, 3)
    return s


HEAD = ((32, 2), (32, 1), (16, 2), (16, 1), (3, 1), (3, 1), (3, 1))
SADR_DECODERS = {
    "decoder_low": (
        *((512, 1), (256, 2), (256, 1), (256, 1), (128, 2), (128, 1), (128, 1)),
        *((64, 2), (64, 1), (64, 1)),
    ),
    "decoder_kpt": HEAD,
    "decoder_offset": HEAD,
}


def run_sadr_decoder(s, x, name, sizes):
    for k, (_, stride) in enumerate(sizes):
        weight = s[f"{name}.{k}.deconv.weight"]
        x = functional.conv_transpose2d(x, weight, None, stride, 1, stride - 1)[:, :, 1:, 1:]
        x = norm(x, s, f"{name}.{k}.BN_AC.0", 1e-3)
        if name == "decoder_low" or k < len(sizes) - 1:
            x = functional.relu(x)
    return x


def run_sadrnet(s, images):
    mean, variance = (
        f((2, 3), keepdim=True)
        for f in (images.mean, lambda *a, **k: images.var(*a, correction=0, **k))
    )
    x = (images - mean) / (variance + 0.001).sqrt()
    x = functional.relu(norm(conv(x, s, "layer0.pipe.0", 1, 1), s, "layer0.pipe.1", 1e-3))
    attention = None
    for k in range(1, 11):
        block, stride = f"block{k}", 2 if k % 2 else 1
        y = functional.relu(norm(conv(x, s, f"{block}.conv1"), s, f"{block}.bn1"))
        y = functional.pad(y, (2, 1, 2, 1), mode="circular")  # torch before 1.5, padding=3
        y = functional.relu(norm(conv(y, s, f"{block}.conv2", stride), s, f"{block}.bn2"))
        y = norm(conv(y, s, f"{block}.conv3"), s, f"{block}.bn3")
        if k % 2:
            x = norm(conv(x, s, f"{block}.shortcut.0", stride), s, f"{block}.shortcut.1")
        x = functional.relu(x + y)
        if k == 6:
            a = x
            for j in range(1, 5):
                name = f"attention_branch.conv{j}.pipe"
                a = functional.relu(norm(conv(a, s, f"{name}.0", 1, 1), s, f"{name}.1", 1e-3))
            attention = conv(a, s, "attention_branch.conv5", 1, 1).sigmoid()
            x = x * attention.exp()
    x = run_sadr_decoder(s, x, "decoder_low", SADR_DECODERS["decoder_low"])
    maps = [run_sadr_decoder(s, x, n, HEAD) for n in ("decoder_kpt", "decoder_offset")]
    return *maps, attention


def test_sadrnet(tmp_path):
    s = made_sadrnet()
    images = pictures(256, 1)
    with torch.inference_mode():
        own = through_file(tmp_path, "sadrnet", dict(s))(images)
        position, deformation, attention = run_sadrnet(s, images)
    assert_same(own.position, position)
    assert_same(own.deformation, deformation)
    assert_same(own.attention, attention)


# ---- Deep3D


def made_deep3d():
    s, inputs = Made(), 64
    s.conv("backbone.conv1", 64, 3, 7)
    s.norm("backbone.bn1", 64)
    for k, (width, blocks) in enumerate(zip((64, 128, 256, 512), (3, 4, 6, 3), strict=True), 1):
        for j in range(blocks):
            block = f"backbone.layer{k}.{j}"
            sizes = ((width, inputs, 1), (width, width, 3), (4 * width, width, 1))
            for n, (a, b, kernel) in enumerate(sizes, 1):
                s.conv(f"{block}.conv{n}", a, b, kernel)
                s.norm(f"{block}.bn{n}", a)
            if j == 0:
                s.conv(f"{block}.downsample.0", 4 * width, inputs, 1)
                s.norm(f"{block}.downsample.1", 4 * width)
            inputs = 4 * width
    for k, count in enumerate((80, 64, 80, 3, 27, 2, 1)):
        s.conv(f"final_layers.{k}", count, 2048, 1, bias=True)
    return s


def run_deep3d(s, images):
    x = functional.relu(norm(conv(images, s, "backbone.conv1", 2, 3), s, "backbone.bn1"))
    x = functional.max_pool2d(x, 3, 2, 1)
    for k, blocks in enumerate((3, 4, 6, 3), 1):
        for j in range(blocks):
            block, stride = f"backbone.layer{k}.{j}", 2 if k > 1 and j == 0 else 1
            y = functional.relu(norm(conv(x, s, f"{block}.conv1"), s, f"{block}.bn1"))
            y = functional.relu(norm(conv(y, s, f"{block}.conv2", stride, 1), s, f"{block}.bn2"))
            y = norm(conv(y, s, f"{block}.conv3"), s, f"{block}.bn3")
            if j == 0:
                x = norm(conv(x, s, f"{block}.downsample.0", stride), s, f"{block}.downsample.1")
            x = functional.relu(x + y)
    x = x.mean((2, 3), keepdim=True)
    return torch.cat([conv(x, s, f"final_layers.{k}") for k in range(7)], 1).flatten(1)


def test_deep3d(tmp_path):
    s = made_deep3d()
    images = pictures(224, 1)
    others = {
        "opt_00": {"state": {}, "param_groups": [{"lr": 1e-4}]},
        "sched_00": {"last_epoch": 3},
    }
    network = through_file(tmp_path, "deep3d", {"net_recon": dict(s)} | others)
    with torch.inference_mode():
        assert_same(network(images), run_deep3d(s, images))


# ---- what does not fit


@pytest.mark.parametrize("source", sorted(PUBLIC))
def test_other_tensors_are_named(tmp_path, source):
    with pytest.raises(InputError, match="something"):
        through_file(tmp_path, source, {"something.weight": torch.ones(1)})


def test_missing_and_misshapen_tensors_are_named(tmp_path):
    s = dict(made_mobilenet(0.25))
    del s["dw4_1.bn_sep.bias"]
    with pytest.raises(InputError, match=r"missing \(units\.4\.2\.1\.bias\)"):
        through_file(tmp_path, "3ddfa_v2", s)
    s = dict(made_mobilenet(0.25)) | {"dw6.conv_sep.weight": torch.ones(2, 2, 1, 1)}
    with pytest.raises(InputError, match="shape"):
        through_file(tmp_path, "3ddfa_v2", s)


class Attack:
    def __reduce__(self):
        return print, ("never",)


def test_nothing_but_tensors_is_read(tmp_path, capsys):
    path = tmp_path / "a.pth"
    path.write_bytes(pickle.dumps(Attack(), 2))
    with pytest.raises(InputError):
        read_public(path)
    torch.save({"state_dict": {"a": Attack()}}, path)
    with pytest.raises(InputError):
        read_public(path)
    assert "never" not in capsys.readouterr().out
    torch.save({"a": 3}, path)
    with pytest.raises(InputError, match="tensors by name"):
        read_public(path)
    with pytest.raises(MissingFileError, match="absent"):
        read_public(tmp_path / "absent.pth")
    with pytest.raises(UnknownNameError, match="deep3d"):
        load_public("deep3D", path)


def test_the_first_rule_that_fits_counts():
    state = {"module.a.x": torch.zeros(1), "a2.x": torch.ones(1), "b.y": torch.ones(1)}
    found = rename(state, [(r"a\.", "c."), (r"a(\d)\.", r"d\1."), (r"b\.", None)], "test")
    assert sorted(found) == ["c.x", "d2.x"]
