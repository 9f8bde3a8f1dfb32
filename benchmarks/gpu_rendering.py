"""What benchmarks/gpu.py draws with: every back end of ours, and the libraries called directly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from face_mesh import clip_positions, face_mesh
from selfie3d.render.back_ends import get_rasterizer
from selfie3d.render.nvdiffrast_back_end import import_nvdiffrast
from selfie3d.render.pytorch3d_back_end import import_pytorch3d
from torch import Tensor

Image = Callable[["Scene"], Tensor]


class Scene:
    """A batch of views of one mesh on a device; leaves are positions and vertex colours."""

    def __init__(self, triangles: int, size: int, batch: int, device: torch.device) -> None:
        vertices, tri = face_mesh(triangles)
        self.size, self.batch, self.tri = (size, size), batch, tri.to(device)
        self.pos = clip_positions(vertices, batch).to(device).requires_grad_()
        colours = torch.rand(batch, len(vertices), 3, generator=torch.Generator().manual_seed(0))
        self.colours = colours.to(device).requires_grad_()
        self.weights = torch.rand(batch, size, size, 3, device=device)

    def learn(self, image: Image) -> None:
        """Forward and backward."""
        self.pos.grad = self.colours.grad = None
        image(self).backward(self.weights)


def of_back_end(name: str) -> Image:
    """One of our back ends."""
    rasterizer = get_rasterizer(name)

    def image(scene: Scene) -> Tensor:
        rast = rasterizer.rasterize(scene.pos, scene.tri, scene.size)
        colour = rasterizer.interpolate(scene.colours, rast, scene.tri)
        return rasterizer.antialias(colour, rast, scene.pos, scene.tri)

    return image


def of_nvdiffrast(antialias: bool) -> Image:
    """nvdiffrast's own functions, as face reconstruction code calls them: colours and mask."""
    module = import_nvdiffrast()
    context = module.RasterizeCudaContext()
    edges: dict[int, Any] = {}

    def image(scene: Scene) -> Tensor:
        rast, _ = module.rasterize(context, scene.pos, scene.tri, list(scene.size), grad_db=False)
        colour, _ = module.interpolate(scene.colours, rast, scene.tri)
        colour = colour * (rast[..., 3:] > 0)
        if not antialias:
            return colour
        key = id(scene.tri)
        if key not in edges:
            edges[key] = scene.tri, module.antialias_construct_topology_hash(scene.tri)
        return module.antialias(colour, rast, scene.pos, scene.tri, topology_hash=edges[key][1])

    return image


def of_pytorch3d() -> Image:
    """PyTorch3D's own functions: one face per pixel, no blur; it has no such antialiasing."""
    rasterize_meshes, meshes = import_pytorch3d()
    from pytorch3d.ops import interpolate_face_attributes

    def image(scene: Scene) -> Tensor:
        points = torch.cat([scene.pos[..., :2] / scene.pos[..., 3:], scene.pos[..., 3:]], -1)
        tri = scene.tri.long()
        batch = meshes(list(points), [tri] * scene.batch)
        faces, _, weights, _ = rasterize_meshes(batch, scene.size, 0.0, 1)
        attributes = scene.colours[:, tri].flatten(0, 1)
        return interpolate_face_attributes(faces, weights, attributes)[..., 0, :]

    return image


METHODS: dict[str, Callable[[], Image]] = {
    "our cpu": lambda: of_back_end("cpu"),
    "our triton": lambda: of_back_end("triton"),
    "our nvdiffrast": lambda: of_back_end("nvdiffrast"),
    "our pytorch3d": lambda: of_back_end("pytorch3d"),
    "raw nvdiffrast": lambda: of_nvdiffrast(antialias=True),
    "raw nvdiffrast, no antialias": lambda: of_nvdiffrast(antialias=False),
    "raw PyTorch3D, no antialias": of_pytorch3d,
}


def available() -> tuple[dict[str, Image], dict[str, str]]:
    """What can be tried, and why the rest cannot."""
    made: dict[str, Image] = {}
    missing: dict[str, str] = {}
    for name, make in METHODS.items():
        try:
            made[name] = make()
        except (ImportError, OSError, ValueError, RuntimeError) as error:
            missing[name] = " ".join(str(error).split())[:160]
    return made, missing
