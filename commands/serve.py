"""`selfie3d serve`: reconstruction behind HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from ..pipeline.choices import Backend
from .option_groups import in_groups

if TYPE_CHECKING:
    from ..serve.limits import ServeLimits


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("serve")(serve_command)


@dataclass(frozen=True)
class LimitFlags:
    """`ServeLimits`, as they are typed."""

    workers: Annotated[int, typer.Option(min=1, help="Processes that work, about 1 GB each.")] = 1
    megabytes: Annotated[float, typer.Option(help="The most of an upload.")] = 20.0
    megapixels: Annotated[float, typer.Option(help="The most of a photograph.")] = 40.0
    max_faces: Annotated[int, typer.Option(min=1, help="The largest of a photograph.")] = 4
    seconds: Annotated[float, typer.Option(help="The most for the work on an upload.")] = 60.0
    upload_seconds: Annotated[float, typer.Option(help="The most for an upload.")] = 30.0
    waiting: Annotated[int, typer.Option(min=1, help="Uploads that may wait.")] = 8

    def limits(self) -> ServeLimits:
        """What the server is told."""
        from ..serve.limits import ServeLimits

        return ServeLimits(
            megabytes=self.megabytes,
            megapixels=self.megapixels,
            faces=self.max_faces,
            seconds=self.seconds,
            upload_seconds=self.upload_seconds,
            workers=self.workers,
            waiting=self.waiting,
        )


@in_groups
def serve_command(
    host: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0: whoever reaches this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    *,
    weights: Annotated[str | None, typer.Option(metavar="NAME|PATH", help="Of a network.")] = None,
    backend: Annotated[Backend, typer.Option(help="What runs the network.")] = "torch",
    limits: LimitFlags,
) -> None:
    """A page to upload photographs to, and an API of JSON and GLB; nothing is kept."""
    from ..pipeline.options import ReconstructOptions
    from ..serve.run import run_server

    options = ReconstructOptions(weights=weights, backend=backend)
    typer.echo(f"selfie3d: starting; then http://{host}:{port}/ (API: /docs)", err=True)
    run_server(host, port, options, limits.limits())
