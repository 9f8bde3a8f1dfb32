"""300W-LP's fits as faces: turned images and mirror images, through a model like 3DDFA's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from basel_like import basel_like, basis_of, write_3ddfa, write_3ddfa_points, write_300w_lp
from selfie3d.core.config import load_config
from selfie3d.core.errors import InputError
from selfie3d.datasets.batches.face_pass import FacePass
from selfie3d.datasets.photographs.aflw2000_fit import FittedBasis, points_of_fit
from selfie3d.datasets.photographs.registry import DATASETS
from selfie3d.datasets.photographs.w300lp import W300LP
from selfie3d.facemodels.readers.npz import save_npz
from selfie3d.recipes.fits import FitReader, FittedSource
from selfie3d.recipes.uv.recipe import UvTrainConfig, build_uv_task
from selfie3d.train import run_training

pytestmark = pytest.mark.usefixtures("one_thread")
SIZE = 64
SHIFT = np.array([0.0, -30.0, -60.0])  # mm, our origin in the files'
TERMS = {"position", "geometry", "deformation", "edges", "normals", "attention"}


@pytest.fixture(scope="module")
def model():
    return basel_like("basel-2009-3ddfa")


@pytest.fixture(scope="module")
def place(tmp_path_factory, model):
    """A folder with 300W_LP as distributed, the models' files and the converted model."""
    root = tmp_path_factory.mktemp("fits")
    write_3ddfa(root, model, SHIFT)
    write_3ddfa_points(root / "3ddfa", model, SHIFT)
    save_npz(model, root / "basel.npz")
    write_300w_lp(root / "300W_LP", model, root)
    return root


def settings(place, *more):
    data = f"[{{name: 300w-lp, root: {place / '300W_LP'}}}]"
    own = [
        f"data.train={data}", f"data.validation={data}", "data.validate=4", "data.batch=4",
        "data.readers=1", f"network.options.size={SIZE}", "network.options.width=4",
        f"face_model={place / 'basel.npz'}", "engine.threads=1", "engine.prefetch=0",
    ]  # fmt: skip
    return [*own, *more]


def configured(repository, place, *more):
    return load_config(
        UvTrainConfig, repository / "configs" / "sadrnet.yaml", settings(place, *more)
    )


@pytest.mark.parametrize(("labels", "modes"), [("Model_Shape.mat", (45, 12)), ("3ddfa", (40, 10))])
def test_fits_are_where_3ddfas_formula_has_them(place, model, labels, modes):
    """Every image, the turned ones and the mirror images, in the crop, all vertices."""
    reader = FitReader.load(model, str(place / labels))
    data = W300LP(place / "300W_LP")
    batch = reader(next(iter(FacePass(data, "sadrnet", SIZE, 8))))
    assert len(batch) == 8 and batch.known.all()
    seen = batch.truth.camera.project(model.vertices(batch.truth.coefficients))
    basis = basis_of(place)
    kept = FittedBasis(
        basis.mean, basis.identity[..., : modes[0]], basis.expression[..., : modes[1]]
    )
    for row in range(8):
        sample = data[row]
        fit = [sample.labels[name] for name in ("pose_para", "shape_para", "exp_para")]
        points = points_of_fit(kept, *fit, height=450)
        matrix = batch.labels["crop"][row].double().numpy()
        plane = (points[:, :2] - 0.5) @ matrix[:, :2].T + matrix[:, 2]
        np.testing.assert_allclose(seen[row, :, :2].numpy(), plane, atol=0.02)
        scale = np.sqrt(np.linalg.det(matrix[:, :2]))
        depth, wanted = seen[row, :, 2].numpy(), scale * points[:, 2]
        np.testing.assert_allclose(depth - depth.mean(), wanted - wanted.mean(), atol=0.02)


def test_they_become_the_maps(repository, place, model):
    """P read at the vertices is the fit in the crop; D its difference from the mean."""
    task = build_uv_task(configured(repository, place, f"label_model={place / 'Model_Shape.mat'}"))
    assert isinstance(task.source, FittedSource)
    batch = next(task.source)
    targets = task._maker(batch)
    layout = task._losses.layout
    assert targets.known.all() and targets.attended.all()
    seen = batch.truth.camera.project(model.vertices(batch.truth.coefficients))
    read = layout.mapper.sample(targets.position) * layout.position_unit
    inside = layout.in_chart[: read.shape[1]]
    gap = (read - seen[:, : read.shape[1]])[:, inside, :2].norm(dim=-1)
    assert float(gap.median()) < 0.5  # texels of a map of 64 x 64 on a face of 43 pixels
    offset = layout.mapper.sample(targets.shaped) / 0.015
    moved = (model.vertices(batch.truth.coefficients) - model.mean)[:, : offset.shape[1]]
    assert float((offset - moved)[:, inside].norm(dim=-1).median()) < 1.0


def test_sadrnet_learns_from_them(repository, place):
    """All six terms are there, and fall."""
    task = build_uv_task(configured(repository, place, f"label_model={place / '3ddfa'}"))
    batch, network = next(task.source), task.network.train()
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    totals = []
    for _ in range(4):
        optimizer.zero_grad()
        terms = task.losses(network, batch)
        assert set(terms) == TERMS and all(float(term.detach()) > 0 for term in terms.values())
        totals.append(float(sum(terms.values()).detach()))
        sum(terms.values()).backward()
        optimizer.step()
    assert totals[-1] < totals[0]


def test_a_run(place, tmp_path):
    figures = run_training("sadrnet", [
        *settings(place, f"label_model={place / 'Model_Shape.mat'}"), f"output={tmp_path / 'run'}",
        "engine.schedule={steps: 2, warmup: 0, warmup_epochs: 0, shape: constant}",
    ])  # fmt: skip
    assert {"error", "dense", "shape_mm", "turn_deg"} <= set(figures)
    assert all(np.isfinite(value) for value in figures.values())


def test_labels_that_no_term_uses_are_an_error(repository, place, tmp_path):
    """It ran to its end with six terms of 0."""
    message = r"data\.train: 300w-lp.*pose_para.*label_model=Model_Shape\.mat"
    with pytest.raises(InputError, match=message):
        build_uv_task(configured(repository, place))
    DATASETS.create("drawn", str(tmp_path), count=4, size=72)
    both = f"[{{name: rendered, root: {tmp_path}}}, {{name: 300w-lp, root: {place / '300W_LP'}}}]"
    with pytest.raises(InputError, match=message):  # one set of two
        build_uv_task(
            configured(repository, place, f"data.train={both}", "face_model=default-face")
        )


def test_other_models_are_refused(place):
    other = basel_like()
    other.identity.copy_(other.identity.flip(0))
    with pytest.raises(InputError, match="identity modes"):
        FitReader.load(other, str(place / "3ddfa"))


def test_rows_without_a_fit_stay_unknown(place, model):
    reader = FitReader.load(model, str(place / "Model_Shape.mat"))
    batch = next(iter(FacePass(W300LP(place / "300W_LP"), "sadrnet", SIZE, 4)))
    batch.labels["pose_para"][1] = torch.nan
    read = reader(batch)
    assert read.known.tolist() == [True, False, True, True]
    assert torch.isfinite(model.vertices(read.truth.coefficients)).all()
    batch.labels["pose_para"][:] = torch.nan
    assert reader(batch).truth is None
