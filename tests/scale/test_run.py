"""The whole way on a Ray of this machine, undisturbed and with everything killed on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image
from selfie3d.core.errors import InputError, Selfie3dError
from selfie3d.core.item_failure import FailureLog
from selfie3d.core.whole_file import prepare_state
from selfie3d.pipeline import ReconstructOptions
from selfie3d.scale import run as run_module
from selfie3d.scale.decode import read_one
from selfie3d.scale.options import BatchOptions, BatchRun, state_of
from selfie3d.scale.rows import table_of
from selfie3d.scale.run import run_batch
from selfie3d.scale.source import open_source
from selfie3d.scale.work import FaceWork

pytest.importorskip("ray", reason='needs pip install "selfie3d[scale]"')
OPTIONS = BatchOptions(("points",), ReconstructOptions(detector="drawn"), per_part=32)
ONE = BatchRun(workers=1)


@pytest.fixture(scope="module")
def photos(tmp_path_factory, repository: Path) -> Path:
    """The demo's portrait in 40 sizes, a file that is no picture, and a grey one."""
    root = tmp_path_factory.mktemp("photos")
    portrait = Image.open(repository / "pipeline" / "data" / "astronaut.jpg").convert("RGB")
    for n in range(40):
        portrait.resize((150 + n, 150)).save(root / f"{n:02d}.png")
    (root / "bad.png").write_text("no picture")
    Image.new("RGB", (90, 90), "grey").save(root / "grey.png")
    return root


@pytest.fixture(scope="module")
def expected(photos: Path, tmp_path_factory) -> list[dict]:
    """The same by a plain loop, without Ray."""
    out = tmp_path_factory.mktemp("plain")
    prepare_state(out, *state_of(out).relative_to(out).parts)
    places = open_source(photos, out).places
    work, rows = FaceWork(out, OPTIONS), []
    for part in range(0, len(places), OPTIONS.per_part):
        for start in range(part, min(part + OPTIONS.per_part, len(places)), 16):
            group = places[start : min(start + 16, part + OPTIONS.per_part)]
            work("00000-000", start, group, [read_one(one, FailureLog()) for one in group])
            (file,) = state_of(out).glob("*.parquet")
            rows += table(file)
            file.unlink()
    return rows


def table(file: Path) -> list[dict]:
    import pyarrow.parquet

    rows = pyarrow.parquet.read_table(file).to_pylist()
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def results(out: Path) -> list[dict]:
    return [row for file in sorted(out.glob("faces-*.parquet")) for row in table(file)]


@pytest.mark.usefixtures("ray_that_starts")
def test_every_photograph_once_and_as_by_a_plain_loop(photos, expected, tmp_path, monkeypatch):
    summary = run_batch(photos, tmp_path, OPTIONS, ONE)
    assert results(tmp_path) == expected
    assert (summary.photographs, summary.faces) == (42, 40)
    assert summary.failed == {"InputError": 1, "NoFaceError": 1}
    assert json.loads((tmp_path / "summary.json").read_text())["faces"] == 40
    assert not [p for p in state_of(tmp_path).iterdir() if p.name != "lock"]
    sheet = Image.open(tmp_path / "contact_sheet.png")
    assert sheet.size[0] == 8 * 160
    # The same again starts no Ray; other options are refused; what is lost is noticed.
    monkeypatch.setattr(run_module, "ray_session", None)
    assert run_batch(photos, tmp_path, OPTIONS, ONE).photographs_of_this_run == 0
    with pytest.raises(InputError, match="write"):
        run_batch(photos, tmp_path, BatchOptions(("json",), OPTIONS.reconstruct, 32), ONE)
    last = tmp_path / "faces-00001.parquet"
    whole = table(last)
    import pyarrow.parquet

    pyarrow.parquet.write_table(table_of(whole[:-1], coefficients=False), last)
    with pytest.raises(InputError, match="1 without one"):
        run_batch(photos, tmp_path, OPTIONS, ONE)


def test_another_run_in_the_same_folder_is_refused(photos, tmp_path):
    state = prepare_state(tmp_path, *state_of(tmp_path).relative_to(tmp_path).parts)
    with run_module._alone(state), pytest.raises(InputError, match="another run at work"):
        run_batch(photos, tmp_path, OPTIONS, ONE)


@pytest.mark.usefixtures("ray_that_starts")
def test_what_ends_a_run_comes_through_ray(photos, tmp_path):
    """A folder where a file is to go, as root may write everywhere."""
    state = prepare_state(tmp_path, *state_of(tmp_path).relative_to(tmp_path).parts)
    (state / "00000-000.parquet" / "odd").mkdir(parents=True)
    with pytest.raises(Selfie3dError, match=r"00000-000\.parquet: expected a file that can be"):
        run_batch(photos, tmp_path, OPTIONS, ONE)


def test_what_a_killed_run_left_is_removed(tmp_path):
    state = prepare_state(tmp_path, *state_of(tmp_path).relative_to(tmp_path).parts)
    left = [tmp_path / ".heads-00000-001.77.part.tar", state / ".00000-001.7.part.parquet"]
    left += [state / "00000-001.faces", state / "00000-001.read"]
    kept = [tmp_path / "heads-00000-000.tar", state / "00000-000.parquet", tmp_path / ".a.part.b"]
    for path in [*left, *kept]:
        path.touch()
    run_module._forget_deaths(tmp_path)
    assert all(path.exists() for path in kept) and not any(path.exists() for path in left)


def start_driver(photos: Path, out: Path) -> subprocess.Popen:
    code = (
        "from pathlib import Path; from selfie3d.pipeline import ReconstructOptions\n"
        "from selfie3d.scale import BatchOptions, BatchRun, run_batch\n"
        "options = BatchOptions(('points',), ReconstructOptions(detector='drawn'), per_part=32)\n"
        f"run_batch(Path({str(photos)!r}), Path({str(out)!r}), options, BatchRun(workers=1))"
    )
    return subprocess.Popen([sys.executable, "-c", code], start_new_session=True)


def finders() -> list[int]:
    """Processes of ours that find faces."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                name = (entry / "cmdline").read_bytes()
                if b"FaceActor" in name and entry.stat().st_uid == os.getuid():
                    found.append(int(entry.name))
    return found


@pytest.mark.slow
@pytest.mark.usefixtures("ray_that_starts")
def test_killed_drivers_and_workers_change_nothing(photos, expected, tmp_path):
    driver = start_driver(photos, tmp_path)
    wait_for(lambda: list(state_of(tmp_path).glob("*.parquet")), driver)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    killed: dict[str, int] = {}  # one worker in each group that is left
    seen = set(finders())

    def kill() -> None:
        while len(killed) < 2:
            groups = {path.stem for path in state_of(tmp_path).glob("*.faces")} - set(killed)
            for pid in set(finders()) - seen if groups else ():
                seen.add(pid)
                os.kill(pid, signal.SIGKILL)
                killed[groups.pop()] = pid
                break
            time.sleep(0.02)

    threading.Thread(target=kill, daemon=True).start()
    run_batch(photos, tmp_path, OPTIONS, ONE)
    assert results(tmp_path) == expected and killed


def wait_for(there: object, driver: subprocess.Popen) -> None:
    for _ in range(6000):
        if there():  # type: ignore[operator]
            return
        assert driver.poll() is None, "the driver ended by itself"
        time.sleep(0.05)
    raise AssertionError("nothing came")
