"""Budgets as they are typed, and what they tell a run."""

from __future__ import annotations

import pytest
from selfie3d.ablate.budget import Budget, read_budget
from selfie3d.ablate.rows import ABLATIONS
from selfie3d.core.config import load_config, peek_config
from selfie3d.core.errors import InputError
from selfie3d.recipes.registry import find_recipe


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("2000steps", Budget(steps=2000)),
        (" 1 step ", Budget(steps=1)),
        ("90minutes", Budget(minutes=90)),
        ("0.5 min", Budget(minutes=0.5)),
        ("2h", Budget(minutes=120)),
        ("configured", Budget()),
    ],
)
def test_words(text, budget):
    assert read_budget(text) == budget


@pytest.mark.parametrize("text", ["", "100", "0steps", "1.5 steps", "0 min", "-3 steps", "2 days"])
def test_other_words_are_refused(text):
    with pytest.raises(InputError, match=r"budget: expected a number.*got .*2000steps"):
        read_budget(text)


@pytest.mark.parametrize("paper", ABLATIONS.names())
@pytest.mark.parametrize("text", ["40steps", "3 minutes"])
def test_every_row_gets_the_same_and_nothing_of_its_own_schedule(paper, text, repository):
    """The configurations' epochs, milestones and warm-ups would make the budgets unequal."""
    budget, schedules = read_budget(text), []
    for row in ABLATIONS.create(paper).rows:
        file = repository / "configs" / f"{row.config}.yaml"
        recipe = find_recipe(peek_config("recipe", "", file))
        schedules.append(load_config(recipe.config, file, budget.settings).engine.schedule)
    for schedule in schedules:
        assert (schedule.steps, schedule.epochs, schedule.warmup_epochs) == (budget.steps, 0, 0)
        assert schedule.shape == "cosine" and not schedule.counts_epochs
        assert budget.steps or schedule.minutes == budget.minutes
        assert schedule.warmup == schedules[0].warmup
