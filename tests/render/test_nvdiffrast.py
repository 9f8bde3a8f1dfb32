"""The nvdiffrast back end's conversions, beside a stand-in for its module, and its errors.

The stand-in keeps to nvdiffrast's documentation: row 0 of images, buffers and textures is the
bottom, z/w has no gradient, everything is contiguous. It computes with our CPU back end.
nvdiffrast itself is compared in test_parity.py, which needs CUDA.
"""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest
import torch
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.render import nvdiffrast_back_end
from selfie3d.render.back_ends import get_rasterizer
from selfie3d.render.rasterizer import Fragments

OURS = get_rasterizer("cpu")


class StandIn(ModuleType):
    """nvdiffrast.torch as documented, on the CPU; `calls` holds names and options."""

    def __init__(self) -> None:
        super().__init__("nvdiffrast.torch")
        self.__spec__ = ModuleSpec("nvdiffrast.torch", None)
        self.calls: list[tuple[str, dict]] = []

    def _note(self, name, tensors, **options) -> None:
        for tensor in tensors:
            assert tensor.is_contiguous() and tensor.dtype in (torch.float32, torch.int32)
        self.calls.append((name, options))

    def RasterizeCudaContext(self, device=None):  # noqa: N802
        self.calls.append(("context", {"device": device}))
        return ("context", device)

    def rasterize(self, glctx, pos, tri, resolution, ranges=None, grad_db=True):
        assert glctx == ("context", pos.device) and ranges is None
        self._note("rasterize", (pos, tri), grad_db=grad_db)
        up = OURS.rasterize(pos, tri, resolution).buffer.flip(1)
        up = torch.cat([up[..., :2], up[..., 2:].detach()], -1).contiguous()
        return up, torch.zeros_like(up)

    def interpolate(self, attr, rast, tri, rast_db=None, diff_attrs=None):
        self._note("interpolate", (attr, rast, tri))
        assert rast_db is None and diff_attrs is None
        out = OURS.interpolate(attr, Fragments(rast), tri)
        return out, out[..., :0]

    def texture(self, tex, uv, filter_mode="auto", boundary_mode="wrap"):
        self._note("texture", (tex, uv), filter_mode=filter_mode, boundary_mode=boundary_mode)
        return OURS.texture(tex.flip(1), uv)

    def antialias_construct_topology_hash(self, tri):
        self._note("topology", (tri,))
        return ("topology", tri.data_ptr())

    def antialias(self, color, rast, pos, tri, topology_hash=None, pos_gradient_boost=1.0):
        self._note("antialias", (color, rast, pos, tri))
        assert topology_hash == ("topology", tri.data_ptr()) and pos_gradient_boost == 1.0
        return OURS.antialias(color.flip(1), Fragments(rast.flip(1)), pos, tri).flip(1)


@pytest.fixture
def stand_in(monkeypatch) -> StandIn:
    package, module = ModuleType("nvdiffrast"), StandIn()
    package.__spec__ = ModuleSpec("nvdiffrast", None)
    package.torch = module
    monkeypatch.setitem(__import__("sys").modules, "nvdiffrast", package)
    monkeypatch.setitem(__import__("sys").modules, "nvdiffrast.torch", module)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(nvdiffrast_back_end, "check_cuda", lambda name, tensor: tensor.device)
    return module


@pytest.fixture
def theirs(stand_in):
    return get_rasterizer("nvdiffrast")


def work(rasterizer, pos, tri, attr, tex):
    """Every primitive and every gradient of one picture without symmetry."""
    leaves = [t.clone().requires_grad_() for t in (pos, attr, tex)]
    rast = rasterizer.rasterize(leaves[0], tri, (40, 53))
    uv = rasterizer.interpolate(leaves[1], rast, tri)
    color = rasterizer.texture(leaves[2], uv) + rast.depth[..., None]
    color = color * rast.covered[..., None]
    out = rasterizer.antialias(color, rast, leaves[0], tri)
    weights = torch.rand(out.shape, generator=torch.Generator().manual_seed(0))
    (out * weights).sum().backward()
    return [rast.buffer.detach(), uv.detach(), out.detach()], [leaf.grad for leaf in leaves]


@pytest.mark.parametrize("shared", [True, False])
def test_pictures_and_gradients_are_the_cpu_back_ends(meshes, theirs, shared) -> None:
    generator = torch.Generator().manual_seed(5)
    pos, tri = meshes.soup(40, seed=3)
    pos = torch.stack([pos, pos * torch.tensor([0.9, -0.8, 1, 1])])
    attr = torch.rand(1 if shared else 2, pos.shape[1], 2, generator=generator)
    tex = torch.rand(1 if shared else 2, 5, 8, 3, generator=generator)
    images, grads = work(OURS, pos, tri, attr, tex)
    other_images, other_grads = work(theirs, pos, tri, attr, tex)
    same = images[0][..., 3] == other_images[0][..., 3]  # a mirrored mesh breaks ties elsewhere
    assert same.float().mean() > 0.999
    for ours, other in zip(images, other_images, strict=True):
        assert (ours - other)[same].abs().max() < 1e-4
    for ours, other in zip(grads, other_grads, strict=True):
        assert float((ours - other).norm() / ours.norm()) < 2e-3


def test_a_triangle_at_the_top_left_is_drawn_there(theirs) -> None:
    pos = torch.tensor([[[-1.0, 1.0, 0.5, 1.0], [-0.5, 1.0, 0.5, 1.0], [-1.0, 0.5, 0.5, 1.0]]])
    tri = torch.tensor([[0, 1, 2]], dtype=torch.int32)
    rast = theirs.rasterize(pos, tri, (16, 16)).buffer[0]
    assert torch.allclose(rast[0, 0], torch.tensor([0.75, 0.125, 0.5, 1.0]))
    assert rast[4:].abs().sum() == 0 and rast[:, 4:].abs().sum() == 0


def test_row_0_of_a_texture_is_v_1(theirs) -> None:
    tex = torch.arange(12.0).reshape(1, 3, 4, 1)
    row, column = torch.meshgrid(torch.arange(3), torch.arange(4), indexing="ij")
    uv = torch.stack([(column + 0.5) / 4, 1 - (row + 0.5) / 3], -1)[None]
    assert torch.allclose(theirs.texture(tex, uv), tex, atol=1e-5)


def test_what_it_is_called_with(meshes, stand_in, theirs) -> None:
    pos, tri = meshes.bumpy_ball(6, 8)
    strided = tri.t().contiguous().t()
    for _ in range(2):
        rast = theirs.rasterize(pos[None], tri, (20, 20))
        theirs.antialias(rast.buffer[..., 3:], rast, pos[None], tri)
    theirs.interpolate(pos[None], rast, strided)
    theirs.texture(torch.rand(1, 4, 4, 2), rast.buffer[..., :2])
    names = [name for name, _ in stand_in.calls]
    assert names.count("context") == names.count("topology") == 1
    assert names.count("interpolate") == 1  # none for the depth where no gradient is asked for
    options = dict(stand_in.calls)
    assert options["rasterize"] == {"grad_db": False}
    assert options["texture"] == {"filter_mode": "linear", "boundary_mode": "clamp"}


def test_nothing_to_draw_is_not_asked_of_it(stand_in, theirs) -> None:
    pos = torch.rand(1, 3, 4, requires_grad=True)
    none = torch.zeros(0, 3, dtype=torch.int32)
    rast = theirs.rasterize(pos, none, (4, 5))
    color = theirs.interpolate(torch.rand(1, 3, 2), rast, none)
    theirs.antialias(color, rast, pos, none).sum().backward()
    theirs.texture(torch.rand(1, 4, 4, 2), torch.rand(0, 4, 5, 2))
    assert rast.buffer.shape == (1, 4, 5, 4) and pos.grad.abs().sum() == 0
    assert stand_in.calls == []


def test_bad_input_is_an_input_error(theirs) -> None:
    tri = torch.tensor([[0, 1, 2]], dtype=torch.int32)
    rast = torch.zeros(2, 4, 4, 4)
    with pytest.raises(InputError, match=r"^pos: expected shape"):
        theirs.rasterize(torch.zeros(3, 4), tri, (4, 4))
    with pytest.raises(InputError, match=r"^tri: expected indices"):
        theirs.rasterize(torch.zeros(1, 2, 4), tri, (4, 4))
    with pytest.raises(InputError, match=r"^color: expected shape"):
        theirs.antialias(rast[:1], Fragments(rast), torch.zeros(2, 3, 4), tri)
    with pytest.raises(InputError, match=r"^attr: expected a batch"):
        theirs.interpolate(torch.zeros(3, 3, 2), Fragments(rast), tri)


def test_cpu_tensors_are_refused_with_a_remedy(stand_in, monkeypatch) -> None:
    monkeypatch.undo()
    with pytest.raises(InputError, match=r'pos: expected a CUDA tensor.*"auto"'):
        nvdiffrast_back_end.check_cuda("pos", torch.zeros(1))


def test_without_cuda_it_says_so_and_names_the_licence(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"CUDA device.*\"cpu\".*non-commercial"):
        get_rasterizer("nvdiffrast")


def test_without_the_package_it_says_how_to_install_it(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(nvdiffrast_back_end, "find_spec", lambda name: None)
    with pytest.raises(MissingFileError, match=r"nvdiffrast.*pip install.*non-commercial"):
        get_rasterizer("nvdiffrast")


def test_a_package_that_does_not_load_says_why(monkeypatch, stand_in) -> None:
    def fail(name):
        raise ImportError("undefined symbol: xyz")

    monkeypatch.setattr(nvdiffrast_back_end, "import_module", fail)
    with pytest.raises(MissingFileError, match="undefined symbol: xyz"):
        get_rasterizer("nvdiffrast")
