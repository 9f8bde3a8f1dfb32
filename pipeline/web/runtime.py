"""onnxruntime-web, which runs networks in browsers: of a local path, or from npm's registry.

It is larger than all of selfie3d's own files, so that it is fetched when somebody asks for a page.
One version is pinned, file by file: no other program gets into the page under its name.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import urllib.error
import urllib.request
from pathlib import Path

from ...core.errors import InputError, MissingFileError
from ...core.given_file import read_given

VERSION = "1.30.0"
ADDRESS = f"https://registry.npmjs.org/onnxruntime-web/-/onnxruntime-web-{VERSION}.tgz"
FILES = {
    "ort.wasm.bundle.min.mjs": ("11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90"),
    "ort-wasm-simd-threaded.wasm": (
        "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2"
    ),
}
"""Files of the package's folder `dist` that the page needs, and their SHA-256."""

_PACKAGE = f"onnxruntime-web {VERSION}, its folder or onnxruntime-web-{VERSION}.tgz"
_BY_HAND = (
    f"Get it where there is a network (npm pack onnxruntime-web@{VERSION}, or {ADDRESS}) and "
    f"name it: --onnxruntime-web onnxruntime-web-{VERSION}.tgz."
)
_LARGEST = 128 << 20  # bytes of the package
_PATIENCE = 60.0  # seconds without an answer


def runtime_files(given: Path | None, known: Path | None = None) -> dict[str, bytes]:
    """The files of onnxruntime-web by name.

    Args:
        given: the package's folder as npm installs it, its folder `dist`, or its .tgz; None: the
            package is downloaded from registry.npmjs.org.
        known: a folder that may have them already, from an earlier time.

    Raises:
        MissingFileError: nothing is there, or there is no network; the message says what to do.
        InputError: another version, or files that are not those of the package.
    """
    if given is None:
        kept = _kept(known)
        return kept if kept else _unpacked(ADDRESS, _downloaded())
    if given.is_dir():
        folder = given / "dist" if (given / "dist").is_dir() else given
        files = {name: read_given(folder / name, _PACKAGE, _LARGEST) for name in FILES}
        return _checked(str(given), files)
    return _unpacked(str(given), read_given(given, _PACKAGE, _LARGEST))


def _kept(folder: Path | None) -> dict[str, bytes]:
    """The files of an earlier page, where they are whole."""
    if folder is None or not all((folder / name).is_file() for name in FILES):
        return {}
    files = {name: (folder / name).read_bytes() for name in FILES}
    return {} if _wrong(files) else files


def _downloaded() -> bytes:
    try:
        with urllib.request.urlopen(ADDRESS, timeout=_PATIENCE) as answer:
            content: bytes = answer.read(_LARGEST)
    except (urllib.error.URLError, OSError) as error:
        what = f"onnxruntime-web ({getattr(error, 'reason', error)})"
        raise MissingFileError(ADDRESS, what, _BY_HAND) from error
    return content


def _unpacked(name: str, package: bytes) -> dict[str, bytes]:
    """The files out of a package (tar, gzip); nothing else of it is looked at."""
    files = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(package), mode="r:gz") as archive:
            for member in archive:
                wanted = member.name.removeprefix("package/dist/")
                if wanted in FILES and member.isreg() and member.size <= _LARGEST:
                    stream = archive.extractfile(member)
                    files[wanted] = b"" if stream is None else stream.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(name, _PACKAGE, f"no package ({error})", _BY_HAND) from error
    return _checked(name, files)


def _checked(name: str, files: dict[str, bytes]) -> dict[str, bytes]:
    wrong = _wrong(files)
    if wrong:
        got = f"a package without {wrong[0]} of this version"
        raise InputError(name, _PACKAGE, got, _BY_HAND)
    return files


def _wrong(files: dict[str, bytes]) -> list[str]:
    """Names of files that are missing, or not those of the package."""
    found = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return [name for name, digest in FILES.items() if found.get(name) != digest]
