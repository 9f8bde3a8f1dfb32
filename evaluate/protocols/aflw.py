"""Protocol `aflw`: 21 points of AFLW, the visible ones, as 3DDFA measures them.

cleardusk/3DDFA, `benchmark_aflw.py`: the 21 points are made of the 68 (eyes and mouth centre are
means), hidden ones left out; the unit is the square root of the area of the box of the fitted 68
points; bins by |yaw| (11,596/5,457/4,027 of 21,080), headline the mean of the bins' means.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ...core.config import load_config
from ...datasets.photographs.aflw import read_aflw
from ..registry import Protocol
from ..report.published import AFLW, bin_rows
from .visible_points import VisibleOptions, VisibleProtocol


def make_protocol(overrides: Sequence[str] = ()) -> Protocol:
    """The protocol with `key=value` of `VisibleOptions`."""
    options = load_config(VisibleOptions, overrides=overrides)
    return VisibleProtocol("aflw", "AFLW, 21 points", read_aflw, partial(bin_rows, AFLW), options)
