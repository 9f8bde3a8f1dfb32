"""Many photographs, with a reconstructor that finds faces at once (see conftest.py)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from selfie3d.core.errors import InputError, NoFaceError, UnknownNameError
from selfie3d.core.image_file import write_image
from selfie3d.pipeline import folder
from selfie3d.pipeline.folder import Summary, reconstruct_paths
from selfie3d.pipeline.options import MANY, ReconstructOptions
from selfie3d.pipeline.photo_work import groups

pytestmark = pytest.mark.usefixtures("fake_reconstructor")
FACE_FILES = 7
BREAK = 5  # this many faces stand for Ctrl-C


@pytest.fixture(autouse=True)
def quick_pictures(monkeypatch):
    """Pictures are not looked at here."""
    tiny = np.zeros((4, 4, 3), np.uint8)
    monkeypatch.setattr("selfie3d.pipeline.output.files.overlay_picture", lambda *a: tiny)
    monkeypatch.setattr("selfie3d.pipeline.output.files.turntable_picture", lambda *a: tiny)


@pytest.fixture
def photos(tmp_path):
    return tmp_path / "photos"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def shoot(path: Path, faces: int) -> Path:
    """A photograph in which the fake finds so many faces."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[..., 0] = 50 * faces
    write_image(path, picture)
    return path


def records(out: Path) -> dict[str, str]:
    """Name of each record -> name of its photograph."""
    found = {p.stem: json.loads(p.read_text())["image"]["path"] for p in out.glob("*.json")}
    return {name: Path(photo).name for name, photo in found.items()}


def check_clean(out: Path) -> None:
    """Nothing half-written: every record has its files, and no temporary file is left."""
    for record in out.glob("*.json"):
        for name in json.loads(record.read_text())["files"]:
            assert (out / name).stat().st_size > 0
    left = [
        p for p in out.rglob("*") if ".part" in p.name or (p.parent == out and p.name[0] == ".")
    ]
    assert left in ([], [out / ".selfie3d"])


def test_every_face_of_every_photograph(photos, out):
    a, b = shoot(photos / "a.png", 1), shoot(photos / "b.png", 3)
    summary = reconstruct_paths([photos], out)
    assert records(out) == {"a": "a.png", "b": "b.png", "b_2": "b.png", "b_3": "b.png"}
    assert summary.faces == 4 and summary.succeeded == [a, b]
    assert not summary.failed and not summary.skipped
    assert len(summary.files) == 4 * FACE_FILES and all(f.is_file() for f in summary.files)
    check_clean(out)


def test_one_bad_photograph_never_stops_the_rest(photos, out):
    good, empty = shoot(photos / "a.png", 1), shoot(photos / "b.png", 0)
    broken, last = photos / "c.jpg", shoot(photos / "d.png", 1)
    broken.write_bytes(b"no image")
    summary = reconstruct_paths([photos], out)
    assert summary.succeeded == [good, last]
    assert [path for path, _ in summary.failed] == [empty, broken]
    assert "no face" in summary.failed[0][1] and "c.jpg" in summary.failed[1][1]
    assert set(records(out)) == {"a", "d"}
    check_clean(out)


def test_a_name_too_long_for_the_results_is_one_failure(photos, out):
    last = shoot(photos / "b.png", 1)
    long = shoot(photos / "a.png", 1).rename(photos / ("a" * 245 + ".png"))
    summary = reconstruct_paths([photos], out)
    assert summary.succeeded == [last]
    assert [path for path, _ in summary.failed] == [long]
    check_clean(out)


def test_strict_stops_at_the_first(photos, out):
    shoot(photos / "a.png", 1)
    shoot(photos / "b.png", 0)
    shoot(photos / "c.png", 1)
    with pytest.raises(NoFaceError):
        reconstruct_paths([photos], out, strict=True)
    assert set(records(out)) == {"a"}
    check_clean(out)


def test_equal_stems_get_their_own_names(photos, out):
    for path in ("x/a.png", "y/a.png", "y/a.jpg", "y/b.png"):
        shoot(photos / path, 1)
    summary = reconstruct_paths([photos / "x", photos / "y"], out)
    assert summary.faces == 4 and len(records(out)) == 4
    assert len(set(summary.files)) == 4 * FACE_FILES
    assert {"a", "b"} < set(records(out))
    check_clean(out)


@pytest.mark.parametrize("other", ["a_2", "a_overlay", "a_turntable", "a_2_overlay", "A"])
@pytest.mark.parametrize("first", [True, False])
def test_a_second_face_or_a_picture_never_hits_another_photograph(photos, out, other, first):
    paths = [shoot(photos / "a.png", 2), shoot(photos / f"{other}.png", 1)]
    summary = reconstruct_paths(paths if first else paths[::-1], out)
    assert len({str(f).casefold() for f in summary.files}) == 3 * FACE_FILES
    assert sorted(records(out).values()) == sorted(["a.png", "a.png", f"{other}.png"])
    check_clean(out)


def test_a_photograph_given_twice_is_done_once(photos, out, fake_reconstructor):
    path = shoot(photos / "a.png", 1)
    summary = reconstruct_paths([path, photos, path], out)
    assert summary.succeeded == [path] and set(records(out)) == {"a"}
    assert fake_reconstructor == [1]


def run(photos: Path, out: Path, **options) -> Summary:
    return reconstruct_paths([photos], out, **options)


def test_a_rerun_skips_what_is_done(photos, out, fake_reconstructor):
    a, b = shoot(photos / "a.png", 2), shoot(photos / "b.png", 0)
    run(photos, out)
    fake_reconstructor.clear()
    summary = run(photos, out)
    assert summary.skipped == [a] and fake_reconstructor == [0]  # the bad one is tried again
    assert [path for path, _ in summary.failed] == [b] and summary.faces == 0
    c = shoot(photos / "c.png", 1)
    assert run(photos, out).succeeded == [c]


def test_a_rerun_with_nothing_to_do_loads_nothing(photos, out, monkeypatch):
    a = shoot(photos / "a.png", 1)
    run(photos, out)
    monkeypatch.delattr(folder, "Reconstructor")
    assert run(photos, out).skipped == [a]


def changed_photo(photos: Path, out: Path) -> dict:
    shoot(photos / "a.png", 1)
    (photos / "a.png").touch()
    return {}


def changed_options(photos: Path, out: Path) -> dict:
    return {"options": ReconstructOptions(texture_size=64)}


def lost_result(photos: Path, out: Path) -> dict:
    (out / "a.glb").unlink()
    return {}


def damaged_journal(photos: Path, out: Path) -> dict:
    for note in (out / ".selfie3d").iterdir():
        note.write_text("[1")
    return {}


def foreign_journal(photos: Path, out: Path) -> dict:
    for note in (out / ".selfie3d").iterdir():
        note.write_text("[1]")
    return {}


def without_resume(photos: Path, out: Path) -> dict:
    return {"resume": False}


@pytest.mark.parametrize(
    "change",
    [changed_photo, changed_options, lost_result, damaged_journal, foreign_journal, without_resume],
)
def test_done_again_after(photos, out, change):
    a = shoot(photos / "a.png", 1)
    run(photos, out)
    options = change(photos, out)
    summary = run(photos, out, **options)
    assert summary.succeeded == [a] and summary.skipped == []
    assert set(records(out)) == {"a"}
    check_clean(out)
    again = {k: v for k, v in options.items() if k != "resume"}
    assert run(photos, out, **again).skipped == [a]


def test_a_rerun_with_fewer_faces_leaves_no_files_of_the_others(photos, out):
    shoot(photos / "a.png", 3)
    shoot(photos / "b.png", 2)
    run(photos, out)
    shoot(photos / "a.png", 1)
    run(photos, out)
    assert set(records(out)) == {"a", "b", "b_2"}
    assert not list(out.glob("a_2*")) and len(list(out.glob("b_2*"))) == FACE_FILES


def test_a_face_model_file_written_anew_is_used(photos, out, tmp_path, fake_reconstructor):
    shoot(photos / "a.png", 1)
    model = tmp_path / "model.npz"
    model.write_bytes(b"one")
    options = ReconstructOptions(face_model=str(model))
    run(photos, out, options=options)
    assert run(photos, out, options=options).skipped
    model.write_bytes(b"another")
    assert run(photos, out, options=options).succeeded


def test_another_run_into_the_same_folder_keeps_the_first_ones_results(photos, out):
    """Photographs of equal names from two runs: neither overwrites nor hides the other."""
    x, y = shoot(photos / "x" / "a.png", 1), shoot(photos / "y" / "a.png", 1)
    reconstruct_paths([x], out)
    assert reconstruct_paths([y], out).succeeded == [y]
    paths = {json.loads(p.read_text())["image"]["path"] for p in out.glob("*.json")}
    assert paths == {str(x), str(y)}
    assert reconstruct_paths([y, x], out).skipped == [y, x]


def test_ctrl_c_in_the_middle_and_a_rerun(photos, out, fake_reconstructor):
    a, b = shoot(photos / "a.png", 2), shoot(photos / "b.png", BREAK)
    c = shoot(photos / "c.png", 1)
    with pytest.raises(KeyboardInterrupt):
        run(photos, out)
    assert set(records(out)) >= {"a", "a_2"}  # and others that were under way
    check_clean(out)
    shoot(b, 1)
    fake_reconstructor.clear()
    summary = run(photos, out)
    assert summary.skipped == [a] and summary.succeeded == [b, c]
    assert fake_reconstructor == [1, 1]
    assert set(records(out)) == {"a", "a_2", "b", "c"}


def test_ctrl_c_while_files_are_written(photos, out, monkeypatch):
    a = shoot(photos / "a.png", 1)
    from selfie3d.pipeline.output import files

    original = files.write_image

    def interrupt(path, array):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "write_image", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(photos, out)
    assert records(out) == {}
    check_clean(out)
    monkeypatch.setattr(files, "write_image", original)
    assert run(photos, out).succeeded == [a]
    check_clean(out)


def test_before_any_work(photos, out, tmp_path, fake_reconstructor):
    a = shoot(photos / "a.png", 1)
    (tmp_path / "file").touch()
    for bad in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match="output folder"):
            reconstruct_paths([a], bad)
    with pytest.raises(InputError, match="nothing at this path"):
        reconstruct_paths([a, photos / "missing.png"], out)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="folder with images"):
        reconstruct_paths([tmp_path / "empty"], out)
    assert fake_reconstructor == [] and not out.exists()


def test_a_journal_folder_that_cannot_be_made(photos, out):
    out.mkdir()
    (out / ".selfie3d").touch()
    with pytest.raises(InputError, match=r"\.selfie3d"):
        reconstruct_paths([shoot(photos / "a.png", 1)], out)


def test_maps_are_among_the_results(photos, out):
    shoot(photos / "a.png", 1)
    options = ReconstructOptions(write=("depth",))
    reconstruct_paths([photos], out, options=options)
    assert {path.name for path in out.glob("a*")} == {"a_depth.png", "a_maps.npz", "a.json"}
    assert reconstruct_paths([photos], out, options=options).skipped == [photos / "a.png"]
    reconstruct_paths([photos], out)  # other options: what is no longer wanted goes
    assert not {"a_depth.png", "a_maps.npz"} & {path.name for path in out.iterdir()}


def test_many_photographs_get_no_pictures_unless_asked(photos, out):
    for number in range(21):
        shoot(photos / f"{number}.png", 1)
    reconstruct_paths([photos], out)
    endings = {".glb", ".obj", ".mtl", ".png", ".json"}
    assert {path.name.removeprefix("7") for path in out.glob("7*")} == endings
    shoot(photos / "7.png", 2)  # alone this time, of a folder of many
    reconstruct_paths([photos], out)
    assert {path.name.removeprefix("7_2") for path in out.glob("7_2*")} == endings
    reconstruct_paths([photos], out, options=ReconstructOptions(write=("overlay", "turntable")))
    assert {p.name for p in out.glob("7_2*")} == {
        "7_2_overlay.png", "7_2_turntable.png", "7_2.json"
    }  # fmt: skip


def test_an_unknown_output_is_named() -> None:
    with pytest.raises(UnknownNameError, match="glbs"):
        ReconstructOptions(write=("json", "glbs"))


def test_threads_give_what_one_gives_in_order(photos, tmp_path, monkeypatch):
    paths = [shoot(photos / f"{number}.png", number % 4) for number in range(12)]
    told = []
    for cores in (1, 3):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        out = tmp_path / str(cores)
        summary = reconstruct_paths([photos], out)
        content = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
        files = [path.name for path in summary.files]
        told.append((summary.succeeded, [p for p, _ in summary.failed], files, content))
    assert told[0] == told[1]
    assert sorted(told[0][0] + told[0][1]) == sorted(paths)


def test_many_photographs_go_in_groups_by_their_order_alone(tmp_path):
    jobs = [(tmp_path / f"{k}.jpg", str(k)) for k in range(MANY + 3)]
    for path, _ in jobs:
        path.write_bytes(b"1")
    parts = groups(jobs)
    assert [job for part in parts for job in part] == jobs
    assert {len(part) for part in parts[:-1]} == {4} and parts == groups(jobs)
    assert {len(part) for part in groups(jobs[:MANY])} == {1} and groups([]) == []


def test_large_photographs_are_not_read_together(tmp_path):
    jobs = [(tmp_path / f"{k}.jpg", str(k)) for k in range(MANY + 1)]
    jobs[0][0].write_bytes(bytes(5_000_000))
    jobs[2][0].write_bytes(bytes(3_900_000))
    jobs[4][0].write_bytes(bytes(200_000))  # the others are gone
    assert [len(part) for part in groups(jobs)] == [1, 3, 4, 4, 4, 4, 1]


def test_many_photographs_with_bad_ones_among_them(photos, out):
    for number in range(MANY + 4):
        shoot(photos / f"{number:02}.png", number % 3)
    summary = reconstruct_paths([photos], out)
    assert [int(path.stem) % 3 for path, _ in summary.failed] == [0] * 8
    assert [int(path.stem) for path in summary.succeeded] == [
        k for k in range(MANY + 4) if k % 3
    ] and summary.faces == 24
    assert all(records(out)[f"{k:02}"] == f"{k:02}.png" for k in range(MANY + 4) if k % 3)
