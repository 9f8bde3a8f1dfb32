"""Every back end against "cpu": equal ids but at edges, tight values where ids are equal.

Parts on CUDA are marked `gpu`. A back end whose package is missing is skipped with the reason.
What the back ends are free to do: give a pixel whose centre lies on an edge to either side, and,
for nvdiffrast, antialias by the visible triangles' own edges only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.geometry.camera import PerspectiveCamera, WeakPerspectiveCamera
from selfie3d.geometry.sh import ambient_light
from selfie3d.render.back_ends import get_rasterizer
from selfie3d.render.face import FaceRenderer
from selfie3d.render.rasterizer import Fragments

OURS = get_rasterizer("cpu")
ONE = torch.tensor([[0, 1, 2]], dtype=torch.int32)


@dataclass(frozen=True)
class Peer:
    """A back end on a device, and how near to ours it has to be."""

    name: str
    device: str
    value: float = 1e-4
    antialias_value: float = 1e-5
    antialias_share: float = 1.0
    cosine: float = 0.9999
    outline: float = 0.97


PEERS = [
    Peer("pytorch3d", "cpu"),
    Peer("auto", "cpu", value=0.0),
    Peer("triton", "cpu"),
    Peer("pytorch3d", "cuda"),
    Peer("cpu", "cuda", value=0.0),
    Peer("triton", "cuda"),
    Peer("auto", "cuda", 1e-3, 1e-3, 0.98, 0.99, 0.1),
    Peer("nvdiffrast", "cuda", 1e-3, 1e-3, 0.98, 0.99, 0.1),
]


def mark(peer: Peer):
    marks = [pytest.mark.gpu] if peer.device == "cuda" else []
    if (peer.name, peer.device) == ("triton", "cpu"):  # by its interpreter
        marks = [pytest.mark.slow]
    return pytest.param(peer, marks=marks, id=f"{peer.name}-{peer.device}")


@pytest.fixture(params=[mark(p) for p in PEERS])
def peer(request) -> Peer:
    peer = request.param
    if peer.device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs CUDA")
    try:
        get_rasterizer(peer.name)
    except MissingFileError as error:
        pytest.skip(str(error).split(". ")[0])
    if (peer.name, peer.device) == ("pytorch3d", "cuda"):
        from selfie3d.render.pytorch3d_back_end import draws_on

        obstacle = draws_on(torch.device("cuda"))
        if obstacle:
            pytest.skip(obstacle)
    return peer


@pytest.fixture
def theirs(peer):
    return get_rasterizer(peer.name)


def behind(meshes):
    pos, tri = meshes.soup(30, seed=4)
    pos[::4, 3] *= -0.5
    pos[1::9, 3] = 0
    return pos, tri


def weak_perspective(meshes):
    """w = 1 everywhere: only z orders the surfaces."""
    pos, tri = meshes.soup(50, seed=11)
    return torch.cat([pos[:, :3] / pos[:, 3:], torch.ones(len(pos), 1)], 1), tri


def beyond_the_planes(meshes):
    pos, tri = meshes.soup(40, seed=12)
    return pos * torch.tensor([1.0, 1, 2, 1]), tri


SCENES = {
    "soup": lambda meshes: meshes.soup(60, seed=0),
    "ball": lambda meshes: meshes.bumpy_ball(12, 16),
    "finer than pixels": lambda meshes: meshes.bumpy_ball(40, 50),
    "partly behind the camera": behind,
    "weak perspective": weak_perspective,
    "beyond the near and far planes": beyond_the_planes,
    "huge": lambda meshes: (
        torch.tensor([[-1e3, -9e2, 0.5, 1], [1e3, -1e3, 0, 1.0], [0, 1e3, -0.3, 1]]),
        ONE,
    ),
}


def both_buffers(theirs, peer, pos, tri, size):
    """Both raster buffers and the gradients of the same random weights where ids are equal."""
    leaves = [pos.clone().requires_grad_() for _ in range(2)]
    ours = OURS.rasterize(leaves[0], tri, size).buffer
    other = theirs.rasterize(leaves[1].to(peer.device), tri.to(peer.device), size).buffer
    assert other.shape == ours.shape and other.device.type == peer.device
    other = other.cpu()
    same = ours[..., 3] == other[..., 3]
    weights = torch.rand(ours.shape, generator=torch.Generator().manual_seed(1)) * same[..., None]
    (ours * weights).sum().backward()
    (other * weights).sum().backward()
    return ours.detach(), other.detach(), same, leaves[0].grad, leaves[1].grad


def cosine(a, b) -> float:
    return float(torch.cosine_similarity(a.flatten().double(), b.flatten().double(), 0))


@pytest.mark.parametrize("size", [(47, 61), (61, 47), (33, 33)], ids=str)
@pytest.mark.parametrize("scene", list(SCENES))
def test_raster_buffer(meshes, peer, theirs, scene, size) -> None:
    pos, tri = SCENES[scene](meshes)
    ours, other, same, our_grad, other_grad = both_buffers(theirs, peer, pos[None], tri, size)
    assert (ours[..., 3] > 0).float().mean() > 0.3
    assert same.float().mean() >= 0.998
    assert (ours - other)[same].abs().max() <= peer.value
    assert cosine(our_grad, other_grad) >= peer.cosine


def test_nan_and_degenerate_triangles_do_no_harm(meshes, peer, theirs) -> None:
    if peer.name == "nvdiffrast" or (peer.name, peer.device) == ("auto", "cuda"):
        pytest.skip("nvdiffrast does not promise it")
    pos, tri = meshes.soup(20, seed=5)
    pos[0, 0], pos[4, 3], pos[8, 2] = math.nan, math.inf, -math.inf
    pos[9:12] = pos[9].clone()
    ours, other, same, our_grad, other_grad = both_buffers(theirs, peer, pos[None], tri, (40, 40))
    assert other.isfinite().all() and other_grad.isfinite().all()
    assert same.float().mean() >= 0.998
    assert (ours - other)[same].abs().max() <= peer.value
    assert cosine(our_grad, other_grad) >= peer.cosine


def test_a_closed_sheet_has_no_holes(meshes, peer, theirs) -> None:
    pos, tri = meshes.sheet(8, 8, half=1.0)
    pos[:, :2] += 1 / 32  # edges run exactly through pixel centres
    rast = theirs.rasterize(pos[None].to(peer.device), tri.to(peer.device), (32, 32))
    assert rast.covered[0, 1:-1, 1:-1].all()


def test_nearer_wins_and_rows_start_at_the_top(peer, theirs) -> None:
    corners = torch.tensor([[-3.0, 0.0], [3.0, 0.0], [0.0, 4.0]])  # the upper half of the image
    layers = [torch.cat([corners, torch.tensor([[z, 1.0]] * 3)], 1) for z in (0.5, 0.1, -1.5)]
    tri = torch.arange(9, dtype=torch.int32).reshape(3, 3)
    pos = torch.cat(layers)[None].to(peer.device)
    rast = theirs.rasterize(pos, tri.to(peer.device), (4, 4)).buffer[0].cpu()
    assert (rast[:2, :, 3] == 2).all() and (rast[2:] == 0).all()


def test_a_batch_equals_its_images(meshes, peer, theirs) -> None:
    pos, tri = meshes.bumpy_ball(10, 12)
    away = pos + torch.tensor([100.0, 0, 0, 0])  # an empty image among the others
    views = torch.stack([pos, away, pos * torch.tensor([-0.8, 1, 1, 1])]).to(peer.device)
    tri = tri.to(peer.device)
    together = theirs.rasterize(views, tri, (31, 45)).buffer
    apart = torch.cat([theirs.rasterize(v[None], tri, (31, 45)).buffer for v in views])
    assert (together - apart).abs().max() <= 1e-6
    assert (together[1] == 0).all() and (together[0] != 0).any() and (together[2] != 0).any()


@pytest.mark.parametrize("batch", [1, 3])
def test_interpolation_and_texture_of_the_same_buffer(meshes, peer, theirs, batch) -> None:
    generator = torch.Generator().manual_seed(batch)
    pos, tri = meshes.soup(40, seed=1)
    pos = pos + 0.05 * torch.rand(batch, len(pos), 4, generator=generator)
    rast = OURS.rasterize(pos, tri, (37, 29)).buffer
    own = torch.randint(0, 9, tri.shape, generator=generator, dtype=torch.int32)
    for shared in {1, batch}:
        attr = torch.rand(shared, 9, 2, generator=generator) * 1.4 - 0.2  # beyond the borders too
        tex = torch.rand(shared, 6, 7, 3, generator=generator)
        weights = torch.rand(batch, 37, 29, 3, generator=generator)
        results = []
        for rasterizer, device in ((OURS, "cpu"), (theirs, peer.device)):
            leaves = [t.clone().requires_grad_() for t in (rast, attr, tex)]
            buffer, values, image = (t.to(device) for t in leaves)
            uv = rasterizer.interpolate(values, Fragments(buffer), own.to(device))
            color = rasterizer.texture(image, uv)
            (color * weights.to(device)).sum().backward()
            results.append((uv.cpu(), color.cpu(), *(leaf.grad for leaf in leaves)))
        (our_uv, our_color, *our_grads), (uv, color, *grads) = results
        assert (our_uv - uv).abs().max() <= 1e-5 and (our_color - color).abs().max() <= 1e-4
        for our_grad, grad in zip(our_grads, grads, strict=True):
            assert float((our_grad - grad).norm() / our_grad.norm()) < 2e-3


def test_texel_centres_borders_and_nan(peer, theirs) -> None:
    tex = torch.arange(12.0).reshape(1, 3, 4, 1)
    row, column = torch.meshgrid(torch.arange(3), torch.arange(4), indexing="ij")
    uv = torch.stack([(column + 0.5) / 4, 1 - (row + 0.5) / 3], -1)[None]
    assert (theirs.texture(tex.to(peer.device), uv.to(peer.device)).cpu() - tex).abs().max() < 1e-4
    far = torch.tensor([[-2.0, 7.0], [5.0, -1.0]]).reshape(1, 1, 2, 2).to(peer.device)
    leaf = far.clone().requires_grad_()
    out = theirs.texture(tex.to(peer.device), leaf)
    out.sum().backward()
    assert out.flatten().tolist() == pytest.approx([0.0, 11.0], abs=1e-4)
    assert leaf.grad.abs().sum() == 0
    if peer.name != "nvdiffrast" and (peer.name, peer.device) != ("auto", "cuda"):
        assert theirs.texture(tex.to(peer.device), far * math.nan).flatten().tolist() == [0.0, 0.0]


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 250)], ids=str)
def test_images_of_few_rows(meshes, peer, theirs, size) -> None:
    """The peers of one shape see the same mesh: nothing is padded or rounded up."""
    pos, tri = meshes.bumpy_ball(12, 16)
    ours = OURS.rasterize(pos[None], tri, size).buffer
    other = theirs.rasterize(pos[None].to(peer.device), tri.to(peer.device), size).buffer.cpu()
    assert other.shape == ours.shape
    same = ours[..., 3] == other[..., 3]
    assert same.float().mean() >= 0.99
    assert (ours - other)[same].abs().max() <= peer.value


def test_a_dense_mesh_at_the_size_of_training(meshes, peer, theirs) -> None:
    if peer.device == "cpu" and peer.name in ("pytorch3d", "triton"):
        pytest.skip("takes it many seconds")
    pos, tri = meshes.bumpy_ball(180, 200)
    views = torch.stack([pos, pos * torch.tensor([0.9, 1, 1, 1])])
    ours = OURS.rasterize(views, tri, (224, 224)).buffer
    other = theirs.rasterize(views.to(peer.device), tri.to(peer.device), (224, 224)).buffer.cpu()
    same = ours[..., 3] == other[..., 3]
    assert (ours[..., 3] > 0).float().mean() > 0.3
    assert same.float().mean() >= 0.995
    depth = (ours - other)[..., 2].abs()[(ours[..., 3] > 0) & (other[..., 3] > 0)]
    assert depth.mean() < 1e-4  # where another triangle is seen, it lies beside


def test_two_triangle_lists_in_turn(meshes, peer, theirs) -> None:
    """What a back end keeps of one list must not serve another."""
    scenes = [meshes.bumpy_ball(7, 10), meshes.sheet(3, 3, angle=0.4)]
    scenes.append((scenes[0][0], scenes[0][1].flip(0).contiguous()))
    device = [(pos[None].to(peer.device), tri.to(peer.device)) for pos, tri in scenes]
    for _ in range(2):
        for (pos, tri), (points, triangles) in zip(scenes, device, strict=True):
            color = torch.rand(1, 40, 48, 3, generator=torch.Generator().manual_seed(1))
            rast = OURS.rasterize(pos[None], tri, (40, 48))
            expected = OURS.antialias(color, rast, pos[None], tri)
            there = Fragments(rast.buffer.to(peer.device))
            found = theirs.antialias(color.to(peer.device), there, points, triangles).cpu()
            near = (expected - found).abs().amax(-1) <= peer.antialias_value
            assert near.float().mean() >= min(peer.antialias_share, 0.99)


def test_antialias_partly_behind_the_camera(meshes, peer, theirs) -> None:
    """Finite, and the same where no outline is near."""
    pos, tri = behind(meshes)
    leaf = pos[None].clone().requires_grad_()
    rast = OURS.rasterize(pos[None], tri, (47, 61))
    color = torch.rand(1, 47, 61, 3, generator=torch.Generator().manual_seed(2))
    there = Fragments(rast.buffer.to(peer.device))
    given = leaf.to(peer.device), tri.to(peer.device)
    out = theirs.antialias(color.to(peer.device), there, *given)
    out.sum().backward()
    assert out.isfinite().all() and leaf.grad.isfinite().all()
    ids = torch.nn.functional.pad(rast.triangle, (1, 1, 1, 1), value=-2)
    around = [ids[:, 1:-1, :-2], ids[:, 1:-1, 2:], ids[:, :-2, 1:-1], ids[:, 2:, 1:-1]]
    inside = torch.stack([one == rast.triangle for one in around]).all(0)
    assert inside.float().mean() > 0.2
    assert torch.equal(out.detach().cpu()[inside], color[inside])


def test_antialias_of_the_same_buffer(meshes, peer, theirs) -> None:
    pos, tri = meshes.bumpy_ball(7, 10)  # triangles of 4 px and more
    color = torch.rand(2, 64, 80, 3, generator=torch.Generator().manual_seed(3))
    weights = torch.rand(2, 64, 80, 3, generator=torch.Generator().manual_seed(4))
    pos = torch.stack([pos, pos * torch.tensor([0.7, 0.9, 1, 1])])
    rast = OURS.rasterize(pos, tri, (64, 80))
    results = []
    for rasterizer, device in ((OURS, "cpu"), (theirs, peer.device)):
        leaves = [t.clone().requires_grad_() for t in (color, pos)]
        image, points = (t.to(device) for t in leaves)
        out = rasterizer.antialias(image, Fragments(rast.buffer.to(device)), points, tri.to(device))
        (out * weights.to(device)).sum().backward()
        results.append((out.cpu(), *(leaf.grad for leaf in leaves)))
    (our_out, *our_grads), (out, *grads) = results
    changed = (our_out - color).abs().amax(-1) > 0
    assert changed.float().mean() > 0.01
    near = (our_out - out).abs().amax(-1) <= peer.antialias_value
    assert near[changed].float().mean() >= peer.antialias_share
    for our_grad, grad in zip(our_grads, grads, strict=True):
        assert cosine(our_grad, grad) >= peer.cosine


def test_outline_of_a_mesh_finer_than_pixels(meshes, peer, theirs) -> None:
    pos, tri = meshes.sheet(20, 20, half=0.55, angle=0.3)
    scale = torch.ones((), requires_grad=True)
    one = torch.ones_like(scale)
    points = (pos * torch.stack([scale, scale, one, one]))[None].to(peer.device)
    tri = tri.to(peer.device)
    rast = theirs.rasterize(points, tri, (32, 32))
    theirs.antialias(rast.covered[..., None].float(), rast, points, tri).sum().backward()
    truth = 2 * (1.1 * 16) ** 2
    assert peer.outline * truth < float(scale.grad) < 1.05 * truth


def cameras(kind: str, batch: int):
    angle = torch.linspace(-0.3, 0.3, batch)
    c, s, o = angle.cos(), angle.sin(), torch.zeros(batch)
    turn = torch.stack([c, o, s, o, o + 1, o, -s, o, c], -1).reshape(-1, 3, 3)
    center = torch.tensor([[31.0, 25.0]]).repeat(batch, 1)
    if kind == "weak":
        return WeakPerspectiveCamera(turn, torch.full((batch,), 0.24), center)
    away = torch.tensor([[3.0, -5.0, -700.0]]).repeat(batch, 1)
    return PerspectiveCamera(turn, away, torch.full((batch,), 170.0), center)


def moved(camera, device):
    return type(camera)(**{name: value.to(device) for name, value in vars(camera).items()})


def rendering_loss(rasterizer, device, leaves, tri, uv, camera, target):
    """A photometric loss with texture, vertex colours, light and antialiasing, and its mask."""
    vertices, albedo, texture, light = (leaf.to(device) for leaf in leaves)
    renderer = FaceRenderer(tri.to(device), uv.to(device), tri.to(device), rasterizer)
    camera, size = moved(camera, device), target.shape[-2:]
    one = renderer(vertices, camera, size, albedo=albedo, light=light)
    two = renderer(vertices, camera, size, texture=texture, light=light)
    target = target.to(device)
    loss = (one.image - target).square().mean() + (two.over(target) - 0.5).square().mean()
    return loss + 1e-6 * one.depth.square().mean() + one.mask.mean(), one.mask


@pytest.mark.parametrize("kind", ["perspective", "weak"])
def test_gradients_of_a_whole_rendering_loss(meshes, peer, theirs, kind) -> None:
    generator = torch.Generator().manual_seed(8)
    ball, tri = meshes.bumpy_ball(8, 12)
    shape = torch.stack([ball[:, 0], ball[:, 1], 2 * (5 - ball[:, 3])], 1) * 30
    leaves = [
        shape + torch.randn(2, len(shape), 3, generator=generator),
        torch.rand(2, len(shape), 3, generator=generator),
        torch.rand(1, 3, 20, 24, generator=generator),
        ambient_light(2) + 0.2 * torch.rand(2, 9, 3, generator=generator),
    ]
    uv = torch.rand(len(shape), 2, generator=generator)
    target = torch.rand(2, 3, 51, 63, generator=generator)
    results = []
    for rasterizer, device in ((OURS, "cpu"), (theirs, peer.device)):
        copies = [leaf.clone().requires_grad_() for leaf in leaves]
        camera = cameras(kind, 2)
        loss, mask = rendering_loss(rasterizer, device, copies, tri, uv, camera, target)
        loss.backward()
        results.append((float(loss.detach()), mask.detach().cpu(), [copy.grad for copy in copies]))
    (our_loss, our_mask, our_grads), (loss, mask, grads) = results
    assert (our_mask > 0.5).float().mean() > 0.2
    assert loss == pytest.approx(our_loss, rel=1e-3)
    assert ((our_mask - mask).abs() < 1e-2).float().mean() > 0.998
    for our_grad, grad in zip(our_grads, grads, strict=True):
        assert cosine(our_grad, grad) >= min(peer.cosine, 0.999)


def test_nothing_to_draw(meshes, peer, theirs) -> None:
    pos, tri = meshes.soup(5, seed=1)
    pos, tri = pos[None].to(peer.device), tri.to(peer.device)
    away = pos + torch.tensor([1e3, 0, 0, 0], device=peer.device)
    attr = torch.rand(1, pos.shape[1], 2, device=peer.device, requires_grad=True)
    tex = torch.rand(1, 4, 4, 3, device=peer.device, requires_grad=True)
    for points, triangles in ((away, tri), (pos, tri[:0].contiguous()), (pos[:0], tri)):
        leaf = points.clone().requires_grad_()
        rast = theirs.rasterize(leaf, triangles, (6, 5))
        uv = theirs.interpolate(attr, rast, triangles)
        color = theirs.texture(tex, uv) * rast.covered[..., None]
        out = theirs.antialias(color, rast, leaf, triangles)
        out.sum().backward()
        assert rast.buffer.shape == (len(points), 6, 5, 4) and out.shape == (len(points), 6, 5, 3)
        assert (rast.buffer == 0).all() and (out == 0).all()
        assert leaf.grad.abs().sum() == 0 and tex.grad.abs().sum() == 0


def bad_calls(theirs, device):
    pos, rast = torch.zeros(1, 3, 4, device=device), torch.zeros(2, 4, 4, 4, device=device)
    tri, size = ONE.to(device), (4, 4)
    return {
        "pos shape": lambda: theirs.rasterize(pos[0], tri, size),
        "pos dtype": lambda: theirs.rasterize(pos.double(), tri, size),
        "tri dtype": lambda: theirs.rasterize(pos, tri.long(), size),
        "tri large": lambda: theirs.rasterize(pos, tri + 1, size),
        "resolution": lambda: theirs.rasterize(pos, tri, (0, 4)),
        "attr batch": lambda: theirs.interpolate(
            rast[:, :, 0].repeat(2, 1, 1)[:3], Fragments(rast), tri
        ),
        "fragments": lambda: theirs.interpolate(rast[:, 0], Fragments(rast[..., :3]), tri),
        "fragments bare": lambda: theirs.interpolate(rast[:, 0], rast, tri),
        "tex": lambda: theirs.texture(rast[:, :0], rast[..., :2]),
        "uv": lambda: theirs.texture(rast, rast),
        "color": lambda: theirs.antialias(rast[:1], Fragments(rast), pos.expand(2, -1, -1), tri),
    }


@pytest.mark.parametrize("name", list(bad_calls(None, "cpu")))
def test_bad_input_is_an_input_error_that_names_it(peer, theirs, name) -> None:
    with pytest.raises(InputError) as caught:
        bad_calls(theirs, peer.device)[name]()
    assert caught.value.argument == name.split()[0]
