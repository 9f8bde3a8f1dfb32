"""Every loss and every metric of images in every precision and size, with whole numbers and without
anything to compare. A new one without a case here fails `test_nothing_is_left_out`.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import selfie3d.losses as package
import torch
from selfie3d.core.errors import InputError
from selfie3d.geometry.coefficients import Coefficients
from selfie3d.geometry.dense_points import PointBasis
from selfie3d.geometry.topology import uniform_laplacian
from selfie3d.losses.coefficients import MLANET_PRIOR
from selfie3d.losses.parameter_distance import AffineBasis
from selfie3d.losses.registry import LOSSES
from torch import Tensor

WITHOUT = {
    "surface._lengths", "uv_maps.grid_edges", "uv_maps.grid_interior", "uv_maps.grid_triangles",
    "uv_maps.map_points", "landmark.known_points", "landmark.landmark_errors",
    "uv_maps.region_weights", "parameter_distance.wpdc_weights",
}  # fmt: skip
"""Functions of tensors that compute nothing in floating point, or are a part of a term."""

GRID = torch.arange(64).reshape(8, 8)
FACES = torch.stack([GRID[:-1, :-1], GRID[1:, :-1], GRID[:-1, 1:]], -1).reshape(-1, 3)


def rand(*shape: int, scale: float = 1.0, shift: float = 0.0) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return scale * torch.rand(*shape, generator=generator, dtype=torch.float64) + shift


def images(n: int) -> dict[str, Tensor]:
    return {"rendered": rand(2, 3, n, n), "photo": rand(2, 3, n, n).flip(0)}


def pair(n: int, *names: str) -> dict[str, Tensor]:
    return {names[0]: rand(2, 3, n, n), names[1]: rand(2, 3, n, n).flip(0)}


def seen(n: int) -> Tensor:
    return (rand(2, 1, n, n) > 0.3).double()


def points(n: int, channels: int = 2) -> dict[str, Tensor]:
    first = rand(2, n, channels, scale=100)
    return {"predicted": first, "target": first.flip(0)}


def row(n: int) -> dict[str, Tensor]:
    return {"predicted": rand(2, n), "target": rand(2, n).flip(0)}


def basis() -> AffineBasis:
    own = PointBasis(100 * rand(9, 3).float(), rand(4, 9, 3).float(), rand(3, 9, 3).float())
    return AffineBasis(own, rand(19).float(), rand(19, shift=0.1).float(), 0.6)


def of_vertices(*names: str) -> dict[str, Tensor]:
    mesh = rand(2, 64, 3, scale=100)
    return {name: mesh.flip(k) for k, name in enumerate(names)}


def mapped(n: int) -> dict[str, Tensor]:
    return {**pair(n, "predicted", "target"), "mask": rand(n, n) > 0.3, "weights": rand(n, n)}


def landmarks(n: int) -> dict[str, Any]:
    more = {"weights": rand(n, scale=20), "unit": torch.full((2, 1), 100.0, dtype=torch.float64)}
    return {**points(n), **more, "contours": ("2d", "2d")}


def whitened(n: int) -> dict[str, Any]:
    return {**row(19), "basis": basis()}


def coefficients(n: int) -> dict[str, Any]:
    parts = rand(2, n), rand(2, 5), rand(2, n), rand(2, 9, 3)
    return {"coefficients": Coefficients(*parts), "weights": MLANET_PRIOR}


def compared(n: int) -> dict[str, Tensor]:
    return {**pair(n, "predicted", "target"), "mask": seen(n)}


UNIT = torch.full((2, 1), 90.0, dtype=torch.float64)
CASES: dict[str, Callable[[int], dict[str, Any]]] = {
    "parameter_distance.affine_vertices": whitened,
    "pixel_classes.attention_cross_entropy": lambda n: {
        "predicted": rand(2, 1, n, n, scale=0.9, shift=0.05), "target": seen(n)},
    "coefficients.coefficient_error": row,
    "surface.edge_length_difference": lambda n: {
        **points(n * n, 3), "edges": torch.arange(n * n - 1)[:, None] + torch.tensor([0, 1])},
    "shape.cosine_distance": lambda n: {
        "first": rand(2, n * n, scale=30, shift=-15), "second": rand(2, n * n, scale=30)},
    "landmark.landmark_distance": lambda n: {**points(n), "unit": UNIT},
    "landmark.landmark_loss": landmarks,
    "surface.laplacian_difference": lambda n: {
        **of_vertices("vertices", "reference"), "laplacian": uniform_laplacian(FACES, 64)},
    "surface.map_laplacian": lambda n: {"maps": rand(2, 3, n, n, scale=100)},
    "reduction.length": lambda n: {"vectors": rand(2, n, 3, scale=1000)},
    "reduction.unit": lambda n: {"vectors": rand(2, n, 3, scale=1000)},
    "uv_maps.map_distance": mapped,
    "surface.normal_deviation": lambda n: {
        **of_vertices("predicted", "target"), "triangles": FACES},
    "parameter_distance.pdc": row,
    "photometric.colour_difference": images,
    "photometric.colour_distance": images,
    "photometric.photometric_loss": lambda n: {**images(n), "visible": seen(n)},
    "photometric.robust_photometric": lambda n: {**images(n), "scale": 0.1},
    "points.box_unit": lambda n: {"points": rand(2, n, 3, scale=1000)},
    "points.depth_distance": lambda n: {**points(n, 3), "unit": UNIT},
    "points.distance_likelihood": lambda n: {"distance": rand(2, n), "log_sigma": rand(2, n)},
    "points.gap_distance": lambda n: {
        **points(n, 3), "pairs": torch.tensor([[0, 1], [2, 3]]), "unit": UNIT},
    "points.point_distance": lambda n: {**points(n), "unit": UNIT},
    "points.visibility_error": lambda n: {
        "logits": rand(2, n, scale=20, shift=-10), "visible": rand(2, n) > 0.5},
    "coefficients.blendshape_prior": lambda n: {
        "weights": rand(2, n, scale=3, shift=-1), "spread": rand(n, shift=0.1)},
    "coefficients.coefficient_prior": coefficients,
    "coefficients.gaussian_prior": lambda n: {"coefficients": rand(2, n, scale=9)},
    "coefficients.light_prior": lambda n: {"light": rand(2, 9, 3)},
    "reduction.masked_mean": lambda n: {"values": rand(2, n, n), "weights": rand(2, n, n)},
    "reduction.masked_mean_each": lambda n: {"values": rand(2, n, n), "weights": rand(2, n, n)},
    "photometric.albedo_flatness": lambda n: {
        "albedo": rand(2, n * n, 3), "region": torch.ones(n * n, dtype=torch.bool)},
    "pixel_classes.segmentation_error": lambda n: {
        "logits": rand(2, 5, n, n, scale=20), "classes": torch.zeros(2, n, n, dtype=torch.int64)},
    "shape.disagreement": lambda n: {"errors": rand(4, n), "person": torch.tensor([0, 0, 1, 1])},
    "shape.displacement_matrix": lambda n: {"basis": rand(2, n * n, 3)},
    "shape.squared_displacement": lambda n: {**row(n), "matrix": rand(n, n, scale=9)},
    "surface.smoothness": lambda n: {
        **of_vertices("vertices"), "laplacian": uniform_laplacian(FACES, 64)},
    "ssim.ssim_global": lambda n: {**pair(n, "first", "second"), "mask": seen(n)},
    "ssim.ssim_loss": lambda n: {**pair(n, "first", "second"), "mask": seen(n)},
    "ssim.ssim_map": lambda n: {**pair(n, "first", "second"), "mask": seen(n)},
    "ssim.ssim_map_loss": lambda n: {**pair(n, "first", "second"), "mask": seen(n)},
    "parameter_distance.vdc": whitened,
    "points.wing": lambda n: points(n * n, 3),
    "parameter_distance.wpdc": whitened,
    "images.global_ssim": compared,
    "images.l1_error": compared,
    "images.mean_ssim": compared,
    "images.psnr": compared,
}  # fmt: skip
SINGLE = ("laplacian_difference", "smoothness", "affine_vertices", "vdc", "wpdc")
"""They take matrices in float32, so that this is what they are compared with."""
EMPTY = {
    "landmark.landmark_loss": ("weights", 0.0), "uv_maps.map_distance": ("mask", 0.0),
    "photometric.photometric_loss": ("visible", 0.0), "reduction.masked_mean": ("weights", 0.0),
    "reduction.masked_mean_each": ("weights", 0.0), "photometric.albedo_flatness": ("region", 0.0),
    "ssim.ssim_global": ("mask", 1.0), "ssim.ssim_loss": ("mask", 0.0),
    "ssim.ssim_map": ("mask", 1.0), "ssim.ssim_map_loss": ("mask", 0.0),
    "images.global_ssim": ("mask", torch.nan), "images.l1_error": ("mask", torch.nan),
    "images.mean_ssim": ("mask", torch.nan), "images.psnr": ("mask", torch.nan),
}  # fmt: skip
"""What an empty mask gives, as the term's docstring says."""
_OF_VERTICES = "photometric.albedo_flatness"
PICTURES = [
    name
    for name in CASES
    if name.startswith(("photometric", "ssim", "images.")) and name != _OF_VERTICES
]


def function(name: str) -> Callable[..., Any]:
    module, own = name.split(".")
    folder = "evaluate.metrics" if module == "images" else "losses"
    found: Callable[..., Any] = getattr(importlib.import_module(f"selfie3d.{folder}.{module}"), own)
    return found


def test_nothing_is_left_out():
    """Every public function of these modules that takes and gives tensors, and every term."""
    names = set()
    modules = [("losses", path.stem) for path in Path(package.__file__).parent.glob("*.py")]
    for folder, module in [*modules, ("evaluate.metrics", "images")]:
        content = importlib.import_module(f"selfie3d.{folder}.{module}")
        for own, value in vars(content).items():
            if inspect.isfunction(value) and value.__module__ == content.__name__:
                given = inspect.signature(value).parameters.values()
                known = {"Tensor", "Coefficients"} & {str(one.annotation) for one in given}
                if not own.startswith("_") and known:
                    names.add(f"{module}.{own}")
    assert names - WITHOUT == set(CASES)
    terms = {LOSSES.get(name) for name in LOSSES.names()}
    assert terms <= {function(name) for name in CASES}


def cast(value: Any, dtype: torch.dtype) -> Any:
    if isinstance(value, Coefficients):
        return Coefficients(*(cast(part, dtype) for part in vars(value).values()))
    floating = isinstance(value, Tensor) and value.is_floating_point() and not value.is_sparse
    return value.to(dtype) if floating else value


def result(name: str, arguments: dict[str, Any]) -> Tensor:
    found = function(name)(**arguments)
    return torch.stack(found) if isinstance(found, tuple) else found


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_sums_are_those_of_exact_numbers(name, dtype):
    exact = torch.float32 if name.split(".")[1] in SINGLE else torch.float64
    for side in (8, 64, 256):
        given = {key: cast(value, dtype) for key, value in CASES[name](side).items()}
        found = result(name, given)
        expected = result(name, {key: cast(value, exact) for key, value in given.items()})
        assert found.dtype == torch.float32, side
        assert bool(found.isfinite().all()) and float(found.abs().max()) > 0
        torch.testing.assert_close(found.double(), expected.double(), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_whole_numbers_are_refused_by_name(name, dtype):
    given = CASES[name](8)
    known = [key for key, value in given.items() if isinstance(value, Tensor)]
    known = [key for key in known if given[key].is_floating_point() and not given[key].is_sparse]
    assert known or name == "coefficients.coefficient_prior"
    for key in known:
        with pytest.raises(InputError, match=rf"^{key}: expected .*{dtype}"):
            function(name)(**(given | {key: given[key].to(dtype)}))
        with pytest.raises(InputError, match=rf"^{key}: expected a tensor, got ndarray"):
            function(name)(**(given | {key: given[key].numpy()}))


@pytest.mark.parametrize("name", EMPTY)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_nothing_to_compare(name, dtype):
    key, expected = EMPTY[name]
    given = {k: cast(value, dtype) for k, value in CASES[name](256).items()}
    given[key] = torch.zeros_like(given[key])
    leaves = [value.requires_grad_() for k, value in given.items()
              if k != key and isinstance(value, Tensor) and value.is_floating_point()]  # fmt: skip
    found = result(name, given)
    torch.testing.assert_close(found, torch.full_like(found, expected), equal_nan=True)
    if expected == expected:
        found.sum().backward()
        assert all(leaf.grad is None or bool((leaf.grad == 0).all()) for leaf in leaves)


@pytest.mark.parametrize("name", PICTURES)
def test_other_pictures_are_refused(name):
    given = CASES[name](8)
    keys = list(given)[:2]
    last = {key: given[key].permute(0, 2, 3, 1) for key in keys}
    with pytest.raises(InputError, match=r"images \(B,C,H,W\).*permute"):
        function(name)(**(given | last))
    for bad in (given[keys[1]] * 255, given[keys[1]] * 4 - 2):
        with pytest.raises(InputError, match=rf"{keys[1]}: expected images in \[0,1\]"):
            function(name)(**(given | {keys[1]: bad}))
    given[keys[0]] = given[keys[0]] * 3  # a rendering under bright light
    function(name)(**given)
