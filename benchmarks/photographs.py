"""Reconstruct collections of real photographs and measure what came out.

    python benchmarks/photographs.py DATA --out DIR [--weights fit] [--aflw 100] [--json FILE]

DATA holds the research collections photos_plain, photos_lm5, photos_lm51, photos_lm68, photos_id
and aflw2000; what is not there is skipped. For each collection: photographs with a face, faces, a
contact sheet of all overlays. For annotated photographs: landmark error in % of sqrt(w*h) of the
annotated points, beside the mean face posed by the detector's five points. For photos_lm5: mean
absolute photometric error of the model's own albedo under the fitted light over visible skin.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from annotated import Annotated, aflw2000_frontal, error_percent, hand_annotated
from selfie3d.core.errors import NoFaceError
from selfie3d.core.image_file import list_images, read_image, write_image
from selfie3d.core.progress import progress_bar
from selfie3d.detect.face import Face
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.pipeline.face import ReconstructedFace
from selfie3d.pipeline.fit.light import solve_light
from selfie3d.pipeline.fit.model import five_points
from selfie3d.pipeline.fit.pose import pose_from_points
from selfie3d.pipeline.locate.frame import crop_around_points
from selfie3d.pipeline.options import ReconstructOptions
from selfie3d.pipeline.output.pictures import overlay_picture
from selfie3d.pipeline.reconstructor import Reconstructor
from selfie3d.render.face import FaceRenderer
from selfie3d.render.overlay import contact_sheet, to_image

COLLECTIONS = ("photos_plain", "photos_lm68", "photos_lm68/dlib", "photos_lm5", "photos_lm51")
SHEET_CELL = 480
SETS = ("ibug68", "300w-lp")


@dataclass
class Tally:
    """What one collection gave."""

    photographs: int = 0
    with_face: int = 0
    faces: int = 0
    overlays: list[np.ndarray] = field(default_factory=list)
    photometric: list[dict[str, float]] = field(default_factory=list)


def mean_face_camera(maker: Reconstructor, face: Face) -> PerspectiveCamera:
    """The camera that the five points alone give the mean face, in the photograph's pixels."""
    points = torch.as_tensor(face.points)
    crop = crop_around_points(points, 224)
    body = five_points(maker.model, maker.model.mean[None])[0]
    camera = pose_from_points(body, crop.to_crop(points).float(), 224)
    return camera.moved(crop.inverse_matrix)


def run_collection(maker: Reconstructor, paths: Iterable[Path], measure_light: bool) -> Tally:
    tally, paths = Tally(), list(paths)
    with progress_bar("Photographs", len(paths)) as advance:
        for path in paths:
            tally.photographs += 1
            picture = read_image(path)
            try:
                found = maker.detect(picture)
            except NoFaceError:
                found = []
            tally.with_face += bool(found)
            for face in found:
                result = maker.reconstruct_face(picture, face)
                tally.faces += 1
                tally.overlays.append(overlay_picture(result, picture))
                if measure_light:
                    tally.photometric.append(photometric_error(maker, result, face, picture))
            advance()
    return tally


def photometric_error(
    maker: Reconstructor, result: ReconstructedFace, face: Face, picture: np.ndarray
) -> dict[str, float]:
    """Mean absolute error over all visible skin, fitted and mean face, and the skin's share.

    Skin is the model's region `face` without the mouth; nothing is left out for being hidden.
    """
    coefficients, model = result.coefficients, maker.model
    crop = crop_around_points(torch.as_tensor(face.points), 256)
    photo, inside = crop.warp(to_image(picture))
    renderer = FaceRenderer(model.faces)
    skin = model.region("skin").float()[None, :, None]
    out = {}
    mean = model.zero_coefficients()
    for name, shape, camera in (
        ("fitted", coefficients, result.camera),
        ("mean_face", mean, mean_face_camera(maker, face)),
    ):
        vertices, albedo = model.vertices(shape), model.albedo(shape)
        bare = renderer(
            vertices, camera.moved(crop.matrix), crop.size, albedo=albedo, extras=skin,
            antialias=False,
        )  # fmt: skip
        weight = bare.mask * bare.extras * inside
        light = shape.light
        if name == "mean_face":
            light = solve_light(photo, bare.image, bare.normals, weight)
        lit = renderer(
            vertices, camera.moved(crop.matrix), crop.size, albedo=albedo, light=light,
            antialias=False,
        )  # fmt: skip
        error = (lit.image.clamp(0, 1) - photo).abs().mean(1, keepdim=True)
        out[name] = float((error * weight).sum() / weight.sum())
        out[f"{name}_share"] = float(weight.mean())
    return out


def run_annotated(maker: Reconstructor, items: Iterable[Annotated]) -> tuple[list[dict], list]:
    rows, overlays, items = [], [], list(items)
    with progress_bar("Annotated photographs", len(items)) as advance:
        for item in items:
            picture = read_image(item.path)
            row: dict[str, object] = {"photo": item.path.name}
            face = annotated_face(maker, picture, item)
            if face is not None:
                result = maker.reconstruct_face(picture, face)
                row |= _landmark_errors(maker, result, face, item)
                overlays.append(overlay_picture(result, picture))
            rows.append(row)
            advance()
    return rows, overlays


def annotated_face(maker: Reconstructor, picture: np.ndarray, item: Annotated) -> Face | None:
    """The detected face whose box holds the middle of the annotation, the largest such."""
    x, y = (item.points.min(0) + item.points.max(0)) / 2
    for face in maker.detector.detect(picture):
        x0, y0, x1, y1 = face.box
        if x0 < x < x1 and y0 < y < y1:
            return face
    return None


def _landmark_errors(
    maker: Reconstructor, result: ReconstructedFace, face: Face, item: Annotated
) -> dict[str, float]:
    out, model = {}, maker.model
    start = mean_face_camera(maker, face)
    for name in SETS:
        fitted = model.landmark_points(result.vertices[None], name)
        posed = model.landmark_points(model.mean[None], name)
        out[f"fit {name}"] = error_percent(result.camera.project(fitted)[0, :, :2].numpy(), item)
        out[f"mean face {name}"] = error_percent(start.project(posed)[0, :, :2].numpy(), item)
    return out


def summarise(rows: list[dict]) -> dict[str, object]:
    """Means over the photographs with a face, and how many these are."""
    found = [r for r in rows if len(r) > 1]
    keys = [k for k in found[0] if k != "photo"] if found else []
    means = {k: round(float(np.mean([r[k] for r in found])), 3) for k in keys}
    return {"photographs": len(rows), "faces": len(found), **means}


def _collections(data: Path) -> dict[str, list[Path]]:
    chosen = {name: data / name for name in COLLECTIONS}
    people = data / "photos_id"
    paths = {k: list_images([v]) for k, v in chosen.items() if v.is_dir()}
    if people.is_dir():
        folders = [p for p in sorted(people.rglob("*")) if p.is_dir()]
        paths["photos_id"] = [i for f in folders if any(f.glob("*.*")) for i in _images_of(f)]
    return paths


def _images_of(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.iterdir()) if p.suffix.lower() in (".jpg", ".png", ".jpeg")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--aflw", type=int, default=100, help="frontal images of aflw2000")
    parser.add_argument("--weights", default="fit", help="as of `selfie3d reconstruct`")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    maker = Reconstructor(ReconstructOptions(texture_size=256, weights=arguments.weights))
    report: dict[str, object] = {}
    for name, paths in _collections(arguments.data).items():
        tally = run_collection(maker, paths, measure_light=name == "photos_lm5")
        report[name] = _write_sheet(arguments.out, name, tally)
    for name, items in (
        ("hand annotated", hand_annotated(arguments.data)),
        ("aflw2000 frontal", aflw2000_frontal(arguments.data, arguments.aflw)),
    ):
        rows, overlays = run_annotated(maker, items)
        _sheets(arguments.out, name.replace(" ", "_"), overlays)
        report[name] = summarise(rows)
        if len(rows) < 10:
            report[f"{name}, each"] = rows
    print(json.dumps(report, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))


def _write_sheet(out: Path, name: str, tally: Tally) -> dict[str, object]:
    _sheets(out, name.replace("/", "_"), tally.overlays)
    keys = tally.photometric[0] if tally.photometric else ()
    light = {k: round(float(np.mean([p[k] for p in tally.photometric])), 4) for k in keys}
    counts = {
        "photographs": tally.photographs, "with a face": tally.with_face, "faces": tally.faces
    }  # fmt: skip
    return counts | ({"mean absolute error": light} if light else {})


def _sheets(out: Path, name: str, overlays: list[np.ndarray]) -> None:
    """Overlays, 3 to a row and 36 to a sheet."""
    for number, first in enumerate(range(0, len(overlays), 36)):
        some = overlays[first : first + 36]
        height, width = 160, 640
        cells = [_fit(o, height, width) for o in some]
        cells += [np.full_like(cells[0], 64)] * (-len(cells) % 3)
        rows = [np.concatenate(cells[i : i + 3], 1) for i in range(0, len(cells), 3)]
        write_image(out / f"{name}_{number}.png", np.concatenate(rows, 0))


def _fit(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    return contact_sheet([picture], 1, width)[:height]


if __name__ == "__main__":
    main()
