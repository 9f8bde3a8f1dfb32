"""Which photographs there are, whatever they are given as."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.errors import InputError
from selfie3d.datasets.labelled.places import read_place
from selfie3d.datasets.shards.tar import write_tar_files
from selfie3d.scale.source import open_source

pyarrow = pytest.importorskip("pyarrow", reason='needs pip install "selfie3d[scale]"')


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four photographs of one colour each, a text, results, and a tar with two more."""
    root = tmp_path / "photos"
    (root / "below").mkdir(parents=True)
    (root / "out").mkdir()
    for k, name in enumerate(("a.png", "b.png", "below/a.png", "out/x.png")):
        Image.new("RGB", (6, 4), (40 * k, 0, 0)).save(root / name)
    (root / "notes.txt").write_text("no picture")
    files = [(f"{n}.png", (root / f"{n}.png").read_bytes()) for n in "ab"]
    write_tar_files(root / "s.tar", [*files, ("a.skin.png", b"mask"), ("a.json", b"{}")])
    return root


def test_a_folder_with_those_below_and_tars(photos):
    source = open_source(photos, photos / "out")
    keys = [place.key for place in source.places]
    assert keys == ["a.png", "b.png", "below/a.png", "s.tar/a.png", "s.tar/b.png"]
    assert source.passed == ["1 passed over (no picture by suffix): notes.txt"]
    reds = [int(read_place(place)[0, 0, 0]) for place in source.places]
    assert reds == [0, 40, 80, 0, 40]


def test_a_tar_alone(photos):
    keys = [place.key for place in open_source(photos / "s.tar", photos / "out").places]
    assert keys == ["s.tar/a.png", "s.tar/b.png"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_list(photos, kind):
    names = ["a.png", str(photos / "b.png"), "a.png", "", "gone.png"]
    path = photos / f"list.{kind}"
    if kind == "csv":
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([["id", "uri"], *([k, n] for k, n in enumerate(names))])
    else:
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.table({"id": range(5), "uri": names}), path)
    source = open_source(path, photos / "out")
    assert [place.key for place in source.places] == ["a.png", str(photos / "b.png"), "gone.png"]
    assert len(source.passed) == 2  # an empty row, and one that is there twice
    assert read_place(source.places[1])[0, 0, 0] == 40
    with pytest.raises(InputError, match="gone"):
        read_place(source.places[2])
    with pytest.raises(InputError, match=r"'picture'.*id, uri.*--column"):
        open_source(path, photos / "out", "picture")


def test_types_of_others_are_not_read(photos):
    """Ray's registers one whose values are pickles."""
    import pyarrow.parquet

    column = pyarrow.ExtensionArray.from_storage(
        pyarrow.uuid(), pyarrow.array([bytes(16)], pyarrow.binary(16))
    )
    pyarrow.parquet.write_table(pyarrow.table({"path": column}), photos / "list.parquet")
    with pytest.raises(InputError, match="types of others"):
        open_source(photos / "list.parquet", photos / "out")


def test_addresses_are_read_by_fsspec(photos):
    path = photos / "list.csv"
    path.write_text(f"path\nfile://{photos}/b.png\nfile://{photos}/gone.png\n")
    good, bad = open_source(path, photos / "out").places
    assert np.array_equal(read_place(good), np.asarray(Image.open(photos / "b.png")))
    with pytest.raises(InputError, match="FileNotFoundError"):
        read_place(bad)


def test_an_address_that_nobody_can_open_is_said_at_once(photos):
    path = photos / "list.csv"
    path.write_text("path\na.png\nno-such-thing://bucket/a.png\n")
    with pytest.raises(InputError, match=r"no-such-thing.*fsspec"):
        open_source(path, photos / "out")


@pytest.mark.parametrize("name", ["notes.txt", "gone", "gone.csv", "gone.tar"])
def test_what_is_no_source_is_named(photos, name):
    with pytest.raises((InputError, FileNotFoundError), match=name):
        open_source(photos / name, photos / "out")


def test_names_of_any_bytes(tmp_path):
    import os

    name = os.fsdecode(b"caf\xe9.png")
    try:
        Image.new("RGB", (6, 4)).save(tmp_path / name)
    except (OSError, UnicodeError):
        pytest.skip("this file system takes UTF-8 alone")
    (place,) = open_source(tmp_path, tmp_path / "out").places
    assert place.key == "caf\\xe9.png" and read_place(place).shape == (4, 6, 3)
