"""Asked softly once, ended the second time."""

from __future__ import annotations

import os
import signal
import threading

import pytest
from selfie3d.core.ending import TerminatedError, ending_softly, terminable


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, TerminatedError)]
)
def test_the_second_time_it_ends(number, error):
    before = signal.getsignal(number)
    with terminable(), ending_softly() as asked:
        assert not asked
        os.kill(os.getpid(), number)
        assert asked and asked.signal == number
        with pytest.raises(error):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before


def test_other_threads_are_never_asked():
    found = []

    def work():
        with ending_softly() as asked:
            found.append(bool(asked))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]
