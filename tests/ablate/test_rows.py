"""Rows of ablations: the papers' names, configurations that exist, and equal batches."""

from __future__ import annotations

import pytest
from selfie3d.ablate.rows import ABLATIONS
from selfie3d.core.config import load_config, peek_config
from selfie3d.core.errors import UnknownNameError
from selfie3d.evaluate.tables.ablation import _printed
from selfie3d.evaluate.tables.registry import TABLES
from selfie3d.recipes.registry import find_recipe

PAPERS = ABLATIONS.names()


def configuration(repository, row, settings=()):
    file = repository / "configs" / f"{row.config}.yaml"
    return load_config(find_recipe(peek_config("recipe", "", file)).config, file, settings)


def test_every_paper_with_tables_has_an_ablation():
    assert TABLES.names() == PAPERS


@pytest.mark.parametrize("paper", PAPERS)
def test_rows_that_the_paper_prints_are_called_as_there(paper):
    labels = [row.label for row in ABLATIONS.create(paper).rows]
    first = _printed(paper)[0]
    assert first.rows and {row.method for row in first.rows} <= set(labels)
    assert labels[-1] == first.rows[-1].method  # the whole network


@pytest.mark.parametrize("paper", PAPERS)
def test_rows_differ_by_what_is_taken_away_alone(paper, repository):
    """Batches, crops and data are the same, so that steps of all rows show as many faces."""
    ablation = ABLATIONS.create(paper)
    settings = [*ablation.drawn, *ablation.short, "network.options.size=64"]
    found = [configuration(repository, row, settings) for row in ablation.rows]
    for config in found:
        assert config.data == found[-1].data and config.loss.__class__ is found[-1].loss.__class__
        assert config.engine == found[-1].engine
    parts = {str((config.network, config.loss)) for config in found}
    assert len(parts) == len(found)


def test_chosen_rows():
    ablation = ABLATIONS.create("mlanet")
    assert [r.config for r in ablation.chosen(("mlanet", "mlanet_plain"))] == [
        "mlanet_plain",
        "mlanet",
    ]
    assert ablation.chosen(()) == ablation.rows
    with pytest.raises(UnknownNameError, match=r"unknown row 'mlanet_no_hsc'.*'mlanet_no_hsca'"):
        ablation.chosen(("mlanet_no_hsc",))
