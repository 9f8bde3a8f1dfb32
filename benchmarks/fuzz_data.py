"""Further kinds for fuzz.py: data sets, runs and results; see fuzz_files.py."""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from fuzz_files import FACE, Kind, packed, picture
from scipy.io import savemat
from selfie3d.core.config import load_config
from selfie3d.core.errors import InputError
from selfie3d.core.image_file import read_image
from selfie3d.core.picture_limits import openable
from selfie3d.datasets.photographs.aflw2000 import read_mat
from selfie3d.datasets.photographs.aflw2000_fit import read_basis
from selfie3d.datasets.photographs.aflw_lfpa import read_aflw_lfpa
from selfie3d.datasets.photographs.aflw_photos import read_aflw_database
from selfie3d.datasets.photographs.celeba import CelebA
from selfie3d.datasets.photographs.ffhq import Ffhq
from selfie3d.datasets.photographs.lfw import Lfw
from selfie3d.datasets.shards.dense import open_rendered
from selfie3d.datasets.synthetic.assets.formats import read_fitting, read_material
from selfie3d.datasets.synthetic.assets.textures import read_texture
from selfie3d.datasets.synthetic.panorama import read_pictures
from selfie3d.datasets.synthetic.places import read_backgrounds
from selfie3d.datasets.synthetic.shard_file import write_shard
from selfie3d.datasets.synthetic.shard_index import VERSION, index_checksum
from selfie3d.datasets.synthetic.shards import open_shards
from selfie3d.engine.checkpoint import load_checkpoint
from selfie3d.engine.reporter import RunLog
from selfie3d.engine.settings_file import note_settings
from selfie3d.evaluate.protocols.now_data import read_now, read_picked_points
from selfie3d.evaluate.report.report import FORMAT, load_report
from selfie3d.evaluate.scans.predict import read_surfaces
from selfie3d.facemodels.readers.basel2009 import read_mapping
from selfie3d.geometry.face_model import SHIPPED_VERSION
from selfie3d.models.public.dlib_resnet import load_dlib_resnet
from selfie3d.pipeline.options import ReconstructOptions
from selfie3d.pipeline.output.journal import Journal

LAYER = {"rate": 0.5, "names": ["a", "b"], "deep": {"steps": 3}}


@dataclass(frozen=True)
class Deep:
    steps: int = 1


@dataclass(frozen=True)
class Settings:
    rate: float = 0.1
    names: tuple[str, ...] = ()
    deep: Deep = Deep()


def shard() -> bytes:
    """A synthetic shard of two faces, drawn by nobody."""
    rng = np.random.default_rng(1)
    sizes = {"image": (16, 16, 3), "skin_mask": (16, 2), "segmentation": (16, 8),
             "visible_vertices": (11,)}  # fmt: skip
    arrays = {k: rng.integers(0, 255, (2, *v), dtype=np.uint8) for k, v in sizes.items()}
    shapes = {"identity": (4,), "expression": (3,), "albedo": (2,), "light": (9, 3), "focal": (),
              "translation": (3,), "centre": (2,)}  # fmt: skip
    arrays |= {k: rng.random((2, *v)).astype(np.float32) for k, v in shapes.items()}
    arrays["rotation"] = np.tile(np.eye(3, dtype=np.float32), (2, 1, 1))
    arrays["person"], arrays["visible"] = np.zeros(2, np.int32), np.ones((2, 68), bool)
    for name in ("ibug68", "300w-lp"):
        arrays[f"landmarks_{name}"] = rng.random((2, 68, 3)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.npz"
        write_shard(path, arrays)
        return path.read_bytes()


INDEX = {
    "version": VERSION, "face_model": "default", "face_model_version": SHIPPED_VERSION,
    "config": {"size": 16}, "faces_per_shard": 1024, "count": 2,
}  # fmt: skip
CHECKED = INDEX | {"checksum": index_checksum(INDEX)}


def read_shards(path: Path) -> object:
    faces = open_shards(path.parent)
    for name in faces.names:
        faces.all(name)
    return open_rendered([path.parent])


def database() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.sqlite"
        connection = sqlite3.connect(path)
        connection.executescript(
            "CREATE TABLE Faces(face_id INTEGER PRIMARY KEY, file_id TEXT, db_id TEXT);"
            "CREATE TABLE FaceImages(file_id TEXT, db_id TEXT, filepath TEXT);"
            "CREATE TABLE FeatureCoords(face_id INTEGER, feature_id INTEGER, x REAL, y REAL);"
            "CREATE TABLE FeatureCoordTypes(feature_id INTEGER, descr TEXT);"
            "CREATE TABLE FaceRect(face_id INTEGER, x REAL, y REAL, w REAL, h REAL);"
            "CREATE TABLE FacePose(face_id INTEGER, roll REAL, pitch REAL, yaw REAL);"
            "INSERT INTO Faces VALUES(1,'a.jpg','aflw'),(2,'b.jpg','aflw');"
            "INSERT INTO FaceImages VALUES('a.jpg','aflw','0/a.jpg'),('b.jpg','aflw','0/b.jpg');"
            "INSERT INTO FeatureCoordTypes VALUES(1,'NoseCenter');"
            "INSERT INTO FeatureCoords VALUES(1,1,5,6),(2,1,7,8);"
            "INSERT INTO FaceRect VALUES(1,1,2,30,30);INSERT INTO FacePose VALUES(1,0.1,0.2,0.3);"
        )
        connection.commit()
        connection.close()
        return path.read_bytes()


def annotation() -> bytes:
    buffer = io.BytesIO()
    savemat(buffer, {"pt2d": np.ones((2, 68)), "Pose_Para": np.ones((1, 7)),
                     "Illum_Para": np.ones((1, 10))})  # fmt: skip
    return buffer.getvalue()


def in_folder(make: Callable[[Path], object], *names: str) -> Callable[[Path], object]:
    """A reader of a folder in which the damaged file lies below `names`."""

    def read(path: Path) -> object:
        root = path.parent / "root"
        target = root.joinpath(*names)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
        try:
            return make(root)
        finally:
            for file in sorted(root.rglob("*"), reverse=True):
                file.rmdir() if file.is_dir() and not file.is_symlink() else file.unlink()
            root.rmdir()

    return read


def with_pictures(make: Callable[[Path], object], *pictures: str) -> Callable[[Path], object]:
    def read(root: Path) -> object:
        for name in pictures:
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(picture("JPEG"))
        found = make(root)
        return [found[row] for row in range(len(found))]  # type: ignore[index,arg-type]

    return read


def lfpa_rows(root: Path) -> object:
    (root / "images").mkdir()
    (root / "images" / "a.jpg").write_bytes(picture("JPEG"))
    return read_aflw_lfpa(root)


def journal(root: Path) -> object:
    """Whatever a note says, nothing beside the results is written or removed."""
    photo = root / "photo.jpg"
    photo.touch()
    victim = root / "victim.txt"
    victim.touch()
    out = root / "out"
    digest = hashlib.sha256(str(photo.resolve()).encode()).hexdigest()[:24]
    (out / ".selfie3d" / "note.json").rename(out / ".selfie3d" / f"{digest}.json")
    own = Journal(out, ReconstructOptions())
    name = own.names([photo])[photo]
    own.finished(photo)
    own.note(photo, name, [])
    if not victim.exists() or "/" in name or not name:
        raise RuntimeError("a note was believed")
    return name


def note(content: bytes = b"") -> bytes:
    files = ["a.glb", "a.obj", "a.json"]
    return json.dumps({"photo": "/photo.jpg", "name": "a", "key": "x", "files": files}).encode()


def settings(root: Path) -> object:
    said, sys.stderr = sys.stderr, io.StringIO()
    try:
        (root / "checkpoints").mkdir()
        (root / "checkpoints" / "step_00000001.pt").touch()
        return note_settings(root, {"engine": LAYER})
    finally:
        sys.stderr = said


def log(root: Path) -> object:
    RunLog(root, tensorboard=False).begin(1, {})
    return None


def checkpoint() -> bytes:
    buffer = io.BytesIO()
    torch.save({"step": 3, "weights": {"a": torch.ones(40)}, "ranks": [{}]}, buffer)
    return buffer.getvalue()


def fitting() -> bytes:
    rows = (f"{k} {k + 1} {k + 2} 0.2 0.3 0.5 0.1 0 0" for k in range(9))
    return (FITTING + "\n".join(rows) + "\n").encode()


POINTS = "".join(f'<point x="{k}" y="1.5" z="-2" active="1" name="{k}"/>' for k in range(7))
CELEBA = "2\nlefteye_x\n000001.jpg 5 5 10 5 7 8 5 12 10 12\n000002.jpg 5 5 10 5 7 8 5 12 10 12\n"
FFHQ = {"0": {"image": {"face_landmarks": [[k % 9 + 5, k % 7 + 6] for k in range(68)]}}}
MATERIAL = b"diffuseColor 0.5 0.25 0.7\nshininess 0.9\nopacity 0.5\ndiffuseTexture my hair.png\n"
FIGURE = {"table": "t", "name": "n", "value": 1.0, "unit": "%", "count": 3}
REPORT = {
    "format": FORMAT, "protocol": "p", "variant": "", "figures": [FIGURE], "curves": [],
    "items": {"names": ["a"], "errors": {"e": [1.0]}, "groups": [0]}, "failures": {}, "run": {},
    "published": [],
}  # fmt: skip
RUN = {"configuration": {"engine": LAYER}, "changes": []}
LINES = b'{"kind": "training", "step": 1}\n{"step": 2}\n'
WANTED = {"pt2d": (2, 68), "Pose_Para": (1, 7)}
FITTING = """name hat
basemesh hm08
obj_file a.obj
x_scale 1 2 1.0
y_scale 1 2 1.0
z_scale 1 2 1.0
material m.mhmat
verts 0
"""


def dlib_kinds() -> tuple[Kind, ...]:
    """dlib's network, where its package is there. 22 MB."""
    found = find_spec("face_recognition_models")
    place = Path(str(found.origin)).parent / "models" if found else Path("none")
    path = place / "dlib_face_recognition_resnet_model_v1.dat"
    if not path.is_file():
        return ()
    return (Kind("resnet.dat", path.read_bytes(), load_dlib_resnet),)


def panorama_kinds() -> tuple[Kind, ...]:
    """Radiance and OpenEXR, where OpenImageIO is there."""
    if find_spec("OpenImageIO") is None:
        return ()
    import OpenImageIO

    light = np.random.default_rng(2).random((32, 64, 3), np.float32)
    kinds = []
    for name in ("p.hdr", "p.exr"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            file = OpenImageIO.ImageOutput.create(str(path))
            file.open(str(path), OpenImageIO.ImageSpec(64, 32, 3, OpenImageIO.FLOAT))
            file.write_image(light)
            file.close()
            kinds.append(Kind(name, path.read_bytes(), read_panoramas_beside))
    return tuple(kinds)


def read_panoramas_beside(path: Path) -> object:
    problems: list[str] = []
    found = list(read_pictures(path.parent, problems))
    if problems:
        raise InputError(path.name, "a panorama", problems[0])
    return found


def heic_kinds() -> tuple[Kind, ...]:
    """HEIC, where pillow-heif is there."""
    if find_spec("pillow_heif") is None:
        return ()
    read_heif = openable()  # makes it known to Pillow
    return (Kind("a.heic", picture("HEIF"), read_image),) if read_heif else ()


def data_kinds() -> tuple[Kind, ...]:
    """Every kind of data sets, runs and results."""
    celeba = "img_align_celeba"
    surfaces = packed(names=np.array(["a"]), vertices=FACE["mean"][None], faces=FACE["faces"],
                      ibug68=np.ones((1, 68, 3)))  # fmt: skip
    basis = packed(mean=np.ones((9, 3)), identity=np.ones((9, 3, 2)), expression=np.ones((9, 3, 1)))
    lfpa = packed(names=np.array(["a.jpg"]), landmarks_34=np.arange(68.0).reshape(1, 2, 34),
                  from_68=np.eye(34, 68))  # fmt: skip
    index = (("index.json", json.dumps(INDEX).encode()),)
    return (
        Kind("shard-00000.npz", shard(), read_shards, index),
        *(Kind("index.json", json.dumps(one, indent=1).encode(), read_shards,
               (("shard-00000.npz", shard()),)) for one in (INDEX, CHECKED)),
        Kind("c.yaml", b"rate: 0.5\nnames: &a [a, b]\ndeep:\n  steps: 3\n",
             lambda path: load_config(Settings, path)),
        Kind("aflw.sqlite", database(), lambda path: read_aflw_database(path, "")),
        Kind("image.mat", annotation(), lambda path: read_mat(path, WANTED)),
        Kind("basis.npz", basis, read_basis),
        Kind("lfpa34.npz", lfpa, in_folder(lfpa_rows, "lfpa34.npz")),
        Kind("list_landmarks_align_celeba.txt", CELEBA.encode(), in_folder(with_pictures(
            lambda root: CelebA(root, split="all"), f"Img/{celeba}/000001.jpg",
            f"Img/{celeba}/000002.jpg"), "Anno", "list_landmarks_align_celeba.txt")),
        Kind("ffhq-dataset-v2.json", json.dumps(FFHQ).encode(), in_folder(with_pictures(
            Ffhq, "images1024x1024/00000.jpg"), "ffhq-dataset-v2.json")),
        Kind("people.txt", b"1\nA_B 1\nC_D 2\n", in_folder(with_pictures(
            lambda root: Lfw(root, people="people.txt"), "lfw/A_B/A_B_0001.jpg"), "people.txt")),
        Kind("imagepathsvalidation.txt", b"S/C/a.jpg\nS/C/b.jpg\n", in_folder(
            lambda root: read_now(root, "validation", pictures=False, scans=False),
            "imagepathsvalidation.txt")),
        Kind("a.pp", f"<PickedPoints>{POINTS}</PickedPoints>".encode(), read_picked_points),
        Kind("report.json", json.dumps(REPORT).encode(), load_report),
        Kind("surfaces.npz", surfaces, lambda path: read_surfaces(path, ["a"])),
        Kind("ibug.txt", b"[landmark_mappings]\n1 = 5\n2 = 6\n", read_mapping),
        Kind("checkpoint.pt", checkpoint(), load_checkpoint),
        Kind("configuration.json", json.dumps(RUN).encode(),
             in_folder(settings, "configuration.json")),
        Kind("log.jsonl", LINES, in_folder(log, "log.jsonl")),
        Kind("note.json", note(), in_folder(journal, "out", ".selfie3d", "note.json")),
        *dlib_kinds(),
        Kind("a.mhclo", fitting(), read_fitting),
        Kind("a.mhmat", MATERIAL, read_material),
        Kind("t.png", picture("PNG", "RGBA"), lambda path: read_texture(path, 16)),
        Kind("t.tga", picture("TGA"), lambda path: read_texture(path, 16)),
        Kind("b.jpg", picture("JPEG"), lambda path: read_backgrounds(str(path.parent))),
        *panorama_kinds(),
        *heic_kinds(),
    )  # fmt: skip
