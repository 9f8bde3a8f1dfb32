"""The default network's terms, figures and stated errors against numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.datasets.batches.epochs import EpochSource
from selfie3d.datasets.shards.dense import draw_rendered
from selfie3d.datasets.shards.rendered import DenseBatch, DenseBatchMaker, LabelledPoints
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.coefficient_mirror import CoefficientMirror
from selfie3d.geometry.dense_points import make_layout
from selfie3d.geometry.segments import Segment
from selfie3d.models.dense_points import DensePointOptions
from selfie3d.models.heads.points import PointPrediction
from selfie3d.models.registry import NETWORKS
from selfie3d.models.weights import load_weights, pack_weights
from selfie3d.recipes.dense.lessons import check_dense_lessons
from selfie3d.recipes.dense.losses import (
    TERMS,
    DenseLossConfig,
    DenseLosses,
    class_weights,
    mode_shares,
)
from selfie3d.recipes.dense.metrics import WITHIN, DenseFindings, dense_metrics
from selfie3d.recipes.dense.recipe import TrainConfig, initial_network
from selfie3d.recipes.dense.task import DenseBatches, DensePointTask
from selfie3d.train import run_training

BATCH = 6


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


@pytest.fixture(scope="module")
def layout(model):
    return make_layout(model, 20)


@pytest.fixture(scope="module")
def batch(model, layout):
    g = torch.Generator().manual_seed(0)
    count = sum(model.sizes) + 27
    return DenseBatch(
        torch.rand(BATCH, 3, 32, 32, generator=g),
        torch.rand(BATCH, len(layout), 3, generator=g) - 0.5,
        torch.randn(BATCH, count, generator=g),
        torch.rand(BATCH, len(layout), generator=g) < 0.7,
        torch.randint(0, len(Segment), (BATCH, 8, 8), generator=g),
        torch.tensor([4, 4, 4, 9, 9, 1]),
    )


def perfect(batch):
    """What a network that knows would say."""
    sure = 40.0
    classes = torch.nn.functional.one_hot(batch.segmentation, len(Segment)).permute(0, 3, 1, 2)
    return PointPrediction(
        batch.points.clone(),
        torch.full(batch.points.shape[:2], -3.0),
        batch.coefficients.clone(),
        sure * (2 * batch.visible.float() - 1),
        sure * classes.float(),
    )


def test_a_network_that_knows_has_no_loss_but_of_confidence(model, layout, batch):
    terms = DenseLosses(model, layout, DenseLossConfig())(perfect(batch), batch)
    assert set(terms) == {
        "points", "depth", "gaps", "confidence", "visibility", "segmentation",
        "identity", "population", "agreement", "expression", "albedo", "light",
    }  # fmt: skip
    assert all(abs(float(v)) < 1e-5 for name, v in terms.items() if name != "confidence")


def test_a_network_that_answers_nothing_has_a_loss_of_one_per_kind(model, layout, batch):
    """Of identity: that of standard normal coefficients, over many faces."""
    g = torch.Generator().manual_seed(1)
    many = replace(
        DenseBatch(*(torch.cat([v] * 100) for v in vars(batch).values())),
        coefficients=torch.randn(100 * BATCH, batch.coefficients.shape[1], generator=g),
    )
    out = perfect(many)._replace(coefficients=torch.zeros_like(many.coefficients))
    config = DenseLossConfig(identity=1, population=1, expression=1, albedo=1, light=1)
    terms = DenseLosses(model, layout, config)(out, many)
    for kind in ("identity", "population", "expression", "albedo", "light"):
        assert float(terms[kind]) == pytest.approx(1, abs=0.1), kind


def test_hidden_points_count_less(model, layout, batch):
    moved = batch.points.clone()
    moved[0, 70] += torch.tensor([0.3, 0.0, 0.0])
    out = perfect(batch)._replace(points=moved)
    seen, hidden = batch.visible.clone(), batch.visible.clone()
    seen[0], hidden[0] = True, True
    hidden[0, 70] = False
    config = DenseLossConfig(hidden=0.25)
    losses = [
        float(DenseLosses(model, layout, config)(out, replace(batch, visible=v))["points"])
        for v in (seen, hidden)
    ]
    assert losses[1] == pytest.approx(0.25 * losses[0], rel=0.05)  # of a little less in all


def test_lips_that_move_together_keep_their_gap(model, layout, batch):
    apart, along = batch.points.clone(), batch.points.clone()
    apart[:, 62, 1] -= 0.1
    along[:, [62, 66], 1] -= 0.1
    losses = DenseLosses(model, layout, DenseLossConfig())
    gaps = [float(losses(perfect(batch)._replace(points=p), batch)["gaps"]) for p in (apart, along)]
    assert gaps[0] > 0.003 > 1e-5 > gaps[1]


def test_agreement_is_about_pictures_of_one_person(model, layout, batch):
    wrong = batch.coefficients.clone()
    wrong[:3, :5] += 0.7  # alike for the three pictures of person 4
    wrong[5, :5] += 0.9  # the only one of its person
    losses = DenseLosses(model, layout, DenseLossConfig(agreement=1))
    out = perfect(batch)._replace(coefficients=wrong)
    assert float(losses(out, batch)["agreement"]) < 1e-6 < float(losses(out, batch)["population"])
    wrong[0, :5] -= 0.5
    assert float(losses(out, batch)["agreement"]) > 1e-3
    assert "agreement" not in losses(out, replace(batch, person=None))


def test_labels_that_a_head_needs_are_asked_for(model, layout, batch):
    losses = DenseLosses(model, layout, DenseLossConfig())
    with pytest.raises(InputError, match=r"visible_vertices.*network\.visibility=false"):
        losses(perfect(batch), replace(batch, visible=None))
    with pytest.raises(InputError, match=r"segmentation.*network\.segments=0"):
        losses(perfect(batch), replace(batch, segmentation=None))
    plain = perfect(batch)._replace(visibility=None, segmentation=None)
    terms = losses(plain, replace(batch, visible=None, segmentation=None))
    assert "segmentation" not in terms and "visibility" not in terms


def test_shares(model):
    shares = mode_shares(model, leading=40)
    population = shares["population"]
    assert all(float(share.sum()) == pytest.approx(1, abs=1e-5) for share in shares.values())
    assert float(population[0]) == pytest.approx(float(population[39]))
    assert float(population[79]) == pytest.approx(float(population[0]) / 2)
    assert float(population[model.sizes[0] :].sum()) == 0
    assert len(class_weights()) == len(Segment)


def test_figures_of_known_errors(model, layout, batch):
    out = perfect(batch)
    unit = (batch.points[:, :68, :2].amax(1) - batch.points[:, :68, :2].amin(1)).prod(1).sqrt()
    points = out.points.clone()
    points[:, 48:68, 0] += 0.02 * unit[:, None]
    modes = model.sizes[0]
    coefficients = batch.coefficients.clone()
    coefficients[:, :modes] *= 0.5
    logits = out.visibility.clone()
    logits[:, :22] *= -1
    out = out._replace(points=points, coefficients=coefficients, visibility=logits)
    found = DenseFindings.of(out, batch, layout.landmarks("ibug68"))
    figures = dense_metrics(found, layout, model)
    assert figures["nme_mouth"] == pytest.approx(2, rel=1e-3)
    assert figures["nme_jaw"] < 0.01
    assert figures["error"] == figures["nme_ibug68"] == pytest.approx(2 * 20 / 68, rel=1e-2)
    assert figures["visibility"] == pytest.approx(1 - 22 / len(layout))
    assert figures["miou"] == 1
    assert figures["identity_slope"] == pytest.approx(2, rel=1e-3)
    assert figures["shape_explained"] == pytest.approx(0.75, rel=1e-3)
    assert figures["shape_mm"] == pytest.approx(figures["shape_mm_mean_face"] / 2, rel=1e-3)


def test_scaled_errors_are_true(model, layout, batch):
    """Distances of a scale that the network states 3 times too small for half of the points."""
    g = torch.Generator().manual_seed(2)
    many = 400
    scale = torch.rand(many, len(layout), generator=g) + 0.5
    stated = scale.clone()
    stated[:, ::2] /= 3
    angle = torch.rand(many, len(layout), generator=g) * 6.28
    radius = scale * torch.distributions.Gamma(2.0, 1.0).sample(scale.shape)
    truth = torch.zeros(many, len(layout), 3)
    truth[:, 1, :2] = 1.0  # a box of size 1
    moved = truth + torch.stack([radius * angle.cos(), radius * angle.sin(), 0 * radius], -1)
    vector = torch.zeros(many, batch.coefficients.shape[1])
    out = PointPrediction(moved, stated.log(), vector)
    found = DenseFindings.of(out, DenseBatch(truth, truth, vector), layout.landmarks("ibug68"))
    scales = found.sigma_scale()
    assert float((scales[::2] / 3).mean() / scales[1::2].mean()) == pytest.approx(1, abs=0.05)
    assert dense_metrics(found, layout, model)["within_sigma"] == pytest.approx(WITHIN, abs=0.01)


@pytest.fixture(scope="module")
def made(model, layout):
    """A task of a toy on a few faces, and a function that makes another one of some layout."""
    faces = draw_rendered(SyntheticConfig(size=48, seed=8), 6)
    options = {"size": 32, "width": 4, "blocks": (1, 1), "reduced": 2, "visibility": True}
    options |= {"segments": len(Segment), "decoder": 4, "hidden": 8}

    def make(layout):
        parts = LabelledPoints.of(model, layout), CoefficientMirror.of(model), 32
        maker = DenseBatchMaker(faces, *parts)
        torch.manual_seed(0)
        count = {"points": len(layout), "coefficients": sum(model.sizes) + 27}
        network = NETWORKS.create("dense-points", **options, **count)
        source = EpochSource(maker, lambda: 6, 6, 0)
        batches = DenseBatches(source, DenseBatchMaker(faces, *parts), [maker])
        return DensePointTask(network, batches, model, layout, DenseLossConfig())

    return make


def test_a_validation_is_exported(made, layout, tmp_path):
    task = made(layout)
    batch = next(task.source)
    terms = task.losses(task.network, batch)
    torch.stack(list(terms.values())).sum().backward()
    assert all(p.grad is not None for p in task.network.parameters())
    figures = task.validate(task.network.eval())
    assert {"visibility", "miou", "identity_r2", "within_sigma"} <= set(figures)
    path = tmp_path / "toy.safetensors"
    path.write_bytes(task.export(task.network, {})[".safetensors"])
    facts = load_weights(path).facts
    assert len(facts["sigma_scale"]) == len(layout)
    assert len(facts["coefficient_variance"]) == batch.coefficients.shape[1]


def test_a_checkpoint_brings_its_points(made, model, layout):
    """A run goes on with the vertices that it began with, whatever a changed model would choose."""
    other = make_layout(model, 20)
    vertices = tuple(int(model.mirror[v]) for v in reversed(other.vertices))
    count = len(vertices)
    other = replace(other, vertices=vertices, mirror=tuple(
        count - 1 - k for k in reversed(other.mirror)))  # fmt: skip
    before = made(other)
    after = made(layout)
    after.load_state_dict(before.state_dict())
    assert after.layout == other
    assert torch.equal(next(after.source).points, next(before.source).points)
    assert not torch.equal(next(made(layout).source).points, next(made(other).source).points)
    after.load_state_dict({"variance": [1.0]})
    assert after.layout == other


def test_faces_that_no_term_learns_from_are_an_error(tmp_path):
    """A run of them would end well, having learnt nothing."""
    faces = draw_rendered(SyntheticConfig(size=32, seed=3), 3)
    options = DensePointOptions(visibility=True, segments=16)
    none = dict.fromkeys(TERMS, 0.0)
    assert check_dense_lessons(faces, options, DenseLossConfig()) >= {"points", "segmentation"}
    apart = replace(faces, person=torch.tensor([0, 1, 2]))
    assert "agreement" not in check_dense_lessons(apart, options, DenseLossConfig())
    alone = DenseLossConfig(**none | {"agreement": 1.0})
    twice = replace(faces, person=torch.tensor([0, 1, 0]))
    assert check_dense_lessons(twice, options, alone) == {"agreement"}
    for some, given in ((apart, alone), (faces, DenseLossConfig(**none | {"visibility": 1.0}))):
        with pytest.raises(InputError, match=r"data\.train: expected faces that a term .*synth"):
            check_dense_lessons(some, DensePointOptions(), given)
    for name, setting in (("segmentation", "segments=0"), ("visible_vertices", "visibility=false")):
        with pytest.raises(InputError, match=f"faces with {name}.*network.{setting}"):
            check_dense_lessons(replace(faces, **{name: None}), options, DenseLossConfig())
    with pytest.raises(InputError, match="loss: expected a weight above 0 of one of points"):
        DenseLossConfig(**none)


def test_the_recipe_looks_for_labels_before_it_trains(tmp_path):
    settings = [f"loss.{name}=0" for name in TERMS if name != "segmentation"]
    with pytest.raises(InputError, match=r"data\.train: .*none for segmentation"):
        run_training("smoke", [
            *settings, "network.segments=0", "data.draw=2", "data.validate=1",
            f"output={tmp_path / 'run'}",
        ])  # fmt: skip
    assert not (tmp_path / "run" / "log.jsonl").exists()


def test_a_network_without_a_second_look_is_given_one_and_answers_as_before(model, tmp_path):
    layout = make_layout(model, 20)
    torch.manual_seed(0)
    options = DensePointOptions(
        size=32, width=4, blocks=(1, 1), points=len(layout), coefficients=sum(model.sizes) + 27
    )
    before = NETWORKS.create("dense-points", **vars(options)).eval()
    file = tmp_path / "before.safetensors"
    file.write_bytes(
        pack_weights(before, "dense-points", options, layout=layout, facts={}, half=False)
    )
    asked = replace(DensePointOptions(), refinement=8)
    after, _ = initial_network(TrainConfig(start=str(file), network=asked), model)
    assert after.options == replace(options, refinement=8)
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        for one, other in zip(after.eval()(images), before(images), strict=True):
            if one is not None:
                torch.testing.assert_close(one, other)
