"""Rows that papers print for the scan protocols; shown beside ours, marked as published."""

from __future__ import annotations

from .report import Published

_SADRNET = "SADRNet (arXiv 2106.03021), table II, Florence"
_MLANET = "MLANet, table 2, MICC Florence"

FLORENCE_NME: dict[str, float] = {
    "3DDFA": 6.38,
    "VRN - Guided": 5.26,
    "PRN": 3.75,
    "SPDT": 3.83,
    "3DDFAv2": 3.56,
    "SADRNet": 3.12,
}
"""Method to mean NME in %, as SADRNet prints them."""

MICC_RMSE: dict[str, tuple[float, float, float]] = {
    "RingNet": (2.09, 2.13, 2.10),
    "CPEM": (2.08, 2.09, 2.02),
    "Yu et al.": (1.74, 1.75, 1.79),
    "Yu et al. (Pytorch)": (1.67, 1.68, 1.71),
    "Tran et al.": (1.97, 2.03, 1.93),
    "MGCNet": (1.78, 1.78, 1.81),
    "Booth et al.": (1.82, 1.85, 1.63),
    "3DDFA-v2": (1.65, 1.66, 1.71),
    "MLANet": (1.66, 1.66, 1.66),
}
"""Method to mean point-to-plane RMSE in mm: cooperative, indoor, outdoor, as MLANet prints them.
The paper takes rows from other papers with other measurements: Booth et al. from GANFit (a mean
of symmetric distances), Tran et al. from Deng et al., RingNet and CPEM from CPEM."""

SCENARIOS = ("cooperative", "indoor", "outdoor")


def florence_rows(table: str) -> list[Published]:
    """Published mean NMEs on Florence, for a table with the figure "mean"."""
    return [Published(table, name, _SADRNET, {"mean": v}) for name, v in FLORENCE_NME.items()]


def micc_rows(table: str) -> list[Published]:
    """Published RMSEs by scenario, for a table with a figure for each."""
    return [
        Published(table, name, _MLANET, dict(zip(SCENARIOS, values, strict=True)))
        for name, values in MICC_RMSE.items()
    ]
