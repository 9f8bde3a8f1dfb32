"""The viewer in Chromium, from a file: it draws, turns, animates, compares, and trusts nobody.

Needs Chromium (Debian's) and playwright (PyPI); with `SELFIE3D_SCREENSHOTS` the pictures are kept
there. Run with `-m slow`.
"""

from __future__ import annotations

import io
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial.transform import Rotation
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.uv import UVMapper
from selfie3d.pipeline.face import ReconstructedFace
from selfie3d.pipeline.faces import Faces
from selfie3d.pipeline.formats.head_glb import HeadFile
from selfie3d.pipeline.formats.head_motion import HeadMotion
from selfie3d.pipeline.output.files import FileOptions, describe, write_face
from selfie3d.pipeline.output.viewed_folder import view_folder
from selfie3d.pipeline.output.viewed_head import ViewedHead, head_of_photo
from selfie3d.pipeline.output.viewer import viewer_page
from selfie3d.pipeline.texture import Texture
from selfie3d.render.overlay import to_picture

pytestmark = pytest.mark.slow
SIZE = {"width": 1100, "height": 640}
STAGE = SIZE["width"] - 336  # the panel is 21 rem
FLAGS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
PHOTO = np.full((512, 512, 3), (90, 120, 200), np.uint8)
EVIL = "<img src=x onerror=\"document.title='broken'\">"


@pytest.fixture(scope="module")
def face(default_model):
    """A person other than the mean, coloured by its albedo at every texel's nearest vertex."""
    own = default_model.zero_coefficients()
    mapper = UVMapper(default_model.uv, default_model.uv_faces, default_model.faces, 512)
    image = mapper.position_map(default_model.albedo(own))[0].clamp(0, 1)
    camera = PerspectiveCamera(
        torch.eye(3)[None],
        torch.tensor([[0.0, 0, -900]]),
        torch.tensor([1100.0]),
        torch.tensor([[256.0, 240.0]]),
    )
    texture = Texture(image, torch.ones(1, 512, 512))
    whole = ReconstructedFace(default_model, own, camera, (0, 0, 9, 9), texture, 0.9)
    return whole.animate({"mouthSmileLeft": 0.5})


@pytest.fixture(scope="module")
def other(face):
    identity = face.coefficients.identity.clone()
    identity[0, 0] = 2.0
    return replace(face, coefficients=replace(face.coefficients, identity=identity))


@pytest.fixture(scope="module")
def chromium():
    """Opens a browser with some flags; all are closed in the end."""
    sync_api = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is not there")
    with sync_api.sync_playwright() as playwright:
        browsers = []

        def launch(*flags):
            browsers.append(playwright.chromium.launch(executable_path=path, args=list(flags)))
            return browsers[-1]

        yield launch
        for browser in browsers:
            browser.close()


@pytest.fixture(scope="module")
def browser(chromium):
    return chromium(*FLAGS)


def opened(browser, path):
    """A page from a file; `problems` are its errors and what it asks for elsewhere."""
    page = browser.new_page(viewport=SIZE)
    page.set_default_timeout(120_000)
    page.problems = []
    page.on("console", lambda m: page.problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("request", lambda r: _note_request(page, r.url))
    page.goto(path.resolve().as_uri())
    page.wait_for_selector("html[data-ready]", state="attached")
    return page


def _note_request(page, url):
    if not url.startswith(("file:", "data:", "blob:")):
        page.problems.append(url)


@pytest.fixture(scope="module")
def one(browser, face, tmp_path_factory):
    """The page of one head, with its photograph."""
    folder = tmp_path_factory.mktemp("one")
    write_face(folder, "me", face, PHOTO, "me.jpg", FileOptions(write=["viewer"]))
    page = opened(browser, folder / "me_viewer.html")
    yield page
    page.close()


@pytest.fixture(scope="module")
def two(browser, face, other, tmp_path_factory):
    """The page of a folder with two heads, one of which has a name that wants to break out."""
    folder = tmp_path_factory.mktemp("two")
    for name, shown in (("a", face), ("b" + EVIL.replace("/", ""), other)):
        write_face(folder, name, shown, PHOTO, "me.jpg", FileOptions(write=["glb", "overlay"]))
    page = opened(browser, view_folder(folder).page)
    yield page
    page.close()


@pytest.fixture(autouse=True)
def start_anew(request):
    """Every test begins as the page does."""
    yield
    for name in {"one", "two"} & set(request.fixturenames):
        page = request.getfixturevalue(name)
        page.evaluate("stage.reset()")
        page.evaluate("chooseMode('textured')")
        page.get_by_role("button", name="As in the photograph").first.click()
        assert not page.problems


def picture(page, name):
    """The page's stage as it is drawn now (H,W,3)."""
    page.evaluate("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")
    shot = page.screenshot()
    if folder := os.environ.get("SELFIE3D_SCREENSHOTS"):
        Path(folder, f"viewer_{name}.png").write_bytes(shot)
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)[:, :STAGE]


def points(page, number=0):
    return np.array(page.evaluate(f"Array.from(heads[{number}].points())")).reshape(-1, 3)


def slide(page, name, value):
    """Move the slider of this accessible name."""
    handle = page.get_by_label(name, exact=True)
    handle.evaluate(
        "(e, v) => { e.value = v; e.dispatchEvent(new Event('input', {bubbles: true})); }", value
    )


def test_photograph_and_head_are_seen(one):
    seen = picture(one, "one")
    assert one.get_by_alt_text("The photograph of me").is_visible()
    right = seen[250:350, STAGE * 3 // 4 - 40 : STAGE * 3 // 4 + 40].mean((0, 1))
    assert right[0] > right[2] + 10 and right[0] > 90  # skin
    left = seen[250:350, STAGE // 4 - 40 : STAGE // 4 + 40].mean((0, 1))
    assert left[2] > right[2] + 20  # the blue photograph shines through
    slide(one, "Head over it", 0)
    bare = picture(one, "photo_alone")[330:400, STAGE // 4 - 40 : STAGE // 4 + 40]
    assert np.abs(bare - PHOTO[0, 0]).max() < 6
    slide(one, "Head over it", 0.6)


def test_the_head_lies_on_the_photograph_where_the_camera_sees_it(browser, face, tmp_path):
    """A photograph that is the head's own mask is covered by the head, and by nothing more."""
    turned = torch.tensor(Rotation.from_euler("yxz", [25, -10, 12], degrees=True).as_matrix())
    camera = replace(face.camera, rotation=turned[None].float())
    shown = replace(face, camera=camera)
    spots = camera.project(shown.vertices[None])[0, :, :2].round().long()
    photo = np.zeros((512, 512, 3), np.uint8)
    for dx in range(-3, 4):
        for dy in range(-3, 4):
            photo[spots[:, 1] + dy, spots[:, 0] + dx] = (0, 255, 0)
    record = describe(shown, photo, "me.jpg", [])
    (tmp_path / "p.html").write_text(
        viewer_page("me", [head_of_photo("me", shown.glb(), record, photo, face.model)])
    )
    page = opened(browser, tmp_path / "p.html")
    slide(page, "Head over it", 1)
    seen = picture(page, "laid_over")[:, : STAGE // 2]
    green = (seen[..., 1] > 150) & (seen[..., 0] < 90)
    slide(page, "Head over it", 0)
    bare = picture(page, "laid_over_bare")[:, : STAGE // 2]
    before = (bare[..., 1] > 150) & (bare[..., 0] < 90)
    assert before.sum() > 20_000 and green.sum() < 0.12 * before.sum()  # a rim of 3 pixels is left
    outside = (bare.max(-1) < 40) & (seen.max(-1) > 60)
    assert outside.sum() < 0.003 * before.sum()
    page.close()


def test_a_clip_plays(browser, face, tmp_path):
    """The slider of seconds sets weights and pose between keyframes; playing goes on by itself."""
    turns = Rotation.from_euler("y", [[0], [40], [0]], degrees=True).as_matrix()
    weights = np.zeros((3, len(face.model.expression)))
    weights[1, face.model.expression_names.index("jawOpen")] = 1.0
    places = np.array([[0.0, 0, -900], [50, 0, -900], [0, 0, -900]])
    motion = HeadMotion(np.array([0.0, 1, 2]), turns, places, weights, 800.0, (640, 480))
    texture = to_picture(face.texture_image)
    glb = HeadFile(face.model, face.coefficients, texture, motion=motion).content()
    head = ViewedHead("clip", glb, model=face.model)
    (tmp_path / "p.html").write_text(viewer_page("clip", [head]))
    page = opened(browser, tmp_path / "p.html")
    rest = points(page)
    slide(page, "Clip: time", 1)
    opened_jaw = page.evaluate("heads[0].own.jawOpen")
    half_turn = page.evaluate("2 * Math.asin(heads[0].pose.turn[1]) * 180 / Math.PI")
    assert (opened_jaw, half_turn) == (1, pytest.approx(40, abs=0.01))
    place = page.evaluate("heads[0].pose.place")
    assert place == pytest.approx([0.05 - 0.05 / 3, 0, 0], abs=1e-6)
    picture(page, "clip")
    assert np.abs(points(page) - rest).max() > 0.005
    slide(page, "Clip: time", 0.5)
    assert page.evaluate("heads[0].own.jawOpen") == pytest.approx(0.5)
    assert float(page.get_by_label("Jaw: open", exact=True).input_value()) == 0.5
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("player.time > 0.5")
    page.get_by_role("button", name="Stop").click()
    assert np.abs(points(page) - rest).max() < 1e-6
    assert page.evaluate("heads[0].pose.turn") == [0, 0, 0, 1]
    page.close()
    assert not page.problems


def test_keys_and_pointer_turn_it(one):
    rest = picture(one, "rest")
    one.focus("#stage")
    one.keyboard.press("ArrowRight")
    assert one.evaluate("stage.view.yaw") == pytest.approx(7)
    keyed = picture(one, "keyed")
    assert (np.abs(keyed - rest).max(-1)[:, STAGE // 2 :] > 20).mean() > 0.01
    one.keyboard.press("0")
    assert one.evaluate("stage.view.yaw") == 0
    one.mouse.move(STAGE * 0.75, 300)
    one.mouse.down()
    one.mouse.move(STAGE * 0.75 - 50, 320)
    one.mouse.up()
    view = one.evaluate("stage.view")
    assert view["yaw"] == pytest.approx(20) and view["pitch"] == pytest.approx(8)
    one.mouse.wheel(0, -300)
    one.wait_for_timeout(50)
    assert one.evaluate("stage.view.zoom") > 1.2


def test_fingers_turn_and_pinch_it(one):
    client = one.context.new_cdp_session(one)

    def touch(kind, *columns):
        fingers = [{"x": STAGE * 0.75 + x, "y": 300, "id": k} for k, x in enumerate(columns)]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    touch("touchStart", 0)
    touch("touchMove", 25)
    touch("touchEnd")
    assert one.evaluate("stage.view") == {"yaw": -10, "pitch": 0, "zoom": 1, "pan": [0, 0]}
    one.evaluate("stage.reset()")
    touch("touchStart", -40, 40)
    touch("touchMove", -80, 80)
    touch("touchEnd")
    view = one.evaluate("stage.view")
    assert view["yaw"] == 0 and view["zoom"] == pytest.approx(2)
    assert view["pan"] == pytest.approx([0, 0], abs=5e-3)
    client.detach()


def test_a_slider_moves_vertices_as_the_model_does(one, face):
    order = model_order(face)
    assert np.abs(points(one) - face.vertices.numpy()[order] / 1000).max() < 4e-5
    slide(one, "Jaw: open", 1)
    wanted = face.animate({"jawOpen": 1.0}).vertices.numpy()[order] / 1000
    assert np.abs(points(one) - wanted).max() < 4e-5
    one.get_by_role("button", name="Neutral").click()
    wanted = face.animate({}, neutral=True).vertices.numpy()[order] / 1000
    assert np.abs(points(one) - wanted).max() < 4e-5
    assert one.get_by_label("Jaw: open", exact=True).input_value() == "0"


def model_order(face):
    from selfie3d.pipeline.formats.head_parts import split_head

    return np.concatenate([part.vertices for part in split_head(face.model)])


def test_identity_moves_vertices_as_the_model_does(one, face):
    one.get_by_text("Identity", exact=True).click()
    slide(one, "Mode 2", -1.5)
    identity = face.coefficients.identity.clone()
    identity[0, 1] -= 1.5
    changed = replace(face, coefficients=replace(face.coefficients, identity=identity))
    wanted = changed.vertices.numpy()[model_order(face)] / 1000
    assert np.abs(points(one) - wanted).max() < 1.2e-4  # modes are in steps of 0.03 mm
    one.get_by_role("button", name="As reconstructed").click()


def test_eyes_turn(one):
    one.get_by_text("Eyes", exact=True).last.click()
    before = picture(one, "eyes_ahead")
    slide(one, "To the side", 25)
    after = picture(one, "eyes_aside")
    changed = np.abs(after - before).max(-1) > 25
    assert changed[:, STAGE // 2 :].mean() > 2e-4
    slide(one, "To the side", 0)


def test_every_mode_shows_something_else(one):
    one.focus("#stage")
    seen = []
    for key, mode in enumerate(("textured", "grey", "wireframe", "normals", "segmentation"), 1):
        one.keyboard.press(str(key))
        assert one.locator(f"[data-key={mode}]").get_attribute("aria-pressed") == "true"
        seen.append(picture(one, mode)[:, STAGE // 2 :])
    for k, a in enumerate(seen):
        for b in seen[:k]:
            assert (np.abs(a - b).max(-1) > 15).mean() > 0.03
    normals = seen[3][280:330, STAGE // 4 - 60 : STAGE // 4 + 60].mean((0, 1))
    assert normals[2] > 190 and abs(normals[0] - 128) < 30  # towards us: blue
    assert "brows" in one.locator("#legend").inner_text()


def test_light_comes_from_where_it_is_put(one):
    one.get_by_text("Light", exact=True).click()
    one.keyboard.press("Tab")
    one.evaluate("chooseMode('grey')")
    means = []
    for aside in (-80, 80):
        slide(one, "From the side", aside)
        seen = picture(one, f"light_{aside}")[280:380, STAGE // 2 :].mean((0, 2))
        middle = STAGE // 4
        means.append(seen[middle - 80 : middle].mean() - seen[middle : middle + 80].mean())
    assert means[0] > 20 and means[1] < -20
    slide(one, "From the side", 25)


def test_two_heads_turn_together_and_are_compared(two, face, other):
    rest = picture(two, "two")
    assert two.locator("figure").count() == 4
    two.focus("#stage")
    two.keyboard.press("ArrowLeft")
    changed = np.abs(picture(two, "two_turned") - rest).max(-1) > 20
    half = SIZE["height"] // 2
    assert changed[:half, STAGE // 2 :].mean() > 0.01 < changed[half:, STAGE // 2 :].mean()
    two.evaluate("chooseMode('distance')")
    two.get_by_label("Laid together").select_option("none")
    found = np.array(two.evaluate("Array.from(distances(heads[1], heads[0], 'none'))"))
    apart = (other.vertices - face.vertices).norm(dim=1).numpy()[model_order(face)]
    assert np.abs(found - apart).max() < 0.05 < apart.max()
    skin = apart[: two.evaluate("heads[0].skin.points.length / 3")]
    assert f"mean {skin.mean():.2f} mm" in two.locator("figcaption").last.inner_text()
    hot = picture(two, "two_distance")
    assert (hot[half:, STAGE // 2 :, 2] - hot[half:, STAGE // 2 :, 0] > 30).mean() > 0.05
    assert two.evaluate("document.title").startswith("two")


@pytest.mark.parametrize("way", ["rigid", "similar"])
def test_heads_are_laid_together_by_least_squares(two, way):
    rng = np.random.default_rng(3)
    from_, noise = rng.normal(size=(50, 3)), rng.normal(size=(50, 3)) * 0.05
    turn = Rotation.random(random_state=4)
    to = 1.3 * turn.apply(from_) + [0.3, -2, 5] + noise
    moved = two.evaluate(
        """([a, b, scaled]) => {
          const place = alignment(Float64Array.from(a.flat()), Float64Array.from(b.flat()),
                                  a.length, scaled);
          return a.map(place);
        }""",
        [from_.tolist(), to.tolist(), way == "similar"],
    )
    a, b = from_ - from_.mean(0), to - to.mean(0)
    best, _ = Rotation.align_vectors(b, a)
    turned = best.apply(a)
    scale = (turned * b).sum() / (a * a).sum() if way == "similar" else 1.0
    assert np.abs(np.array(moved) - (scale * turned + to.mean(0))).max() < 1e-6


def test_a_slider_moves_both(two):
    before = points(two, 0), points(two, 1)
    slide(two, "Mouth: left", 1)
    for number, rest in enumerate(before):
        assert np.abs(points(two, number) - rest).max() > 2e-3
    two.get_by_label("a", exact=True).uncheck()
    assert two.locator("figure").count() == 2
    two.get_by_label("a", exact=True).check()


@pytest.mark.parametrize("damage", ["cut", "corner", "address"])
def test_a_head_that_cannot_be_read_is_named_and_the_rest_shown(browser, face, tmp_path, damage):
    glb = face.glb()
    broken = {
        "cut": glb[:200_000],
        "corner": glb.replace(b'"componentType":5123', b'"componentType":5126', 1),
        "address": glb.replace(b'"bufferView":0', b'"uri":"//h/x"', 1),
    }[damage]
    heads = [ViewedHead(EVIL, broken), ViewedHead("whole", glb)]
    (tmp_path / "p.html").write_text(viewer_page("p", heads))
    page = opened(browser, tmp_path / "p.html")
    assert page.get_by_role("alert").inner_text().startswith(f"{EVIL} cannot be shown")
    assert page.locator("figcaption").all_inner_texts() == ["whole"]
    assert not page.problems
    page.close()


def test_without_webgl_it_says_so(chromium, face, tmp_path):
    (tmp_path / "p.html").write_text(viewer_page("p", [ViewedHead("me", face.glb())]))
    page = opened(chromium("--no-sandbox", "--disable-3d-apis"), tmp_path / "p.html")
    assert "WebGL" in page.get_by_role("alert").inner_text()
    page.close()


def test_the_page_works_inside_a_notebooks_output(browser, face, tmp_path):
    """As `Faces.viewer` shows it: in a frame, of a page with a policy of its own."""
    path = tmp_path / "notebook.html"
    shown = Faces([face], PHOTO).viewer()._repr_html_()
    path.write_text(f"<!doctype html><title>cells</title><div>{shown}</div>")
    page = browser.new_page(viewport=SIZE)
    problems = []
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(path.as_uri())
    inside = page.frame_locator("iframe")
    inside.locator("html[data-ready]").wait_for(state="attached", timeout=120_000)
    assert not problems
    if folder := os.environ.get("SELFIE3D_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / "notebook.png")
    page.close()
