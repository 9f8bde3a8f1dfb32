from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import selfie3d.losses as package
from selfie3d.core.errors import UnknownNameError
from selfie3d.losses.registry import LOSSES

NO_TERMS = {
    "__init__",
    "reduction",
    "registry",
    "term",
}
"""What terms are made of, or made from."""


@pytest.mark.parametrize("name", LOSSES.names())
def test_every_term_says_what_it_is(name):
    term = LOSSES.get(name)
    assert term.__module__.startswith("selfie3d.losses.")
    assert inspect.getdoc(term) and inspect.signature(term).return_annotation == "Tensor"


def test_every_file_of_a_term_is_named():
    files = {path.stem for path in Path(package.__file__).parent.glob("*.py")} - NO_TERMS
    named = {LOSSES.get(name).__module__.rsplit(".", 1)[1] for name in LOSSES.names()}
    assert named == files


def test_unknown_term():
    with pytest.raises(UnknownNameError, match="photometric-l2"):
        LOSSES.get("photometric-l3")
