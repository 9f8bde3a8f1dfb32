"""300W-LP's parameters as a supervised term of training on photographs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from basel_like import basel_like, write_3ddfa, write_3ddfa_points, write_300w_lp
from selfie3d.core.config import load_config
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.datasets.batches.face_pass import FacePass
from selfie3d.datasets.photographs.registry import DATASETS
from selfie3d.datasets.photographs.w300lp import W300LP
from selfie3d.facemodels.readers.npz import save_npz
from selfie3d.geometry.posed import PosedFaces
from selfie3d.geometry.rotation import euler_to_matrix
from selfie3d.recipes.faces.known import ParameterTerm
from selfie3d.recipes.faces.metrics import FaceViewer
from selfie3d.recipes.faces.recipe import FaceTrainConfig, build_face_task
from selfie3d.recipes.fits import FitReader

pytestmark = pytest.mark.usefixtures("one_thread")
SIZE = 64
ALONE = "loss={photometric: 0, landmarks: 0, prior: 0, parameters: 1}"


@pytest.fixture(scope="module")
def model():
    return basel_like("basel-2009-3ddfa")


@pytest.fixture(scope="module")
def place(tmp_path_factory, model):
    root = tmp_path_factory.mktemp("parameters")
    shift = np.array([0.0, -30.0, -60.0])
    write_3ddfa(root, model, shift)
    write_3ddfa_points(root / "3ddfa", model, shift)
    save_npz(model, root / "basel.npz")
    write_300w_lp(root / "300W_LP", model, root)
    return root


@pytest.fixture(scope="module")
def batch(place):
    return next(iter(FacePass(W300LP(place / "300W_LP"), "tight", SIZE, 4)))


@pytest.fixture(scope="module")
def truth(place, model, batch):
    faces, known = FitReader.load(model, str(place / "Model_Shape.mat")).faces(batch.labels)
    assert known.all()
    return faces


@pytest.fixture(scope="module")
def term(place, model):
    return ParameterTerm.load(model, str(place / "Model_Shape.mat"))


@pytest.fixture(scope="module")
def viewer(model):
    return FaceViewer(model, "cpu", "ibug68")


def test_it_is_nothing_where_a_face_is_the_fit(term, viewer, truth, batch):
    assert term.shared == ("identity", "expression")
    assert float(term(viewer(truth, SIZE), batch)) < 1e-3


@pytest.mark.parametrize("part", ["identity", "expression", "rotation", "translation", "scale"])
def test_every_part_counts_and_learns(term, viewer, truth, batch, part):
    c, camera = truth.coefficients, truth.camera
    moved = {name: value.clone() for name, value in vars(camera).items()}
    if part in moved:
        change = {"rotation": euler_to_matrix(torch.tensor([[0.0, 0.3, 0.0]])), "scale": 1.2}
        if part == "translation":
            moved[part] = moved[part] + 6
        else:
            moved[part] = change[part] @ moved[part] if part == "rotation" else 1.2 * moved[part]
        moved[part].requires_grad_()
        faces, leaf = PosedFaces(c, type(camera)(**moved)), moved[part]
    else:
        leaf = (getattr(c, part) + 1.0).requires_grad_()
        faces = PosedFaces(replace(c, **{part: leaf}), camera)
    value = term(viewer(faces, SIZE), batch)
    least = {"identity": 1.0, "expression": 1.0, "rotation": 0.09}.get(part, 0.02)
    assert float(value.detach()) > 0.98 * least  # squared angles and standard deviations
    value.backward()
    assert torch.isfinite(leaf.grad).all() and float(leaf.grad.abs().sum()) > 0


def test_faces_without_a_fit_count_nothing(term, viewer, truth, batch):
    off = PosedFaces(
        replace(truth.coefficients, identity=truth.coefficients.identity + 1), truth.camera
    )
    whole = float(term(viewer(off, SIZE), batch))
    labels = {name: value.clone() for name, value in batch.labels.items()}
    labels["pose_para"][1:] = torch.nan
    part = float(term(viewer(off, SIZE), replace(batch, labels=labels)))
    each = float(term(viewer(off[:1], SIZE), batch[:1]))
    assert part == pytest.approx(each / 4, rel=1e-4) and whole > 3 * part
    labels["pose_para"][:] = torch.nan
    assert float(term(viewer(off, SIZE), replace(batch, labels=labels))) == 0


def test_modes_that_are_others_teach_by_points(place, viewer, batch):
    """Deep3D's expressions are not 3DDFA's."""
    other = basel_like()
    other.expression.copy_(other.expression.flip(0))
    term = ParameterTerm.load(other, str(place / "3ddfa"))
    assert term.shared == ("identity",)
    faces = PosedFaces(other.zero_coefficients(4), _some_camera())
    value = float(term(FaceViewer(other, "cpu", "ibug68")(faces, SIZE), batch))
    assert math.isfinite(value) and value > 0.1


def _some_camera():
    from selfie3d.geometry.camera import PerspectiveCamera

    return PerspectiveCamera(
        torch.eye(3).expand(4, 3, 3), torch.tensor([[0.0, 0.0, -900.0]]).expand(4, 3),
        torch.full((4,), 250.0), torch.full((4, 2), SIZE / 2),
    )  # fmt: skip


def configured(place, *more):
    data = f"[{{name: 300w-lp, root: {place / '300W_LP'}}}]"
    return load_config(FaceTrainConfig, None, [
        f"data.train={data}", f"data.validation={data}", "data.validate=4", "data.batch=4",
        "network={name: resnet18, layout: deep3d, options: {size: 64, imagenet: ''}}",
        f"face_model={place / 'basel.npz'}", "engine.threads=1", *more,
    ])  # fmt: skip


def test_the_recipe_learns_from_it(place):
    task = build_face_task(configured(place, ALONE, f"label_model={place / 'Model_Shape.mat'}"))
    batch, network = next(task.source), task.network.train()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    totals = []
    for _ in range(5):
        optimizer.zero_grad()
        terms = task.losses(network, batch)
        assert set(terms) == {"parameters"}
        terms["parameters"].backward()
        totals.append(float(terms["parameters"].detach()))
        optimizer.step()
    assert 0 < totals[-1] < totals[0]


def test_what_cannot_be_is_named(place, tmp_path):
    label = f"label_model={place / 'Model_Shape.mat'}"
    with pytest.raises(InputError, match=r"label_model.*Model_Shape\.mat.*loss\.parameters=0"):
        build_face_task(configured(place, ALONE))
    with pytest.raises(InputError, match=r"label_model: expected nothing"):
        build_face_task(configured(place, label))
    with pytest.raises(MissingFileError, match="nowhere"):
        build_face_task(configured(place, ALONE, "label_model=nowhere"))
    with pytest.raises(InputError, match=r"data\.train: 300w-lp.*pose_para.*weight above 0"):
        build_face_task(configured(place, "loss={photometric: 0, landmarks: 0, prior: 0.1}"))
    DATASETS.create("drawn", str(tmp_path), count=4, size=72)
    drawn = f"[{{name: rendered, root: {tmp_path}}}]"
    with pytest.raises(InputError, match=r"pose_para, shape_para and exp_para.*none"):
        build_face_task(configured(
            place, "loss={parameters: 1}", label, f"data.train={drawn}", "face_model=default",
        ))  # fmt: skip
