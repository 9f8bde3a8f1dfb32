"""What the shipped configurations choose by, and the papers' numbers in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from selfie3d.core.config import load_config, peek_config
from selfie3d.recipes.registry import DEFAULT_RECIPE, find_recipe

CONFIGS = sorted((Path(__file__).resolve().parents[2] / "configs").glob("*.yaml"))
JUDGES = {"aflw2000", "aflw", "aflw-lfpa", "micc", "now"}  # what the papers report


def loaded(path: Path):
    return load_config(find_recipe(peek_config("recipe", DEFAULT_RECIPE, path)).config, path)


def named(stem: str):
    return loaded(next(path for path in CONFIGS if path.stem == stem))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_nothing_is_chosen_by_a_test_set(path):
    """`best` and a rate that waits for improvement look at validation; so do whoever tunes."""
    data = loaded(path).data
    if not isinstance(getattr(data, "validation", None), list):
        return  # recipe dense-points: drawn faces alone
    used = {one.name for one in [*data.train, *data.validation]}
    assert not used & JUDGES
    for one in data.validation:
        same = [t for t in data.train if (t.name, t.root) == (one.name, one.root)]
        assert all(t.options != one.options for t in same), "training faces validate"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_300w_lp_is_split_by_photographs(path):
    data = loaded(path).data
    if not isinstance(getattr(data, "validation", None), list):
        return
    for sets, split in ((data.train, "train"), (data.validation, "val")):
        splits = {one.options["split"] for one in sets if one.name == "300w-lp"}
        assert splits <= {split}


@pytest.mark.parametrize("stem", [p.stem for p in CONFIGS if p.stem.startswith("mobile_facernet")])
def test_mobile_facernet(stem):
    """Section 4.1: half flipped, half turned; 120,000 images; bases that learn, but in one row."""
    config = named(stem)
    augment = config.data.augment
    assert (augment.mirrored, augment.turned, augment.turned_deg) == (0.5, 0.5, 30)
    assert config.data.epoch * config.data.batch == 120_000
    assert config.network.learned_bases == (stem != "mobile_facernet_fixed_bases")
    assert bool(config.loss.bases) == config.network.learned_bases
    assert [one.name for one in config.data.test] == ["aflw2000"]


@pytest.mark.parametrize("stem", [p.stem for p in CONFIGS if p.stem.startswith("mlanet")])
def test_mlanet(stem):
    """Section 4.1: about 45,000 images; our reading of its shifts is mirroring of half."""
    config = named(stem)
    assert config.data.epoch * config.data.batch == pytest.approx(45_000, rel=1e-3)
    assert config.data.augment.mirrored == 0.5 and config.data.augment.turned_deg > 0
    assert config.loss.parameters == 0


def test_csanet_waits_for_held_out_photographs():
    config = named("csanet_300wlp")
    assert config.engine.schedule.shape == "plateau"
    assert [(v.name, v.options["split"]) for v in config.data.validation] == [("300w-lp", "val")]
    assert [one.name for one in config.data.test] == ["aflw2000"]
