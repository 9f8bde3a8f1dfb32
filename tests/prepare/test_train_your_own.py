"""Every command of docs/train-your-own.md, on small trees in the real layouts."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.io import savemat
from selfie3d.commands import evaluate, model, prepare, train
from selfie3d.core.obj_file import write_obj
from selfie3d.evaluate.scans.surface import model_surface
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.face_model import FaceModel
from selfie3d.geometry.landmarks import LandmarkSet
from selfie3d.geometry.model_parts import ModelBases, ModelFacts, ModelMesh
from selfie3d.geometry.topology import subset_mesh
from typer import Typer
from typer.testing import CliRunner

QUICK = [
    "network.options.imagenet=", "network.options.size=64", "loss.identity=0", "data.batch=2",
    "data.validate=2", "engine.schedule.steps=2", "engine.schedule.epochs=0", "engine.threads=1",
]  # fmt: skip


def commands(text: str) -> list[list[str]]:
    """The indented lines that begin with `selfie3d`, as words after it."""
    lines = [line.strip() for line in text.splitlines() if line.startswith("    selfie3d ")]
    return [shlex.split(line)[1:] for line in lines]


def test_the_page_names_what_exists(repository):
    found = commands((repository / "docs" / "train-your-own.md").read_text())
    assert [words[0] for words in found] == [
        "model", "prepare", "prepare", "prepare", "prepare", "train", "evaluate", "prepare",
    ]  # fmt: skip


def test_every_command_runs(repository, tmp_path, celeba_tree, drawn_faces, monkeypatch):
    celeba_tree(20).rename(tmp_path / "moved")
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "moved").rename(data / "celeba")
    write_basel(data / "bfm")
    write_300w_lp(data / "300W_LP", drawn_faces)
    write_photographs(data / "photographs", drawn_faces)
    write_florence(data / "florence", drawn_faces)
    monkeypatch.chdir(tmp_path)
    app = Typer()
    app.callback()(lambda: None)
    for part in (evaluate, model, prepare, train):
        part.register(app)
    for words in commands((repository / "docs" / "train-your-own.md").read_text()):
        more = QUICK if words[0] == "train" else []
        done = CliRunner().invoke(app, [*words, *more], catch_exceptions=False)
        assert done.exit_code == 0, f"{words}\n{done.output}"
    assert (tmp_path / "runs" / "mlanet" / "best.safetensors").is_file()
    report = json.loads((tmp_path / "results" / "micc" / "report.json").read_text())
    assert len(report["items"]["names"]) == 3 and not report["failures"]
    values = {figure["name"]: figure["value"] for figure in report["figures"]}
    assert 0 <= values["mean of scenarios"] < 3  # mm; the scan is the model's mean
    assert (data / "celeba" / "prepared" / "img_align_celeba" / "000001.json").is_file()


def write_basel(folder: Path) -> None:
    """01_MorphableModel.mat and its companions with the shipped face's surface and a few modes."""
    folder.mkdir()
    face = skin_of(load_face_model("default-face"))
    mean = face.mean.numpy()
    shape, deviation = unit_columns(face.identity[:5].numpy() * 1000)
    colour, colour_deviation = unit_columns(face.albedo_basis[:3].numpy() * 255)
    tl = face.faces.numpy()[:, [0, 2, 1]] + 1
    whole = {
        "shapeMU": 1000 * mean.reshape(-1, 1), "shapePC": shape, "shapeEV": deviation,
        "texMU": 255 * face.albedo_mean.numpy().reshape(-1, 1), "texPC": colour,
        "texEV": colour_deviation, "tl": tl.astype(np.int32),
    }  # fmt: skip
    savemat(folder / "01_MorphableModel.mat", whole)
    every = np.arange(1, len(mean) + 1)
    savemat(folder / "BFM_exp_idx.mat", {"trimIndex": every[:, None]})
    savemat(folder / "BFM_front_idx.mat", {"idx": every[:, None].astype(np.float32)})
    info = {"tri": tl.astype(np.float32), "keypoints": nearest(face)[None] + 1.0}
    savemat(folder / "facemodel_info.mat", info | {"skinmask": np.ones((1, len(mean)))})
    low, high = mean.min(0), mean.max(0)
    flat = 0.05 + 0.9 * (mean - low)[:, :2] / (high - low)[:2]  # seen from the front
    savemat(folder / "BFM_UV.mat", {"UV": flat})
    modes = face.expression[:4].numpy() * 1000
    columns, spread = unit_columns(modes)
    content = np.int32(4).tobytes() + np.zeros(mean.size, "<f4").tobytes()
    (folder / "Exp_Pca.bin").write_bytes(content + columns.T.astype("<f4").tobytes())
    (folder / "std_exp.txt").write_text(" ".join(str(value) for value in spread[:, 0]))


def skin_of(face: FaceModel) -> FaceModel:
    """The skin alone, without what lies behind it."""
    part = subset_mesh(face.faces, face.regions["face"])
    local = torch.full((len(face.mean),), -1)
    local[part.vertices] = torch.arange(len(part.vertices))
    marks = LandmarkSet.from_vertices("ibug68", local[torch.tensor(nearest(face))])
    return FaceModel.from_arrays(
        ModelFacts("skin"),
        ModelMesh(face.mean[part.vertices], part.faces, origin=(0.0, 0.0, 0.0)),
        ModelBases(
            identity=face.identity[:, part.vertices],
            expression=face.expression[:, part.vertices],
            albedo_mean=face.albedo_mean[part.vertices],
            albedo_basis=face.albedo_basis[:, part.vertices],
        ),
        landmarks={"ibug68": marks},
    )


def unit_columns(modes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    flat = modes.reshape(len(modes), -1).T.astype(np.float64)
    length = np.linalg.norm(flat, axis=0)
    return (flat / length).astype(np.float32), length[:, None].astype(np.float32)


def nearest(face: FaceModel) -> np.ndarray:
    """The vertex next to each of the 68 points."""
    points = face.landmark_points(face.mean[None], "ibug68")[0]
    return np.array([int((face.mean - p).norm(dim=1).argmin()) for p in points])


def write_300w_lp(root: Path, faces: list) -> None:
    """AFW and AFW_Flip, one photograph and one that was turned further of each person."""
    for number, drawn in enumerate(faces[:4]):
        points = drawn.points * 1.5 + [115, 130]  # the photograph's pixels
        large = Image.fromarray(drawn.picture).resize((216, 216), Image.Resampling.BICUBIC)
        picture = np.full((450, 450, 3), 80, np.uint8)
        picture[130:346, 115:331] = np.asarray(large)
        for folder, flipped in (("AFW", False), ("AFW_Flip", True)):
            (root / folder).mkdir(parents=True, exist_ok=True)
            for turn in range(2):
                stem = root / folder / f"AFW_{number}_{turn}"
                shown = picture[:, ::-1] if flipped else picture
                Image.fromarray(shown).save(f"{stem}.jpg", quality=95)
                pt2d = points + 0.5
                pt2d = pt2d * [-1, 1] + [451, 0] if flipped else pt2d  # the order stays
                middle = pt2d[30]
                pose = [0, 0, 0, middle[0], 451 - middle[1], -70, 0.0009]
                content = {
                    "pt2d": pt2d.T, "Pose_Para": np.float32([pose]),
                    "Shape_Para": np.zeros((199, 1)), "Exp_Para": np.zeros((29, 1)),
                    "roi": np.int16([[1, 1, 450, 450]]),
                }  # fmt: skip
                savemat(f"{stem}.mat", content)
                marks = root / "landmarks" / "AFW"
                marks.mkdir(parents=True, exist_ok=True)
                both = {"pts_2d": points + 0.5, "pts_3d": points + 0.5}
                savemat(marks / f"AFW_{number}_{turn}_pts.mat", both)


def write_photographs(root: Path, faces: list) -> None:
    root.mkdir()
    for number, drawn in enumerate(faces[:3]):
        Image.fromarray(drawn.picture).save(root / f"{number}.png")


def write_florence(root: Path, faces: list) -> None:
    """One subject: the mean face as its scan, a frame of each video."""
    surface = model_surface(load_face_model(), "scan")
    place = root / "subject_01" / "Model" / "frontal1" / "obj"
    place.mkdir(parents=True)
    write_obj(place / "scan.obj", surface.vertices, surface.faces)
    known = np.flatnonzero(surface.annotated)
    points = {str(k): surface.landmarks[k].tolist() for k in known}
    content = {"mm_per_unit": 1.0, "ibug68": points}
    (place / "scan.landmarks.json").write_text(json.dumps(content))
    for scenario in ("Indoor-Cooperative", "PTZ-Indoor", "PTZ-Outdoor"):
        videos = root / "subject_01" / "Videos" / scenario
        videos.mkdir(parents=True)
        Image.fromarray(faces[0].picture).resize((288, 288)).save(videos / "frame0001.png")
