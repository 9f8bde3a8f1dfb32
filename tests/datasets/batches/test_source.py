"""Training batches: proportions, the same batch everywhere, the place in them, and bad rows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError, MissingFileError, UnknownNameError
from selfie3d.core.item_failure import FailureLog
from selfie3d.datasets.batches.face_pass import FacePass
from selfie3d.datasets.batches.photo_augment import NO_PHOTO_AUGMENTATION, PhotoAugmentConfig
from selfie3d.datasets.batches.sample import FaceSample
from selfie3d.datasets.photographs.celeba import CelebA
from selfie3d.datasets.photographs.registry import DATASETS
from selfie3d.datasets.photographs.w300lp import W300LP, W300LPOptions
from selfie3d.datasets.shards.source import BatchOrder, FaceLoader, Mix

AUGMENT = PhotoAugmentConfig(covered=0.3)


@dataclass
class Made:
    """Plain pictures whose colour is their row; rows of `bad` fail."""

    name: str
    count: int
    bad: dict[int, str] = field(default_factory=dict)
    extra: dict = field(default_factory=dict)
    summary: str = "made"

    def __len__(self) -> int:
        return self.count

    def row_name(self, row: int) -> str:
        return f"{self.name}/{row}"

    def __getitem__(self, row: int) -> FaceSample:
        if row in self.bad:
            if self.bad[row] == "missing":
                raise MissingFileError(str(row), "A photograph", "Get it.")
            raise InputError(self.row_name(row), "a photograph", self.bad[row])
        picture = np.full((20, 24, 3), row, np.uint8)
        return FaceSample(self.row_name(row), picture, box=(4, 4, 14, 14), **self.extra)


def source(
    datasets, weights=None, batch=4, seed=0, augment=AUGMENT, size=8, epoch=0, **more
) -> FaceLoader:
    order = BatchOrder("tight", augment, size, batch, seed, epoch)
    return FaceLoader(datasets, weights or [1] * len(datasets), order, **more)


def same(one, other) -> bool:
    kept = [one.names == other.names, torch.equal(one.images, other.images)]
    for key in one.labels:
        kept.append(torch.equal(one.labels[key], other.labels[key]))
    for key in one.landmarks:
        kept.append(torch.equal(one.landmarks[key], other.landmarks[key]))
    return all(kept)


def test_every_prefix_of_the_mix_has_the_wanted_shares():
    mix, weights = Mix([7, 5, 3], [6, 3, 1], 0), np.array([0.6, 0.3, 0.1])
    seen = np.zeros(3)
    for n, draw in enumerate(mix.draw(500), 1):
        seen[draw.number] += 1
        assert np.abs(seen - weights * n).max() <= 1


def test_every_row_comes_once_an_epoch_in_a_new_order():
    mix = Mix([6], [1], 3)
    epochs = [[draw.row for draw in mix.draw(6)] for _ in range(4)]
    assert all(sorted(epoch) == list(range(6)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_batches_mix_in_proportion():
    made = source([Made("a", 50), Made("b", 9)], [3, 1], batch=8)
    names = [name.split("/")[0] for _ in range(5) for name in next(made).names]
    assert (names.count("a"), names.count("b")) == (30, 10)


def test_a_seed_gives_the_same_batches_and_another_one_others():
    data = [Made("a", 10), Made("b", 9)]
    one, again, other = source(data), source(data), source(data, seed=1)
    batches = [(next(one), next(again), next(other)) for _ in range(4)]
    assert all(same(a, b) for a, b, _ in batches)
    assert not any(same(a, c) for a, _, c in batches)


def test_threads_change_nothing():
    data = [Made("a", 10, {3: "cut"})]
    one, many = source(data), source(data, threads=3)
    assert all(same(next(one), next(many)) for _ in range(6))
    assert one.rejects() == many.rejects()


def test_a_restored_source_goes_on_exactly(tmp_path):
    data = [Made("a", 10, {3: "cut"}), Made("b", 3)]
    first = source(data, [2, 1])
    for _ in range(5):
        next(first)
    state = first.state_dict()
    expected = [next(first) for _ in range(6)]
    second = source(data, [2, 1])
    second.load_state_dict(state)
    assert all(same(next(second), batch) for batch in expected)
    assert second.rejects() == first.rejects()
    torch.save(state, tmp_path / "state.pt")  # what a checkpoint does with it
    assert torch.load(tmp_path / "state.pt", weights_only=True) == state
    with pytest.raises(InputError, match="lengths"):
        source([Made("a", 11), Made("b", 3)]).load_state_dict(state)


@pytest.mark.parametrize("world", [2, 4])
def test_processes_share_the_batches_of_one(world):
    data = [Made("a", 10, {3: "cut", 4: "cut"}), Made("b", 7)]
    alone = source(data, batch=8)
    next(alone)
    parts = [alone.shard(rank, world) for rank in range(world)]
    for _ in range(5):
        whole, own = next(alone), [next(part) for part in parts]
        for rank, batch in enumerate(own):
            assert same(whole[torch.arange(rank, 8, world)], batch)
    states = [part.state_dict() for part in parts]
    assert all(state["drawn"] == alone.state_dict()["drawn"] for state in states)
    for rank, count in ((2, 2), (-1, 2), (0, 3)):
        with pytest.raises(InputError, match="rank"):
            alone.shard(rank, count)


def test_bad_rows_are_replaced_by_the_next_good_one_and_listed():
    data = Made("a", 8, {2: "a truncated file", 3: "missing", 7: "NaN"})
    made = source([data], batch=8, augment=NO_PHOTO_AUGMENTATION)
    names = next(made).names
    plain = source([Made("a", 8)], batch=8, augment=NO_PHOTO_AUGMENTATION)
    instead = {"a/2": "a/4", "a/3": "a/4", "a/7": "a/0"}
    assert names == tuple(instead.get(name, name) for name in next(plain).names)
    rejects = made.rejects()
    assert sorted(rejects) == ["a/2", "a/3", "a/7"]
    assert "truncated" in rejects["a/2"] and "Get it" in rejects["a/3"]
    assert "3 bad rows" in made.summary


def test_a_data_set_of_bad_rows_only_is_an_error():
    data = [Made("good", 4), Made("worse", 3, dict.fromkeys(range(3), "nothing"))]
    with pytest.raises(InputError, match=r"data set worse: .*nothing"):
        next(source(data))


def test_real_layouts_together(celeba_tree, w300lp_tree):
    """Five points, 68 points, parameters and people in one batch, NaN where a set has none."""
    sets = [CelebA(celeba_tree(5), "all"), W300LP(w300lp_tree())]
    batch = next(FaceLoader(sets, [1, 1], BatchOrder("deep3d", AUGMENT, 48, 8)))
    celeba = torch.tensor([name.startswith("celeba/") for name in batch.names])
    assert int(celeba.sum()) == 4
    for key in ("ibug68-2d", "ibug68-3d"):
        assert torch.equal(batch.landmarks[key].isnan().all(2).all(1), celeba)
    assert torch.equal(batch.labels["identity"][:, 0].isnan(), ~celeba)
    flipped = torch.linalg.det(batch.labels["crop"][:, :, :2]) < 0
    assert torch.equal(batch.labels["pose_para"].isnan().any(1), celeba | flipped)
    assert batch.skin is None and batch.truth is None
    assert batch.labels["inside"].shape == (8, 1, 48, 48)


def test_points_move_with_the_picture(w300lp_tree):
    """A mirrored, turned crop holds the same picture at its points as the photograph at its own."""
    data = W300LP(w300lp_tree(), W300LPOptions(flipped=False))
    augment = PhotoAugmentConfig(colour_low=1, colour_high=1)
    batch = next(FaceLoader([data], [1], BatchOrder("tight", augment, 200, 8, 2)))
    flipped = torch.linalg.det(batch.labels["crop"][:, :, :2]) < 0
    assert 0 < int(flipped.sum()) < 8
    rows = {data.row_name(row): data[row] for row in range(len(data))}
    for k, name in enumerate(batch.names):
        own = rows[name].landmarks["ibug68-3d"]
        crop = batch.labels["crop"][k].double().numpy()
        back = (batch.landmarks["ibug68-3d"][k].numpy() - crop[:, 2]) @ np.linalg.inv(crop[:, :2]).T
        # The same 68 places; which of them comes first is mirrored with the picture.
        distance = np.linalg.norm(back[:, None] - own[None], axis=2)
        assert distance.min(1).max() < 0.01
        nearest_16 = int(distance[16].argmin())
        assert nearest_16 == (0 if bool(flipped[k]) else 16)
        for (x, y), (u, v) in zip(back, batch.landmarks["ibug68-3d"][k].tolist(), strict=True):
            if 2 < u < 198 and 2 < v < 198:
                seen = batch.images[k, :, int(v), int(u)].numpy() * 255
                assert np.abs(seen - rows[name].picture[int(y), int(x)]).max() < 25


def test_a_mask_outside_the_crop_is_a_bad_row():
    skin = np.zeros((20, 24), np.uint8)
    skin[19, 23] = 255
    data = Made("a", 2, extra={"skin": skin})
    with pytest.raises(InputError, match="skin in the crop"):
        next(source([data]))
    skin[8, 8] = 255
    assert next(source([data])).skin.shape == (4, 1, 8, 8)


def test_a_pass_takes_every_good_row_once():
    data = Made("a", 7, {2: "cut"})
    everything = FacePass(data, "tight", 8, 3)
    for _ in range(2):
        batches = list(everything)
        assert [len(batch) for batch in batches] == [3, 3]
        assert [n for b in batches for n in b.names] == [f"a/{k}" for k in (0, 1, 3, 4, 5, 6)]
    assert list(everything.rejects()) == ["a/2"]
    assert [len(batch) for batch in FacePass(data, "tight", 8, 4, limit=5)] == [4]
    torch.testing.assert_close(batches[0].images[1].mean(), torch.tensor(1 / 255))


class Odd(Made):
    """Raises what nobody foresaw."""

    errors = {1: MemoryError(), 3: KeyError("odd"), 4: RecursionError("deep")}  # noqa: RUF012

    def __getitem__(self, row):
        if row in self.errors:
            raise self.errors[row]
        return super().__getitem__(row)


@pytest.mark.parametrize("threads", [1, 3])
def test_every_exception_is_the_rows_own(tmp_path, threads):
    made = source([Odd("a", 6)], batch=6, threads=threads)
    made.log = FailureLog(tmp_path / "errors.log")
    assert len(next(made.shard(0, 1))) == 6
    assert set(next(made).names) == {"a/0", "a/2", "a/5"}
    assert made.rejects()["a/3"] == "unexpected KeyError: 'odd'"
    assert "memory" in made.rejects()["a/1"]
    assert "RecursionError" in made.log.written.read_text()
    everything = FacePass(Odd("a", 6), "tight", 8, 6)
    assert [list(batch.names) for batch in everything] == [["a/0", "a/2", "a/5"]]


def test_labels_must_have_one_shape():
    one = Made("a", 2, extra={"labels": {"yaw": np.zeros(1)}})
    other = Made("b", 2, extra={"labels": {"yaw": np.zeros(2)}})
    with pytest.raises(InputError, match="yaw"):
        next(source([one, other]))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"datasets": [], "weights": []}, "data sets"),
        ({"datasets": [Made("a", 0)]}, "data sets"),
        ({"weights": [1, 2]}, "weights"),
        ({"weights": [0]}, "weights"),
        ({"batch": 0}, "batch"),
        ({"size": 0}, "size"),
        ({"threads": 0}, "threads"),
        ({"seed": -1}, "seed"),
    ],
)
def test_errors(change, named):
    with pytest.raises(InputError, match=named):
        source(**{"datasets": [Made("a", 3)], **change})


def test_unknown_names(tmp_path):
    for make in (
        lambda: BatchOrder("tigth", AUGMENT, 8, 2),
        lambda: FacePass(Made("a", 3), "tigth", 8, 2),
        lambda: DATASETS.create("celebA", str(tmp_path)),
    ):
        with pytest.raises(UnknownNameError, match="Did you mean"):
            make()
    assert {"300w-lp", "celeba", "folder", "rendered", "shards"} <= set(DATASETS.names())


def test_an_epoch_has_as_many_rows_as_all_data_sets():
    assert len(source([Made("a", 10), Made("b", 7)])) == 4
    assert len(source([Made("a", 2)])) == 1
