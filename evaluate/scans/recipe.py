"""What a geometric error is made of: crop x alignment x correspondence x statistic x direction.

The parts, and the warning that the usual combinations follow the true error badly, are those of
"3D Face Reconstruction Error Decomposed" (arXiv 2505.18025).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...core.choices import check_choices

When = Literal["none", "before", "after"]
Centre = Literal["nose_tip", "now"]
AlignmentKind = Literal["given", "known", "landmarks", "icp", "nonrigid"]
Scale = Literal["mesh", "global", "none"]
Matches = Literal["gt", "rec", "each"]
IcpDistance = Literal["plane", "surface"]
Correspondence = Literal["point", "plane", "surface", "known"]
Statistic = Literal["rmse", "mean", "median"]
Direction = Literal["gt2rec", "rec2gt", "sym"]


@dataclass(frozen=True)
class Crop:
    """Which part of the ground truth is compared.

    Attributes:
        when: "before" the alignment, which then sees the cropped scan alone; "after" it; "none".
        centre: "nose_tip" (landmark 30), or "now": the nose's bottom, moved 0.3 of the way to
            the bridge between the inner eye corners.
        radius_mm: of the sphere; with "now" it is 1.4 times the mean of the outer eye distance
            and the nose's length, and this number is not used.
    """

    when: When = "before"
    centre: Centre = "nose_tip"
    radius_mm: float = 95.0

    def __post_init__(self) -> None:
        check_choices(self, type(self).__name__.lower())

    def describe(self) -> str:
        """In words."""
        if self.when == "none":
            return "no crop"
        size = (
            "NoW's sphere" if self.centre == "now" else f"{self.radius_mm:g} mm round the nose tip"
        )
        return f"ground truth cropped to {size} {self.when} the alignment"


@dataclass(frozen=True)
class Alignment:
    """How the reconstruction is brought onto the ground truth.

    Attributes:
        kind: "given" leaves it where it is; "known" uses corresponding vertices; "landmarks";
            "icp" starts from the landmarks; "nonrigid" adds a bent copy of the reconstruction,
            which says what corresponds, while distances are those of the unbent one.
        scale: estimated for every "mesh", one "global" for all (the geometric mean of those of
            the meshes), or "none" (the prediction's millimetres count).
        matches: whose points look for a partner in ICP: "gt", "rec", or "each": every direction
            of the measurement aligns anew from its own points.
        distance: what ICP minimises, to the "plane" or to the nearest point of the "surface".
        trim: share of the farthest matches left out of every step.
        drop_boundary: leave out matches on the open border of the mesh that is searched. With a
            free scale this rewards shrinking the mesh that is searched: the presets keep them.
    """

    kind: AlignmentKind = "icp"
    scale: Scale = "mesh"
    matches: Matches = "gt"
    distance: IcpDistance = "plane"
    trim: float = 0.0
    drop_boundary: bool = False

    def __post_init__(self) -> None:
        check_choices(self, type(self).__name__.lower())

    def describe(self) -> str:
        """In words."""
        scale = {"mesh": "scale per mesh", "global": "one scale for all", "none": "no scale"}
        if self.kind == "given":
            return "no alignment"
        if self.kind in ("known", "landmarks"):
            by = "corresponding vertices" if self.kind == "known" else "landmarks"
            return f"similarity of the {by}, {scale[self.scale]}"
        border = "dropped" if self.drop_boundary else "kept"
        bent = " + non-rigid ICP" if self.kind == "nonrigid" else ""
        return (
            f"landmarks, then ICP{bent} (matches from {self.matches}, point to {self.distance}, "
            f"{scale[self.scale]}, trim {self.trim:g}, matches on the open border {border})"
        )


@dataclass(frozen=True)
class Measure:
    """What is measured after the alignment.

    Attributes:
        correspondence: to the nearest vertex ("point"), the "plane" of the nearest triangle, the
            nearest point of the "surface", or the "known" corresponding vertex.
        statistic: over the points of one direction.
        direction: distances of ground-truth vertices to the reconstruction, of the
            reconstruction's vertices to the ground truth, or the mean of both statistics.
        drop_boundary: leave out points whose partner lies on the other's open border.
    """

    correspondence: Correspondence = "surface"
    statistic: Statistic = "rmse"
    direction: Direction = "gt2rec"
    drop_boundary: bool = False

    def __post_init__(self) -> None:
        check_choices(self, type(self).__name__.lower())

    def describe(self) -> str:
        """In words."""
        border = "dropped" if self.drop_boundary else "kept"
        return (
            f"{self.statistic} of the distance to the {self.correspondence}, {self.direction}, "
            f"matches on the open border {border}"
        )


@dataclass(frozen=True)
class Recipe:
    """A named combination.

    Attributes:
        name: of the preset.
        source: where it is described.
        registered: compare with a template bent onto the scan, not with the scan itself.
    """

    name: str
    crop: Crop = Crop()
    alignment: Alignment = Alignment()
    measure: Measure = Measure()
    source: str = ""
    registered: bool = False

    def describe(self) -> str:
        """One line that says exactly what is done."""
        truth = "template bent onto the scan" if self.registered else "scan"
        parts = (self.crop, self.alignment, self.measure)
        return f"{self.name}: {truth}; " + "; ".join(part.describe() for part in parts)
