"""The pictures that likeness.py judges: photographs and renderings of them, framed alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import scipy.io as sio
import torch
from PIL import Image
from selfie3d import ReconstructOptions, Reconstructor
from selfie3d.core.errors import Selfie3dError
from selfie3d.core.image_file import read_image
from selfie3d.core.progress import progress_bar
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.faces import SyntheticFaces
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.coefficients import Coefficients
from selfie3d.geometry.crop import Crop
from selfie3d.geometry.face_model import FaceModel
from selfie3d.pipeline.face import ReconstructedFace
from selfie3d.pipeline.studio import studio_camera, studio_light
from selfie3d.render.face import FaceRenderer
from selfie3d.render.overlay import to_image, to_picture
from torch import Tensor
from torch.nn.functional import avg_pool2d

SIZE, MARGIN = 400, 1.9  # pixels of every picture; its side over the extent of the landmarks
YAWS = {"0": 0.0, "p30": 30.0, "m30": -30.0}
SINGLE = ("photos_lm5", "photos_plain", "photos_lm51", "photos_lm68", "photos_id/lfw",
          "photos_id/facenet_aligned")  # fmt: skip
FRONTAL, AFLW_COUNT = 25, 50  # degrees; photographs of AFLW2000-3D
SUFFIXES = (".jpg", ".jpeg", ".png")
Views = dict[str, tuple[Tensor, Tensor]]  # name: picture (1,3,SIZE,SIZE), 68 points in it


def people(data: Path) -> dict[str, list[Path]]:
    """Name of a person to its photographs; the first one is reconstructed."""
    found: dict[str, list[Path]] = {}
    for folder in SINGLE:
        paths = (p for p in sorted((data / folder).glob("*")) if p.suffix.lower() in SUFFIXES)
        for path in paths:
            found[f"{len(found):02d}-{path.stem.replace('_', '-')}"] = [path]
    for folder in sorted((data / "photos_id/johns").glob("*")):
        found[f"john-{folder.name.replace('_', '-')}"] = sorted(folder.glob("*.jpg"))
    poses = {
        p: sio.loadmat(p)["Pose_Para"][0, 1] for p in sorted((data / "aflw2000").glob("*.mat"))
    }
    rows = [p for p, yaw in poses.items() if abs(np.degrees(yaw)) <= FRONTAL]
    for path in rows[:: max(1, len(rows) // AFLW_COUNT)][:AFLW_COUNT]:
        found[f"aflw-{path.stem}"] = [path.with_suffix(".jpg")]
    return found


def draw_people(given: dict[str, list[Path]], out: Path, options: ReconstructOptions) -> None:
    """Write the views of every person and OUT/views.json, their landmarks."""
    maker, points, done = Reconstructor(options), {}, []
    with progress_bar("Reconstructing people", len(given)) as advance:
        for name, paths in given.items():
            try:
                face, picture = reconstructed(maker, paths[0])
                others = [seen(maker, path) for path in paths[1:]]
            except Selfie3dError as error:
                print("FAILED", name, error, flush=True)
                advance()
                continue
            done.append((name, face))
            shown = (face.model, face.coefficients, face.camera, picture)
            points |= save(
                {"photo": photo_view(*shown)} | face_views(face, picture), f"{name}__0", out
            )
            for k, other in enumerate(others, 1):
                points |= save({"photo": photo_view(maker.model, *other)}, f"{name}__{k}", out)
            advance()
    for (name, face), (_, other) in zip(done, done[1:] + done[:1], strict=True):
        views = stranger_views(
            face.model, face.coefficients, face.camera, other.coefficients.identity
        )
        points |= save(views, f"{name}__0", out)
    (out / "views.json").write_text(json.dumps(points))


def draw_drawn(count: int, out: Path) -> None:
    """The ceiling: drawn people with their true shape, albedo, light and pose."""
    config = SyntheticConfig(
        size=SIZE, seed=20, margin=1.25, turns=FRONTAL / 95, occluder=0, glasses=0
    )
    source, points = SyntheticFaces(config), {}
    model = source.head.model
    with progress_bar("Drawing people", count) as advance:
        for k in range(count):
            face = source.item(k)
            own, camera = face.coefficients(), face.camera()
            views = {"photo": photo_view(model, own, camera, face.image)}
            window = frame(model, own, camera)
            views |= bare_views(model, own, {"pose": camera.moved(window.matrix)})
            other = torch.from_numpy(source.item(k + 1).identity)[None]
            views |= stranger_views(model, own, camera, other)
            points |= save(views, f"drawn-{k:03d}__0", out)
            advance()
    (out / "views.json").write_text(json.dumps(points))


def reconstructed(maker: Reconstructor, path: Path) -> tuple[ReconstructedFace, np.ndarray]:
    """The largest face of a photograph."""
    picture = read_image(path)
    return maker.reconstruct_face(picture, maker.detect(picture)[0]), picture


def seen(maker: Reconstructor, path: Path) -> tuple[Coefficients, PerspectiveCamera, np.ndarray]:
    """The largest face of a photograph, as the network sees it, if there is one."""
    picture = read_image(path)
    found = maker.detect(picture)[0]
    face = maker.regress([(picture, found)])[0] or maker.reconstruct_face(picture, found)
    return face.coefficients, face.camera, picture


def frame(model: FaceModel, own: Coefficients, camera: PerspectiveCamera) -> Crop:
    """The part of a photograph that is shown, twice as large as the pictures."""
    marks = camera.project(model.landmark_points(model.vertices(own)))[0, :, :2]
    low, high = marks.min(0).values, marks.max(0).values
    middle = ((low + high) / 2).tolist()
    return Crop.from_square((middle[0], middle[1]), float((high - low).max()) * MARGIN, SIZE * 2)


def photo_view(
    model: FaceModel, own: Coefficients, camera: PerspectiveCamera, picture: np.ndarray
) -> tuple[Tensor, Tensor]:
    window = frame(model, own, camera)
    marks = camera.project(model.landmark_points(model.vertices(own)))[0, :, :2]
    return avg_pool2d(window.warp(to_image(picture))[0], 2), window.to_crop(marks) / 2


def face_views(face: ReconstructedFace, picture: np.ndarray) -> Views:
    """Textured, with the model's own albedo, and bare, from several sides."""
    model, own = face.model, face.coefficients
    v, window = model.vertices(own), frame(model, own, face.camera)
    cameras = {n: studio_camera(v, [(0.0, yaw, 0.0)], SIZE * 2) for n, yaw in YAWS.items()}
    cameras["pose"] = face.camera.moved(window.matrix)
    views: Views = {}
    for name, camera in cameras.items():
        look = "a" if name == "pose" else "b"
        texture = face.texture.image[None]
        views[f"{look}_{name}"], mask = render(model, v, camera, texture=texture)
        if name == "pose":
            photo = window.warp(to_image(picture))[0]
            cut = avg_pool2d(photo * mask + (1 - mask) / 4, 2)
            views["masked"] = cut, views["a_pose"][1]
    return views | bare_views(model, own, {n: cameras[n] for n in ("pose", "0")})


def bare_views(model: FaceModel, own: Coefficients, cameras: dict[str, PerspectiveCamera]) -> Views:
    """(c) the model's albedo and light, and (d) the shape in grey."""
    v, views = model.vertices(own), {}
    for name, camera in cameras.items():
        views[f"c_{name}"], _ = render(model, v, camera, albedo=model.albedo(own), light=own.light)
        views[f"d_{name}"], _ = grey(model, v, camera)
    return views


def stranger_views(
    model: FaceModel, own: Coefficients, camera: PerspectiveCamera, other: Tensor
) -> Views:
    """The mean face's shape and another person's in grey, with this pose and expression."""
    seen, views = camera.moved(frame(model, own, camera).matrix), {}
    for name, identity in (("mean", torch.zeros_like(other)), ("stranger", other)):
        views[f"{name}_pose"], _ = grey(
            model, model.vertices(replace(own, identity=identity)), seen
        )
    return views


def grey(
    model: FaceModel, v: Tensor, camera: PerspectiveCamera
) -> tuple[tuple[Tensor, Tensor], Tensor]:
    return render(model, v, camera, albedo=torch.full_like(v, 0.75), light=studio_light())


def render(
    model: FaceModel, v: Tensor, camera: PerspectiveCamera, **look: Tensor
) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """A view, and its mask (1,1,2 SIZE,2 SIZE)."""
    with torch.no_grad():
        renderer = FaceRenderer(model.faces, model.uv, model.uv_faces)
        seen = renderer(v, camera, (SIZE * 2, SIZE * 2), **look)
        points = camera.project(model.landmark_points(v))[0, :, :2] / 2
        picture = avg_pool2d(seen.image + (1 - seen.mask) / 4, 2)
    return (picture, points), seen.mask


def save(views: Views, name: str, out: Path) -> dict[str, list[list[float]]]:
    """Write the pictures to OUT/views; gives their landmarks by name."""
    for view, (image, _) in views.items():
        Image.fromarray(to_picture(image[0])).save(out / "views" / f"{name}.{view}.png")
    return {f"{name}.{view}": marks.tolist() for view, (_, marks) in views.items()}


def read_views(out: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, picture (SIZE,SIZE,3) and landmarks (68,2) of every view, and photographs mirrored."""
    for name, marks in json.loads((out / "views.json").read_text()).items():
        picture = np.asarray(Image.open(out / "views" / f"{name}.png"))
        yield name, picture, np.array(marks)
        if name.endswith(".photo"):
            turned = np.array(marks) * (-1, 1) + (SIZE, 0)
            yield name + ".mirror", np.ascontiguousarray(picture[:, ::-1]), turned
