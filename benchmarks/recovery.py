"""How well the fitter recovers faces that the default model itself made.

    python benchmarks/recovery.py [--count 50] [--json FILE]

Faces with identity and albedo from N(0,1), sparse expressions, random light, yaw to +-60 degrees
are rendered; the fitter sees the picture and five points with noise of one pixel. Printed: vertex
error after similarity alignment beside the mean face's on the same faces, and the pose's error.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from selfie3d.core.progress import progress_bar
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.align import similarity_align
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.coefficients import Coefficients
from selfie3d.geometry.crop import Crop
from selfie3d.geometry.face_model import FaceModel
from selfie3d.geometry.rotation import euler_to_matrix, geodesic_angle
from selfie3d.geometry.sh import light_from_direction
from selfie3d.pipeline.fit.fitter import FaceFitter
from selfie3d.pipeline.fit.model import five_points
from selfie3d.pipeline.locate.cut import resized
from selfie3d.pipeline.locate.frame import crop_around_points
from selfie3d.render.face import FaceRenderer
from torch import Tensor

SIDE = 320  # pixels of the rendered photograph
SEED = 7


@dataclass(frozen=True)
class Sample:
    """A rendered face: image (1,3,S,S), what made it, and noisy points (5,2) in its pixels."""

    image: Tensor
    coefficients: Coefficients
    camera: PerspectiveCamera
    points: Tensor


def draw_sample(model: FaceModel, dice: torch.Generator) -> Sample:
    coefficients = _coefficients(model, dice)
    vertices = model.vertices(coefficients)
    camera = _camera(dice)
    size = (SIDE, SIDE)
    seen = FaceRenderer(model.faces)(
        vertices, camera, size, albedo=model.albedo(coefficients), light=coefficients.light
    )
    background = torch.nn.functional.interpolate(
        torch.rand(1, 3, 6, 6, generator=dice), size=size, mode="bicubic"
    ).clamp(0, 1)
    exact = camera.project(five_points(model, vertices))[0, :, :2]
    noisy = exact + torch.randn(5, 2, generator=dice)
    return Sample(seen.over(background).clamp(0, 1), coefficients, camera, noisy)


def _coefficients(model: FaceModel, dice: torch.Generator) -> Coefficients:
    identity, expression, albedo = model.sizes
    active = torch.rand(1, expression, generator=dice) < 0.12
    strength = torch.rand(1, expression, generator=dice) * 0.7 * active
    direction = torch.randn(1, 3, generator=dice) * torch.tensor([0.7, 0.4, 0.0])
    direction[:, 2] = 1.0
    ambient = 0.35 + 0.3 * torch.rand(1, generator=dice).item()
    diffuse = 0.3 + 0.5 * torch.rand(1, generator=dice).item()
    light = light_from_direction(direction, ambient, diffuse)
    tint = 1 + 0.06 * torch.randn(1, 1, 3, generator=dice)
    return Coefficients(
        torch.randn(1, identity, generator=dice),
        strength,
        torch.randn(1, albedo, generator=dice),
        light * tint,
    )


def _camera(dice: torch.Generator) -> PerspectiveCamera:
    uniform = torch.rand(1, 3, generator=dice) * 2 - 1
    angles = uniform * torch.tensor([15.0, 60.0, 20.0]) * (math.pi / 180)
    distance = 500 + 900 * torch.rand(1, generator=dice)
    focal = distance * (SIDE / 330)
    shift = torch.tensor([[0.0, 10.0]])
    return PerspectiveCamera(
        euler_to_matrix(angles),
        torch.cat([shift, -distance[:, None]], 1),
        focal,
        torch.tensor([[SIDE / 2, SIDE / 2]]),
    )


def vertex_error(model: FaceModel, fitted: Tensor, truth: Tensor) -> float:
    """Mean distance over the face's skin after similarity alignment, mm."""
    region = model.region("face")
    a, b = fitted[:, region], truth[:, region]
    return float((similarity_align(a, b).apply(a) - b).norm(dim=-1).mean())


def run(count: int) -> dict[str, float]:
    model = load_face_model()
    fitter, dice = FaceFitter(model), torch.Generator().manual_seed(SEED)
    fitted, mean, pose = [], [], []
    with progress_bar("Recovering faces", count) as advance:
        for _ in range(count):
            sample = draw_sample(model, dice)
            crop = crop_around_points(sample.points, 256)
            points = (crop.to_crop(sample.points) / 256).float()[None]
            fit = fitter.fit(_crops(sample, crop), points)
            truth = model.vertices(sample.coefficients)
            fitted.append(vertex_error(model, model.vertices(fit.coefficients), truth))
            mean.append(vertex_error(model, model.mean[None], truth))
            turned = fit.camera.moved(crop.inverse_matrix).rotation
            angle = geodesic_angle(turned, sample.camera.rotation)
            pose.append(float(angle) * 180 / math.pi)
            advance()
    return _figures(np.array(fitted), np.array(mean), np.array(pose))


def _crops(sample: Sample, crop: Crop):
    base, inside = crop.warp(sample.image)

    def crops(side: int) -> tuple[Tensor, Tensor]:
        return resized(base, side), resized(inside, side)

    return crops


def _figures(fitted: np.ndarray, mean: np.ndarray, pose: np.ndarray) -> dict[str, float]:
    figures = {
        "faces": len(fitted),
        "fitted_median_mm": np.median(fitted),
        "fitted_90th_mm": np.percentile(fitted, 90),
        "mean_face_median_mm": np.median(mean),
        "mean_face_90th_mm": np.percentile(mean, 90),
        "median_ratio": np.median(fitted) / np.median(mean),
        "90th_ratio": np.percentile(fitted, 90) / np.percentile(mean, 90),
        "pose_median_deg": np.median(pose),
        "pose_90th_deg": np.percentile(pose, 90),
    }
    return {k: round(float(v), 3) for k, v in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures = run(arguments.count)
    for key, value in figures.items():
        print(f"{key:22} {value}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
