"""What the processes behind the server answer; with a real one in the slow tests."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.errors import InputError, NoFaceError
from selfie3d.pipeline.demo import PHOTO
from selfie3d.pipeline.options import ReconstructOptions
from selfie3d.serve.answers import HEAD, RECORDS, VIEWER, _plain, answer
from selfie3d.serve.worker import BrokenError, Question, TooLongError, Worker


def grey(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), 128, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (grey(400, 300), "at most 0.1 megapixels"),
        (b"%!PS-Adobe-3.0 EPSF", "no image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no image"),
        (grey(100, 100)[:60], "photograph"),
        (b"", "photograph"),
    ],
)
def test_what_is_no_photograph_reaches_nobody(content, reason):
    with pytest.raises(InputError, match=reason):
        answer(None, RECORDS, content, 1, 0.1)


def test_numbers_that_json_has_not():
    found = _plain({"a": [1.0, float("nan")], "b": (float("inf"), "x", None, 2)})
    assert found == {"a": [1.0, None], "b": [None, "x", None, 2]}


@pytest.mark.slow
def test_a_process_answers_and_is_ended_where_it_takes_too_long():
    worker = Worker(ReconstructOptions(max_faces=2), megapixels=1.0, seconds=300.0)
    worker.start()
    content = PHOTO.read_bytes()
    try:
        faces = json.loads(worker.ask(Question(RECORDS, content)))["faces"]
        assert len(faces) == 1 and abs(faces[0]["pose_deg"]["yaw"]) < 45
        assert worker.ask(Question(HEAD, content))[:4] == b"glTF"
        assert b"<!doctype html>" in worker.ask(Question(VIEWER, content))[:200].lower()
        with pytest.raises(InputError, match="1 to 1"):
            worker.ask(Question(HEAD, content, 2))
        with pytest.raises(NoFaceError):
            worker.ask(Question(RECORDS, grey(300, 300)))
        worker._seconds = 0.001
        with pytest.raises(TooLongError):
            worker.ask(Question(VIEWER, content))
        assert not worker.works
        with pytest.raises(BrokenError):
            worker.ask(Question(RECORDS, content))
    finally:
        worker.stop()
