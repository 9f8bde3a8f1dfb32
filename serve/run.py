"""The server itself, by uvicorn."""

from __future__ import annotations

from ..core.extra import import_extra
from ..pipeline.options import ReconstructOptions
from .app import EXTRA, make_app
from .limits import ServeLimits

_IDLE = 5  # seconds that a connection may say nothing between requests
_BEYOND = 32  # connections beside those that upload


def run_server(
    host: str,
    port: int,
    options: ReconstructOptions | None = None,
    limits: ServeLimits | None = None,
) -> None:
    """Serve until the process is told to end.

    Args:
        host: the address that is listened at; "127.0.0.1" is this machine alone.
        port: of it.
        options: of the reconstruction.
        limits: see `ServeLimits`.

    Raises:
        MissingFileError: fastapi, uvicorn or python-multipart isn't installed.
    """
    uvicorn = import_extra("uvicorn", EXTRA)
    bounds = limits or ServeLimits()
    uvicorn.run(
        make_app(options, bounds),
        host=host,
        port=port,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_IDLE,
        limit_concurrency=bounds.uploads + bounds.waiting + bounds.workers + _BEYOND,
    )
