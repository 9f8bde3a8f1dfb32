"""Photographs shared among processes: one that is killed ends nothing but its photograph."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.errors import InputError, NoFaceError
from selfie3d.core.item_failure import Failed, FailureLog
from selfie3d.pipeline import folder, person_workers, photo_work
from selfie3d.pipeline.folder import reconstruct_paths


@pytest.fixture
def deadly(monkeypatch):
    places = (
        (folder, "Reconstructor"),
        (person_workers, "Reconstructor"),
        (photo_work, "write_face"),
    )
    for module, name in places:
        monkeypatch.setattr(module, name, getattr(module, name))  # and back again afterwards
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.delitem(sys.modules, "deadly_photographs", raising=False)
    import deadly_photographs

    return deadly_photographs


def test_faces_of_one_persons_photographs_are_found_elsewhere(deadly, tmp_path):
    """In the order of the photographs; one that kills fails, and tracebacks are kept."""
    paths = [tmp_path / f"{red}.png" for red in (30, 0, 10, 20, 5)]
    for path in paths:
        Image.fromarray(np.full((8, 8, 3), int(path.stem), np.uint8)).save(path)
    log = FailureLog(tmp_path / "log")
    found = person_workers.faces_elsewhere(paths, deadly.Options(), log, workers=2)
    assert [getattr(face, "box", None) for face in found] == [None, (0, 0, 9, 9), None, None,
                                                              (0, 0, 9, 9)]  # fmt: skip
    told = [face.message for face in found if isinstance(face, Failed)]
    assert "SIGKILL, twice" in told[0] and told[1] == "no face found" and "KeyError" in told[2]
    assert log.written is not None and "KeyError" in log.written.read_text()


def test_a_photograph_that_kills_is_that_photographs_failure(deadly, tmp_path, capfd):
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, red in {"a": 0, "b": 30, "c": 10, "d": 20, "e": 0}.items():
        Image.fromarray(np.full((8, 8, 3), red, np.uint8)).save(photos / f"{name}.png")
    out = tmp_path / "out"
    summary = reconstruct_paths([photos], out, options=deadly.Options(), workers=1)
    assert sorted(path.name for path in summary.succeeded) == ["a.png", "e.png"]
    told = {path.name: message for path, message in summary.failed}
    assert told["b.png"] == "it ended the processes that worked on it (SIGKILL, twice)"
    assert told["c.png"] == "no face found" and "KeyError" in told["d.png"]
    said = capfd.readouterr().err
    assert said.count("was ended by SIGKILL") == 2 and "b.png" in said
    assert summary.log is not None and "KeyError" in summary.log.read_text()
    with pytest.raises(NoFaceError, match="wrong as a whole"):
        reconstruct_paths([photos], out, options=deadly.Options(texture_size=17), workers=1)
    with pytest.raises(InputError, match="workers"):
        reconstruct_paths([photos], out, workers=-1)
