"""What can be chosen about an ablation, and the note that keeps a folder to one choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..core.errors import InputError, MissingFileError
from ..core.text_files import read_json
from ..core.whole_file import write_json
from .budget import Budget
from .faces import OwnFaces

_NOTE = "ablation.json"


@dataclass(frozen=True)
class AblationOptions:
    """What is trained for how long, from what, and what it is scored on.

    Attributes:
        budget: of every row and seed.
        seeds: runs of every row, of the seeds 0, 1 and so on.
        rows: configurations; none: all of the paper's.
        faces: drawn faces to learn from; None: what the configurations name.
        size: side of the networks' input in pixels; 0: as in the paper.
        protocols: names of protocols of `selfie3d evaluate` to the folders of their data.
        settings: `key=value` of every training run.

    Raises:
        InputError: no seed, a negative size, or nothing to be scored on.

    Example:
        >>> AblationOptions(Budget(steps=100), faces=OwnFaces(count=500)).seeds
        3
    """

    budget: Budget
    seeds: int = 3
    rows: tuple[str, ...] = ()
    faces: OwnFaces | None = None
    size: int = 0
    protocols: Mapping[str, Path] = field(default_factory=dict)
    settings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise InputError("seeds", "1 or more", str(self.seeds))
        if self.size < 0:
            raise InputError("size", "pixels, or 0 for the paper's", str(self.size))
        if self.faces is None and not self.protocols:
            remedy = "Name one: --on aflw2000=data/AFLW2000."
            raise InputError("protocols", "one that scores the runs", "none", remedy)


def keep_to(out: Path, paper: str, options: AblationOptions) -> None:
    """Note in a folder what its runs share, or see that it is the same as before.

    More rows, seeds and protocols may be asked for later; what was done stays.

    Args:
        out: the ablation's folder.
        paper: name of the ablation.
        options: what is asked for now.

    Raises:
        InputError: the folder's runs were told something else.
    """
    told = _told(paper, options)
    path = out / _NOTE
    try:
        before = read_json(path, "the note of an ablation")
    except MissingFileError:
        write_json(path, told)
        return
    apart = [
        f"{k} {told.get(k)} instead of {before.get(k)}" for k in told if told[k] != before.get(k)
    ]
    if apart:
        remedy = "Choose another output folder; rows and seeds may be added to this one."
        raise InputError(f"settings of {out}", "those of the runs in it", "; ".join(apart), remedy)


def _told(paper: str, options: AblationOptions) -> dict[str, object]:
    faces = options.faces
    learnt = "the configurations' data"
    if faces is not None:
        learnt = f"{faces.count or 'all'} of {faces.train or 'drawn faces'}"
    return {
        "paper": paper,
        "budget": str(options.budget),
        "faces": learnt,
        "unseen": str((faces and faces.unseen) or "drawn"),
        "size": options.size,
        "settings": sorted(options.settings),
    }
