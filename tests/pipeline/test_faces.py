"""Faces in notebooks, as tables and as records."""

from __future__ import annotations

import base64
import io
import json
import math
import pickle
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.errors import InputError, SettingError
from selfie3d.pipeline.cards import card, face_facts
from selfie3d.pipeline.faces import Faces, ViewerPage
from selfie3d.pipeline.output.files import describe

PHOTO = np.full((100, 120, 3), (90, 120, 200), np.uint8)


class Elements(HTMLParser):
    """Which elements stand in HTML, and that each is closed in its turn."""

    VOID = ("img",)

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def pictures(self) -> list[np.ndarray]:
        sources = [dict(a)["src"] for tag, a in self.found if tag == "img"]
        coded = [source.removeprefix("data:image/jpeg;base64,") for source in sources]
        return [np.asarray(Image.open(io.BytesIO(base64.b64decode(c)))) for c in coded]


@pytest.fixture
def faces(small_face):
    return Faces([small_face, small_face], PHOTO)


def test_a_face_shows_its_three_sides(small_face):
    shown = Elements(small_face._repr_html_())
    pictures = shown.pictures()
    assert [p.shape for p in pictures] == [(192, 192, 3)] * 3
    front = pictures[1].astype(int)
    for part, channel in ((front[60:80, 90:100], 0), (front[112:130, 90:100], 2)):
        assert part[..., channel].mean() > 40 + part[..., 1].mean()  # red above, blue below
    assert "yaw" in shown.text and "none" in shown.text


def test_a_face_without_texture_shows_its_shape(small_face):
    bare = replace(small_face, texture=None)
    middle = Elements(bare._repr_html_()).pictures()[1][90:100, 90:100].astype(int)
    assert np.ptp(middle, axis=-1).max() < 12  # grey
    with pytest.raises(SettingError, match="texture"):
        Faces([bare], PHOTO).viewer()


def test_faces_show_their_photograph_and_each_of_them(small_face):
    many = Elements(Faces([small_face] * 8, PHOTO)._repr_html_())
    photo, *heads = many.pictures()
    assert photo.shape == PHOTO.shape and len(heads) == 3 * 6
    changed = np.abs(photo.astype(int) - PHOTO).max(-1) > 60
    x, y = np.nonzero(changed)[::-1]
    points = small_face.landmarks_68[:, :2]
    low, high = np.nanmin(points, 0), np.nanmax(points, 0)
    np.testing.assert_allclose([x.min(), y.min()], low, atol=4)
    np.testing.assert_allclose([x.max(), y.max()], high, atol=4)
    assert "and 2 more" in many.text


def test_large_photographs_are_shown_small(small_face):
    large = np.zeros((900, 1920, 3), np.uint8)
    photo = Elements(Faces([small_face], large)._repr_html_()).pictures()[0]
    assert photo.shape == (225, 480, 3)


def test_names_cannot_break_out():
    evil = "</td><script>alert(1)</script>"
    shown = Elements(card([], face_facts({"yaw": 0.0}, {evil: 1.0})))
    assert "script" not in {tag for tag, _ in shown.found} and evil in shown.text


def test_a_table_has_a_row_for_every_face(faces):
    pytest.importorskip("pandas", reason='needs pip install "selfie3d[notebook]"')
    table = faces.to_frame()
    assert len(table) == 2 and all(kind == np.float64 for kind in table.dtypes)
    first, face = table.iloc[0], faces[0]
    assert tuple(first[["box_left", "box_top", "box_right", "box_bottom"]]) == face.box
    assert first["yaw_deg"] == face.pose_deg["yaw"] and first["score"] == face.score
    places = table[[f"{axis}{k}" for k in range(68) for axis in "xyz"]].to_numpy()
    np.testing.assert_array_equal(places[1].reshape(68, 3), face.landmarks_68)
    assert list(Faces([], PHOTO).to_frame().columns) == []


def test_a_record_is_json_and_is_what_the_file_holds(small_face):
    record = small_face.to_dict()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    landmarks = small_face.landmarks_68
    for point, own in zip(record["landmarks_68"], landmarks, strict=True):
        assert (point is None) == bool(np.isnan(own).any())
        assert point is None or point == own.tolist()
    whole = describe(small_face, PHOTO, "a.jpg", ["a.glb"])
    assert whole == {
        "version": 1,
        "image": {"path": "a.jpg", "width": 120, "height": 100},
        **record,
        "files": ["a.glb"],
    }


def test_expressions_by_name(default_model, small_face):
    whole = replace(
        small_face, model=default_model, coefficients=default_model.zero_coefficients(1)
    )
    smiling = whole.animate({"mouthSmileLeft": 0.5, "jawOpen": 0.25})
    weights = smiling.expressions
    assert len(weights) == 52 and weights["mouthSmileLeft"] == 0.5
    assert math.isclose(sum(weights.values()), 0.75)
    assert "mouthSmileLeft 0.50, jawOpen 0.25" in smiling._repr_html_()
    assert small_face.expressions == {}


def test_faces_are_a_list_that_travels(faces):
    again = pickle.loads(pickle.dumps(faces))
    assert isinstance(again, Faces) and len(again) == 2
    np.testing.assert_array_equal(again.picture, PHOTO)
    assert faces[:1] == [faces[0]] and faces[0] in faces


def test_pages_are_saved_and_shown(faces, tmp_path):
    page = faces.viewer()
    path = tmp_path / "new" / "heads.html"
    page.save(path)
    assert path.read_text() == page.content and "face 2" in page.content
    ((tag, attributes),) = Elements(page._repr_html_()).found
    assert tag == "iframe" and attributes["srcdoc"] == page.content
    with pytest.raises(InputError, match=r"\.html"):
        ViewerPage("").save(tmp_path / "heads.htm")
