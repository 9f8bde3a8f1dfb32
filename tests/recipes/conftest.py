"""Tests here may import the modules beside this file, as `basel_like` and `small_recipes`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
