from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from selfie3d.core import weights_dir
from selfie3d.core.errors import MissingFileError, UnknownNameError
from selfie3d.core.weights_dir import KNOWN_WEIGHTS, find_weight, weight_folders

NAME = "backbone.pth"


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """The three places, first to last, none of which holds a file yet; packages bring none."""
    monkeypatch.setattr(weights_dir.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.setenv("SELFIE3D_WEIGHTS", str(tmp_path / "variable"))
    places = [tmp_path / "given", tmp_path / "variable", tmp_path / "home/.cache/selfie3d/weights"]
    for place in places:
        place.mkdir(parents=True)
    return places


def test_earlier_folders_win(folders):
    assert weight_folders(folders[0]) == folders
    for place in reversed(folders):
        (place / NAME).write_bytes(b"x")
        assert find_weight(NAME, folders[0]) == place / NAME


def test_without_the_variable_only_the_cache_is_left(folders, monkeypatch):
    monkeypatch.setenv("SELFIE3D_WEIGHTS", "")
    assert weight_folders() == folders[2:]


@pytest.mark.parametrize("name", sorted(KNOWN_WEIGHTS))
def test_missing_names_places_source_and_licence(folders, name):
    with pytest.raises(MissingFileError) as caught:
        find_weight(name, folders[0])
    file = KNOWN_WEIGHTS[name]
    for text in (name, file.source, file.licence, "--weights-dir", "$SELFIE3D_WEIGHTS"):
        assert text in str(caught.value)
    assert all(str(place) in str(caught.value) for place in folders)


def test_a_folder_of_that_name_is_no_file(folders):
    (folders[0] / NAME).mkdir()
    with pytest.raises(MissingFileError):
        find_weight(NAME, folders[0])


def test_unknown_file():
    with pytest.raises(UnknownNameError, match=r"Did you mean 'backbone\.pth'"):
        find_weight("backbones.pth")


def test_a_package_brings_its_file(folders, monkeypatch, tmp_path):
    """Found without running the package, and after every folder."""
    name, package = (
        "dlib_face_recognition_resnet_model_v1.dat",
        tmp_path / "face_recognition_models",
    )
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('run')")
    (package / "models" / name).write_bytes(b"x")
    monkeypatch.undo()
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    importlib.invalidate_caches()
    assert find_weight(name) == package / "models" / name
    (folders[2] / name).write_bytes(b"y")
    assert find_weight(name) == folders[2] / name


def test_what_installs_it_is_named(folders):
    with pytest.raises(MissingFileError, match=r'pip install "selfie3d\[identity\]"'):
        find_weight("dlib_face_recognition_resnet_model_v1.dat")
