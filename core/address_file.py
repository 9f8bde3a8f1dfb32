"""Files behind an address: http, https and file, of limited size and within limited time."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .errors import InputError
from .given_file import mistaken_for, read_given

if TYPE_CHECKING:
    from http.client import HTTPResponse

MOST_BYTES = 1 << 28
"""Of a file behind an address."""

_SECONDS = 60.0
_CHUNK = 1 << 16
_HEAD = 1024
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://|data:", re.ASCII)
_PROTOCOLS = ("http", "https", "file")
_LOOK = "Open it in a browser to see what is there."
_EXPECTED = "an address that begins with http://, https:// or file://"


def is_address(text: str) -> bool:
    """Whether a text is an address, PROTOCOL://..., and not the path of a file.

    >>> is_address("https://example.org/a.jpg"), is_address("C:/a.jpg"), is_address("a.jpg")
    (True, False, False)

    Args:
        text: what somebody gave for a file.
    """
    return _SCHEME.match(text) is not None


def read_address(
    address: str, expected: str, limit: int = MOST_BYTES, *, seconds: float = _SECONDS
) -> bytes:
    """The content of a file behind an address. The machine's proxies are used.

    >>> from tempfile import NamedTemporaryFile
    >>> with NamedTemporaryFile() as file:
    ...     _ = file.write(b"v 0 0 0"), file.flush()
    ...     read_address(f"file://{file.name}", "a mesh")
    b'v 0 0 0'

    Args:
        address: http://, https:// or file://; of the latter only files of this machine.
        expected: what should be in it, for messages.
        limit: the most bytes that it may have.
        seconds: the longest that it may take, from the first word to the last byte.

    Raises:
        MissingFileError: a file of this machine is not there.
        InputError: another protocol, an answer that is no success, nothing, too much, too slow, or
            a web page in the file's place.
    """
    protocol = urlsplit(address).scheme.lower()
    if protocol not in _PROTOCOLS:
        remedy = "Download it first, or give its content as bytes."
        raise InputError(_short(address), _EXPECTED, f"{protocol}:", remedy)
    if protocol == "file":
        return read_given(_path_of(address), expected, limit)
    content = _downloaded(address, expected, limit, seconds)
    other = mistaken_for(content[:_HEAD])
    if not content or other is not None:
        got, remedy = other or ("an empty answer", _LOOK)
        raise InputError(_short(address), expected, got, remedy)
    return content


def _downloaded(address: str, expected: str, limit: int, seconds: float) -> bytes:
    from http.client import HTTPException
    from urllib.error import HTTPError

    try:
        with _opened(address, seconds) as answer:
            return _content(address, answer, expected, limit, time.monotonic() + seconds)
    except InputError:
        raise
    except HTTPError as error:
        error.close()
        got = f"the answer {error.code} ({error.reason})"
        raise InputError(_short(address), expected, got, _LOOK) from error
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        remedy = "Check the address and the network, or download the file first."
        raise InputError(_short(address), expected, f"no answer ({reason})", remedy) from error


def _opened(address: str, seconds: float) -> HTTPResponse:
    """Redirections lead to http and https alone: no other protocol has a handler."""
    from urllib import request

    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler,
        request.HTTPHandler,
        request.HTTPSHandler,
        request.HTTPRedirectHandler,
        request.HTTPDefaultErrorHandler,
        request.HTTPErrorProcessor,
        request.UnknownHandler,
    ):
        opener.add_handler(handler())
    asked = request.Request(address, headers={"User-Agent": "selfie3d"})
    answer: HTTPResponse = opener.open(asked, timeout=seconds)
    return answer


def _content(address: str, answer: HTTPResponse, expected: str, limit: int, end: float) -> bytes:
    parts, length = [], 0
    while part := answer.read1(_CHUNK):
        parts.append(part)
        length += len(part)
        if length > limit:
            got = f"more than {limit:,} bytes"
            raise InputError(_short(address), f"{expected} of at most {limit:,} bytes", got)
        if time.monotonic() > end:
            remedy = "Download it first."
            raise InputError(_short(address), expected, "an answer that takes too long", remedy)
    return b"".join(parts)


def _path_of(address: str) -> str:
    from urllib.request import url2pathname

    place = urlsplit(address)
    if place.netloc not in ("", "localhost"):
        got = f"one on {place.netloc!r}"
        raise InputError(_short(address), "a file of this machine: file:///PATH", got)
    return url2pathname(place.path)


def _short(address: str) -> str:
    """Without what may be a password or a key in it."""
    place = urlsplit(address)
    host = place.netloc.rpartition("@")[2]
    return f"{place.scheme}://{host}{place.path}"[:200] if place.scheme != "data" else "data:..."
