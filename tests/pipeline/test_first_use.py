"""What a second process compiles on a first use is what a reconstruction calls."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from numba.core import sigutils
from selfie3d.core import jit
from selfie3d.pipeline import first_use

KERNELS = list(first_use.later_kernels())
USED = """
import json, sys
sys.argv = ["selfie3d", "reconstruct", sys.argv[1], "--out", sys.argv[2]]
from selfie3d.cli import main
try:
    main()
except SystemExit:
    pass
from importlib import import_module
from selfie3d.pipeline.first_use import later_kernels
used = {}
for name, _ in later_kernels():
    module, _, kernel = name.rpartition(".")
    found = getattr(import_module("selfie3d." + module), kernel).nopython_signatures
    used[name] = [str(signature.args) for signature in found]
print("\\n" + json.dumps(used))
"""

COUNT = """
import atexit
from numba.core import event
seen = []
class Listener(event.Listener):
    def on_start(self, event):
        seen.append(event.data["dispatcher"].py_func.__name__)
    def on_end(self, event):
        pass
event.register("numba:compile", Listener())
atexit.register(lambda: print(seen.count("fill")))
"""
COMPILE = (
    COUNT
    + """
from selfie3d.pipeline import first_use
lines = [line for line in first_use.later_kernels() if line[0] == "render.cpu.paint.fill"]
first_use.later_kernels = lambda: lines
first_use.compile_later()
"""
)
CALL = (
    COUNT
    + """
import numpy as np
from selfie3d.render.cpu.paint import fill
fill(np.zeros((3, 2, 2), np.float32), 1, np.zeros((4, 4, 3), np.float32))
"""
)


@pytest.mark.parametrize(("name", "types"), KERNELS)
def test_every_line_names_a_kernel_and_its_arguments(name, types) -> None:
    module, _, kernel = name.rpartition(".")
    function = getattr(import_module(f"selfie3d.{module}"), kernel).py_func
    assert len(sigutils.normalize_signature(types)[0]) == function.__code__.co_argcount


@pytest.mark.slow
def test_what_one_process_compiles_another_one_loads(tmp_path) -> None:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    told = []
    for code in (COMPILE, CALL):
        command = [sys.executable, "-c", code]
        told.append(subprocess.check_output(command, env=environment, text=True, timeout=600))
    assert [int(count) for count in told] == [1, 0]


@pytest.mark.slow
def test_a_reconstruction_calls_them_with_these_types(tmp_path, repository: Path) -> None:
    photo = next((repository / "pipeline" / "data").glob("astronaut.*"))
    done = subprocess.run(
        [sys.executable, "-c", USED, str(photo), str(tmp_path)],
        capture_output=True, text=True, check=True, timeout=600,
    )  # fmt: skip
    used = json.loads(done.stdout.splitlines()[-1])
    for name, types in KERNELS:
        assert str(sigutils.normalize_signature(types)[0]) in used[name], name


@pytest.mark.parametrize(("processors", "started"), [(1, 0), (2, 1)])
def test_the_second_process_starts_with_the_first_kernel(monkeypatch, processors, started) -> None:
    notice, commands = jit._Notice(), []
    monkeypatch.setattr(jit, "_NOTICE", notice)
    monkeypatch.setattr(jit, "progress_note", lambda text: None)
    monkeypatch.setattr(first_use, "_processors", lambda: processors)
    monkeypatch.setattr(first_use.atexit, "register", lambda call: None)
    process = SimpleNamespace(kill=lambda: None)
    monkeypatch.setattr(
        first_use.subprocess, "Popen", lambda command, **rest: commands.append(command) or process
    )
    first_use.share_compiling()
    assert not jit.has_compiled()
    for module in ("numpy", "selfie3d.geometry.cut", "selfie3d.render"):
        function = SimpleNamespace(__module__=module)
        event = SimpleNamespace(data={"dispatcher": SimpleNamespace(py_func=function)})
        assert len(commands) == (0 if module == "numpy" else min(started, len(commands)))
        notice.on_start(event)
    assert len(commands) == started and jit.has_compiled()
    assert all(command[0] == sys.executable and "compile_later" in command[-1]
               for command in commands)  # fmt: skip
