"""The choice of `auto`, and the back end "cpu" with tensors that are not on the CPU."""

from __future__ import annotations

import pytest
import torch
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.geometry.tensor_cache import TensorCache
from selfie3d.render import back_ends, nvdiffrast_back_end, pytorch3d_back_end
from selfie3d.render.back_ends import RASTERIZERS, choose, get_rasterizer
from selfie3d.render.cpu import CpuRasterizer
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

CUDA = torch.device("cuda", 0)


def installed(monkeypatch, *packages: str, obstacle: str = "") -> None:
    monkeypatch.setattr(back_ends, "find_spec", lambda name: name if name in packages else None)
    monkeypatch.setattr(pytorch3d_back_end, "draws_on", lambda device: obstacle)
    monkeypatch.setattr(nvdiffrast_back_end, "import_nvdiffrast", lambda: None)


@pytest.mark.parametrize(
    ("packages", "obstacle", "name", "reason"),
    [
        (("nvdiffrast", "pytorch3d"), "", "nvdiffrast", "non-commercial"),
        (("nvdiffrast",), "", "nvdiffrast", "non-commercial"),
        (("pytorch3d",), "", "pytorch3d", "nvdiffrast is not installed"),
        (("pytorch3d",), "pytorch3d does not draw on cuda", "cpu", "does not draw on cuda"),
        ((), "", "cpu", "pytorch3d is not installed"),
    ],
)
def test_choice_on_cuda(monkeypatch, packages, obstacle, name, reason) -> None:
    installed(monkeypatch, *packages, obstacle=obstacle)
    choice = choose(CUDA)
    assert choice.name == name and reason in choice.reason


def test_a_broken_nvdiffrast_is_passed_over_with_the_reason(monkeypatch) -> None:
    def fail():
        raise MissingFileError("here", "nvdiffrast", "") from ImportError("undefined symbol")

    installed(monkeypatch, "nvdiffrast", "pytorch3d")
    monkeypatch.setattr(nvdiffrast_back_end, "import_nvdiffrast", fail)
    choice = choose(CUDA)
    assert choice.name == "pytorch3d" and "undefined symbol" in choice.reason


@pytest.mark.parametrize("device", ["cpu", "mps", "xpu"])
def test_choice_elsewhere_is_cpu(monkeypatch, device) -> None:
    installed(monkeypatch, "nvdiffrast", "pytorch3d")
    assert choose(torch.device(device)).name == "cpu"


def test_name_is_the_back_end_of_the_device(monkeypatch, capsys) -> None:
    installed(monkeypatch)
    assert get_rasterizer("auto", device="cpu").name == "cpu"
    assert capsys.readouterr().err == ""
    on_cuda = get_rasterizer("auto", device="cuda")
    assert on_cuda.name == "cpu" and "copied" in on_cuda.reason
    said = capsys.readouterr().err.splitlines()
    assert said == [f"selfie3d: rendering on cuda with cpu: {on_cuda.reason}"]


def test_cpu_tensors_go_to_cpu_whatever_there_is(monkeypatch, meshes) -> None:
    installed(monkeypatch, "nvdiffrast")
    pos, tri = meshes.soup(10, seed=1)
    rasterizer = get_rasterizer("auto", device="cuda")
    expected = CpuRasterizer().rasterize(pos[None], tri, (9, 9)).buffer
    assert torch.equal(rasterizer.rasterize(pos[None], tri, (9, 9)).buffer, expected)


def test_every_back_end_is_registered() -> None:
    assert RASTERIZERS.names() == ["auto", "cpu", "nvdiffrast", "pytorch3d", "triton"]


def test_missing_pytorch3d_says_how_to_install_it(monkeypatch) -> None:
    def fail(name):
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(pytorch3d_back_end, "import_module", fail)
    with pytest.raises(MissingFileError, match=r"pytorch3d not found.*pip install.*No module"):
        get_rasterizer("pytorch3d")
    assert pytorch3d_back_end.draws_on(CUDA if torch.cuda.is_available() else torch.device("cpu"))


class PretendCuda(TorchFunctionMode):
    """Lets some CPU tensors pass as CUDA tensors, with the rules of real ones.

    What comes of them is there, too; `.cpu()` copies from there, `.to()` copies to there; the two
    kinds may not meet in one operation, nor become numpy arrays.
    """

    def __init__(self) -> None:
        super().__init__()
        self._there: dict[int, torch.Tensor] = {}
        self.copies = 0

    def put(self, tensor):
        self._there[id(tensor)] = tensor
        return tensor

    def __torch_function__(self, function, types, args=(), kwargs=None):
        tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)]
        there = [id(t) in self._there for t in tensors]
        name = getattr(function, "__name__", "")
        if function == torch.Tensor.device.__get__ and any(there):
            return CUDA
        if name == "cpu" and all(there):
            self.copies += 1
            return args[0].clone()
        if name == "to" and isinstance(args[1], torch.device):
            moves = args[1] != (CUDA if there[0] else torch.device("cpu"))
            return self.put(args[0].clone()) if moves and args[1] == CUDA else args[0]
        if name == "numpy" and any(there):
            raise TypeError("can't convert a CUDA tensor to numpy")
        if any(there) and not all(there):
            raise RuntimeError(f"two devices in {name}")
        out = function(*args, **(kwargs or {}))
        return self.put(out) if any(there) and isinstance(out, torch.Tensor) else out


def work(rasterizer, pos, tri, attr, tex):
    rast = rasterizer.rasterize(pos, tri, (30, 41))
    color = rasterizer.texture(tex, rasterizer.interpolate(attr, rast, tri))
    return rasterizer.antialias(color + rast.depth[..., None], rast, pos, tri)


@pytest.mark.parametrize("name", ["cpu", "auto"])
def test_tensors_of_a_gpu_travel_with_their_gradients(monkeypatch, meshes, name) -> None:
    installed(monkeypatch)
    generator = torch.Generator().manual_seed(0)
    pos, tri = meshes.bumpy_ball(8, 10)
    inputs = [
        pos[None].repeat(3, 1, 1),
        torch.rand(1, len(pos), 2, generator=generator),
        torch.rand(1, 5, 6, 3, generator=generator),
    ]
    here = [t.clone().requires_grad_() for t in inputs]
    expected = work(CpuRasterizer(), here[0], tri, *here[1:])
    expected.square().sum().backward()
    there = [t.clone().requires_grad_() for t in inputs]
    with PretendCuda() as gpu:
        for tensor in there:
            gpu.put(tensor)
        tri = gpu.put(tri.clone())
        with pytest.raises(InputError, match="a CPU tensor"):
            CpuRasterizer().rasterize(there[0], tri, (4, 4))
        out = work(get_rasterizer(name), there[0], tri, *there[1:])
        assert out.device == CUDA
    # pos twice, attr, rast twice, tex, uv, color, and the triangles once
    assert gpu.copies == 9
    assert torch.equal(out, expected)
    out.square().sum().backward()
    for near, far in zip(here, there, strict=True):
        assert torch.equal(near.grad, far.grad)


def test_tensors_of_two_devices_are_refused(meshes) -> None:
    pos, tri = meshes.soup(5, seed=0)
    rast = get_rasterizer("cpu").rasterize(pos[None], tri, (4, 4))
    with PretendCuda() as gpu, pytest.raises(InputError, match=r"^fragments: .*cuda:0, as attr"):
        get_rasterizer("cpu").interpolate(gpu.put(pos[None].clone()), rast, tri)


def test_per_tensor_is_made_once_until_changed() -> None:
    made = []
    kept = TensorCache(lambda tensor: made.append(tensor.sum()) or len(made))
    one = torch.zeros(3)
    assert (kept(one), kept(one)) == (1, 1)
    one += 1
    assert kept(one) == 2
    assert kept(one.clone()) == 3
    with torch.inference_mode():
        silent = torch.zeros(2)
        assert (kept(silent), kept(silent)) == (4, 5)  # changes in place cannot be seen
    for _ in range(40):
        kept(torch.zeros(1))
    assert len(kept._known) <= 16


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cpu_back_end_beside_a_real_gpu(meshes) -> None:
    pos, tri = meshes.bumpy_ball(8, 10)
    leaf = pos[None].cuda().requires_grad_()
    attr, tex = torch.rand(1, len(pos), 2).cuda(), torch.rand(1, 5, 6, 3).cuda()
    out = work(get_rasterizer("cpu"), leaf, tri.cuda(), attr, tex)
    out.sum().backward()
    assert out.is_cuda and leaf.grad.is_cuda and leaf.grad.abs().sum() > 0
