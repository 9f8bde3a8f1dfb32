"""The server with workers that need no network of their own: what is taken, refused and kept."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Iterator

import pytest
from selfie3d.core.errors import InputError, NoFaceError
from selfie3d.serve.crew import BusyError, Crew
from selfie3d.serve.limits import ServeLimits
from selfie3d.serve.worker import BrokenError, Question, TooLongError

pytest.importorskip("fastapi")
pytest.importorskip("httpx")
pytest.importorskip("python_multipart")
TestClient = pytest.importorskip("starlette.testclient").TestClient
LIMITS = ServeLimits(megabytes=0.1, upload_seconds=60, workers=1, waiting=1, uploads=2)


class Fake:
    """Answers what its photograph says."""

    def __init__(self) -> None:
        self.works, self.begun, self.asked = False, 0, []

    def start(self) -> None:
        self.works = True
        self.begun += 1

    def stop(self) -> None:
        self.works = False

    def ask(self, question: Question) -> bytes:
        self.asked.append(question)
        word = question.content[:8]
        if word == b"no face":
            raise NoFaceError("no face found")
        if word == b"no image":
            raise InputError("photograph", "an image", "none")
        if word == b"endless ":
            self.works = False
            raise TooLongError("the work took longer than 1 seconds")
        if word == b"killed  ":
            self.works = False
            raise BrokenError("the process that works has ended")
        if word == b"a moment":
            time.sleep(0.3)
        return json.dumps([question.kind, question.number]).encode()


@pytest.fixture()
def worker() -> Fake:
    return Fake()


@pytest.fixture()
def client(worker) -> Iterator[TestClient]:
    from selfie3d.serve.app import make_app

    with TestClient(make_app(limits=LIMITS, make_worker=lambda: worker)) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "kind", "media"),
    [
        ("/api/faces", ["records", 1], "application/json"),
        ("/api/head.glb?face=3", ["head", 3], "model/gltf-binary"),
        ("/api/viewer", ["viewer", 1], "text/html; charset=utf-8"),
    ],
)
def test_what_is_asked_of_whom(client, worker, path, kind, media):
    for given in ({"content": b"photo"}, {"files": {"photo": ("../../etc/passwd", b"photo")}}):
        found = client.post(path, **given)
        assert (found.status_code, found.json()) == (200, kind)
        assert found.headers["content-type"] == media
        assert found.headers["cache-control"] == "no-store"
        assert worker.asked[-1].content == b"photo"


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"content": b""}, 400),
        ({"content": b"-" * 100_001}, 413),
        ({"content": iter([b"-" * 60_000, b"-" * 60_000])}, 413),
        ({"files": {"photo": ("a.jpg", b"-" * 100_000)}}, 413),
        ({"content": b"--x", "headers": {"content-type": "multipart/form-data"}}, 400),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data; boundary=a"}}, 400),
        ({"data": {"photo": "no file"}, "files": {}}, 200),  # a body as any other
        ({"content": b"no face"}, 422),
        ({"content": b"no image"}, 422),
        ({"content": b"endless "}, 504),
        ({"content": b"killed  "}, 500),
    ],
)
def test_refusals_say_why_and_the_next_one_is_answered(client, given, status):
    found = client.post("/api/faces", **given)
    assert found.status_code == status
    if status != 200:
        assert found.json()["error"]
    assert client.post("/api/faces", content=b"photo").status_code == 200


def test_a_process_that_ended_is_replaced(client, worker):
    assert worker.begun == 1
    client.post("/api/faces", content=b"killed  ")
    assert client.post("/api/faces", content=b"photo").status_code == 200
    assert worker.begun == 2


def test_a_slow_body_by_itself():
    from selfie3d.serve.upload import TooSlowError, read_upload
    from starlette.requests import Request

    async def receive() -> dict[str, object]:
        await asyncio.sleep(0.2)
        return {"type": "http.request", "body": b"-", "more_body": True}

    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    with pytest.raises(TooSlowError):
        asyncio.run(read_upload(request, ServeLimits(upload_seconds=0.05)))


def test_no_more_wait_than_may():
    async def ask_all(crew: Crew) -> list[object]:
        await crew.start()
        asked = [crew.ask(Question("records", b"a moment")) for _ in range(4)]
        return await asyncio.gather(*asked, return_exceptions=True)

    found = asyncio.run(ask_all(Crew(Fake, workers=1, waiting=1)))
    assert [isinstance(item, BusyError) for item in found] == [False, False, True, True]


def test_whoever_leaves_takes_no_worker_along():
    async def leave(crew: Crew) -> bytes:
        await crew.start()
        task = asyncio.create_task(crew.ask(Question("records", b"a moment")))
        await asyncio.sleep(0.1)
        task.cancel()
        return await asyncio.wait_for(crew.ask(Question("records", b"photo")), 30)

    assert asyncio.run(leave(Crew(Fake, workers=1, waiting=1))) == b'["records", 1]'


def test_forms_stay_in_memory(client, monkeypatch):
    def refuse(*_args: object, **_options: object) -> None:
        raise AssertionError("a file was made")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    monkeypatch.setattr(tempfile, "_TemporaryFileWrapper", refuse)
    big = b"-" * 90_000
    assert client.post("/api/faces", files={"photo": ("a.jpg", big)}).status_code == 200


def test_pages_need_nothing_from_elsewhere(client):
    for path in ("/", "/docs"):
        page = client.get(path)
        assert page.status_code == 200 and "script" not in page.text.lower()
        assert "http" not in page.text.replace("http-equiv", "")
        assert "default-src 'none'" in page.headers["content-security-policy"]
    schema = client.get("/openapi.json").json()
    assert {"/api/faces", "/api/head.glb", "/api/viewer", "/health"} <= set(schema["paths"])
    assert all(path in client.get("/docs").text for path in schema["paths"])
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/../../etc/passwd").status_code == 404


@pytest.mark.parametrize("name", ["megabytes", "workers", "seconds"])
def test_limits_are_above_zero(name):
    with pytest.raises(InputError, match=name):
        ServeLimits(**{name: 0})
