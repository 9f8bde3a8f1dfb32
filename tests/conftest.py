"""Fixtures every test may use."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the working tree, which is also the package's folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Callable[..., Path]:
    """Find data that is not part of the repository; skip the test where it is absent.

    `shared_data("photos_plain")` is that folder under $SELFIE3D_TEST_DATA, or under
    `../shared/data` beside the repository.
    """
    given = os.environ.get("SELFIE3D_TEST_DATA")
    root = Path(given) if given else ROOT.parent / "shared" / "data"

    def find(*parts: str) -> Path:
        path = root.joinpath(*parts)
        if not path.exists():
            pytest.skip(f"test data absent: {path} (set SELFIE3D_TEST_DATA)")
        return path

    return find
