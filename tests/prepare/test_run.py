from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.errors import InputError, MissingFileError, UnknownNameError
from selfie3d.datasets.photographs.celeba import CelebA
from selfie3d.datasets.shards.tar import TarShards
from selfie3d.prepare import parts
from selfie3d.prepare.estimators import BY_US
from selfie3d.prepare.options import PrepareOptions
from selfie3d.prepare.parts import Parts
from selfie3d.prepare.run import PrepareRun, prepare

SMALL = PrepareOptions(per_shard=8)


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch):
    monkeypatch.setattr(parts, "PER_PART", 4)


def hashes(folder: Path) -> dict[str, str]:
    files = (path for path in folder.iterdir() if path.is_file() and path.name[0] != ".")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_celeba_by_one_command(celeba_tree, tmp_path, drawn_faces):
    out = tmp_path / "out"
    result = prepare("celeba", celeba_tree(), out, SMALL)
    assert result.counts == {"train": 14, "val": 2, "test": 4} and not result.rejects
    data = TarShards(out, "train-*.tar")
    errors, overlaps = [], []
    for row in range(len(data)):
        sample = data[row]
        number = int(sample.name.split("/")[-1]) - 1
        face = drawn_faces[number % len(drawn_faces)]
        true = face.points + np.array([17, 37])
        size = np.ptp(true, axis=0).max()
        errors.append(np.linalg.norm(sample.landmarks["ibug68-3d"] - true, axis=1).mean() / size)
        mask = sample.skin[37:181, 17:161] > 0
        overlaps.append((mask & face.skin).sum() / (mask | face.skin).sum())
        assert sample.labels["source/ibug68-3d"] == BY_US
        assert sample.labels["identity"] == 700 + number // 2
        assert sample.five_points is not None
    assert np.median(errors) < 0.03 and np.median(overlaps) > 0.65


def test_the_manifest_is_exact(celeba_tree, tmp_path):
    root, out = celeba_tree(12), tmp_path / "out"
    prepare("celeba", root, out, SMALL)
    manifest = json.loads((out / "manifest.json").read_text())
    found = hashes(out)
    shards = [shard for split in manifest["splits"].values() for shard in split["shards"]]
    assert shards and all(shard["sha256"] == found[shard["file"]] for shard in shards)
    assert manifest["samples"]["sha256"] == found["samples.tsv"]
    assert str(tmp_path) not in (out / "manifest.json").read_text()
    lines = (out / "samples.tsv").read_text().splitlines()[1:]
    assert len(lines) == sum(shard["samples"] for shard in shards)
    _, _, name, digest, _ = lines[0].split("\t")
    picture = root / "Img" / f"{name}.jpg"
    assert hashlib.sha256(picture.read_bytes()).hexdigest() == digest
    people: dict[str, set[str]] = {}
    for line in lines:
        split, _, name, *_ = line.split("\t")
        people.setdefault(str((int(Path(name).name) - 1) // 2), set()).add(split)
    assert all(len(splits) == 1 for splits in people.values())


def test_interrupted_and_resumed_is_the_same(celeba_tree, tmp_path, monkeypatch):
    root = celeba_tree(14)
    prepare("celeba", root, tmp_path / "whole", SMALL)
    make = Parts.make
    made: list[str] = []

    def stopping(self, part, workshop):
        if len(made) % 2 == 1:
            made.append("stopped")
            raise KeyboardInterrupt
        made.append(part.name)
        return make(self, part, workshop)

    monkeypatch.setattr(Parts, "make", stopping)
    for _ in range(10):
        try:
            prepare("celeba", root, tmp_path / "pieces", SMALL)
            break
        except KeyboardInterrupt:
            continue
    names = [name for name in made if name != "stopped"]
    assert len(names) == len(set(names))
    assert "stopped" in made
    assert hashes(tmp_path / "pieces") == hashes(tmp_path / "whole")
    count = len(made)
    monkeypatch.setattr(Parts, "make", lambda *_: pytest.fail("everything was done"))
    prepare("celeba", root, tmp_path / "pieces", SMALL)
    assert len(made) == count


def test_what_lies_half_written_is_made_again(celeba_tree, tmp_path):
    root, out = celeba_tree(8), tmp_path / "out"
    prepare("celeba", root, out, SMALL)
    before = hashes(out)
    notes = sorted((out / ".selfie3d" / "prepare" / "parts").glob("*.json"))
    notes[0].write_text("{")
    (out / "train-00000.tar").unlink()
    (out / ".train-00000.tar.99").write_bytes(b"half")
    prepare("celeba", root, out, SMALL)
    assert hashes(out) == before


def test_ended_while_parts_were_dropped(celeba_tree, tmp_path, monkeypatch):
    root, out = celeba_tree(12), tmp_path / "out"
    prepare("celeba", root, tmp_path / "whole", SMALL)
    sweep = Parts.sweep

    def half(self, job):
        self._tar(job.parts[0]).unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr(Parts, "sweep", half)
    with pytest.raises(KeyboardInterrupt):
        prepare("celeba", root, out, SMALL)
    monkeypatch.setattr(Parts, "sweep", sweep)
    prepare("celeba", root, out, SMALL)
    assert hashes(out) == hashes(tmp_path / "whole")
    assert not list(out.glob(".selfie3d/prepare/parts/*.tar"))


def test_a_photograph_that_changed_is_done_again(celeba_tree, tmp_path):
    root, out = celeba_tree(8), tmp_path / "out"
    prepare("celeba", root, out, SMALL)
    before = hashes(out)
    file = root / "Img" / "img_align_celeba" / "000002.jpg"
    Image.open(file).point(lambda v: v * 0.9).save(file, quality=90)
    prepare("celeba", root, out, SMALL)
    after = hashes(out)
    assert after["train-00000.tar"] != before["train-00000.tar"]
    prepare("celeba", root, tmp_path / "fresh", SMALL)
    assert after == hashes(tmp_path / "fresh")


def test_side_files_for_the_data_set_itself(celeba_tree, tmp_path):
    root, out = celeba_tree(6), tmp_path / "celeba" / "prepared"
    prepare("celeba", root, out, PrepareOptions(write="files"))
    data = CelebA(root, "all")  # finds them at their usual place
    assert all(data[row].skin is not None for row in range(len(data)))
    assert all("ibug68-3d" in data[row].landmarks for row in range(len(data)))
    assert not list(out.glob("*.tar"))
    record = out / "img_align_celeba" / "000001.json"
    record.unlink()
    prepare("celeba", root, out, PrepareOptions(write="files"))
    assert record.is_file()


def test_other_settings_need_another_folder(celeba_tree, tmp_path):
    root, out = celeba_tree(6), tmp_path / "out"
    prepare("celeba", root, out, SMALL)
    with pytest.raises(InputError, match="the same options as before"):
        prepare("celeba", root, out, PrepareOptions(per_shard=2))
    prepare("celeba", root, out, PrepareOptions(per_shard=2), run=PrepareRun(resume=False))
    assert len(list(out.glob("train-*.tar"))) == 2


def test_what_cannot_begin(celeba_tree, tmp_path):
    with pytest.raises(UnknownNameError, match="celeba"):
        prepare("celebra", tmp_path, tmp_path / "out")
    with pytest.raises(MissingFileError, match="img_align_celeba"):
        prepare("celeba", tmp_path, tmp_path / "out")
    root = celeba_tree(2)
    with pytest.raises(InputError, match="workers"):
        prepare("celeba", root, tmp_path / "out", run=PrepareRun(workers=0))
    fan = PrepareOptions(landmarks="fan")
    with pytest.raises(MissingFileError, match=r"FAN.*adrianbulat"):
        prepare("celeba", root, tmp_path / "out", fan, run=PrepareRun(weights_dir=tmp_path))
    for wrong in ({"write": "zip"}, {"size": 3}, {"held_out": 1.0}, {"landmarks": "dlib"}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            PrepareOptions(**wrong)


@pytest.mark.slow
def test_processes_do_not_change_the_result(celeba_tree, tmp_path):
    root = celeba_tree(10)
    options = PrepareOptions(per_shard=40)
    prepare("celeba", root, tmp_path / "one", options)
    prepare("celeba", root, tmp_path / "two", options, run=PrepareRun(workers=2))
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")


@pytest.mark.slow
def test_two_hundred_faces_killed_and_resumed(celeba_tree, tmp_path):
    """SIGINT, SIGKILL, then to the end with two processes: the bytes of a run never stopped."""
    root = celeba_tree(20)
    grow(root, 10)
    code = (
        "import sys; from pathlib import Path; from selfie3d.prepare.run import *\n"
        "run = PrepareRun(workers=int(sys.argv[3]))\n"
        "prepare('celeba', Path(sys.argv[1]), Path(sys.argv[2]), run=run)\n"
    )

    def run(out: Path, workers: int, stop: int | None = None, after: int = 0) -> int:
        command = [sys.executable, "-c", code, str(root), str(out), str(workers)]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ})
        if stop is not None:
            wait_for_notes(out, after)
            process.send_signal(stop)
        return process.wait()

    assert run(tmp_path / "whole", 1) == 0
    assert run(tmp_path / "pieces", 1, signal.SIGINT, 1) != 0
    assert run(tmp_path / "pieces", 1, signal.SIGKILL, 3) == -signal.SIGKILL
    assert run(tmp_path / "pieces", 2) == 0
    assert hashes(tmp_path / "pieces") == hashes(tmp_path / "whole")


def wait_for_notes(out: Path, count: int) -> None:
    folder = out / ".selfie3d" / "prepare" / "parts"
    end = time.monotonic() + 300
    while time.monotonic() < end and len(list(folder.glob("*.json"))) < count:
        time.sleep(0.05)


def grow(root: Path, times: int) -> None:
    """The tree with every photograph `times` times, each time darker, under new names."""
    folder = root / "Img" / "img_align_celeba"
    lists = [*(root / "Anno").glob("*.txt"), *(root / "Eval").glob("*.txt")]
    files = sorted(folder.iterdir())
    for path in lists:
        lines = path.read_text().splitlines()
        rows = [line for line in lines if line[:1] == "0"]
        heads = [line for line in lines if line[:1] != "0"]
        more = []
        for turn in range(times):
            for line in rows:
                name, rest = line.split(" ", 1)
                if "identity" in path.name:
                    rest = str(int(rest) + 1000 * turn)
                more.append(f"{int(name[:6]) + 20 * turn:06d}.jpg {rest}")
        heads = [str(len(more)) if head.isdigit() else head for head in heads]
        path.write_text("\n".join([*heads, *more]) + "\n")
    for turn in range(1, times):
        for file in files:
            image = Image.open(file).point(lambda v, turn=turn: v * (1 - 0.03 * turn))
            image.save(folder / f"{int(file.stem) + 20 * turn:06d}.jpg", quality=95)
