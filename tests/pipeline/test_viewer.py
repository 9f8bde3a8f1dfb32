"""The viewer's page: what it holds, that nothing breaks out of it, that its pictures agree."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.segments import Segment
from selfie3d.pipeline.formats.head_parts import split_head
from selfie3d.pipeline.output.files import describe
from selfie3d.pipeline.output.pictures import overlay_picture
from selfie3d.pipeline.output.viewed_head import ViewedHead, head_of_overlay, head_of_photo
from selfie3d.pipeline.output.viewed_model import viewed_model
from selfie3d.pipeline.output.viewer import viewer_page

DATA = Path(__file__).parents[2] / "pipeline" / "data" / "viewer"
EVIL = "</script><img src=x onerror=alert(1)><!--\u2028\udcff&amp;\"'"


class Elements(HTMLParser):
    """The elements of a page with their attributes and texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs), []))

    def handle_endtag(self, tag):
        self.found.append(("", {}, []))

    def handle_data(self, data):
        if self.found:
            self.found[-1][2].append(data)

    def of(self, tag, **attributes):
        wanted = attributes.items()
        return [(a, "".join(t)) for name, a, t in self.found if name == tag and wanted <= a.items()]


@pytest.fixture(scope="module")
def photo():
    """A photograph of 120 x 100 pixels whose colours say where they are."""
    y, x = np.mgrid[:100, :120]
    return np.stack([2 * x, 2 * y, 0 * x], -1).astype(np.uint8)


@pytest.fixture(scope="module")
def record(small_face, photo):
    return json.loads(json.dumps(describe(small_face, photo, "me.jpg", [])))


def data_of(elements):
    ((_, text),) = elements.of("script", id="data")
    return json.loads(text)


def test_nothing_breaks_out_of_the_page():
    plain = Elements(viewer_page("me", [ViewedHead("me", b"1", facts=(("a", "b"),))]))
    evil = Elements(viewer_page(EVIL, [ViewedHead(EVIL, b"1", facts=((EVIL, EVIL),))]))
    assert [tag for tag, _, _ in evil.found] == [tag for tag, _, _ in plain.found]
    shown = EVIL.replace("\udcff", "?")
    (head,) = data_of(evil)["heads"]
    assert head["name"] == shown and head["facts"] == [[shown, shown]]
    assert "alert" in evil.of("title")[0][1]


def test_the_policy_lets_our_texts_in_and_nothing_else():
    elements = Elements(viewer_page("me", [ViewedHead("me", b"1")]))
    ((meta, _),) = elements.of("meta", **{"http-equiv": "Content-Security-Policy"})
    rules = dict(rule.strip().split(" ", 1) for rule in meta["content"].split(";"))
    texts = {
        "script-src": [text for attributes, text in elements.of("script") if not attributes],
        "style-src": [text for _, text in elements.of("style")],
    }
    assert rules["default-src"] == "'none'" and "connect-src" not in rules
    assert [len(found) for found in texts.values()] == [2, 1]
    for rule, found in texts.items():
        digests = [base64.b64encode(hashlib.sha256(t.encode()).digest()).decode() for t in found]
        assert rules[rule].split() == [f"'sha256-{digest}'" for digest in digests]


def test_nothing_is_asked_for_elsewhere():
    elements = Elements(viewer_page("me", [ViewedHead("me", b"1")]))
    for _, attributes, _ in elements.found:
        for name in ("src", "href", "action"):
            assert (attributes.get(name) or "data:").startswith("data:")
    assert "url(" not in (DATA / "viewer.css").read_text()


def test_heads_are_in_it_as_they_are():
    heads = [ViewedHead("a", b"glTF one", photo=b"jpeg"), ViewedHead("b", bytes(range(256)) * 9)]
    elements = Elements(viewer_page("two", heads))
    entries = data_of(elements)["heads"]
    for head, entry in zip(heads, entries, strict=True):
        ((_, text),) = elements.of("script", id=f"blob-{entry['blob']}")
        assert gzip.decompress(base64.b64decode(text)) == head.glb
    assert base64.b64decode(entries[0]["photo"].split(",")[1]) == b"jpeg"
    assert entries[1]["photo"] is None


def test_heads_of_one_model_share_it(small_model):
    heads = [ViewedHead(name, b"1", model=small_model) for name in "ab"]
    data = data_of(Elements(viewer_page("two", heads)))
    assert len(data["models"]) == 1 and [head["model"] for head in data["heads"]] == [0, 0]


def camera_of(head):
    entry = head.camera
    values = [entry[key] for key in ("rotation", "translation_mm", "focal_px", "center_px")]
    return PerspectiveCamera(*(torch.tensor([v], dtype=torch.float64) for v in values))


def check_agreement(face, head):
    """Colours where the camera of the cut picture puts vertices: those of the photograph there."""
    vertices = face.vertices[None].double()
    there = face.camera.project(vertices.float())[0, :, :2].numpy()
    inside = (there > 6).all(1) & (there < (114, 94)).all(1)
    here = camera_of(head).project(vertices)[0, :, :2].numpy()
    cut = np.asarray(Image.open(io.BytesIO(head.photo))).astype(float)
    assert [cut.shape[1], cut.shape[0]] == head.camera["size"]
    within = inside & (here > 2).all(1) & (here < cut.shape[0] - 2).all(1)
    assert within.sum() > 60
    columns, rows = here[within].astype(int).T
    assert np.abs(cut[rows, columns, :2] / 2 - there[within]).max() < 2.5


def test_photograph_and_camera_agree(small_face, photo, record):
    check_agreement(small_face, head_of_photo("me", b"1", record, photo))


def test_the_overlay_serves_as_photograph(small_face, photo, record):
    overlay = overlay_picture(small_face, photo)
    check_agreement(small_face, head_of_overlay("me", b"1", record, overlay))


def test_the_square_stays_in_the_photograph(small_face, record):
    white = np.full((100, 120, 3), 255, np.uint8)
    head = head_of_photo("me", b"1", record, white)
    assert np.asarray(Image.open(io.BytesIO(head.photo))).min() > 250


def test_facts_are_read(small_face, photo, record):
    facts = dict(head_of_photo("me", b"1", record, photo).facts)
    assert (
        facts["Photograph"] == "120 × 100 pixels" and "the model's guess" in facts["Pupils apart"]
    )
    assert facts["Face model"] == "small" and "yaw" in facts["Pose"]


BROKEN = {
    "nothing": {},
    "other kinds": {key: "x" for key in ("camera", "landmarks_68", "size", "image", "pose_deg")},
    "lists": {key: [[]] for key in ("camera", "landmarks_68", "size", "image", "weights")},
    "no numbers": {"landmarks_68": [["a", None, {}]] * 68},
    "infinite": {"landmarks_68": [[float("inf"), 0, 0]] * 68, "size": {"scale": float("nan")}},
    "far away": {"landmarks_68": [[1e300, -1e300, 0]] * 68, "size": {"scale": -1}},
    "large": {"landmarks_68": [[10**400, 1, 0]] * 68},
    "one point": {"landmarks_68": [[5, 5, 0]] * 68},
    "true": {"pose_deg": {"yaw": True, "pitch": [], "roll": "1"}, "image": {"width": False}},
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_any_record_gives_a_page(broken, record, photo):
    for content in (broken, record | broken):
        head = head_of_photo("me", b"1", content, photo)
        assert data_of(Elements(viewer_page("me", [head])))["heads"][0]["scale"] > 0


@pytest.mark.parametrize(
    "broken",
    [
        {"kind": "other"}, {"rotation": [[1, 0], [0, 1]]}, {"focal_px": -3}, {"focal_px": "9"},
        {"translation_mm": [0, 0, 9]}, {"center_px": [None, 1]},
    ],
)  # fmt: skip
def test_a_broken_camera_is_left_out(broken, record, photo):
    assert head_of_photo("me", b"1", record, photo).camera is not None
    content = record | {"camera": record["camera"] | broken}
    head = head_of_photo("me", b"1", content, photo)
    assert head.camera is None and head.photo is not None


def test_a_model_is_told_as_it_is(default_model):
    made = viewed_model(default_model)
    entry, rest = made.entry, made.content
    codes = {}
    for part, own in zip(entry["parts"], split_head(default_model), strict=True):
        size = part["size"]
        vertices, rest = np.frombuffer(rest[: 4 * size], "<u4"), rest[4 * size :]
        codes[part["name"]], rest = np.frombuffer(rest[:size], np.uint8), rest[size:]
        assert part["name"] == own.name and np.array_equal(vertices, own.vertices)
    assert set(codes["teeth"]) == {Segment.TEETH}
    assert set(codes["left_eye"]) == {Segment.SCLERA, Segment.IRIS}
    modes = np.frombuffer(rest, np.int8).reshape(-1, entry["count"], 3)
    steps = np.array(entry["steps"])[:, None, None]
    wanted = default_model.identity[: len(modes)].numpy()
    assert len(modes) >= 3 and np.abs(modes * steps - wanted).max() < 0.04  # mm


def test_a_large_model_has_no_modes(small_model):
    many = torch.zeros(3, 144, 3).expand(3, 144, 3).repeat(1, 800, 1)
    assert len(viewed_model(small_model).entry["steps"]) == 3
    bare = viewed_model(_with_identity(small_model, many))
    assert bare.entry["steps"] == []


def _with_identity(model, identity):
    class Other:
        def __getattr__(self, name):
            return identity if name == "identity" else getattr(model, name)

    return Other()


def test_the_bundle_says_what_it_is():
    text = (DATA / "three.min.js").read_text()
    package = json.loads((DATA / "package.json").read_text())
    assert f"three.js {package['dependencies']['three']}" in text[:200]
    assert "The MIT License" in text[:300] and "three.js authors" in text[:400]
    assert len(text) < 400_000
    for path in DATA.glob("*.js"):
        assert "</script" not in path.read_text() and "<!--" not in path.read_text()


def test_a_face_with_a_given_size_is_shown_in_it(small_face, photo):
    large = replace(small_face, ipd_mm=2 * small_face.model_ipd_mm)
    content = describe(large, photo, "me.jpg", [])
    assert head_of_photo("me", b"1", content, photo).scale == pytest.approx(2)
