"""A made-up face model with what Basel's has: a front of skin, gaussian modes, two regions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.io import loadmat, savemat
from selfie3d.datasets.photographs.aflw2000_fit import FittedBasis, points_of_fit
from selfie3d.facemodels import load_face_model
from selfie3d.facemodels.readers.basel_regions import with_basel_regions
from selfie3d.geometry.face_model import FaceModel
from selfie3d.geometry.landmarks import IBUG68_MIRROR, LandmarkSet
from selfie3d.geometry.model_parts import ModelBases, ModelFacts, ModelMesh
from selfie3d.geometry.topology import subset_mesh

UM = 1000.0
IDENTITY, EXPRESSION = 45, 12  # more than the 40 and 10 of 3DDFA's networks


def basel_like(name: str = "basel-2009-front") -> FaceModel:
    """The default face's skin; `reflectance` is its cheeks, as Deep3D's mask has no brows, lips."""
    face = load_face_model("default-face")
    part = subset_mesh(face.faces, face.regions["face"])
    keep = part.vertices
    points = face.landmark_points(face.mean[None])[0]
    ids = torch.cdist(points, face.mean[keep]).argmin(1)
    model = FaceModel.from_arrays(
        ModelFacts(name, licence="made up"),
        ModelMesh(face.mean[keep], part.faces, uv=_flat(face.mean[keep]), origin=np.zeros(3)),
        ModelBases(
            identity=face.identity[:IDENTITY, keep],
            expression=face.expression[:EXPRESSION, keep],
            expression_kind="gaussian",
            albedo_mean=face.albedo_mean[keep],
            albedo_basis=face.albedo_basis[:5, keep],
        ),
        landmarks={"ibug68": LandmarkSet.from_vertices("ibug68", ids)},
        regions={"reflectance": face.regions["cheeks"][keep].numpy()},
    )
    model = with_basel_regions(model)
    for name in ("lips", "nose", "eyelids", "brows"):
        model.regions["reflectance"] &= ~model.regions[name]
    return model


def _flat(mean: torch.Tensor) -> np.ndarray:
    """A cylinder's chart, as SADRNet's and PRNet's UV of Basel is."""
    u = torch.atan2(mean[:, 0], mean[:, 2] - mean[:, 2].min() + 10) / 3 + 0.5
    v = (mean[:, 1] - mean[:, 1].min()) / (mean[:, 1].max() - mean[:, 1].min())
    return torch.stack([u.clamp(0.01, 0.99), 0.02 + 0.96 * v], 1).numpy()


def write_3ddfa(folder: Path, model: FaceModel, shift: np.ndarray) -> Path:
    """3DDFA's Model_Shape.mat and Model_Exp.mat of a model, micrometres from an origin of its own.

    Args:
        shift: (3,) mm, our origin in theirs. Columns have unit length, as Basel's.
    """
    shape, sigma = _columns(model.identity)
    moves, sigma_exp = _columns(model.expression)
    ids = model.landmarks["ibug68"].vertices[:, 0].numpy()
    offset = np.linspace(-300, 300, model.mean.numel())[:, None]
    mean = UM * (model.mean.numpy().astype(np.float64) + shift).reshape(-1, 1)
    savemat(folder / "Model_Shape.mat", {
        "mu_shape": mean - offset, "w": shape, "sigma": sigma,
        "tri": (model.faces.numpy()[:, ::-1].T + 1).astype(np.int32), "keypoints": ids[None] + 1,
    })  # fmt: skip
    savemat(folder / "Model_Exp.mat", {"mu_exp": offset, "w_exp": moves, "sigma_exp": sigma_exp})
    return folder / "Model_Shape.mat"


def write_3ddfa_points(folder: Path, model: FaceModel, shift: np.ndarray) -> Path:
    """The same at the 68 landmarks, 40 and 10 modes: the files of 3DDFA's c++/weights."""
    folder.mkdir()
    ids = model.landmarks["ibug68"].vertices[:, 0]
    rows = (3 * ids[:, None] + torch.arange(3)).reshape(-1).numpy()
    mean = UM * (model.mean.numpy().astype(np.float64) + shift).reshape(-1)[rows]
    np.savetxt(folder / "u_base.txt", mean)
    np.savetxt(folder / "w_shp_base.txt", _columns(model.identity)[0][rows, :40])
    np.savetxt(folder / "w_exp_base.txt", _columns(model.expression)[0][rows, :10])
    return folder


def _columns(basis: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Unit columns (3V,K) and deviations (K,1) um."""
    flat = UM * basis.flatten(1).numpy().astype(np.float64).T
    length = np.linalg.norm(flat, axis=0)
    return flat / length, length[:, None]


def raw_coefficients(model: FaceModel, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Shape_Para (199,) and Exp_Para (29,) of a random person; beyond the model's modes 0."""
    dice = np.random.default_rng(seed)
    raw = []
    for basis, count, spread in ((model.identity, 199, 0.8), (model.expression, 29, 0.3)):
        own = np.zeros(count)
        own[: len(basis)] = dice.normal(0, spread, len(basis)) * _columns(basis)[1][:, 0]
        raw.append(own)
    return raw[0], raw[1]


def basis_of(folder: Path) -> FittedBasis:
    """Raw columns of Model_Shape.mat and Model_Exp.mat, read by scipy."""
    shape, moves = loadmat(folder / "Model_Shape.mat"), loadmat(folder / "Model_Exp.mat")
    mean = (shape["mu_shape"] + moves["mu_exp"]).reshape(-1, 3)
    count = len(mean)
    return FittedBasis(mean, shape["w"].reshape(count, 3, -1), moves["w_exp"].reshape(count, 3, -1))


def write_300w_lp(root: Path, model: FaceModel, files: Path) -> None:
    """Photographs of two people, each turned once, and their mirror images, as distributed."""
    basis, ids = basis_of(files), model.landmarks["ibug68"].vertices[:, 0].numpy()
    dice = np.random.default_rng(2)
    for number in range(2):
        shape, expression = raw_coefficients(model, number)
        for turn in range(2):  # the photograph itself, and one turned further
            for flipped in (False, True):
                yaw = (0.2 + 0.9 * turn) * (-1 if flipped else 1)
                pose = [-0.1, yaw, 0.05 * number, 225, 240, -70, 0.0016]
                points = points_of_fit(
                    basis, np.array(pose), shape, expression=expression, height=450
                )[ids, :2]
                stem = root / ("AFW_Flip" if flipped else "AFW")
                stem.mkdir(parents=True, exist_ok=True)
                picture = dice.integers(0, 255, (45, 45, 3), dtype=np.uint8).repeat(10, 0)
                Image.fromarray(picture.repeat(10, 1)).save(stem / f"AFW_{number}_{turn}.jpg")
                own = points[list(IBUG68_MIRROR)] if flipped else points
                savemat(stem / f"AFW_{number}_{turn}.mat", {
                    "pt2d": own.T, "Pose_Para": np.float32([pose]), "Shape_Para": shape[:, None],
                    "Exp_Para": expression[:, None], "roi": np.int16([[1, 1, 450, 450]]),
                })  # fmt: skip
                if not flipped:
                    marks = root / "landmarks" / "AFW"
                    marks.mkdir(parents=True, exist_ok=True)
                    both = {"pts_2d": points, "pts_3d": points}
                    savemat(marks / f"AFW_{number}_{turn}_pts.mat", both)
