"""Tests here may import the modules beside this file, as `basel_like` and `small_recipes`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from selfie3d.recipes.tddfa import recipe

sys.path.insert(0, str(Path(__file__).resolve().parent))


@pytest.fixture(autouse=True)
def _few_samples(monkeypatch):
    """3DDFA's whitening by 24 crops, where training takes 128 or more."""
    monkeypatch.setattr(recipe, "_SAMPLE_BATCH", 24)
