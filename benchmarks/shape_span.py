"""What a face model can say of heads that it was not made from, without any picture.

ICT-FaceKit's heads are known at every vertex (`ict_heads.py`), the Surrey model's as points alone;
of the Basel model the mean is known.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from ict_heads import Registration
from scipy.io import loadmat
from scipy.linalg import cho_factor, cho_solve
from selfie3d.core.progress import progress_bar
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.face_model import FaceModel
from selfie3d.geometry.mesh import face_areas
from shape_figures import (
    Array,
    Head,
    Ids,
    data_file,
    face_points,
    fit_identity,
    shape_of,
    similarity,
)
from shape_tables import Row

SPANS = (20, 40, 80, 120)
COLUMNS = ("p2s", "rigid", "vertex")
FIRST = 20  # modes whose coefficients are shown
_RIDGE, _ROUNDS = 1e-3, 4  # mm^2 a vertex: next to nothing; poses and coefficients in turns
_EYES_NOSE_MOUTH = np.arange(27, 60)  # the lips' outer line alone: mouths differ in opening
_SIGMA, _POINTS = 1.0, 2000  # mm, of the Surrey heads' points; how many
_SAMPLED = 40_000  # points of the whole Surrey head they are chosen from


def spans(model: FaceModel) -> list[int]:
    """The numbers of modes to try, up to the model's own."""
    return sorted({min(count, len(model.identity)) for count in SPANS})


class VertexFit:
    """Best fits of a model's first modes to its own vertices on ICT's heads, by least squares."""

    def __init__(self, known: Registration, modes: int) -> None:
        self._known, near = known, known.near
        model = known.skin.model
        self._mean = model.mean[near].double().numpy()
        self._basis = model.identity[:modes, near].double().flatten(1).numpy()
        ridge = _RIDGE * len(near) * np.eye(len(self._basis))
        self._factor = cho_factor(self._basis @ self._basis.T + ridge)

    def __call__(self, vertices: Array) -> Array:
        """Identity (K,) of a head (V,3)."""
        placed = self._known.place(vertices)[self._known.near]
        values = np.zeros(len(self._basis))
        for _ in range(_ROUNDS):
            own = self._mean + (values @ self._basis).reshape(-1, 3)
            gap = similarity(placed, own).apply(placed) - self._mean
            values = cho_solve(self._factor, self._basis @ gap.reshape(-1))
        return values


def measure_span(known: Registration, identities: Array) -> dict[str, list[Row]]:
    """Tables of mean faces, best fits and their coefficients, for heads (H,100) of ICT's."""
    model, heads = known.skin.model, known.heads
    fits = {modes: VertexFit(known, modes) for modes in spans(model)}
    whole = fits[max(fits)]
    shapes = {
        "mean face": model.mean.double().numpy(),
        "ICT's mean in the model's modes": shape_of(model, whole(heads.mean)),
        "ICT's mean": known.place(heads.mean) / known.scale,
    }
    scores: dict[str, list[tuple[float, ...]]] = {}
    values = []
    with progress_bar("Fitting heads", len(identities)) as advance:
        for identity in identities:
            head = heads.vertices(identity)
            for name, shape in shapes.items():
                scores.setdefault(name, []).append(known.score(shape, head))
            for modes, fit in fits.items():
                found = fit(head)
                score = known.score(shape_of(model, found), head)
                scores.setdefault(f"best fit, {modes} modes", []).append(score)
            values.append(found)
            advance()
    rows = [
        {"shape": name, **dict(zip(COLUMNS, np.mean(found, 0), strict=True))}
        for name, found in scores.items()
    ]
    return {"ICT heads, mm": rows, "Coefficients of the fits": coefficients(np.array(values))}


def coefficients(values: Array) -> list[Row]:
    """Means, spread and rms of fitted coefficients (H,K): 0, 1 and 1 where the model fits people.

    The fits have next to no prior, so that small modes come out larger than they are.
    """
    groups = {f"mode {k + 1}": slice(k, k + 1) for k in range(min(FIRST, values.shape[1]))}
    groups[f"modes 1 to {FIRST}"] = slice(0, FIRST)
    groups |= {
        f"modes {a + 1} to {a + 20}": slice(a, a + 20) for a in range(20, values.shape[1], 20)
    }
    return [
        {
            "coefficients": name,
            "rms of means": float(np.sqrt((values[:, part].mean(0) ** 2).mean())),
            "standard deviation": float(np.sqrt(values[:, part].var(0).mean())),
            "rms": float(np.sqrt((values[:, part] ** 2).mean())),
        }
        for name, part in groups.items()
    ]


def measure_surrey(known: Registration, data: Path, count: int, seed: int) -> dict[str, list[Row]]:
    """Best fits to half of the points of random Surrey heads, judged on the other half."""
    surrey, skin = surrey_model(data), known.skin
    corners, weights = _asked(known, surrey)
    even = np.arange(len(corners)) % 2 == 0
    random = np.random.default_rng(seed)
    scores: dict[str, list[float]] = {}
    with progress_bar("Fitting Surrey heads", count) as advance:
        for _ in range(count):
            shape = shape_of(surrey, random.normal(size=len(surrey.identity)))
            points = np.einsum("nk,nkc->nc", weights, shape[corners])
            marks = surrey.landmark_points(torch.from_numpy(shape)[None])[0].numpy()
            fitted, judged = Head(points[even], marks), Head(points[~even], marks)
            for modes in (0, *spans(skin.model)):
                name = f"best fit, {modes} modes" if modes else "mean face"
                found = fit_identity(skin, fitted, modes, _SIGMA) if modes else np.zeros(0)
                error = skin.distances(shape_of(skin.model, found), judged).mean()
                scores.setdefault(name, []).append(float(error))
            advance()
    rows = [{"shape": name, "p2s": float(np.mean(found))} for name, found in scores.items()]
    return {f"{count} Surrey heads, mm": rows}


def surrey_model(data: Path) -> FaceModel:
    """From DATA/models/sfm/sfm_3448.npz."""
    return load_face_model(data_file(data, "models/sfm/sfm_3448.npz", "The Surrey face model"))


def _asked(known: Registration, surrey: FaceModel) -> tuple[Ids, Array]:
    """Points spread by area over the Surrey face: corners and weights (N,3)."""
    mean, faces = surrey.mean.double(), surrey.faces.numpy()
    areas = face_areas(mean[None], surrey.faces)[0].numpy()
    random = np.random.default_rng(0)
    chosen = random.choice(len(faces), _SAMPLED, p=areas / areas.sum())
    weights = random.dirichlet((1, 1, 1), _SAMPLED)
    points = np.einsum("nk,nkc->nc", weights, mean.numpy()[faces[chosen]])
    marks = surrey.landmark_points(mean[None])[0].numpy()
    placed = known.place(known.heads.mean)
    rows = face_points(known.skin, placed, Head(points, marks), _POINTS)
    return faces[chosen][rows], weights[rows]


def measure_means(known: Registration, data: Path) -> dict[str, list[Row]]:
    """Distances of other models' mean landmarks from the model's, after their best similarity."""
    own = known.skin.landmarks(known.skin.model.mean.double().numpy())
    surrey = surrey_model(data)
    others = {
        "Surrey": surrey.landmark_points(surrey.mean.double()[None])[0].numpy(),
        "Basel": basel_landmarks(data),
        "ICT": known.heads.mean[known.heads.points],
    }
    rows: list[Row] = []
    for name, points in others.items():
        both = _EYES_NOSE_MOUTH[~np.isnan((own + points)[_EYES_NOSE_MOUTH]).any(1)]
        gap = similarity(own[both], points[both]).apply(own[both]) - points[both]
        far = np.linalg.norm(gap, axis=1)
        rows.append(
            {
                "mean of": name,
                "landmarks": len(both),
                "mean": float(far.mean()),
                "rms": float(np.sqrt((far**2).mean())),
            }
        )
    return {"Landmarks of eyes, nose and mouth, mm": rows}


def basel_landmarks(data: Path) -> Array:
    """(68,3) mm of the Basel model's mean face."""
    place = "models/bfm53215/Model_Shape_Sim.mat"
    content = loadmat(data_file(data, place, "The Basel model's mean face"))
    mean = content["mu_shape"].astype(float).reshape(-1, 3) / 1000
    return mean[content["keypoints"].reshape(-1).astype(int) - 1]
