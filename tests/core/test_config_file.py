"""Configuration files of strangers: refused with one clear line, or plain values."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from selfie3d.core.config import load_config, peek_config, resolved_dict
from selfie3d.core.errors import InputError


@dataclass(frozen=True)
class Inner:
    root: str = ""
    rate: float = 0.1
    betas: list[float] = field(default_factory=lambda: [0.9, 0.99])
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    output: str = "runs/a"
    name: str = "b"
    inner: Inner = field(default_factory=Inner)


def write(folder: Path, text: str) -> Path:
    path = folder / "c.yaml"
    path.write_text(text)
    return path


BOMB = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
REFUSED = {
    "an open reference": ('output: "${"', "readable YAML"),
    "an open reference with a name": ('output: "${a"', "readable YAML"),
    "references in references": ("output: " + "${a" * 400 + "}" * 400, "readable YAML"),
    "the environment": ("output: ${oc.env:HOME}", "command line"),
    "the environment, hidden": ('output: "$\\x7boc.env:HOME}"', "command line"),
    "the environment, put together": ('name: oc\noutput: "${${name}.env:HOME}"', "command line"),
    "the environment in a list": ("inner: {options: {a: ['${oc.env:HOME}']}}", "command line"),
    "the environment in a key": ("'${oc.env:HOME}': 3", "unknown configuration key"),
    "a circle": ("output: ${name}\nname: ${output}", "output: expected str"),
    "an unknown reference": ("output: ${nothing}", "'nothing' not found"),
    "repetitions": (BOMB, "repeated references"),
    "a list that holds itself": ("inner: &a [*a]", "holds itself"),
    "depth": ("a: " + "[" * 3000 + "]" * 3000, "readable YAML"),
    "a missing value": ("output: ???", "output: expected a value"),
    "a missing value in a list": ("inner: {betas: ['???', 1]}", "betas: expected a value"),
    "a missing value in options": ("inner: {options: {a: '???'}}", "options: a: expected a value"),
    "NaN": ("inner: {rate: .nan}", r"inner\.rate: expected a number, got nan"),
    "NaN in a list": ("inner: {betas: [0.9, .nan]}", r"inner\.betas\[1\]"),
    "NaN in options": ("inner: {options: {a: .NaN}}", r"inner\.options\.a"),
    "an object": ("output: !!python/object:os.system x", "could not determine a constructor"),
    "a key twice": ("output: a\noutput: b", "duplicate key output in line 2"),
    "a long number": ("inner: {rate: " + "9" * 6000 + "}", "4300 digits"),
    "bytes": ("output: !!binary aGVsbG8=", "output: expected str"),
    "a set": ("inner: !!set {a, b}", "'set'"),
    "a null key": ("null: 2", "key type"),
    "a number alone": ("3", "int"),
    "tabs": ("a:\n\t b: 1", "line 2"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_one_line(tmp_path, case):
    text, message = REFUSED[case]
    with pytest.raises((InputError, LookupError), match=message) as caught:
        load_config(Settings, write(tmp_path, text))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"output: \0", b"\x80"])
def test_no_text(tmp_path, content):
    (tmp_path / "c.yaml").write_bytes(content)
    with pytest.raises(InputError, match="readable YAML"):
        load_config(Settings, tmp_path / "c.yaml")


def test_files_beyond_what_people_write(tmp_path):
    with pytest.raises(InputError, match="bytes"):
        load_config(Settings, write(tmp_path, "#" * 1_000_001))
    (tmp_path / "endless.yaml").symlink_to("/dev/zero")
    with pytest.raises(FileNotFoundError):
        load_config(Settings, tmp_path / "endless.yaml")


def test_references_within_a_file_and_a_byte_order_mark(tmp_path):
    text = "\ufeffname: &n x\noutput: runs/${name}\ninner: {root: *n}"
    found = load_config(Settings, write(tmp_path, text))
    assert found == Settings("runs/x", "x", Inner("x"))


def test_one_key_that_is_missing_or_refers_to_nothing(tmp_path):
    for text in ("name: ???", "name: ${nothing}", "name: ${oc.env:HOME}"):
        with pytest.raises(InputError):
            peek_config("name", "b", write(tmp_path, text))


@pytest.mark.parametrize(
    "override", ["output=???", "output=${", "inner.rate=nan", "inner.rate=.nan"]
)
def test_overrides(override):
    with pytest.raises(InputError):
        load_config(Settings, None, [override])


def test_the_environment_is_the_users_and_stays_here(monkeypatch, tmp_path):
    """What an override takes from the environment is used; records hold the reference."""
    monkeypatch.setenv("SELFIE3D_SECRET", "hush")
    file = write(tmp_path, "output: runs/${name}")
    overrides = ["name=${oc.env:SELFIE3D_SECRET}", "inner.options={a: '${name}', b: 3}"]
    config = load_config(Settings, file, overrides)
    assert config.output == "runs/hush" and config.inner.options == {"a": "hush", "b": 3}
    for part in (config, config.inner):
        assert "hush" not in json.dumps(resolved_dict(part))
    told = resolved_dict(config)
    assert told["name"] == "${oc.env:SELFIE3D_SECRET}" and told["inner"]["rate"] == 0.1
    with pytest.raises(InputError, match="command line"):
        load_config(Settings, write(tmp_path, json.dumps(told)))
