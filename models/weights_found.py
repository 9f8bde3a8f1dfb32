"""Which weights files there are, by name or by path."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import MissingFileError, UnknownNameError

SHIPPED = Path(__file__).resolve().parents[1] / "weights"
OF_A_RUN = "take best.safetensors or last.safetensors of the run."
"""What an error advises where something else of a run was named."""
_OTHERS = ("detector",)  # of other networks, which detect.drawn_network reads
_OF_RUNS = ("best", "last")  # names that say nothing without that of the run


def weight_names(folder: Path = SHIPPED) -> list[str]:
    """Names of the shipped weights that reconstruct faces, sorted.

    Args:
        folder: where they lie.

    Example:
        >>> "default" in weight_names()
        True
    """
    return sorted(path.stem for path in folder.glob("*.safetensors") if path.stem not in _OTHERS)


def find_weights(name_or_path: str | Path, folder: Path = SHIPPED) -> Path:
    """The file of weights that are named, or whose path is given.

    Args:
        name_or_path: one of `weight_names`, or a path.
        folder: where the named ones lie.

    Raises:
        UnknownNameError: neither a shipped name nor something like a path.
        MissingFileError: the path leads nowhere.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    known = str(path) in weight_names(folder)
    if path.suffix or len(path.parts) > 1 or (path.is_dir() and not known):
        remedy = f"A folder is there: {OF_A_RUN}" if path.is_dir() else "Check the path."
        raise MissingFileError(str(path), "The weights file", remedy)
    if not known:
        raise UnknownNameError("weights", str(path), weight_names(folder))
    return folder / f"{path}.safetensors"


def title_of(path: Path) -> str:
    """What weights are called in records and reports."""
    run = path.resolve().parent.name if path.stem in _OF_RUNS else ""
    return f"{run}/{path.stem}" if run else path.stem
