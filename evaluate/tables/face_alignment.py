"""The tables of CSANet and of R3FA (MobDenseNet): 21 points of AFLW, 68 of AFLW2000-3D."""

from __future__ import annotations

from ..protocols.complexity import PUBLISHED as SIZES
from ..protocols.complexity import R3FA_2 as SIZES_OF_R3FA
from ..protocols.complexity import TABLE as NETWORKS
from ..protocols.complexity import WHOLE_SIZE
from ..report.published import (
    AFLW,
    AFLW2000,
    CSANET,
    CSANET_ROWS,
    R3FA_1,
    R3FA_2,
    R3FA_ROWS,
)
from ..report.published_ablations import R3FA_TIMES
from .design import (
    AFLW2000_68,
    AFLW_21,
    Column,
    PaperTable,
    PrintedRow,
    Source,
    bin_columns,
    binned,
    std_column,
)

_NME = "NME, %, by |yaw|"
_MEANS = "Mean and std are those of the three bins' means."


def csanet_tables() -> tuple[PaperTable, ...]:
    """Table 2; Table 1's figures are not legible in the copies at hand."""
    title = f"{CSANET}: face alignment"
    return (PaperTable(title, _columns(), binned(CSANET_ROWS, (AFLW, AFLW2000)), (_MEANS,)),)


def mobdensenet_tables() -> tuple[PaperTable, ...]:
    """Tables 1 (methods) and 2 (networks)."""
    first = tuple(row for row in R3FA_ROWS if row.source == R3FA_1)
    second = tuple(row for row in R3FA_ROWS if row.source == R3FA_2)
    cost = (
        Column("ms per picture", AFLW, None, 3),
        Column("ms per picture", AFLW2000, None, 3),
        Column("MB", "size", Source("complexity", NETWORKS, WHOLE_SIZE)),
    )
    note = "Times are a 1080 Ti's, in batches; the paper calls megabytes of float32 parameters."
    return (
        PaperTable(
            f"{R3FA_1}: face alignment", _columns(), binned(first, (AFLW, AFLW2000)), (_MEANS,)
        ),
        PaperTable(
            f"{R3FA_2}: networks",
            (*cost, *_columns()),
            tuple(_with_cost(row) for row in binned(second, (AFLW, AFLW2000))),
            (_MEANS, note),
        ),
    )


def _columns() -> tuple[Column, ...]:
    sets = (
        ("aflw", AFLW_21, f"{AFLW}, 21 points, {_NME}"),
        ("aflw2000", AFLW2000_68, f"{AFLW2000}, 68 points, {_NME}"),
    )
    found: list[Column] = []
    for protocol, table, group in sets:
        found += bin_columns(protocol, table, group, 3)
        found.append(std_column(protocol, table, group, 3))
    return tuple(found)


def _with_cost(row: PrintedRow) -> PrintedRow:
    sizes = {p.method: p.values["size"] for p in SIZES if p.source == SIZES_OF_R3FA}
    cost = (*R3FA_TIMES[row.method], sizes[row.method])
    return PrintedRow(row.method, (*((value, None) for value in cost), *row.numbers), row.notes)
