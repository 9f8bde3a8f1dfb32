"""The detector's recipe: who learns what, terms that fall, weights that come back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.core.fold_norms import fold_norms
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.crowds.batch import CrowdBatch
from selfie3d.datasets.synthetic.shards import write_shards
from selfie3d.detect.drawn_network import (
    FaceFinder,
    FinderOptions,
    FinderOutput,
    cell_centres,
    load_finder,
    pack_finder,
)
from selfie3d.recipes.detector.losses import (
    DetectorLossConfig,
    assign,
    box_overlap,
    detector_losses,
)
from selfie3d.train import run_training

SMALL = FinderOptions(stem=16, widths=(16, 16, 16), blocks=(1, 1), neck=16)


def batch_of(*boxes: tuple[float, float, float, float], kinds: tuple[int, ...]) -> CrowdBatch:
    """One picture of 128 pixels a side."""
    box = torch.tensor([boxes])
    middle = (box[..., :2] + box[..., 2:]) / 2
    points = middle[:, :, None].expand(-1, -1, 5, -1).clone()
    return CrowdBatch(torch.rand(1, 3, 128, 128), box, points, torch.tensor([kinds]))


CENTRES = cell_centres(128, 128)


def test_every_face_is_somebodys() -> None:
    for side in (13, 20, 30, 42):
        for x in (57.0, 61.0, 64.0, 66.5):
            half = side / 2
            batch = batch_of((x - half, 60 - half, x + half, 60 + half), kinds=(1,))
            owner, known = assign(batch, CENTRES)
            mine = owner[0] == 0
            assert 1 <= int(mine.sum()) <= 9
            assert bool(known[0][mine].all())
            away = (CENTRES[mine] - torch.tensor([x, 60.0])).abs().max()
            assert float(away) <= max(0.2 * side, 4.8)


def test_of_two_faces_a_cell_is_the_nearer_ones() -> None:
    batch = batch_of((40.0, 40.0, 72.0, 72.0), (52.0, 40.0, 84.0, 72.0), kinds=(1, 1))
    owner, _ = assign(batch, CENTRES)
    left, right = CENTRES[owner[0] == 0], CENTRES[owner[0] == 1]
    assert float(left[:, 0].max()) < float(right[:, 0].min())


def test_doubtful_faces_teach_no_score() -> None:
    batch = batch_of((40.0, 40.0, 80.0, 80.0), (0.0, 0.0, 0.0, 0.0), kinds=(2, 0))
    owner, known = assign(batch, CENTRES)
    assert bool((owner == -1).all())
    inside = (CENTRES - 60).abs().amax(-1) < 20
    assert not bool(known[0][inside].any())
    assert bool(known[0][(CENTRES - 60).abs().amax(-1) > 60].all())


def test_overlaps() -> None:
    box = torch.tensor([[0.0, 0, 2, 2]])
    same, apart = box_overlap(box, box), box_overlap(box, box + 4)
    assert float(same[0]) == pytest.approx(1) and float(same[1]) == pytest.approx(1)
    assert float(apart[0]) == 0 and float(apart[1]) < -0.5
    assert float(box_overlap(box, box + torch.tensor([1.0, 0, 1, 0]))[0]) == pytest.approx(1 / 3)


def test_who_is_right_loses_nothing() -> None:
    batch = batch_of((30.0, 40.0, 80.0, 86.0), kinds=(1,))
    owner, _ = assign(batch, CENTRES)
    score = torch.where(owner >= 0, 30.0, -30.0)
    count = len(CENTRES)
    right = FinderOutput(score, batch.boxes.expand(1, count, 4).clone(),
                         batch.points.expand(1, count, 5, 2).clone())  # fmt: skip
    losses = detector_losses(right, batch, DetectorLossConfig())
    assert all(float(value) < 1e-4 for value in losses.values())
    wrong = right._replace(points=right.points + 5)
    assert float(detector_losses(wrong, batch, DetectorLossConfig())["points"]) > 0.01


def test_it_learns(one_thread: None) -> None:
    torch.manual_seed(0)
    network = FaceFinder(SMALL).train()
    batch = batch_of((30.0, 40.0, 80.0, 86.0), kinds=(1,))
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    sums = []
    for _ in range(60):
        loss = sum(detector_losses(network(batch.images), batch, DetectorLossConfig()).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sums.append(float(loss.detach()))
    assert sums[-1] < 0.5 * sums[0]


def test_weights_come_back(tmp_path: Path, one_thread: None) -> None:
    torch.manual_seed(1)
    network = FaceFinder(SMALL).eval()
    path = tmp_path / "mine.safetensors"
    facts = {"configuration": {"output": "/home/me/runs/x", "data": {"train": ["/a/b"]}}}
    path.write_bytes(pack_finder(network, SMALL, facts))
    again, told = load_finder(path)
    assert told["configuration"] == {"output": "x", "data": {"train": ["b"]}}
    picture = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        first, second = network(picture), again(picture)
        fold_norms(again)
        third = again(picture)
    torch.testing.assert_close(first.box, second.box, atol=0.1, rtol=0.01)
    torch.testing.assert_close(second.points, third.points, atol=1e-2, rtol=1e-3)


def test_files_that_are_no_weights(tmp_path: Path) -> None:
    from safetensors.torch import save

    with pytest.raises(MissingFileError, match="detector"):
        load_finder(tmp_path / "none.safetensors")
    whole = pack_finder(FaceFinder(SMALL), SMALL, {})
    bad = {
        "text": b"not a tensor",
        "cut": whole[: len(whole) // 2],
        "other": save({"x": torch.zeros(2)}, {"format": "selfie3d-weights-2"}),
        "odd": pack_finder(_spoilt(), SMALL, {}),
        "wide": pack_finder(FaceFinder(SMALL), FinderOptions(), {}),
    }
    for name, content in bad.items():
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(content)
        with pytest.raises(InputError, match=f"{name}.safetensors"):
            load_finder(path)


def _spoilt() -> FaceFinder:
    network = FaceFinder(SMALL)
    next(iter(network.parameters())).data[0] = torch.nan
    return network


def test_options_that_make_no_network() -> None:
    with pytest.raises(InputError, match="network"):
        FinderOptions(widths=(8, 8))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="network"):
        FinderOptions(neck=0)


def test_a_run_trains_and_goes_on(tmp_path: Path, one_thread: None) -> None:
    faces = tmp_path / "faces"
    write_shards(faces, SyntheticConfig(size=64, seed=9, margin=1.75), 4)
    settings = [
        f"data.train=[{faces}]", f"data.validation={faces}", f"output={tmp_path / 'run'}",
        "data.places=2", "data.place_size=96", "data.validate=3", "data.batch=2",
        "data.crowd.size=64", "network.widths=[16,16,16]",
        "network.blocks=[1,1]", "network.neck=16", "engine.schedule.warmup=1",
        "engine.prefetch=0",
    ]  # fmt: skip
    figures = run_training("detector", [*settings, "engine.schedule.steps=2"])
    assert set(figures) == {"error", "threshold", "points"} and 0 <= figures["error"] <= 100
    run_training("detector", [*settings, "engine.schedule.steps=3"], accept_changes=True)
    network, facts = load_finder(tmp_path / "run" / "last.safetensors")
    assert facts["trained"]["step"] == 3 and network.options.neck == 16


def test_a_run_without_faces_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="train and validation"):
        run_training("detector", ["data.train=[]", f"output={tmp_path / 'run'}"])


def test_terms_of_which_none_counts_are_refused() -> None:
    with pytest.raises(InputError, match="a weight above 0 of one of score, box, points"):
        DetectorLossConfig(score=0, box=0, points=0)
