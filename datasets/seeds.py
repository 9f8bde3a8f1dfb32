"""Seeds of parts of a seeded whole."""

from __future__ import annotations

import numpy as np


def derived_seed(*numbers: int) -> int:
    """One seed out of several numbers of at least 0, the same on every platform."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
