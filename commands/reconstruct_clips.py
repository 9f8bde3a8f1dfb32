"""`selfie3d reconstruct` of clips and webcams: which they are, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import InputError, Selfie3dError, shown

if TYPE_CHECKING:
    from ..pipeline.options import ReconstructOptions
    from ..pipeline.video.options import ClipOptions, ClipSummary


@dataclass(frozen=True)
class ClipFlags:
    """`ClipOptions`, as they are typed."""

    smooth: Annotated[
        bool, typer.Option("--smooth/--no-smooth", help="Of clips: take the jitter out of motion.")
    ] = True
    live_link: Annotated[
        bool,
        typer.Option("--live-link", help="Of clips: also a CSV in the layout of Live Link Face."),
    ] = False

    def options(self, same_person: bool) -> ClipOptions:
        """How clips are gone through."""
        from ..pipeline import ClipOptions, SmoothOptions

        smooth = SmoothOptions() if self.smooth else None
        return ClipOptions(smooth, same_person=same_person, live_link=self.live_link)


def check_paths(paths: list[Path]) -> list[Path]:
    """Paths that exist, and numbers of webcams.

    Raises:
        typer.BadParameter: something else.
    """
    for path in paths:
        if not path.exists():
            from ..pipeline import is_webcam

            if not is_webcam(path):
                raise typer.BadParameter(f"Path '{path}' does not exist.")
    return paths


def are_clips(paths: Sequence[Path]) -> bool:
    """Whether all are clips or webcams; not if none is.

    Raises:
        InputError: clips and photographs at once.
    """
    from ..pipeline import is_clip

    clips = [path for path in paths if is_clip(path)]
    if clips and len(clips) < len(paths):
        other = next(path for path in paths if path not in clips)
        got = f"{clips[0]} and {other}"
        raise InputError("PHOTO", "clips or photographs", got, "Run the command for each.")
    return bool(clips)


def reconstruct_clips(
    paths: Sequence[Path], out: Path, options: ReconstructOptions, clip: ClipOptions, strict: bool
) -> int:
    """Follow the people of clips, one after the other.

    Args:
        paths: clips, or numbers of webcams.
        out: the folder of all results.
        options, clip: how.
        strict: stop at the first failure.

    Returns:
        the exit status.
    """
    from ..pipeline import is_webcam, reconstruct_clip

    failed = 0
    for path in paths:
        try:
            summary = reconstruct_clip(path, out, options=options, clip=clip)
        except Selfie3dError as error:
            if strict or len(paths) == 1:
                raise
            failed += 1
            text = shown(str(path))
            typer.echo(f"selfie3d: {text}: {str(error).removeprefix(f'{text}: ')}", err=True)
            continue
        _say(path, out, summary)
        if summary.asked and not is_webcam(path):
            typer.echo("selfie3d: ended early; what was followed is whole.", err=True)
            return 128 + summary.asked
    return 1 if failed else 0


def _say(path: Path, out: Path, summary: ClipSummary) -> None:
    """What came out of a clip."""
    people = "1 person" if summary.people == 1 else f"{summary.people} people"
    cuts = f", {summary.cuts} cuts" if summary.cuts else ""
    speed = summary.frames / max(summary.took, 1e-9)
    typer.echo(
        f"{people} in {summary.frames} frames ({summary.seconds:.1f} s) of {shown(str(path))}{cuts}"
        f", at {speed:.0f} frames/s. Results: {shown(str(out.resolve()))}"
    )
    for file in summary.files:
        typer.echo(f"  {shown(str(file))}")
