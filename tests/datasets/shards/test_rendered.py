"""Batches of dense points: labels that fit the pictures, order and place of the source."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.datasets.batches.augment import NO_AUGMENTATION, AugmentConfig
from selfie3d.datasets.batches.epochs import EpochSource
from selfie3d.datasets.shards.dense import draw_rendered, open_rendered
from selfie3d.datasets.shards.rendered import DenseBatchMaker, LabelledPoints, RenderedFaces
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.shards import write_shards
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.coefficient_mirror import CoefficientMirror
from selfie3d.geometry.coefficients import vector_to_coefficients
from selfie3d.geometry.dense_points import PointBasis, make_layout
from selfie3d.geometry.point_solver import PointSolver, SolverConfig

SMALL = SyntheticConfig(size=48, seed=3, views=2)


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


@pytest.fixture(scope="module")
def faces():
    return draw_rendered(SMALL, 6)


@pytest.fixture(scope="module")
def parts(model):
    layout = make_layout(model, 120)
    return LabelledPoints(PointBasis.of(model, layout), layout), CoefficientMirror.of(model)


@pytest.fixture(scope="module")
def told(model, parts):
    """The same points with the vertices that tell what is seen."""
    return LabelledPoints.of(model, parts[0].layout), parts[1]


def test_shards_hold_the_same_faces_as_drawing(faces, tmp_path):
    write_shards(tmp_path, SMALL, 6)
    read = open_rendered([tmp_path])
    assert len(read) == 6
    order = np.array([4, 0, 5])
    assert np.array_equal(read.image[order], faces.image[order])
    for name in ("identity", "expression", "albedo", "rotation", "translation", "focal", "centre"):
        torch.testing.assert_close(getattr(read, name), getattr(faces, name))
    assert len(open_rendered([tmp_path], limit=4)) == 4
    for name in ("segmentation", "visible_vertices"):
        assert np.array_equal(getattr(read, name)[order], getattr(faces, name)[order])
    assert read.person.tolist() == faces.person.tolist() == [0, 0, 1, 1, 2, 2]
    assert open_rendered([tmp_path, tmp_path], limit=8).person.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    twice = open_rendered([tmp_path, tmp_path])
    assert np.array_equal(twice.image[np.array([7, 1])], faces.image[np.array([1, 1])])


def test_labels_of_augmented_and_mirrored_faces_agree(faces, parts, model):
    """The solver finds each batch's own coefficients behind its points, mirrored or not."""
    maker = DenseBatchMaker(faces, *parts, 32, AugmentConfig())
    batch, basis = maker(torch.arange(6), seed=4), parts[0].basis
    assert batch.images.shape == (6, 3, 32, 32)
    truth = vector_to_coefficients(batch.coefficients, model.sizes)
    solver = PointSolver(basis, SolverConfig(steps=6, curvatures=6, noise=0.02, identity_modes=120))
    found = solver(batch.points, torch.full(batch.points.shape[:2], 0.01))
    assert float((found.identity - truth.identity).square().mean().sqrt()) < 0.15
    moving = basis.expression.flatten(1).abs().amax(1) > 0
    assert float((found.expression - truth.expression)[:, moving].abs().mean()) < 0.02


def test_pictures_and_points_are_mirrored_together(faces, parts):
    layout = parts[0].layout
    plain = DenseBatchMaker(faces, *parts, 32)(torch.arange(6), 0)
    always = DenseBatchMaker(
        faces, *parts, 32, AugmentConfig(1.0, 0, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 0)
    )(torch.arange(6), 0)
    torch.testing.assert_close(always.images, plain.images.flip(3))
    flipped = plain.points[:, layout.permutation] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(always.points, flipped)


def test_labels_are_mirrored_with_the_pictures(faces, told):
    layout = told[0].layout
    plain = DenseBatchMaker(faces, *told, 32)(torch.arange(6), 0)
    always = AugmentConfig(1.0, 0, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 0)
    flipped = DenseBatchMaker(faces, *told, 32, always)(torch.arange(6), 0)
    assert torch.equal(flipped.segmentation, plain.segmentation.flip(2))
    assert torch.equal(flipped.visible, plain.visible[:, layout.permutation])
    assert 0.1 < float(plain.visible.float().mean()) < 0.9
    assert torch.equal(plain.person, faces.person)
    outside = (plain.points[..., :2].abs() >= 1).any(-1)
    assert not bool((plain.visible & outside).any())


def test_a_person_is_mirrored_in_all_pictures_or_none(faces, parts):
    """Their identities stay alike; those of different persons are mirrored each by chance."""
    config = AugmentConfig(1.0, 0, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 0)
    maker = DenseBatchMaker(faces, *parts, 32, config)
    identities = [maker(torch.arange(6), seed).coefficients[:, :120] for seed in range(8)]
    for found in identities:
        assert torch.equal(found[0::2], found[1::2])
    flips = torch.stack([(found - faces.identity).abs().amax(1) > 0 for found in identities])
    assert 0.2 < float(flips.float().mean()) < 0.8
    assert not torch.equal(flips[:, 0], flips[:, 2])


def test_faces_without_labels_make_batches_without(faces, told):
    bare = replace(faces, segmentation=None, visible_vertices=None, person=None)
    maker = DenseBatchMaker(bare, *told, 32)
    batch = maker(torch.arange(4), 0)
    assert batch.segmentation is None and batch.visible is None and batch.person is None
    assert len(batch[1:3].to(torch.device("cpu"))) == 2


def test_the_same_rows_and_seed_give_the_same_batch(faces, parts):
    maker = DenseBatchMaker(faces, *parts, 32, AugmentConfig())
    rows = torch.tensor([3, 1])
    assert torch.equal(maker(rows, 9).images, maker(rows, 9).images)
    assert not torch.equal(maker(rows, 9).images, maker(rows, 10).images)


def collect(source: EpochSource, batches: int) -> list[tuple[list[int], int]]:
    return [next(source) for _ in range(batches)]


def recorder(rows: torch.Tensor, seed: int):
    return rows.tolist(), seed


def test_an_epoch_shows_every_row_once_and_no_two_batches_share_a_seed():
    source = EpochSource(recorder, lambda: 20, 5, seed=0)
    batches = collect(source, 8)
    for epoch in (batches[:4], batches[4:]):
        assert sorted(row for rows, _ in epoch for row in rows) == list(range(20))
    assert batches[0][0] != batches[4][0]
    assert len({seed for _, seed in batches}) == 8


def test_a_source_goes_on_where_it_stood():
    source = EpochSource(recorder, lambda: 20, 5, seed=0)
    collect(source, 6)
    state = source.state_dict()
    expected = collect(source, 7)
    again = EpochSource(recorder, lambda: 20, 5, seed=0)
    again.load_state_dict(state)
    assert collect(again, 7) == expected


def test_rows_that_arrive_are_shown_from_the_next_epoch():
    there = [10]
    source = EpochSource(recorder, lambda: there[0], 5, seed=0)
    next(source)
    there[0] = 15
    state = source.state_dict()
    assert max(next(source)[0]) < 10
    assert sorted(r for rows, _ in collect(source, 3) for r in rows) == list(range(15))
    late = EpochSource(recorder, lambda: 15, 5, seed=0)
    late.load_state_dict(state)
    assert max(next(late)[0]) < 10
    with pytest.raises(InputError, match="rows"):
        EpochSource(recorder, lambda: 9, 5, seed=0).load_state_dict(state)


def test_pictures_of_a_person_follow_each_other():
    """In another order every epoch; a source that is restored deals them out alike."""
    persons = torch.arange(20) // 4

    def source():
        return EpochSource(recorder, lambda: 20, 8, seed=0, persons=lambda: persons)

    rows = [row for batch, _ in collect(source(), 2) for row in batch]
    assert len(set(rows)) == 16
    for start in range(0, 16, 4):
        assert rows[start : start + 4] == list(range(rows[start], rows[start] + 4))
    shuffled, again = source(), source()
    first, second = collect(shuffled, 2), collect(shuffled, 2)
    assert [batch for batch, _ in first] != [batch for batch, _ in second]
    collect(shuffled, 1)
    again.load_state_dict(shuffled.state_dict())
    assert collect(again, 5) == collect(shuffled, 5)
    halves = [shuffled.shard(rank, 2) for rank in range(2)]
    assert all(part._persons is not None for part in halves)


def test_unusable_tables_are_named(faces):
    columns = {**vars(faces), "focal": faces.focal[:3]}
    with pytest.raises(InputError, match="focal"):
        RenderedFaces(**columns)
    with pytest.raises(InputError, match="training data"):
        EpochSource(recorder, lambda: 3, 5, seed=0)
    with pytest.raises(InputError, match="folders"):
        open_rendered([])
    assert NO_AUGMENTATION.mirrored == 0
