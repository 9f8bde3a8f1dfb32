from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import pytest
from selfie3d.core.config import load_config, peek_config, resolved_dict
from selfie3d.core.errors import InputError, MissingFileError, UnknownNameError


class Kind(Enum):
    PLAIN = 1
    FANCY = 2


@dataclass(frozen=True)
class Optimizer:
    learning_rate: float = 0.1
    betas: tuple[float, ...] = (0.9, 0.999)


@dataclass(frozen=True)
class Settings:
    optimizer: Optimizer = field(default_factory=Optimizer)
    steps: int = 3
    kind: Kind = Kind.PLAIN
    folder: Path | None = None
    weights: dict[str, float] = field(default_factory=dict)


def write(folder: Path, text: str) -> Path:
    path = folder / "settings.yaml"
    path.write_text(text)
    return path


def test_defaults_are_the_dataclass():
    assert load_config(Settings) == Settings()


def test_overrides_come_after_the_file(tmp_path):
    file = write(tmp_path, "steps: 5\noptimizer:\n  learning_rate: 3e-4\nweights: {a: 1}\n")
    config = load_config(Settings, file, ["steps=7", "optimizer.betas=[0.5]", "kind=FANCY"])
    assert config == Settings(Optimizer(3e-4, (0.5,)), 7, Kind.FANCY, None, {"a": 1.0})


def test_result_is_frozen():
    config = load_config(Settings, None, ["steps=4"])
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.steps = 5


@pytest.mark.parametrize(
    ("override", "named", "nearest"),
    [
        ("setps=1", "setps", "steps"),
        ("optimizer.learning_rat=1", "optimizer.learning_rat", "optimizer.learning_rate"),
    ],
)
def test_unknown_override_names_the_nearest(override, named, nearest):
    with pytest.raises(UnknownNameError, match=f"{named!r}. Did you mean {nearest!r}"):
        load_config(Settings, None, [override])


def test_unknown_key_in_the_file(tmp_path):
    with pytest.raises(UnknownNameError, match=r"optimizer\.beta'.*'optimizer\.betas'"):
        load_config(Settings, write(tmp_path, "optimizer: {beta: [1]}"))


@pytest.mark.parametrize(
    "override",
    ["steps=three", "optimizer=3", "optimizer.learning_rate=[1]", "kind=OTHER", "steps=null"],
)
def test_wrong_type_is_an_input_error(override):
    with pytest.raises(InputError, match=f"^{re.escape(override.partition('=')[0])}: expected"):
        load_config(Settings, None, [override])


def test_wrong_type_names_the_right_one():
    with pytest.raises(InputError, match=r"optimizer\.learning_rate: expected float, got .*'fast'"):
        load_config(Settings, None, ["optimizer.learning_rate=fast"])


@pytest.mark.parametrize("override", ["steps", "=3", ""])
def test_override_without_a_key_or_value(override):
    with pytest.raises(InputError, match="key=value"):
        load_config(Settings, None, [override])


@pytest.mark.parametrize("text", ["a: [", "- 1\n- 2\n"])
def test_unreadable_file(tmp_path, text):
    with pytest.raises(InputError, match=r"settings\.yaml"):
        load_config(Settings, write(tmp_path, text))


def test_missing_file(tmp_path):
    with pytest.raises(MissingFileError, match=r"none\.yaml"):
        load_config(Settings, tmp_path / "none.yaml")


def test_resolved_dict_is_plain_and_loads_again(tmp_path):
    config = Settings(Optimizer(1e-3), 2, Kind.FANCY, Path("x") / "y", {"a": 2.0})
    plain = resolved_dict(config)
    assert json.loads(json.dumps(plain)) == plain
    assert plain["kind"] == "FANCY" and plain["optimizer"]["betas"] == [0.9, 0.999]
    assert load_config(Settings, write(tmp_path, json.dumps(plain))) == config


def test_resolved_dict_wants_an_instance():
    with pytest.raises(InputError):
        resolved_dict(Settings)


def test_one_key_is_known_before_the_schema(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("recipe: faces\nlevel:\n  deep: 3\n")
    assert peek_config("recipe", "points", file) == "faces"
    assert peek_config("recipe", "points", file, ["level.deep=4", "recipe=other"]) == "other"
    assert peek_config("kind", "points", file) == "points"
    with pytest.raises(MissingFileError, match="nowhere"):
        peek_config("recipe", "points", tmp_path / "nowhere.yaml")
