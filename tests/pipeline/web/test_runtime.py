"""onnxruntime-web out of a folder, a package, the registry, and a folder that has it already."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import tarfile
import threading

import pytest
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.pipeline.web import runtime

CONTENTS = {
    "ort.wasm.bundle.min.mjs": b"export const ort = 1;",
    "ort-wasm-simd-threaded.wasm": b"\0asm" + bytes(99),
}


@pytest.fixture(autouse=True)
def pinned(monkeypatch):
    """Our small files stand for the package's."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}
    monkeypatch.setattr(runtime, "FILES", digests)


def package(contents=CONTENTS):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in {"../evil.mjs": b"no", **contents}.items():
            member = tarfile.TarInfo(f"package/dist/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.mark.parametrize("below", ["", "dist"])
def test_of_a_folder(tmp_path, below):
    (tmp_path / below).mkdir(exist_ok=True)
    for name, content in CONTENTS.items():
        (tmp_path / below / name).write_bytes(content)
    assert runtime.runtime_files(tmp_path) == CONTENTS


def test_of_a_package_nothing_else_is_taken(tmp_path):
    (tmp_path / "ort.tgz").write_bytes(package())
    assert runtime.runtime_files(tmp_path / "ort.tgz") == CONTENTS


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A registry on this machine that has the package, and what was asked of it."""
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path)

    (tmp_path / "ort.tgz").write_bytes(package())
    handler = functools.partial(Handler, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(runtime, "ADDRESS", f"http://127.0.0.1:{server.server_port}/ort.tgz")
    yield asked
    server.shutdown()
    server.server_close()


def test_of_the_registry(registry):
    assert runtime.runtime_files(None) == CONTENTS
    assert registry == ["/ort.tgz"]


def test_what_is_there_is_not_fetched_again(tmp_path, registry):
    known = tmp_path / "known"
    known.mkdir()
    for name, content in CONTENTS.items():
        (known / name).write_bytes(content)
    assert runtime.runtime_files(None, known) == CONTENTS
    assert registry == []
    (known / "ort.wasm.bundle.min.mjs").write_bytes(b"something else")
    assert runtime.runtime_files(None, known) == CONTENTS
    assert registry == ["/ort.tgz"]


def test_without_a_network_it_says_which_file_to_get_and_where_to_name_it(monkeypatch):
    monkeypatch.setattr(runtime, "ADDRESS", "http://127.0.0.1:9/onnxruntime-web.tgz")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(MissingFileError, match=r"npm pack onnxruntime-web@.* --onnxruntime-web"):
        runtime.runtime_files(None)


def test_another_version_is_refused(tmp_path):
    other = {**CONTENTS, "ort-wasm-simd-threaded.wasm": b"\0asm of another version"}
    (tmp_path / "ort.tgz").write_bytes(package(other))
    with pytest.raises(InputError, match=r"without ort-wasm-simd-threaded\.wasm of this version"):
        runtime.runtime_files(tmp_path / "ort.tgz")


@pytest.mark.parametrize("content", [b"no package at all", package()[:60]], ids=["text", "cut"])
def test_what_is_no_package_is_refused(tmp_path, content):
    (tmp_path / "ort.tgz").write_bytes(content)
    with pytest.raises(InputError, match="onnxruntime-web"):
        runtime.runtime_files(tmp_path / "ort.tgz")


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(MissingFileError, match=r"nowhere\.tgz"):
        runtime.runtime_files(tmp_path / "nowhere.tgz")
