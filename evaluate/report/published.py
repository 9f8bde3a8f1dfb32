"""The rows of the papers' tables as printed, and what their means turn out to be.

`Mean` and `Std` of CSANet and R3FA are the mean and the standard deviation (divided by 3) of the
three bins, as 3DDFA's benchmark prints them; `published_checks` lists the rows that do not
come out. The older methods in R3FA's first table (CDM, RCPR, ESR, SDM, 3DDFA) have the sample
standard deviation (divided by 2) instead: `of_sample` marks them.
SADRNet's `Mean` is the mean over images: its bins give it with the counts of the fitted pose, not
with those of AFLW's labels which its text names.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..metrics.landmarks import BINS
from .report import Published

AFLW, AFLW2000 = "AFLW", "AFLW2000-3D"
CSANET = "CSANet, Table 2"
R3FA_1, R3FA_2 = "R3FA (MobDenseNet), Table 1", "R3FA (MobDenseNet), Table 2"
SADRNET = "SADRNet, Table I"
SADRNET_REC = "SADRNet, Table II"
SADRNET_POSE = "SADRNet, Table III"
MLANET = "MLANet, Table 1"
FACERNET = "Mobile-FaceRNet, Table 2"
COUNTS = {AFLW: (11596, 5457, 4027), AFLW2000: (1312, 383, 305)}
"""Images of each bin. AFLW2000-3D by the fitted pose; by AFLW's labels it is `LABEL_COUNTS`."""
LABEL_COUNTS = (1306, 462, 232)
LFPA_ROWS = {"DeFA": 3.86, "ACRLoss": 3.75, "Mobile-FaceRNet": 3.34}
"""Mobile-FaceRNet, Table 2, mean NME on AFLW-LFPA; its Table 4 says 4.904 for the same network."""
SADRNET_MEANS = {
    "68 points, 3D": {"3DDFA": 7.50, "DeFA": 6.23, "PRNet": 4.70, "SADRNet": 4.33},
    "dense, 2D": {"3DDFA": 5.06, "DeFA": 4.44, "PRNet": 3.17, "SADRNet": 2.93},
    "dense, 3D": {
        "3DDFA": 6.55, "DeFA": 6.04, "PRNet": 4.40, "3DDFA_V2": 4.18, "SADRNet": 4.02,
    },
    "reconstruction": {
        "3DDFA": 5.36, "DeFA": 5.64, "PRNet": 3.96, "SPDT": 3.70, "SADRNet": 3.25,
    },
}  # fmt: skip
"""Means over all images of SADRNet's Tables I and II."""
SADRNET_ANGLES = {
    "FSA-Net": (4.50, 6.08, 4.64, 5.07),
    "GLDL": (3.02, 5.06, 3.68, 3.92),
    "QuatNet": (3.97, 5.61, 3.92, 4.50),
    "FDN": (3.78, 5.61, 3.88, 4.42),
    "MNN": (3.34, 4.69, 3.48, 3.83),
    "SADRNet": (2.93, 5.00, 3.54, 3.82),
    "SADRNet-fix": (2.93, 4.43, 2.95, 3.44),
}
"""SADRNet's Table III: yaw, pitch, roll, mean, degrees."""
_NOTES = {
    ("DAMDNet", CSANET, AFLW): "bin 0 to 30 misprinted for 4.359",
    ("SDM", MLANET, AFLW2000): "bin 60 to 90 misprinted for 9.76",
    ("MLANet", MLANET, AFLW2000): "the mean is not that of its bins, 3.467; Table 3 has 3.41",
    ("SADNet", FACERNET, AFLW2000): "SADRNet's mean in 3D, 68 points",
    ("Img2pose", FACERNET, AFLW2000): "its head pose's mean error in degrees",
    ("PRNet", FACERNET, AFLW2000): "PRNet's are 2.75, 3.51, 4.61, 3.62; 5.42 is 3DDFA's mean",
    ("Mobile-FaceRNet", FACERNET, AFLW2000): "574 images; the mean of its bins is 3.81",
}


@dataclass(frozen=True)
class BinRow:
    """NME in percent by |yaw|, with the mean and the standard deviation that the paper prints.

    `balanced` is the mean of a balanced subset, `sample` the mean over all images; `mean` is what
    the paper calls Mean where it has only one.
    """

    method: str
    source: str
    data: str
    bins: tuple[float, float, float] | None
    mean: float | None = None
    std: float | None = None
    balanced: float | None = None
    sample: float | None = None


def _bins(source: str, text: str) -> tuple[BinRow, ...]:
    """Rows of `method | AFLW bins mean std | AFLW2000 bins mean std`, "-" for what is absent."""
    rows = []
    for line in text.strip().splitlines():
        method, *tables = (part.strip() for part in line.split("|"))
        for data, numbers in zip((AFLW, AFLW2000), tables, strict=True):
            if numbers != "-":
                a, b, c, mean, std = (float(number) for number in numbers.split())
                rows.append(BinRow(method, source, data, (a, b, c), mean, std))
    return tuple(rows)


CSANET_ROWS = _bins(
    CSANET,
    """
3DDFA-PDC | 6.937 8.441 9.175 8.184 0.932 | 5.254 6.673 8.123 6.683 1.172
3DDFA-VDC | 5.756 7.222 8.072 7.017 0.957 | 4.040 5.207 6.654 5.300 1.069
3DDFA-WPDC | 5.282 6.606 7.464 6.451 0.898 | 3.658 4.857 5.962 4.826 0.941
3DDFA-WPDC-VDC | 4.488 5.381 6.334 5.401 0.754 | 3.099 4.172 5.486 4.252 0.976
3DDFA-ours | 5.206 6.496 6.975 6.226 0.747 | 3.897 4.783 5.788 4.823 0.733
DAMDNet | 4.539 5.209 6.028 5.199 0.682 | 2.907 3.830 4.953 3.897 0.837
CSANet without SGE | 4.978 6.072 6.885 5.978 0.781 | 3.440 4.300 5.376 4.372 0.792
CSANet | 4.254 4.947 5.796 4.999 0.630 | 2.914 3.738 4.809 3.820 0.776
""",
)


_R3FA_OLDER = _bins(
    R3FA_1,
    """
CDM | 8.150 13.020 16.170 12.440 4.040 | -
RCPR | 5.430 6.580 11.530 7.850 3.240 | 4.260 5.960 13.180 7.800 4.740
ESR | 5.660 7.120 11.940 8.240 3.290 | 4.600 6.700 12.670 7.990 4.190
SDM | 4.750 5.550 9.340 6.550 2.450 | 3.670 4.940 9.760 6.120 3.210
3DDFA (CVPR 2016) | 5.000 5.060 6.740 5.600 0.990 | 3.780 4.540 7.930 5.420 2.210
R3FA | 4.549 5.427 6.204 5.393 0.676 | 3.149 4.010 5.270 4.143 0.871
""",
)
_R3FA_NETWORKS = _bins(
    R3FA_2,
    """
ResNeXt50 | 4.599 5.516 6.297 5.471 0.694 | 3.122 4.065 5.351 4.179 0.913
MobileNetV2 | 4.643 5.581 6.397 5.540 0.716 | 3.236 4.080 5.181 4.165 0.796
DenseNet121 | 4.442 5.249 6.168 5.286 0.705 | 3.051 3.912 5.297 4.087 0.925
MobDenseNet | 4.549 5.427 6.204 5.393 0.676 | 3.149 4.010 5.27 4.143 0.871
""",
)
_NONLINEAR = BinRow("Nonlinear 3DMM", R3FA_1, AFLW2000, None, 4.700)
R3FA_ROWS = (*_R3FA_OLDER, _NONLINEAR, *_R3FA_NETWORKS)


def _sadrnet(
    method: str,
    bins: tuple[float, float, float] | None,
    balanced: float,
    sample: float | None = None,
) -> BinRow:
    return BinRow(method, SADRNET, AFLW2000, bins, balanced=balanced, sample=sample)


SADRNET_ROWS = (
    _sadrnet("3DDFA", (3.78, 4.54, 7.93), 5.42, 6.03),
    _sadrnet("3D-FAN", (2.77, 3.48, 4.61), 3.62),
    _sadrnet("DeFA", None, 4.50, 4.36),
    _sadrnet("3DSTN", (3.15, 4.33, 5.98), 4.49),
    _sadrnet("Nonlinear 3DMM", None, 4.12),
    _sadrnet("PRNet", (2.75, 3.51, 4.61), 3.62, 3.26),
    _sadrnet("DAMDNet", (2.90, 3.83, 4.95), 3.89),
    _sadrnet("CMD", None, 3.90),
    _sadrnet("SPDT", (3.56, 4.06, 4.11), 3.88),
    _sadrnet("3DDFA_V2", (2.63, 3.42, 4.48), 3.51),
    _sadrnet("SADRNet", (2.66, 3.30, 4.42), 3.46, 3.05),
)


MLANET_ROWS = tuple(
    BinRow(method, MLANET, AFLW2000, bins, mean)
    for method, bins, mean in (
        ("SDM", (3.67, 4.94, 9.67), 6.12),
        ("3DDFA", (3.78, 4.54, 7.93), 5.42),
        ("3DDFA+SDM", (3.43, 4.24, 7.17), 4.94),
        ("PRNet", (2.75, 3.51, 4.61), 3.62),
        ("3DDFA_V2", (2.63, 3.42, 4.48), 3.51),
        ("Yu et al.", (2.56, 3.11, 4.45), 3.37),
        ("MLANet", (2.61, 3.38, 4.41), 3.39),
    )
)


FACERNET_ROWS = tuple(
    BinRow(method, FACERNET, AFLW2000, bins, mean)
    for method, bins, mean in (
        ("SADNet", None, 4.33),
        ("Img2pose", None, 3.91),
        ("3DSTN", (3.15, 4.33, 5.98), 4.49),
        ("DeFA", None, 4.50),
        ("PRNet", (3.75, 4.51, 5.61), 5.42),
        ("Nonlinear 3DMM", None, 4.70),
        ("ACRLoss", None, 4.27),
        ("Chang et al.", (3.11, 3.84, 6.60), 4.52),
        ("Tran et al.", None, 4.12),
        ("Mobile-FaceRNet", (2.89, 3.76, 4.78), 3.80),
    )
)


ALL_ROWS = CSANET_ROWS + R3FA_ROWS + MLANET_ROWS + FACERNET_ROWS + SADRNET_ROWS


def bin_rows(data: str, table: str) -> list[Published]:
    """Rows of all papers for one data set."""
    return [
        Published(table, row.method, row.source + _in_brackets(row), _values(row))
        for row in ALL_ROWS
        if row.data == data
    ]


def mean_rows(kind: str, table: str) -> list[Published]:
    """SADRNet's means over images: `kind` is a key of `SADRNET_MEANS`."""
    source = SADRNET_REC if kind == "reconstruction" else SADRNET
    return [
        Published(table, method, source, {"sample mean": value})
        for method, value in SADRNET_MEANS[kind].items()
    ]


def pose_rows(table: str) -> list[Published]:
    """SADRNet's table of head pose; its other methods leave out angles beyond 99 degrees."""
    return [
        Published(
            table, method, SADRNET_POSE, dict(zip(("yaw", "pitch", "roll", "mean"), v, strict=True))
        )
        for method, v in SADRNET_ANGLES.items()
    ]


def lfpa_rows(table: str) -> list[Published]:
    """Mobile-FaceRNet's column of AFLW-LFPA."""
    return [
        Published(table, method, FACERNET, {"sample mean": value})
        for method, value in LFPA_ROWS.items()
    ]


def misprint(row: BinRow) -> str:
    """What is known to be wrong in a row; "" where nothing is."""
    return _NOTES.get((row.method, row.source, row.data), "")


def _in_brackets(row: BinRow) -> str:
    return f" ({misprint(row)})" if misprint(row) else ""


def _values(row: BinRow) -> dict[str, float]:
    named = {"mean of bins": row.mean, "balanced": row.balanced, "sample mean": row.sample}
    if row.bins is not None:
        named |= dict(zip(BINS, row.bins, strict=True))
    return {name: value for name, value in named.items() if value is not None}
