"""Fixtures every test may use."""

from __future__ import annotations

import copy
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the working tree, which is also the package's folder."""
    return ROOT


@pytest.fixture(scope="session")
def _shipped_models() -> dict[bool, Any]:
    """The shipped face models that were read: the whole head (True) and the face (False)."""
    return {}


@pytest.fixture(scope="module", autouse=True)
def _shipped_models_are_read_once(
    request: pytest.FixtureRequest, _shipped_models: dict[bool, Any]
) -> Iterator[None]:
    """Whoever loads a shipped face model gets a copy of its own of what was read before.

    Reading builds the bases and takes 0.4 s. The tests of the face models themselves read.
    """
    if ROOT / "tests" / "facemodels" in request.path.parents:
        yield
        return
    from selfie3d.facemodels import registry

    read = registry._shipped

    def shipped(*, whole: bool) -> Any:
        if whole not in _shipped_models:
            _shipped_models[whole] = read(whole=whole)
        return copy.deepcopy(_shipped_models[whole])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "_shipped", shipped)
        yield


DRAWING = ("datasets", "evaluate", "prepare", "recipes", "test_train.py")


@pytest.fixture(scope="session")
def _drawn_head() -> dict[str, Any]:
    """The head that is drawn, and what its skin is painted with, once somebody drew."""
    return {}


@pytest.fixture(scope="module", autouse=True)
def _the_drawn_head_is_made_once(
    request: pytest.FixtureRequest, _drawn_head: dict[str, Any]
) -> Iterator[None]:
    """Whoever draws faces gets the same head, which drawing does not change.

    Making it takes 1 s. The tests of the skin itself make theirs.
    """
    place = request.path.relative_to(ROOT / "tests").parts
    if place[0] not in DRAWING or place[:3] == ("datasets", "synthetic", "skin"):
        yield
        return
    from selfie3d.datasets.synthetic import studio

    load, make = studio.load_head, studio.SkinDetails.make

    def load_head(model: Any = None) -> Any:
        if model is not None and model.name != "default":
            return load(model)  # which refuses it
        if "head" not in _drawn_head:
            _drawn_head["head"] = load(model)
        return _drawn_head["head"]

    def details(head: Any) -> Any:
        if "skin" not in _drawn_head:
            _drawn_head["skin"] = make(head)
        return _drawn_head["skin"]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studio, "load_head", load_head)
        patch.setattr(studio.SkinDetails, "make", details)
        yield


@pytest.fixture
def one_thread() -> Iterator[None]:
    """For networks thinner than anybody trains.

    With two threads torch 2.13 writes behind the gradient of a 1x1 convolution of stride 2 with
    fewer than 16 input channels, channels last.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def package_folders() -> list[Path]:
    """Every folder of the tree with an `__init__.py`, relative to the root, "." first."""
    apart = {"tests", "benchmarks", "docs", "examples", "build", "dist"}
    inits = (path.relative_to(ROOT) for path in ROOT.rglob("__init__.py"))
    return sorted(
        init.parent
        for init in inits
        if init.parts[0] not in apart and not init.parts[0].startswith(".")
    )


@pytest.fixture(scope="session")
def copy_tree() -> Callable[[Path], list[Path]]:
    """Copy the files git knows or would add into a folder, as a fresh clone has them.

    Returns their relative paths. Skips where the tree is no git checkout.
    """
    if not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    names = [Path(os.fsdecode(name)) for name in listed.split(b"\0") if name]
    paths = [name for name in names if (ROOT / name).is_file()]

    def copy(target: Path) -> list[Path]:
        for path in paths:
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, target / path)
        return paths

    return copy


@pytest.fixture(scope="session")
def shared_data() -> Callable[..., Path]:
    """Find data that is not part of the repository; skip the test where it is absent.

    `shared_data("photos_plain")` is that folder under $SELFIE3D_TEST_DATA, or under
    `../shared/data` beside the repository.
    """
    given = os.environ.get("SELFIE3D_TEST_DATA")
    root = Path(given) if given else ROOT.parent / "shared" / "data"

    def find(*parts: str) -> Path:
        path = root.joinpath(*parts)
        if not path.exists():
            pytest.skip(f"test data absent: {path} (set SELFIE3D_TEST_DATA)")
        return path

    return find


@pytest.fixture(scope="session")
def ray_that_starts() -> None:
    """Skips where Ray is not installed, or cannot be started at all on this machine."""
    pytest.importorskip("ray", reason='needs pip install "selfie3d[scale]"')
    from selfie3d.core.errors import InputError
    from selfie3d.core.ray_session import ray_session

    try:
        with ray_session("local", 2):
            pass
    except InputError as error:
        pytest.skip(f"Ray does not start here: {error.got}")
