"""How many files of the package the three flows of docs/layout.md open, each in a fresh process.

    python benchmarks/flow_files.py [CHECKOUT ...] [--shards DIR] [--data ROOT]

A photograph (`reconstruct`), one training step of the shipped network (on `--shards`, a folder that
`selfie3d synth` wrote) and two images of AFLW2000-3D (below `--data`). Counted are the modules that
are imported when the command ends, `__init__` files left out; a column for each checkout.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PHOTO = ROOT / "pipeline" / "data" / "astronaut.jpg"
PROGRAM = """
import sys
from selfie3d.cli import main
try:
    main()
except SystemExit as end:
    if end.code:
        raise
files = {getattr(m, "__file__", None) for name, m in list(sys.modules.items())
         if name.startswith("selfie3d.")}
print("FILES", sum(bool(file) and not file.endswith("__init__.py") for file in files))
"""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("checkouts", nargs="*", type=Path, default=[ROOT])
    parser.add_argument("--shards", type=Path, help="a folder of shards: also the training step")
    parser.add_argument("--data", type=Path, help="a folder with AFLW2000-3D: also the evaluation")
    arguments = parser.parse_args()
    for name, words in flows(arguments.shards, arguments.data).items():
        counts = [files_opened(path, words) for path in arguments.checkouts]
        print(f"{name:24}", *(f"{count:6}" for count in counts), flush=True)


def flows(shards: Path | None, data: Path | None) -> dict[str, list[str]]:
    """The words of each command, whose results go into the folder `out`."""
    found = {"photograph": ["reconstruct", str(PHOTO), "--out", "out"]}
    if shards is not None:
        folder = shards.resolve()
        settings = [f"data.train=[{folder}]", f"data.validation={folder}", "data.batch=4"]
        settings += ["output=out", "engine.schedule.steps=1", "engine.precision=float32"]
        found["training step"] = ["train", "default", *settings]
    if data is not None:
        words = ["evaluate", "aflw2000", "--data", str(data.resolve()), "--out", "out"]
        found["evaluate aflw2000"] = [*words, "every=500"]
    return found


def files_opened(path: Path, words: list[str]) -> int:
    """Modules of a checkout that a command imports."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "selfie3d").symlink_to(path.resolve(), target_is_directory=True)
        known = os.environ | {"PYTHONPATH": folder}
        command = [sys.executable, "-c", PROGRAM, *words]
        done = subprocess.run(
            command, env=known, cwd=folder, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise SystemExit(f"{words}: {done.stderr[-2000:]}")
    return int(done.stdout.split()[-1])


if __name__ == "__main__":
    main()
