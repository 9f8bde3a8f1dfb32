"""Files behind addresses, asked of a server of the test's own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from selfie3d.core.address_file import is_address, read_address
from selfie3d.core.errors import InputError, MissingFileError

CONTENT = bytes(range(256)) * 400


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        kind = self.path.partition("?")[0]
        if kind == "/gone":
            self.send_error(404)
        elif kind.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", kind.removeprefix("/to/"))
            self.end_headers()
        elif kind == "/nonsense":
            self.wfile.write(b"nonsense\r\n\r\n")
        else:
            self.send_response(200)
            self.end_headers()
            getattr(self, kind[1:])()

    def whole(self) -> None:
        self.wfile.write(CONTENT)

    def empty(self) -> None:
        pass

    def page(self) -> None:
        self.wfile.write(b"<!doctype html><p>Log in")

    def slow(self) -> None:
        for _ in range(20):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.05)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_what_an_address_is():
    known = ("http://a/b", "HTTPS://a", "file:///a", "ftp://a", "s3://a/b", "data:image/png,")
    paths = ("a.jpg", "/a/b", "C:\\a.jpg", "C:/a.jpg", "c://a", "a: b.jpg", "http:/a", "")
    assert all(map(is_address, known)) and not any(map(is_address, paths))


def test_contents_come_whole_and_through_redirections(server):
    assert read_address(f"{server}/whole?size=1", "bytes") == CONTENT
    assert read_address(f"{server}/to//whole", "bytes") == CONTENT
    assert read_address(f"{server}/whole", "bytes", len(CONTENT)) == CONTENT


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/gone", "a photograph, got the answer 404"),
        ("/empty", "empty answer"),
        ("/page", "web page.*login"),
        ("/nonsense", "no answer"),
        ("/to/file:///etc/hostname", "302|not allowed"),
        ("/to/ftp://127.0.0.1/a", "unknown url type: ftp"),
        ("/to//to//to//to//gone", "404"),
    ],
)
def test_other_answers_are_errors(server, path, message):
    with pytest.raises(InputError, match=message):
        read_address(server + path, "a photograph")


def test_answers_are_limited(server):
    with pytest.raises(InputError, match="of at most 1,000 bytes"):
        read_address(f"{server}/whole", "bytes", 1000)
    began = time.monotonic()
    with pytest.raises(InputError, match="too long"):
        read_address(f"{server}/slow", "bytes", seconds=0.2)
    assert time.monotonic() - began < 0.9


def test_messages_hold_no_passwords(server):
    host = server.removeprefix("http://")
    with pytest.raises(InputError) as raised:
        read_address(f"http://anna:secret@{host}/gone?key=secret", "bytes")
    assert "secret" not in str(raised.value) and "/gone" in str(raised.value)


def test_nobody_answers():
    with pytest.raises(InputError, match=r"no answer.*network"):
        read_address("http://127.0.0.1:1/a.jpg", "a photograph", seconds=1)


def test_files_of_this_machine(tmp_path):
    path = tmp_path / "a photo%.bin"
    path.write_bytes(CONTENT)
    assert read_address(path.as_uri(), "bytes") == CONTENT
    with pytest.raises(InputError, match="at most 10 bytes"):
        read_address(path.as_uri(), "bytes", 10)
    with pytest.raises(MissingFileError):
        read_address((tmp_path / "none").as_uri(), "bytes")
    with pytest.raises(InputError, match="this machine"):
        read_address("file://server/share/a.jpg", "bytes")
