"""The application: a page to upload to, and the API behind it.

Nothing is kept of a request: uploads and answers are in memory, and no log names them. No part of a
request becomes a path.
"""

# No `from __future__ import annotations`: FastAPI reads the annotations of the functions in here.

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from ..core.errors import InputError, NoFaceError, Selfie3dError
from ..core.extra import import_extra
from ..pipeline.options import ReconstructOptions
from .answers import HEAD, RECORDS, VIEWER
from .crew import BusyError, Crew
from .limits import ServeLimits
from .pages import api_page, upload_page
from .upload import NoUploadError, TooLargeError, TooSlowError, read_upload
from .worker import BrokenError, Question, TooLongError, Worker

EXTRA = "serve"
_STATUS: dict[type[Exception], int] = {
    BusyError: 503,
    TooLargeError: 413,
    TooSlowError: 408,
    NoUploadError: 400,
    NoFaceError: 422,
    InputError: 422,
    TooLongError: 504,
    BrokenError: 500,
}
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'"
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "image/*": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"photo": {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}
_REFUSALS = {
    400: "No photograph in the request.",
    408: "The upload was too slow.",
    413: "The upload is too large.",
    422: "No face, or no photograph that can be read.",
    503: "Too many photographs are waiting.",
    504: "The work took too long.",
}


def make_app(
    options: ReconstructOptions | None = None,
    limits: ServeLimits | None = None,
    make_worker: Callable[[], Worker] | None = None,
) -> Any:  # noqa: ANN401  (FastAPI may not be installed)
    """The application, as an ASGI server runs it; its processes begin when the server does.

    Args:
        options: of the reconstruction; `max_faces` is that of the limits.
        limits: see `ServeLimits`.
        make_worker: another kind of worker.

    Raises:
        MissingFileError: fastapi isn't installed.
    """
    fastapi = import_extra("fastapi", EXTRA)
    import_extra("python_multipart", EXTRA)
    from dataclasses import replace

    from .. import __version__

    bounds = limits or ServeLimits()
    given = replace(options or ReconstructOptions(), max_faces=bounds.faces)

    def usual() -> Worker:
        return Worker(given, bounds.megapixels, bounds.seconds)

    crew = Crew(make_worker or usual, bounds.workers, bounds.waiting)

    @asynccontextmanager
    async def life(_app: object) -> AsyncIterator[None]:
        try:
            await crew.start()
            yield
        finally:
            crew.stop()

    app = fastapi.FastAPI(
        title="selfie3d", version=__version__, summary="3D faces from photographs.",
        docs_url=None, redoc_url=None, lifespan=life,
    )  # fmt: skip
    _add_refusals(app)
    _add_pages(app)
    _add_api(app, crew, bounds)
    return app


def _add_refusals(app: Any) -> None:  # noqa: ANN401
    """Errors as JSON with a status, and headers on every answer."""
    from starlette.responses import JSONResponse

    async def refuse(_request: object, error: Exception) -> JSONResponse:
        status = next((s for kind, s in _STATUS.items() if isinstance(error, kind)), 500)
        headers = {"Retry-After": "5"} if status == 503 else {}
        return JSONResponse({"error": str(error)}, status, headers)

    app.add_exception_handler(Selfie3dError, refuse)

    @app.middleware("http")
    async def with_headers(request: Any, further: Any) -> Any:  # noqa: ANN401
        response = await further(request)
        response.headers.update(_HEADERS)
        return response


def _add_pages(app: Any) -> None:  # noqa: ANN401
    from starlette.responses import HTMLResponse

    policy = {"Content-Security-Policy": _POLICY}

    @app.get("/", include_in_schema=False)
    async def upload() -> HTMLResponse:
        return HTMLResponse(upload_page(), headers=policy)

    @app.get("/docs", include_in_schema=False)
    async def documentation() -> HTMLResponse:
        return HTMLResponse(api_page(app.openapi()), headers=policy)

    @app.get("/health", summary="Whether the server answers.")
    async def health() -> dict[str, str]:
        return {"status": "ok"}


def _add_api(app: Any, crew: Crew, limits: ServeLimits) -> None:  # noqa: ANN401
    from fastapi import Query
    from starlette.requests import Request
    from starlette.responses import Response

    arriving = asyncio.Semaphore(limits.uploads)

    async def answer(request: Request, kind: str, media: str, number: int = 1) -> Response:
        if arriving.locked():
            raise BusyError("too many uploads are arriving; come again in some seconds")
        async with arriving:
            content = await read_upload(request, limits)
        made = await crew.ask(Question(kind, content, number))
        return Response(made, media_type=media)

    refusals = {status: {"description": text} for status, text in _REFUSALS.items()}
    further: dict[str, Any] = {"openapi_extra": _BODY, "responses": refusals}

    @app.post("/api/faces", summary="Pose, landmarks, expressions of all faces: JSON.", **further)
    async def faces(request: Request) -> Response:
        """`{"faces": [...]}`, the largest first, each as NAME.json of `selfie3d reconstruct`."""
        return await answer(request, RECORDS, "application/json")

    @app.post("/api/head.glb", summary="The textured head of one face: GLB.", **further)
    async def head(request: Request, face: Annotated[int, Query(ge=1, le=1000)] = 1) -> Response:
        """Metres, 52 expressions as morph targets; `face` counts from 1, the largest first."""
        return await answer(request, HEAD, "model/gltf-binary", face)

    @app.post("/api/viewer", summary="A page to turn and animate the heads in: HTML.", **further)
    async def viewer(request: Request) -> Response:
        """One page that needs nothing else."""
        return await answer(request, VIEWER, "text/html; charset=utf-8")
