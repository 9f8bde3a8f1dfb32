"""What a start imports, in fresh processes: modules are counted, as times are the machine's."""

from __future__ import annotations

import subprocess
import sys

import pytest

UNNEEDED = (
    "facenet_pytorch", "kornia", "matplotlib", "pandas", "requests", "rich", "scipy.ndimage",
    "scipy.optimize", "scipy.spatial", "sympy", "torch._dynamo", "torchvision", "trimesh", "typer",
)  # fmt: skip
HELP = "import sys; sys.argv = ['selfie3d', '--help']; from selfie3d.cli import main; main()"


def modules_after(code: str) -> set[str]:
    """Names of the modules that a program has imported when it ends."""
    told = "import atexit, sys; atexit.register(lambda: print('\\n'.join(sys.modules)))\n"
    done = subprocess.run(
        [sys.executable, "-c", told + code], capture_output=True, text=True, check=True, timeout=200
    )
    return set(done.stdout.split())


def test_a_reconstructor_imports_what_it_needs_alone():
    found = modules_after("import selfie3d; selfie3d.Reconstructor()")
    assert {"torch", "numba", "selfie3d.pipeline.texture.atlas"} <= found
    assert not found.intersection(UNNEEDED)


@pytest.mark.parametrize("code", ["import selfie3d", HELP])
def test_nothing_heavy_before_there_is_work(code):
    found = modules_after(code)
    assert "selfie3d" in found
    assert not found.intersection(("torch", "numpy", "numba", "scipy", "PIL", "yaml"))
