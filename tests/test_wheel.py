"""The wheel holds the package, whole and nothing else, and runs away from the tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def built(copy_tree, tmp_path_factory):
    """The wheel that `make wheel` builds in a clone with leftovers of an older build."""
    if shutil.which("make") is None:
        pytest.skip("needs make")
    clone = tmp_path_factory.mktemp("wheel") / "clone"
    paths = copy_tree(clone)
    stale = clone / "build" / "lib" / "selfie3d" / "core" / "deleted.py"
    stale.parent.mkdir(parents=True)
    stale.write_text("raise RuntimeError\n")
    environment = os.environ | {"PIP_NO_BUILD_ISOLATION": "false", "PIP_NO_INDEX": "1"}
    done = subprocess.run(
        ["make", "wheel", f"PYTHON={sys.executable}"],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (clone / "dist").glob("*.whl")
    return wheel, clone, paths


@pytest.fixture(scope="module")
def unpacked(built, tmp_path_factory):
    site = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(built[0]) as archive:
        archive.extractall(site)
    return site


@pytest.mark.slow
def test_the_source_distribution_builds_the_same_wheel(built, tmp_path):
    pytest.importorskip("build", reason='needs pip install "selfie3d[dev]"')
    wheel, clone, _ = built
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), "."]
    done = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (other,) = tmp_path.glob("*.whl")
    (source,) = tmp_path.glob("*.tar.gz")
    pair = [zipfile.ZipFile(path) for path in (wheel, other)]
    contents = [{name: one.read(name) for name in one.namelist()} for one in pair]
    assert contents[0] == contents[1]
    with tarfile.open(source) as archive:
        folders = {Path(name).parts[1] for name in archive.getnames() if "/" in name}
    assert {"CHANGELOG.md", "LICENSE", "weights"} <= folders
    assert folders.isdisjoint({"tests", "benchmarks", "docs", "examples", "dist"})


def run_away(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python in `folder`, which is not the tree, with only the unpacked wheel on its path."""
    environment = {
        "PYTHONPATH": str(site),
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        [sys.executable, "-W", "error::ImportWarning", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def shipped(path: Path, package_folders: list[Path]) -> bool:
    """Whether a tracked file belongs to the package: in one of its folders, or data of the root."""
    if path.parent == Path():
        return path.suffix == ".py" or path.name in ("py.typed", "__init__.pyi")
    if path.parts[0] in ("configs", "weights"):
        return True
    inside = [folder for folder in package_folders if folder != Path()]
    return any(folder in path.parents for folder in inside)


def test_wheel_equals_the_tree(built, unpacked, package_folders):
    _, clone, paths = built
    expected = {path for path in paths if shipped(path, package_folders)}
    found = {
        file.relative_to(unpacked / "selfie3d")
        for file in (unpacked / "selfie3d").rglob("*")
        if file.is_file()
    }
    assert found == expected
    for path in expected:
        assert (unpacked / "selfie3d" / path).read_bytes() == (clone / path).read_bytes()


def test_nothing_beside_the_package_is_installed(unpacked):
    names = {path.name for path in unpacked.iterdir()}
    assert len(names) == 2 and "selfie3d" in names
    (info,) = unpacked.glob("selfie3d-*.dist-info")
    assert (info / "licenses" / "LICENSE").is_file()
    assert "selfie3d = selfie3d.cli:main" in (info / "entry_points.txt").read_text()


def test_every_module_imports_away_from_the_tree(unpacked, tmp_path):
    code = """
import importlib, importlib.util, pkgutil, sys, selfie3d
names = [m.name for m in pkgutil.walk_packages(selfie3d.__path__, "selfie3d.")]
if importlib.util.find_spec("triton") is None:  # which CUDA's torch brings
    names = [name for name in names if not name.startswith("selfie3d.render.triton.")]
for name in names:
    importlib.import_module(name)
for name in ["selfie3d", *names]:
    print(name, sys.modules[name].__file__)
"""
    done = run_away(unpacked, tmp_path, "-c", code)
    assert done.returncode == 0, done.stderr
    lines = [line.split(" ", 1) for line in done.stdout.splitlines()]
    assert lines[0][0] == "selfie3d" and len(lines) > 10
    assert all(Path(file).is_relative_to(unpacked / "selfie3d") for _, file in lines)


def test_command_runs_away_from_the_tree(unpacked, tmp_path):
    code = "from selfie3d.cli import main; main()"
    done = run_away(unpacked, tmp_path, "-c", code, "--help")
    assert done.returncode == 0, done.stderr
    assert "reconstruct" in done.stdout
