"""A photograph out of a request, in memory: no name that comes with it is looked at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from ..core.errors import Selfie3dError
from .limits import ServeLimits

if TYPE_CHECKING:
    from starlette.requests import Request

_FORM = "multipart/form-data"
_FIELDS = 4  # of a form


class TooLargeError(Selfie3dError):
    """An upload has too many bytes."""


class TooSlowError(Selfie3dError):
    """An upload didn't arrive in time."""


class NoUploadError(Selfie3dError):
    """A request holds no photograph."""


async def read_upload(request: Request, limits: ServeLimits) -> bytes:
    """The content of the photograph that a request holds: its body, or a form's first file.

    Args:
        request: of any client.
        limits: its bytes, and the time until it has arrived.

    Raises:
        TooLargeError, TooSlowError, NoUploadError: it isn't taken.
    """
    try:
        async with asyncio.timeout(limits.upload_seconds):
            body = await _body(request, limits.bytes)
    except TimeoutError:
        text = f"the upload took longer than {limits.upload_seconds:g} seconds"
        raise TooSlowError(text) from None
    kind = request.headers.get("content-type", "")
    content = await _of_form(request, body) if kind.lower().startswith(_FORM) else body
    if not content:
        raise NoUploadError("no photograph in the request: send a file as its body, or in a form")
    return content


async def _body(request: Request, most: int) -> bytes:
    said = request.headers.get("content-length", "")
    if said.isdigit() and (len(said) > 12 or int(said) > most):
        raise _too_large(most)
    body = bytearray()
    async for chunk in request.stream():
        if len(body) + len(chunk) > most:
            raise _too_large(most)
        body += chunk
    return bytes(body)


def _too_large(most: int) -> TooLargeError:
    return TooLargeError(f"an upload may have {most / 1e6:g} MB")


async def _of_form(request: Request, body: bytes) -> bytes:
    """The first file of a form; nothing of it is written to disk."""
    from starlette.datastructures import UploadFile
    from starlette.formparsers import MultiPartException, MultiPartParser

    class InMemory(MultiPartParser):
        spool_max_size = len(body) + 1

    async def whole() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await InMemory(
            request.headers, whole(), max_files=1, max_fields=_FIELDS, max_part_size=len(body) + 1
        ).parse()
    except (MultiPartException, KeyError, ValueError) as error:
        raise NoUploadError("a form that can't be read") from error
    files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    return await files[0].read() if files else b""
