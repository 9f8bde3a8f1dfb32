"""Targets, terms and figures of UV maps, on faces whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from selfie3d.core.errors import InputError, UnknownNameError
from selfie3d.datasets.batches.batch import FaceBatch
from selfie3d.datasets.batches.occluders import COVERED, OccluderConfig, cover, draw_occluders
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.point_view import PIVOT_MM
from selfie3d.geometry.posed import PosedFaces
from selfie3d.geometry.rotation import euler_to_matrix
from selfie3d.models.sadrnet.layout import UvLayout, UvSpec
from selfie3d.models.sadrnet.network import UvPrediction
from selfie3d.recipes.faces.targets import landmark_targets
from selfie3d.recipes.uv.losses import TERMS, UvLossConfig, UvLosses
from selfie3d.recipes.uv.metrics import UvMetrics
from selfie3d.recipes.uv.targets import UvTargetMaker

SIDE, COUNT = 96, 6


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


@pytest.fixture(scope="module")
def layout(model):
    return UvLayout(UvSpec("default", SIDE, SIDE, camera="perspective"), model)


@pytest.fixture(scope="module")
def maker(layout, model):
    return UvTargetMaker(layout, model, SIDE // 8, "cpu")


@pytest.fixture(scope="module")
def batch(model):
    """Faces all over the poses; the last one's are not known."""
    g = torch.Generator().manual_seed(0)
    coefficients = model.zero_coefficients(COUNT)
    coefficients.identity.copy_(torch.randn(coefficients.identity.shape, generator=g))
    coefficients.expression[:, 24] = torch.rand(COUNT, generator=g)
    angles = (torch.rand(COUNT, 3, generator=g) - 0.5) * torch.tensor([0.6, 2.4, 0.8])
    rotation = euler_to_matrix(angles)
    distance = torch.linspace(500, 2000, COUNT)
    zero = torch.zeros(COUNT)
    away = torch.stack([zero, zero, -distance], -1) - rotation @ torch.tensor(PIVOT_MM)
    camera = PerspectiveCamera(rotation, away, 0.4 * distance, torch.full((COUNT, 2), SIDE / 2))
    faces = PosedFaces(coefficients, camera)
    points = camera.project(model.landmark_points(model.vertices(coefficients)))[..., :2]
    known = torch.tensor([True] * (COUNT - 1) + [False])
    names = tuple(f"made/{k}" for k in range(COUNT))
    images = torch.rand(COUNT, 3, SIDE, SIDE, generator=g)
    return FaceBatch(images, names, {"ibug68-3d": points}, None, faces, known)


def losses_of(layout, model, **changes):
    return UvLosses(layout, model, UvLossConfig(**changes))


def true_maps(targets):
    return UvPrediction(targets.position, targets.shaped, targets.attention, None)


def leaves(maps, noise, seed=1):
    g = torch.Generator().manual_seed(seed)
    moved = [m + noise * torch.randn(m.shape, generator=g) for m in maps[:2]]
    attention = (maps.attention * 0.8 + 0.1).clone()
    return UvPrediction(*(m.requires_grad_() for m in (*moved, attention)), None)


def test_texels_weigh_as_in_the_paper(layout, model):
    losses = losses_of(layout, model)
    assert set(losses.weights.unique().tolist()) == {0.0, 3.0, 12.0, 16.0}
    assert 60 < int((losses.weights == 16).sum()) <= 68
    assert torch.equal(losses.mask, losses.weights > 0)
    neck = layout.mapper.mask & ~losses.mask
    rows, chart = (torch.nonzero(mask)[:, 0] for mask in (neck, layout.mapper.mask))
    assert len(rows) > 0
    assert rows.min() > chart.min() + 0.9 * (chart.max() - chart.min())  # the lowest of the face
    none = losses_of(layout, model, weights={"skin": 1.0})
    assert torch.equal(none.mask, layout.mapper.mask)


def test_the_truth_costs_nothing_but_the_attentions_entropy(layout, model, maker, batch):
    targets = maker(batch)
    terms = losses_of(layout, model)(true_maps(targets), targets)
    assert set(terms) == {"position", "geometry", "deformation", "edges", "normals", "attention"}
    for name in ("position", "deformation", "edges"):
        assert terms[name] == 0
    assert terms["normals"] < 1e-6
    assert terms["geometry"] < 0.1 * 16 * 0.3 / SIDE  # 0.3 pixels off at most


def test_terms_are_weighted_means_over_the_face(layout, model, maker, batch):
    """Against loops over texels: eq 19 and 21, with means instead of sums."""
    targets = maker(batch)
    losses = losses_of(layout, model)
    maps = leaves(true_maps(targets), 0.02)
    terms = {name: term.detach() for name, term in losses(maps, targets).items()}
    mask, weights = losses.mask, losses.weights
    total = 0.0
    for face in range(COUNT - 1):  # the last one is not known
        gap = (maps.position - targets.position)[face].detach().norm(dim=0)
        total += float((gap * weights)[mask].sum()) / int(mask.sum())
    assert float(terms["position"]) == pytest.approx(total / COUNT, rel=1e-5)
    shape = layout.shape_map(maps.deformation.detach()) * 0.015
    true = layout.shape_map(targets.shaped) * 0.015
    lengths = []
    for face in range(COUNT - 1):
        for along in (1, 2):
            both = mask.narrow(along - 1, 1, SIDE - 1) & mask.narrow(along - 1, 0, SIDE - 1)
            own, known = (m[face].diff(dim=along).norm(dim=0)[both] for m in (shape, true))
            lengths.append((own - known).abs())
    mean = float(torch.cat(lengths).mean()) * (COUNT - 1) / COUNT
    assert float(terms["edges"]) == pytest.approx(mean, rel=1e-4)


def test_normals_are_the_truths(layout, model, maker, batch):
    """A shape moved along its own tangents costs nothing; moved out of its planes, it does."""
    targets = maker(batch)
    losses = losses_of(layout, model)
    flat = true_maps(targets)._replace(deformation=targets.shaped * 1.0)
    rough = flat.deformation + 0.01 * (torch.arange(SIDE) % 2)
    at_rest = losses(flat, targets)["normals"]
    assert losses(flat._replace(deformation=rough), targets)["normals"] > 100 * at_rest


def test_gradients_are_finite_and_reach_every_map(layout, model, maker, batch):
    targets = maker(batch)
    losses = losses_of(layout, model, align_with_attention=True)
    for noise in (0.0, 0.01, 1.0):
        maps = leaves(true_maps(targets), noise)
        sum(losses(maps, targets).values()).backward()
        for leaf in maps[:3]:
            assert torch.isfinite(leaf.grad).all()
            assert leaf.grad.abs().sum() > 0
            assert leaf.grad[-1].abs().sum() == 0  # the face that is not known
        outside = ~layout.mapper.mask
        assert maps.position.grad[..., outside].abs().sum() == 0
    zero = torch.zeros_like(targets.position)
    maps = leaves(UvPrediction(zero, zero, targets.attention, None), 0.0)
    sum(losses(maps, targets).values()).backward()
    assert all(torch.isfinite(leaf.grad).all() for leaf in maps[:3])


def test_faces_without_a_truth_teach_nothing(layout, model, maker, batch):
    unlabelled = replace(batch, truth=None, known=None)
    targets = maker(unlabelled)
    maps = leaves(true_maps(maker(batch)), 0.1)
    terms = losses_of(layout, model)(maps, targets)
    assert sum(terms.values()) == 0
    sum(terms.values()).backward()
    assert maps.position.grad.abs().sum() == 0


def test_a_batch_costs_the_mean_of_its_halves(layout, model, maker, batch):
    """So that accumulated batches are one batch, whatever faces are known."""
    losses = losses_of(layout, model)
    parts = []
    for rows in (slice(None), slice(0, 3), slice(3, 6)):
        targets = maker(batch[rows])
        maps = leaves(true_maps(maker(batch)), 0.05)
        kept = UvPrediction(*(m[rows] for m in maps[:3]), None)
        parts.append({k: float(v.detach()) for k, v in losses(kept, targets).items()})
    for name, whole in parts[0].items():
        assert whole == pytest.approx((parts[1][name] + parts[2][name]) / 2, rel=1e-4)


def test_rows_of_the_ablation_keep_their_terms(layout, model, maker, batch):
    targets = maker(batch)
    full = true_maps(targets)
    losses = losses_of(layout, model)
    alone = losses(UvPrediction(full.position, None, None, None), targets)
    assert set(alone) == {"position"}
    numbers = UvPrediction(None, full.deformation, None, torch.zeros(COUNT, 10))
    assert set(losses(numbers, targets)) == {"position", "deformation", "edges", "normals"}
    assert set(losses_of(layout, model, edges=0, geometry=0)(full, targets)) == {
        "position", "deformation", "normals", "attention",
    }  # fmt: skip


def test_attention_is_the_skin_that_is_seen(maker, batch):
    """Drawn, without what lies outside or under a patch; a mask goes before a drawing."""
    drawn = maker(batch)
    assert drawn.attended.tolist() == batch.known.tolist()
    assert 0.15 < drawn.attention[:-1].mean() < 0.6
    middle = slice(SIDE // 16 - 1, SIDE // 16 + 1)
    assert drawn.attention[:-1, 0, middle, middle].mean() > 0.9
    occluders = draw_occluders(OccluderConfig(1.0), COUNT, torch.Generator().manual_seed(3))
    hidden = cover(batch, occluders)
    covered = torch.nn.functional.adaptive_avg_pool2d(hidden.labels[COVERED], SIDE // 8)
    assert torch.allclose(maker(hidden).attention[:-1], (drawn.attention * (1 - covered))[:-1])
    skin = torch.rand(COUNT, 1, SIDE, SIDE)
    skin[0] = torch.nan
    masked = maker(replace(batch, skin=skin))
    assert torch.allclose(masked.attention[0], drawn.attention[0])
    assert torch.allclose(masked.attention[1, 0, 0, 0], skin[1, 0, :8, :8].mean())
    assert masked.attended.all()


def test_true_maps_have_no_error(layout, model, maker, batch):
    losses = losses_of(layout, model)
    figures = UvMetrics(layout, model, maker, landmark_targets(), losses.weights)
    found = figures.of_batch(true_maps(maker(batch)), batch)
    assert found["error"].max() < 0.3
    for name, limit in (("dense", 0.3), ("dense_posed", 0.5), ("shape_mm", 0.4), ("turn_deg", 0.4)):
        assert found[name][:-1].max() < limit, name
        assert torch.isnan(found[name][-1])
    assert found["attention"][:-1].max() == 0


def test_self_alignment_corrects_a_posed_map_that_a_patch_spoils(layout, model, maker, batch):
    """P is wrong under the patches, smoothly, by 5 pixels of 96; the shape's map is right.

    The landmarks that are seen place the whole face. P alone keeps its errors. Without attention
    the alignment believes hidden points, too.
    """
    g = torch.Generator().manual_seed(5)
    hidden = cover(batch, draw_occluders(OccluderConfig(1.0), COUNT, g))
    targets = maker(hidden)
    pixels = targets.position * layout.position_unit
    column, row = (pixels[:, k].long().clamp(0, SIDE - 1) for k in (0, 1))
    under = hidden.labels[COVERED].flatten(1).gather(1, (row * SIDE + column).flatten(1))
    under = under.view(COUNT, 1, SIDE, SIDE)
    noise = 0.05 * torch.randn(COUNT, 3, 6, 6, generator=g)
    noise = torch.nn.functional.interpolate(noise, size=SIDE, mode="bicubic")
    maps = true_maps(targets)._replace(position=targets.position + under * noise)
    losses = losses_of(layout, model)
    figures = UvMetrics(layout, model, maker, landmark_targets(), losses.weights)
    found = figures.of_batch(maps, hidden)
    blind = figures.of_batch(maps._replace(attention=None), hidden)
    spoilt = (under * losses.mask).flatten(1).mean(1) > 0.02
    spoilt[-1] = False
    assert int(spoilt.sum()) >= 3
    for name in ("error", "dense"):
        aligned, posed = found[name][spoilt].mean(), found[f"{name}_posed"][spoilt].mean()
        assert aligned < 0.75 * posed, name
        assert aligned < blind[name][spoilt].mean(), name
    assert found["turn_deg"][spoilt].mean() < blind["turn_deg"][spoilt].mean()


def test_wrong_settings_are_named(layout, model):
    with pytest.raises(UnknownNameError, match="ears"):
        losses_of(layout, model, weights={"ears": 1.0})
    with pytest.raises(InputError, match="weights"):
        losses_of(layout, model, weights={"skin": 0.0})
    with pytest.raises(InputError, match="loss: expected a weight above 0 of one of geometry"):
        UvLossConfig(**dict.fromkeys(TERMS, 0.0))
    with pytest.raises(InputError, match="prediction"):
        losses_of(layout, model)(UvPrediction(None, None, None, None), None)
