from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pytest
from selfie3d.core.choices import check_choice, check_choices
from selfie3d.core.config import load_config
from selfie3d.core.errors import InputError

Kind = Literal["l1", "l2", "robust"]


@dataclass(frozen=True)
class Loss:
    kind: Kind = "l2"
    scale: float = 1.0

    def __post_init__(self) -> None:
        check_choices(self, "loss")


@dataclass(frozen=True)
class Whole:
    loss: Loss = field(default_factory=Loss)


def test_a_word_that_is_none_is_named_with_all_that_are():
    with pytest.raises(InputError, match=r"loss\.kind: expected one of l1, l2, robust, got 'l3'"):
        Loss("l3")
    assert Loss("robust", 3).kind == "robust"


def test_the_nearest_word_is_named():
    with pytest.raises(InputError, match=r"Did you mean 'robust'\?"):
        check_choice("kind", "robsut", Kind)
    with pytest.raises(InputError, match=r"got 'zzz'\.$"):
        check_choice("kind", "zzz", Kind)


@pytest.mark.parametrize("word", ["l3", "7", "[l1]"])
def test_a_configuration_says_the_same(tmp_path, word):
    file = tmp_path / "a.yaml"
    file.write_text(f"loss: {{kind: {word}}}")
    for given in ((file, []), (None, [f"loss.kind={word}"])):
        with pytest.raises(InputError, match=r"loss\.kind: expected one of l1, l2, robust, got"):
            load_config(Whole, *given)


def test_words_stay_words():
    assert load_config(Whole, overrides=["loss.kind=l1"]) == Whole(Loss("l1"))
