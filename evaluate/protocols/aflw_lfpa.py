"""Protocol `aflw-lfpa`: 34 points on AFLW-LFPA, the visible ones.

Jourabloo and Liu, ICCV 2015; reported by DeFA and Mobile-FaceRNet. No program was published: the
unit here is the square root of the area of the data set's box where it gives one, else of the box
round the visible points, and the headline is the mean over images.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...core.config import load_config
from ...datasets.photographs.aflw_lfpa import read_aflw_lfpa
from ..registry import Protocol
from ..report.published import lfpa_rows
from .visible_points import VisibleOptions, VisibleProtocol


def make_protocol(overrides: Sequence[str] = ()) -> Protocol:
    """The protocol with `key=value` of `VisibleOptions`."""
    options = load_config(VisibleOptions, overrides=overrides)
    return VisibleProtocol("aflw-lfpa", "AFLW-LFPA, 34 points", read_aflw_lfpa, lfpa_rows, options)
