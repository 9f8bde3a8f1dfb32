"""What a run over many photographs is told."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .. import __version__
from ..core.errors import InputError, UnknownNameError
from ..core.ray_session import LOCAL
from ..models import find_weights
from ..pipeline import ReconstructOptions

KINDS = ("points", "json", "glb")
"""What can be written of a face: its landmarks and pose; its coefficients, too; its GLB."""
_STATE = ".selfie3d"


@dataclass(frozen=True)
class BatchOptions:
    """What is made of every photograph, and how it is stored.

    Attributes:
        write: one or more of `KINDS`; "glb" and "json" hold what "points" holds.
        reconstruct: how photographs are reconstructed; its own `write` is not heeded.
        per_part: photographs whose rows make one Parquet file.
        column: of a list, see `open_source`.

    Raises:
        UnknownNameError: another kind.
        InputError: nothing to write, or a part without photographs.
    """

    write: tuple[str, ...] = ("json",)
    reconstruct: ReconstructOptions = field(default_factory=ReconstructOptions)
    per_part: int = 1024
    column: str = ""

    def __post_init__(self) -> None:
        for name in self.write:
            if name not in KINDS:
                raise UnknownNameError("output", name, list(KINDS))
        if not self.write:
            raise InputError("write", f"one or more of {', '.join(KINDS)}", "none")
        if self.per_part < 1:
            raise InputError("per_part", "1 or more photographs", str(self.per_part))

    @property
    def heads(self) -> bool:
        """Whether GLBs are written."""
        return "glb" in self.write

    @property
    def coefficients(self) -> bool:
        """Whether rows hold coefficients."""
        return self.write != ("points",)

    def settings(self) -> Mapping[str, object]:
        """All that results depend on, as plain values, the content of weights by its checksum."""
        options = asdict(self.reconstruct)
        fit = options.pop("fit")
        del options["write"]
        weights = self.reconstruct.weights
        checksum = "" if weights == "fit" else _checksum(find_weights(weights or "default"))
        known = {
            "version": __version__,
            "write": sorted(set(self.write)),
            "weights_crc32": checksum,
        }
        return {**known, "per_part": self.per_part, **options, "fit": repr(fit)}


@dataclass(frozen=True)
class BatchRun:
    """How a run is done; its results do not depend on it.

    Attributes:
        workers: actors that find faces, a processor core each; 0: as many as there are cores.
        ray_address: see `core.ray_session`.
    """

    workers: int = 0
    ray_address: str = LOCAL


def state_of(out: Path) -> Path:
    """The folder of our own notes in a folder of results."""
    return out / _STATE / "batch"


def _checksum(path: Path) -> str:
    return f"{zlib.crc32(path.read_bytes()):08x}"
