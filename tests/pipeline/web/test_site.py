"""The page in Chromium, served from a folder: faces as in Python, nothing asked of anybody else.

Needs Chromium (Debian's), playwright (PyPI) and onnxruntime-web, whose npm package
`SELFIE3D_ORT_WEB` names or which is downloaded. With `SELFIE3D_SCREENSHOTS` the pictures are kept
there. Run with `-m slow`.
"""

from __future__ import annotations

import functools
import http.server
import io
import os
import shutil
import threading
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import torch
from PIL import Image
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.facemodels import load_face_model
from selfie3d.geometry import Coefficients, Crop, matrix_to_euler
from selfie3d.models import NETWORKS, make_layout, pack_weights
from selfie3d.pipeline import ReconstructOptions, Reconstructor, as_picture
from selfie3d.pipeline.network.regress import RegressOptions, Regressor
from selfie3d.pipeline.web.site import WebOptions, export_web

pytestmark = pytest.mark.slow
PHOTO = Path(__file__).parents[3] / "pipeline" / "data" / "astronaut.jpg"
SIZE = {"width": 1280, "height": 720}
FLAGS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
FAKE = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
FACE = """(face) => ({
  landmarks: face.landmarks.map(([x, y]) => [x, y]), expression: Array.from(face.expression),
  identity: Array.from(face.identity), pose: face.pose, map: face.map})"""


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    given = os.environ.get("SELFIE3D_ORT_WEB")
    out = tmp_path_factory.mktemp("site")
    try:
        made = export_web(out, WebOptions(runtime=Path(given) if given else None))
    except MissingFileError as error:
        pytest.skip(str(error))
    assert sum(made.sizes.values()) < 60e6
    return out


@pytest.fixture(scope="module")
def address(folder):
    handler = functools.partial(QuietHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """What the webcam sees: the portrait, shifted to and fro, as frames of JPEG."""
    picture = Image.open(PHOTO).convert("RGB").resize((480, 480))
    stream = io.BytesIO()
    for k in range(24):
        frame = Image.new("RGB", (640, 480), (90, 90, 90))
        frame.paste(picture, (80 + round(12 * np.sin(k / 24 * 2 * np.pi)), 0))
        frame.save(stream, "JPEG", quality=92)
    path = tmp_path_factory.mktemp("film") / "film.mjpeg"
    path.write_bytes(stream.getvalue())
    return path


@pytest.fixture(scope="module")
def browser(film):
    sync_api = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is not there")
    with sync_api.sync_playwright() as playwright:
        flags = [*FLAGS, *FAKE, f"--use-file-for-fake-video-capture={film}"]
        started = playwright.chromium.launch(executable_path=path, args=flags)
        yield started
        started.close()


@pytest.fixture(scope="module")
def page(browser, address):
    """The page; `problems` are its errors and what it asks of others."""
    opened = browser.new_page(viewport=SIZE)
    opened.set_default_timeout(240_000)
    opened.problems = []
    opened.on("console", lambda m: opened.problems.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda error: opened.problems.append(str(error)))
    opened.on("request", lambda request: _note(opened, request.url, address))
    opened.goto(address)
    opened.wait_for_selector("html[data-ready]", state="attached")
    yield opened
    assert opened.problems == []
    opened.close()


def _note(page, url, address):
    parts = urlsplit(url)
    if parts.scheme not in ("data", "blob") and parts.netloc != urlsplit(address).netloc:
        page.problems.append(url)


@pytest.fixture(scope="module")
def seen(page):
    """The example's face, as the page finds it."""
    page.get_by_role("button", name="Example").click()
    page.get_by_text("Found in").wait_for()
    picture(page, "albedo")
    return page.evaluate(f"({FACE})(selfie3d.face)")


@pytest.fixture(scope="module")
def photo():
    return as_picture(PHOTO)


@pytest.fixture(scope="module")
def exact(seen, photo):
    """Python's face in the very frame of the page."""
    regressor = Regressor(RegressOptions(passes=1))
    matrix = torch.tensor(seen["map"], dtype=torch.float64).reshape(2, 3)
    size = (regressor.size, regressor.size)
    return regressor.in_frames([photo], [Crop(matrix, size)])[0], regressor


def picture(page, name):
    page.evaluate("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")
    shot = page.screenshot()
    if kept := os.environ.get("SELFIE3D_SCREENSHOTS"):
        Path(kept, f"browser_{name}.png").write_bytes(shot)
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)


def landmarks(regressor, face):
    vertices = regressor.model.vertices(face.coefficients)
    marks = regressor.model.landmark_points(vertices, "ibug68")
    return face.camera.project(marks)[0, :, :2].numpy()


def test_in_the_same_frame_it_is_pythons_face(seen, exact):
    face, regressor = exact
    apart = np.linalg.norm(landmarks(regressor, face) - seen["landmarks"], axis=1)
    assert apart.max() < 0.05
    found = face.coefficients
    assert np.abs(found.expression[0].numpy() - seen["expression"]).max() < 0.01
    assert np.abs(found.identity[0].numpy() - seen["identity"]).max() < 0.05
    pose = torch.rad2deg(matrix_to_euler(face.camera.rotation))[0].numpy()
    assert np.abs(pose - seen["pose"]).max() < 0.05


def test_with_its_own_detection_points_are_within_half_a_pixel(seen, photo):
    found = Reconstructor(ReconstructOptions(detector="drawn"))
    (face,) = found.detect(photo)
    regressor = Regressor()
    points = landmarks(regressor, regressor.from_faces([photo], [face])[0])
    assert np.linalg.norm(points - seen["landmarks"], axis=1).max() < 0.5


def test_the_head_has_the_found_shape(page, seen, exact):
    _, regressor = exact
    model = regressor.model
    own = model.zero_coefficients()
    identity = torch.tensor([seen["identity"]], dtype=torch.float32)
    expression = torch.tensor([seen["expression"]], dtype=torch.float32)
    wanted = model.vertices(Coefficients(identity, expression, own.albedo, own.light))[0].numpy()
    found, order = page.evaluate(
        """async () => {
          const {surfaceOf} = await import('./js/texture.js');
          const {places, vertices} = surfaceOf(selfie3d.avatar.head);
          return [Array.from(places), Array.from(vertices)];
        }"""
    )
    apart = np.array(found).reshape(-1, 3) - wanted[np.array(order)]
    assert np.linalg.norm(apart, axis=1).max() < 0.5  # modes are kept in bytes
    assert np.linalg.norm(apart, axis=1).mean() < 0.15


def test_the_picture_is_laid_on_the_head(page, seen, photo):
    before = picture(page, "before")
    page.get_by_role("button", name="Texture from the picture").click()
    after = picture(page, "textured")
    middle = (slice(300, 420), slice(640, 780))
    assert np.abs(after - before)[middle].mean() > 10
    x, y = np.mean(seen["landmarks"], 0).astype(int)
    skin = photo[y - 12 : y + 12, x - 12 : x + 12].reshape(-1, 3).astype(float).mean(0)
    shown = after[middle].reshape(-1, 3).mean(0)
    assert np.corrcoef(skin, shown)[0, 1] > 0.9  # the same tone, whatever the light


def test_a_picture_of_nobody_says_so(page):
    page.evaluate(
        """async () => {
          const canvas = new OffscreenCanvas(320, 240);
          canvas.getContext('2d').fillRect(0, 0, 320, 240);
          await selfie3d.photograph(await canvas.convertToBlob());
        }"""
    )
    assert "No face" in page.locator("#status").inner_text()
    assert page.get_by_role("button", name="Texture from the picture").is_disabled()


def test_what_is_no_picture_says_so(page):
    page.locator("#file").set_input_files(
        {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": b"no picture"}
    )
    page.get_by_text("This cannot be shown").wait_for()


def test_a_file_is_looked_at(page):
    page.locator("#file").set_input_files(PHOTO)
    page.get_by_text("Found in").wait_for()


def test_the_webcam_is_followed(page):
    """A head that moves to and fro: found, learned after some frames, then followed as a person."""
    page.get_by_role("button", name="Webcam").click()
    page.evaluate(
        """async () => {
          while (!selfie3d.tracker.person) await new Promise(r => setTimeout(r, 50));
          const first = selfie3d.frames.length;
          while (selfie3d.frames.length < first + 12) await new Promise(r => setTimeout(r, 50));
        }"""
    )
    shot = picture(page, "webcam")
    assert shot.std() > 20
    now = page.evaluate(f"({FACE})(selfie3d.face)")
    mean = np.mean(now["landmarks"], 0)
    assert 280 < mean[0] < 320 and 110 < mean[1] < 130
    assert page.evaluate("selfie3d.tracker.person.identity === selfie3d.face.identity")
    bar = page.get_by_label("mouthSmileLeft").evaluate("bar => bar.value")
    assert bar == pytest.approx(now["expression"][43], abs=0.2) and bar > 0.2
    page.get_by_role("button", name="Stop").click()
    assert page.evaluate("selfie3d.live") is None


def test_opened_as_a_file_it_says_that_it_must_be_served(browser, folder):
    opened = browser.new_page()
    opened.goto((folder / "index.html").resolve().as_uri())
    assert "http.server" in opened.get_by_role("alert").inner_text()
    opened.close()


def test_the_page_names_what_it_is_made_of(folder):
    text = (folder / "LICENSES.txt").read_text()
    assert "Apache License 2.0" in text and "Microsoft Corporation" in text and "CC0" in text
    assert (folder / "MIT-ICT-FaceKit.txt").is_file()


def test_weights_of_something_else_are_refused(tmp_path):
    layout = make_layout("deep3d", load_face_model("default-face"), 224)
    network = NETWORKS.create("mobilenet_v1", size=64, width=0.25, outputs=layout.size)
    content = pack_weights(network, "mobilenet_v1", network.options, layout=layout, facts={})
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="weights of dense points"):
        export_web(tmp_path / "site", WebOptions(str(tmp_path / "w.safetensors")))
