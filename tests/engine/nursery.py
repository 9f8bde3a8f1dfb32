"""Python processes by forking one that has imported torch: an import takes seconds of each.

They are processes like any other, with their own environment and their own end; only the imports
are shared. Nothing may run in the parent but imports: threads do not survive a fork.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

PARENT = """
import json, os, sys
import accelerate
import line_task
import selfie3d.engine.trainer
import torch._dynamo

for line in sys.stdin:
    order = json.loads(line)
    if "wait" in order:
        pid, status = os.waitpid(order["wait"], order["options"])
        print(json.dumps(os.waitstatus_to_exitcode(status) if pid else None), flush=True)
        continue
    child = os.fork()
    if not child:
        break
    print(child, flush=True)
else:
    sys.exit()
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
os.dup2(2, 1)
os.environ.update(order["environment"])
exec(compile(order["code"], "<started by a test>", "exec"), {"__name__": "__main__"})
"""


class Nursery:
    """Forks processes off one parent, which begins with the first of them.

    Args:
        environment: of the parent, and of the processes but for what each is given.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._parent: subprocess.Popen[str] | None = None

    def start(self, code: str, environment: dict[str, str]) -> Forked:
        """A process that runs `code`, with more variables."""
        return Forked(self, self.ask(code=code, environment=environment))

    def ask(self, **order: object) -> int | None:
        """The parent's answer: a process's number, or the status of one that ended."""
        if self._parent is None:
            self._parent = subprocess.Popen(
                [sys.executable, "-c", PARENT],
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._parent.stdin is not None and self._parent.stdout is not None
        self._parent.stdin.write(json.dumps(order) + "\n")
        self._parent.stdin.flush()
        return json.loads(self._parent.stdout.readline())

    def close(self) -> None:
        """End the parent."""
        if self._parent is not None:
            self._parent.communicate()


class Forked:
    """One process, with the part of `subprocess.Popen` that tests use."""

    def __init__(self, nursery: Nursery, pid: int | None) -> None:
        assert pid is not None
        self._nursery, self.pid, self.returncode = nursery, pid, None

    def poll(self) -> int | None:
        """Its status as `Popen` has it, None while it runs."""
        return self._wait(os.WNOHANG)

    def wait(self) -> int | None:
        """Its status, once it has ended."""
        return self._wait(0)

    def kill(self) -> None:
        """SIGKILL, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def _wait(self, options: int) -> int | None:
        if self.returncode is None:
            self.returncode = self._nursery.ask(wait=self.pid, options=options)
        return self.returncode
