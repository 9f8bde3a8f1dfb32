"""Work shared among threads."""

from __future__ import annotations

import threading
import time

import pytest
from selfie3d.core.errors import InputError
from selfie3d.core.threads import in_order


def test_results_come_in_order_whatever_takes_long():
    def slow_first(n: int) -> int:
        time.sleep(0.05 if n % 3 == 0 else 0)
        return n * n

    assert list(in_order(slow_first, range(20), 3)) == [n * n for n in range(20)]


def test_no_more_are_begun_than_may_wait():
    begun, gate = [], threading.Event()

    def wait_for_the_first(n: int) -> int:
        begun.append(n)
        if n == 0:
            gate.wait(5)
        return n

    results = in_order(wait_for_the_first, range(100), 2)
    timer = threading.Timer(0.2, gate.set)
    timer.start()
    assert next(results) == 0
    assert len(begun) <= 5 and list(results) == list(range(1, 100))


def test_an_error_comes_in_its_turn_and_ends_the_rest():
    done = []

    def fail_at_three(n: int) -> int:
        if n == 3:
            raise KeyError(n)
        done.append(n)
        return n

    got = []
    with pytest.raises(KeyError):
        for result in in_order(fail_at_three, range(1000), 2):
            got.append(result)
    assert got == [0, 1, 2] and len(done) < 20


def test_every_thread_is_started_and_bad_counts_are_refused():
    started = []
    list(in_order(str, range(8), 2, start=lambda: started.append(threading.get_ident())))
    assert 1 <= len(started) <= 2 and len(set(started)) == len(started)
    with pytest.raises(InputError, match="threads"):
        next(in_order(str, [1], 0))
