"""Folders of results in one page."""

from __future__ import annotations

import json

import numpy as np
import pytest
from selfie3d.core.errors import InputError, MissingFileError, UnknownNameError
from selfie3d.facemodels import load_face_model
from selfie3d.pipeline.face import ReconstructedFace
from selfie3d.pipeline.output.files import FileOptions, write_face
from selfie3d.pipeline.output.viewed_folder import PAGE, view_folder
from selfie3d.pipeline.output.viewer import viewer_page

PHOTO = np.full((100, 120, 3), 90, np.uint8)


@pytest.fixture
def results(tmp_path, small_face):
    folder = tmp_path / "results"
    folder.mkdir()
    for name in ("b", "a"):
        write_face(
            folder, name, small_face, PHOTO, f"{name}.jpg", FileOptions(write=["glb", "overlay"])
        )
    return folder


def data_of(page):
    text = page.read_text().partition('id="data">')[2].partition("</script>")[0]
    return json.loads(text)


def test_all_heads_in_their_order(results):
    made = view_folder(results)
    assert made.page == results / PAGE and made.shown == ["a", "b"] and not made.left_out
    heads = data_of(made.page)["heads"]
    assert [head["name"] for head in heads] == ["a", "b"]
    assert all(head["photo"] and head["camera"] for head in heads)


def test_those_that_are_named_and_again(results, tmp_path):
    out = tmp_path / "new" / "page.html"
    for names in (["b"], ["b", "a", "b"]):
        assert view_folder(results, names, out=out).shown == list(dict.fromkeys(names))
        assert [head["name"] for head in data_of(out)["heads"]] == list(dict.fromkeys(names))
    assert not (results / PAGE).exists()


def test_without_an_overlay_there_is_no_photograph(results):
    (results / "a_overlay.png").unlink()
    (results / "b_overlay.png").write_bytes(b"no picture")
    assert [head["photo"] for head in data_of(view_folder(results).page)["heads"]] == [None, None]


def test_too_many_are_left_out(results, monkeypatch):
    monkeypatch.setattr("selfie3d.pipeline.output.viewed_folder._MOST_HEADS", 1)
    made = view_folder(results)
    assert made.shown == ["a"] and made.left_out == ["b"]


def test_errors_say_what_to_do(results, tmp_path):
    with pytest.raises(MissingFileError, match="selfie3d reconstruct"):
        view_folder(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingFileError, match="with glb"):
        view_folder(tmp_path / "empty")
    with pytest.raises(UnknownNameError, match="'a'"):
        view_folder(results, ["aa"])
    (results / PAGE).write_text("<html>mine</html>")
    with pytest.raises(InputError, match=r"another file.*--out"):
        view_folder(results)
    assert (results / PAGE).read_text() == "<html>mine</html>"


def test_what_is_no_head_is_named(results):
    (results / "a.glb").write_bytes(b"something else")
    with pytest.raises(InputError, match=r"a\.glb: expected a GLB"):
        view_folder(results)
    (results / "a.json").write_text("[]")
    with pytest.raises(InputError, match=r"a\.json"):
        view_folder(results)
    assert view_folder(results, ["b"]).shown == ["b"]


@pytest.mark.parametrize(
    "content", [b"glTF", b"glTF" + b"\xff" * 40, b"glTF\2\0\0\0\1\0\0\0\2\0\0\0JSON{}"]
)
def test_a_damaged_glb_of_a_shipped_model_gives_a_page(results, content):
    record = json.loads((results / "a.json").read_text())
    record |= {"face_model": "default", "face_model_version": load_face_model("default").version}
    (results / "a.json").write_text(json.dumps(record))
    (results / "a.glb").write_bytes(content)
    assert data_of(view_folder(results).page)["models"] == []


@pytest.mark.parametrize("mesh", ["head", "face"])
def test_the_shipped_model_is_known_by_its_vertices(tmp_path, default_model, small_face, mesh):
    own = default_model.zero_coefficients()
    face = ReconstructedFace(
        default_model, own, small_face.camera, (0, 0, 9, 9), small_face.texture, 1.0
    )
    write_face(tmp_path, "me", face, PHOTO, "me.jpg", FileOptions(mesh, write=["glb"]))
    (model,) = data_of(view_folder(tmp_path).page)["models"]
    wanted = face.with_mesh(mesh).model
    assert model["count"] == len(wanted.mean)
    record = json.loads((tmp_path / "me.json").read_text())
    record["face_model_version"] -= 1
    (tmp_path / "me.json").write_text(json.dumps(record))
    assert data_of(view_folder(tmp_path).page)["models"] == []


def test_a_face_is_written_with_its_page(tmp_path, small_face):
    files = write_face(tmp_path, "me", small_face, PHOTO, "me.jpg", FileOptions(write=["viewer"]))
    assert [file.name for file in files] == ["me_viewer.html", "me.json"]
    assert json.loads(files[1].read_text())["files"] == ["me_viewer.html"]
    (head,) = data_of(files[0])["heads"]
    assert head["name"] == "me" and head["photo"] and head["camera"]
    assert viewer_page("x", [])  # nothing of the model is left between pages
