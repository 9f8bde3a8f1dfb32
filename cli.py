"""The `selfie3d` command: parses, calls, prints.

Exit status: 0 every photograph gave a face; 1 some failed, the rest is whole; 2 usage;
130 interrupted; 143 ended by SIGTERM.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .commands import (
    ablate,
    about,
    batch,
    evaluate,
    export,
    export_web,
    model,
    prepare,
    serve,
    synth,
    train,
    transfer,
    view,
)
from .commands.option_groups import in_groups
from .commands.reconstruct_clips import ClipFlags, are_clips, check_paths, reconstruct_clips
from .commands.reconstruct_flags import FaceFlags, RunFlags
from .core.collector import collect_rarely
from .core.ending import TerminatedError, terminable
from .core.errors import Selfie3dError, UnknownNameError, shown
from .core.item_failure import is_lack_of_memory, said

if TYPE_CHECKING:
    from .pipeline.folder import Summary

FAILED, USAGE, INTERRUPTED = 1, 2, 130


class _Commands(typer.core.TyperGroup):
    """Turns the package's own errors and Ctrl-C into one clear message and an exit status."""

    def invoke(self, ctx: Any) -> object:  # noqa: ANN401  (click's class, or typer's own copy)
        try:
            with terminable():
                return super().invoke(ctx)
        except Selfie3dError as error:
            typer.echo(f"selfie3d: {error}", err=True)
            raise typer.Exit(USAGE if isinstance(error, UnknownNameError) else FAILED) from None
        except KeyboardInterrupt as error:
            how, status = "interrupted", INTERRUPTED
            if isinstance(error, TerminatedError):
                how, status = f"ended by {error}", error.status
            text = f"selfie3d: {how}. What was finished is whole; the same command continues."
            typer.echo(text, err=True)
            raise typer.Exit(status) from None
        except (OSError, MemoryError, RuntimeError) as error:  # a full disk, too little memory
            if isinstance(error, RuntimeError) and not is_lack_of_memory(error):
                raise  # a bug
            typer.echo(f"selfie3d: {said(error)}", err=True)
            raise typer.Exit(FAILED) from None


_SETTINGS: dict[str, Any] = {
    "no_args_is_help": True,
    "pretty_exceptions_enable": False,
    "add_completion": False,
}
app = typer.Typer(cls=_Commands, help="3D faces from single photographs.", **_SETTINGS)

Out = Annotated[Path, typer.Option("--out", help="Folder for the results, made if missing.")]


def main() -> None:
    """Entry point of the `selfie3d` command."""
    collect_rarely()
    try:
        app()
    finally:
        gc.freeze()  # the process ends: nobody need look what could be freed


def _print_version(wanted: bool) -> None:
    if wanted:
        from . import __version__

        typer.echo(f"selfie3d {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    pass


@app.command("demo")
def demo_command(out: Out = Path("demo_output")) -> None:
    """Reconstruct the shipped photograph and say where the results are."""
    from .pipeline.demo import run_demo
    from .pipeline.first_use import share_compiling

    start = time.perf_counter()
    share_compiling()
    _finish(run_demo(out), out, start)


@app.command("reconstruct")
@in_groups
def reconstruct_command(
    photos: Annotated[
        list[Path],
        typer.Argument(
            metavar="PHOTO...",
            callback=check_paths,
            help="Photographs or folders of them; or clips, or the number of a webcam.",
        ),
    ],
    out: Out,
    *,
    same_person: Annotated[
        bool,
        typer.Option(
            "--same-person", help="All photographs show one person: one head from all of them."
        ),
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first failure.")] = False,
    faces: FaceFlags,
    clips: ClipFlags,
    run: RunFlags,
) -> None:
    """Reconstruct every face of photographs: GLB, OBJ, JSON and an overlay each.

    Of clips: everybody in them, with a table and an animated GLB each, and the film with the faces.
    """
    from .pipeline.first_use import share_compiling
    from .pipeline.options import needs_texture

    start = time.perf_counter()
    options = faces.options()
    if are_clips(photos):
        status = reconstruct_clips(photos, out, options, clips.options(same_person), strict)
        raise typer.Exit(status)
    if needs_texture(options.outputs(len(photos))):
        share_compiling()
    if same_person:
        from .pipeline.person_files import reconstruct_same_person

        work = reconstruct_same_person
    else:
        from .pipeline.folder import reconstruct_paths

        work = reconstruct_paths
    summary = work(photos, out, options=options, strict=strict, **vars(run))
    _finish(summary, out, start)


_FACES = (batch, transfer, view, export, export_web, serve)
_TRAINING = (train, ablate, prepare, synth, model)
for _commands in (*_FACES, evaluate, *_TRAINING, about):
    _commands.register(app)


def _finish(summary: Summary, out: Path, start: float) -> None:
    """Say what came out; exit with 1 if a photograph failed."""
    for line in summary.found.lines():
        typer.echo(f"selfie3d: {line}", err=True)
    for path, message in summary.failed:
        text = shown(str(path))  # as errors write it, that it is said once
        typer.echo(f"selfie3d: {text}: {message.removeprefix(f'{text}: ')}", err=True)
    if summary.log is not None:
        typer.echo(f"selfie3d: tracebacks of unexpected errors: {summary.log}", err=True)
    done = f"{_count(summary.faces, 'face')} from {_count(len(summary.succeeded), 'photograph')}"
    skipped = f", {len(summary.skipped)} were done before" if summary.skipped else ""
    failed = f", {len(summary.failed)} failed" if summary.failed else ""
    seconds = time.perf_counter() - start
    typer.echo(f"{done} in {seconds:.0f} s{skipped}{failed}. Results: {shown(str(out.resolve()))}")
    for file in summary.files[:7]:
        typer.echo(f"  {shown(str(file))}")
    if len(summary.files) > 7:
        typer.echo(f"  and {_count(len(summary.files) - 7, 'file')} more")
    if look := _how_to_look(summary.files, out):
        typer.echo(f"To turn and animate: {shown(look)}")
    if summary.failed:
        raise typer.Exit(FAILED)


def _how_to_look(files: Sequence[Path], out: Path) -> str:
    """Where the viewer's page is, or what makes one."""
    page = next((file for file in files if file.name.endswith("_viewer.html")), None)
    if page is not None:
        return f"open {page} in a browser"
    return f"selfie3d view {out}" if any(file.suffix == ".glb" for file in files) else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
