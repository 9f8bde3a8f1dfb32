"""One bad item among many: short messages, tracebacks beside the results, the rest goes on."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError, NoFaceError
from selfie3d.core.item_failure import Failed, FailureLog, attempt, said
from selfie3d.core.whole_file import FullError


def raising(error: BaseException):
    def call():
        raise error

    return call


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (NoFaceError("no face"), "no face"),
        (InputError("a", "b", "c"), "a: expected b, got c."),
        (MemoryError(), "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 5 GB"), "not enough memory"),
        (PermissionError(13, "Permission denied", "x.jpg"), r"x\.jpg: Permission denied"),
        (RecursionError("too deep"), "unexpected RecursionError: too deep"),
        (ZeroDivisionError("one\ntwo " + "x" * 900), "unexpected ZeroDivisionError: one two x"),
        (AssertionError(), "AssertionError"),
    ],
)
def test_every_error_is_the_items_own(error, message):
    failed = attempt("x.jpg", raising(error))
    assert isinstance(failed, Failed) and failed.error is error
    assert "\n" not in failed.message and len(failed.message) < 300
    assert re.match(message, failed.message)


def test_a_result_is_given():
    assert attempt("x.jpg", lambda: 3) == 3


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), FullError("a", "b", "c")])
def test_what_ends_the_run(error):
    with pytest.raises(type(error)):
        attempt("x.jpg", raising(error))


def test_real_lack_of_memory():
    for call in (lambda: np.ones((1 << 44,)), lambda: torch.ones(1 << 50)):
        assert "memory" in attempt("x.jpg", call).message


def test_tracebacks_of_what_nobody_foresaw(tmp_path):
    path = tmp_path / "errors.log"
    path.write_text("of an earlier run")
    log = FailureLog(path)
    log.forget()
    attempt("a.jpg", raising(InputError("a", "b", "c")), log)
    assert log.written is None
    message = attempt("b\udce9.jpg", raising(KeyError("odd \udce9")), log).message
    attempt("c.jpg", raising(IndexError("odder")), FailureLog(path))
    text = path.read_text()
    assert log.written == path and "Traceback" not in message
    assert text.count("Traceback") == 2 and "KeyError" in text and "c.jpg" in text


def test_a_log_that_cannot_be_written(tmp_path):
    log = FailureLog(tmp_path)
    log.forget()
    assert "unexpected" in attempt("d", raising(KeyError(1)), log).message
    assert log.written is None and "KeyError" in said(KeyError("x"))
