"""SADRNet's tables: alignment, reconstruction, head pose, ablation, size."""

from __future__ import annotations

from ..protocols.complexity import PUBLISHED as SIZES
from ..protocols.complexity import SADRNET_5, WHOLE_SIZE
from ..protocols.complexity import TABLE as NETWORKS
from ..protocols.florence20 import TABLE as FLORENCE
from ..report.published import (
    AFLW2000,
    SADRNET,
    SADRNET_ANGLES,
    SADRNET_MEANS,
    SADRNET_POSE,
    SADRNET_REC,
    SADRNET_ROWS,
)
from ..report.published_ablations import SADRNET_ABLATION, SADRNET_REC_BINS, SADRNET_REC_NOTES
from ..report.published_checks import notes_of
from ..report.published_scans import FLORENCE_NME
from .design import AFLW2000_68, BINS, Column, PaperTable, PrintedRow, Source, printed

_END = ": original points, bins by fitted pose"
_REC, _POSE = f"reconstruction{_END}", "head pose"
_SPACES = ("68 points, 3D", "dense, 2D", "dense, 3D")


def sadrnet_tables() -> tuple[PaperTable, ...]:
    """Tables I to V."""
    return _alignment(), _reconstruction(), _pose(), _ablation(), _sizes()


def _mean(table: str) -> Source:
    return Source("aflw2000", table, "sample mean")


def _alignment() -> PaperTable:
    group = f"{AFLW2000}, NME, %: 68 points, 2D"
    names = (*BINS, "balanced", "sample mean")
    heads = (*BINS, "balanced", "mean")
    columns = tuple(
        Column(group, head, Source("aflw2000", AFLW2000_68, name))
        for head, name in zip(heads, names, strict=True)
    )
    more = tuple(Column(space, "mean", _mean(space + _END)) for space in _SPACES)
    rows = tuple(
        printed(
            row.method,
            (
                *(row.bins or (None,) * 3),
                row.balanced,
                row.sample,
                *(SADRNET_MEANS[space].get(row.method) for space in _SPACES),
            ),
            notes_of(row),
        )
        for row in SADRNET_ROWS
    )
    note = "Means are over images: the bins' counts are 1,312, 383 and 305, not those of the text."
    return PaperTable(f"{SADRNET}: face alignment", (*columns, *more), rows, (note,))


def _reconstruction() -> PaperTable:
    group = f"{AFLW2000}, NME, %, by outer eye distance"
    columns = tuple(Column(group, name, Source("aflw2000", _REC, name)) for name in BINS)
    columns += (Column(group, "mean", _mean(_REC)),)
    columns += (Column("Florence, NME, %", "mean", Source("florence20", FLORENCE, "mean")),)
    means = SADRNET_MEANS["reconstruction"]
    empty = (None, None, None)
    rows = []
    for method in dict.fromkeys([*means, *FLORENCE_NME]):
        values = (
            *SADRNET_REC_BINS.get(method, empty), means.get(method), FLORENCE_NME.get(method),
        )  # fmt: skip
        note = SADRNET_REC_NOTES.get(method)
        rows.append(printed(method, values, [note] if note else []))
    rows.append(rows.pop(next(k for k, row in enumerate(rows) if row.method == "SADRNet")))
    return PaperTable(f"{SADRNET_REC}: reconstruction", columns, tuple(rows))


def _pose() -> PaperTable:
    columns = tuple(
        Column(f"{AFLW2000}, mean absolute error, degrees", name, Source("aflw2000", _POSE, name))
        for name in ("yaw", "pitch", "roll", "mean")
    )
    note = "drops images by the error itself; not comparable"
    rows = tuple(
        printed(method, values, [note] if method.endswith("-fix") else [])
        for method, values in SADRNET_ANGLES.items()
    )
    others = "The other methods leave out angles beyond 99 degrees; ours are all images."
    return PaperTable(f"{SADRNET_POSE}: head pose", columns, rows, (others,))


def _ablation() -> PaperTable:
    spaces = ("68 points, 2D", *_SPACES, "reconstruction")
    group = f"{AFLW2000}, NME, %, mean over images"
    columns = tuple(Column(group, space, _mean(space + _END)) for space in spaces)
    rows = tuple(printed(method, values) for method, values in SADRNET_ABLATION.items())
    return PaperTable("SADRNet, Table IV: ablation", columns, rows)


def _sizes() -> PaperTable:
    columns = (Column("MB", "size", Source("complexity", NETWORKS, WHOLE_SIZE), 1),)
    found = [row for row in SIZES if row.source == SADRNET_5]
    rows: tuple[PrintedRow, ...] = tuple(printed(r.method, (r.values["size"],)) for r in found)
    return PaperTable("SADRNet, Table V: size of models", columns, rows)
