"""Mobile-FaceRNet's tables: alignment, renderings, networks, ablations."""

from __future__ import annotations

from ..protocols.complexity import FACERNET_4
from ..protocols.complexity import PUBLISHED as SIZES
from ..protocols.complexity import TABLE as NETWORKS
from ..protocols.depth_normal import ENCODERS, PAPERS_TABLES
from ..protocols.depth_normal import TABLE as DEPTH
from ..protocols.photometric import PAPERS_COLUMNS
from ..protocols.photometric import PUBLISHED as RENDERINGS
from ..protocols.photometric import TABLE as PHOTOMETRIC
from ..report.published import AFLW2000, FACERNET, FACERNET_ROWS, LFPA_ROWS
from ..report.published_ablations import FACERNET_NETWORK_NOTES, FACERNET_NETWORKS
from .design import (
    AFLW2000_68,
    LFPA_34,
    Column,
    PaperTable,
    PrintedRow,
    Source,
    bin_columns,
    binned,
    printed,
)

_SECOND = "cosine, dlib"
_LFPA = Source("aflw-lfpa", LFPA_34, "sample mean")


def mobile_facernet_tables() -> tuple[PaperTable, ...]:
    """Tables 2 to 7."""
    modules = (_depth(k, what) for k, what in enumerate(PAPERS_TABLES, 5))
    return _alignment(), _renderings(), _networks(), *modules


def _alignment() -> PaperTable:
    group = f"{AFLW2000}, 68 points, NME, %"
    columns = (
        *bin_columns("aflw2000", AFLW2000_68, group),
        Column("AFLW-LFPA, NME, %", "mean", _LFPA),
    )
    rows = tuple(
        PrintedRow(row.method, (*row.numbers, (LFPA_ROWS.get(row.method), None)), row.notes)
        for row in binned(FACERNET_ROWS, (AFLW2000,), std=False)
    )
    note = "The paper measures 574 images; ours are the bins of all images, and their mean."
    return PaperTable(f"{FACERNET}: face alignment", columns, rows, (note,))


def _renderings() -> PaperTable:
    heads = ("L1", "PSNR, dB", "SSIM", "LightCNN", "evoLVe; ours: dlib")
    names = (*PAPERS_COLUMNS[:-1], _SECOND)
    columns = tuple(
        Column("CelebA", head, Source("photometric", PHOTOMETRIC, name), 3)
        for head, name in zip(heads, names, strict=True)
    )
    rows = tuple(
        printed(row.method, [row.values.get(name) for name in PAPERS_COLUMNS]) for row in RENDERINGS
    )
    note = (
        "evoLVe's weights are not to be had: the last column of ours is dlib's recogniser, whose "
        "cosines are others. Ours is measured over the projected face."
    )
    return PaperTable("Mobile-FaceRNet, Table 3: renderings", columns, rows, (note,))


def _networks() -> PaperTable:
    size = {row.method: row.values for row in SIZES if row.source == FACERNET_4}
    columns = (
        Column("", "parameters, M", Source("complexity", NETWORKS, "parameters", factor=1e-6), 3),
        Column("", "GFLOPs", Source("complexity", NETWORKS, "MACs", factor=1e-9), 3),
        Column("", "training, h", None, 0),
        Column(f"{AFLW2000}, NME, %", "mean", Source("aflw2000", AFLW2000_68, "mean of bins"), 3),
        Column("AFLW-LFPA, NME, %", "mean", _LFPA, 3),
    )
    rows = []
    for method, numbers in FACERNET_NETWORKS.items():
        cost = size[method]["parameters"] / 1e6, size[method]["MACs"] / 1e9
        note = FACERNET_NETWORK_NOTES.get(method)
        rows.append(printed(method, (*cost, *numbers), [note] if note else []))
    notes = (
        "What the paper calls FLOPs are products with their sums (MACs).",
        "DAMDNet's networks predicted 62 numbers from 120 pixels.",
    )
    return PaperTable("Mobile-FaceRNet, Table 4: networks", columns, tuple(rows), notes)


def _depth(number: int, what: str) -> PaperTable:
    columns = (
        Column("", "SIDE, x 0.01", Source("depth-normal", DEPTH, "SIDE"), 4),
        Column("", "MAD, degrees", Source("depth-normal", DEPTH, "MAD"), 4),
    )
    _, values = PAPERS_TABLES[what]
    rows = tuple(printed(name, row) for name, row in zip(ENCODERS, values, strict=True))
    note = "Rows: whose encoders have the modules. The paper's data are its own."
    return PaperTable(f"Mobile-FaceRNet, Table {number}: {what}", columns, rows, (note,))
