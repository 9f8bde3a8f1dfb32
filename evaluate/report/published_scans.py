"""Rows that papers print for the scan protocols; shown beside ours, marked as published."""

from __future__ import annotations

from .report import Published

_SADRNET = "SADRNet (arXiv 2106.03021), table II, Florence"
_MLANET = "MLANet, table 2, MICC Florence"

FLORENCE_NME: dict[str, float] = {
    "3DDFA": 6.38,
    "VRN - Guided": 5.26,
    "PRNet": 3.75,
    "SPDT": 3.83,
    "3DDFA_V2": 3.56,
    "SADRNet": 3.12,
}
"""Method to mean NME in %, as SADRNet prints them."""

Spread = tuple[float, float]
"""Mean and standard deviation."""

MICC_RMSE: dict[str, tuple[Spread, Spread, Spread]] = {
    "RingNet": ((2.09, 0.48), (2.13, 0.46), (2.10, 0.47)),
    "CPEM": ((2.08, 0.59), (2.09, 0.54), (2.02, 0.54)),
    "Yu et al.": ((1.74, 0.58), (1.75, 0.49), (1.79, 0.46)),
    "Yu et al. (Pytorch)": ((1.67, 0.49), (1.68, 0.51), (1.71, 0.53)),
    "Tran et al.": ((1.97, 0.49), (2.03, 0.45), (1.93, 0.49)),
    "MGCNet": ((1.78, 0.55), (1.78, 0.54), (1.81, 0.59)),
    "Booth et al.": ((1.82, 0.29), (1.85, 0.22), (1.63, 0.16)),
    "3DDFA-v2": ((1.65, 0.56), (1.66, 0.50), (1.71, 0.66)),
    "MLANet": ((1.66, 0.51), (1.66, 0.49), (1.66, 0.53)),
}
"""Method to mean and deviation of the point-to-plane RMSE in mm: cooperative, indoor, outdoor, as
MLANet prints them."""

MICC_NOTES = {
    "Booth et al.": "from GANFit: a mean of symmetric distances",
    "Tran et al.": "from Deng et al.",
    "RingNet": "from CPEM's paper",
    "CPEM": "from CPEM's paper",
    "3DDFA-v2": "measured by MLANet's authors; better than theirs in one scenario",
}
"""Where the paper takes rows from, with other measurements."""

SCENARIOS = ("cooperative", "indoor", "outdoor")


def florence_rows(table: str) -> list[Published]:
    """Published mean NMEs on Florence, for a table with the figure "mean"."""
    return [Published(table, name, _SADRNET, {"mean": v}) for name, v in FLORENCE_NME.items()]


def micc_rows(table: str) -> list[Published]:
    """Published RMSEs by scenario, for a table with a figure for each."""
    return [
        Published(
            table, name, _MLANET, {k: mean for k, (mean, _) in zip(SCENARIOS, row, strict=True)}
        )
        for name, row in MICC_RMSE.items()
    ]
