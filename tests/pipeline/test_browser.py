"""The head in three.js: it is drawn, its jaw moves by a morph target, its eyes turn.

Needs Chromium (Debian's), playwright (PyPI) and three (npm), in the folder `SELFIE3D_NODE_MODULES`;
with `SELFIE3D_SCREENSHOTS` the pictures are kept there. Run with `-m slow`.
"""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.pipeline.face import ReconstructedFace
from selfie3d.pipeline.texture import Texture

pytestmark = pytest.mark.slow
PLACE = "http://head.test/"
SIDE = 480
PAGE = """<!doctype html><link rel="icon" href="data:,">
<body style="margin:0"><canvas width="480" height="480"></canvas>
<script type="importmap">{"imports": {"three": "/three/build/three.module.js",
"three/addons/": "/three/examples/jsm/"}}</script>
<script type="module">
import * as THREE from 'three';
import {GLTFLoader} from 'three/addons/loaders/GLTFLoader.js';
const canvas = document.querySelector('canvas');
const renderer = new THREE.WebGLRenderer({canvas, preserveDrawingBuffer: true});
const scene = new THREE.Scene();
scene.background = new THREE.Color(0x404040);
scene.add(new THREE.HemisphereLight(0xffffff, 0x888888, 2.5));
const camera = new THREE.PerspectiveCamera(25, 1, 0.01, 10);
camera.position.set(0, -0.02, 0.75);
camera.lookAt(0, -0.02, 0);
const {scene: head} = await new GLTFLoader().loadAsync('/head.glb');
scene.add(head);
const meshes = [];
head.traverse(node => { if (node.isMesh) meshes.push(node); });
const places = () => {
  const found = [], point = new THREE.Vector3();
  for (const mesh of meshes) {
    for (let k = 0; k < mesh.geometry.attributes.position.count; k++) {
      mesh.getVertexPosition(k, point);
      found.push(mesh.localToWorld(point.clone()).toArray());
    }
  }
  return found;
};
window.look = (weights, eyes) => {
  for (const mesh of meshes) {
    mesh.morphTargetInfluences.fill(0);
    for (const [name, weight] of Object.entries(weights))
      mesh.morphTargetInfluences[mesh.morphTargetDictionary[name]] = weight;
  }
  for (const name of ['left_eye', 'right_eye'])
    head.getObjectByName(name).rotation.y = eyes || 0;
  head.updateMatrixWorld(true);
  renderer.render(scene, camera);
  return places();
};
window.start = meshes.map(mesh => mesh.morphTargetInfluences.slice());
window.names = meshes.map(mesh => Object.keys(mesh.morphTargetDictionary));
window.ready = true;
</script>"""


@pytest.fixture(scope="module")
def face(default_model):
    """The mean face, coloured by its albedo at every texel's nearest vertex: looks like a face."""
    from selfie3d.geometry.uv import UVMapper

    own = default_model.zero_coefficients()
    mapper = UVMapper(default_model.uv, default_model.uv_faces, default_model.faces, 512)
    image = mapper.position_map(default_model.albedo(own))[0].clamp(0, 1)
    camera = PerspectiveCamera(
        torch.eye(3)[None],
        torch.tensor([[0.0, 0, -600]]),
        torch.tensor([400.0]),
        torch.tensor([[128.0, 128.0]]),
    )
    texture = Texture(image, torch.ones(1, 512, 512))
    whole = ReconstructedFace(default_model, own, camera, (0, 0, 9, 9), texture, 0.9)
    return whole.animate({"mouthSmileLeft": 0.5})


@pytest.fixture(scope="module")
def page(face):
    """A page that shows the head; nothing is fetched from anywhere else."""
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    three = Path(os.environ.get("SELFIE3D_NODE_MODULES", "")) / "three"
    if chromium is None or not (three / "build").is_dir():
        pytest.skip("Chromium, or three in SELFIE3D_NODE_MODULES, is not there")
    content = face.glb()

    def answer(route):
        path = route.request.url.removeprefix(PLACE)
        if path == "":
            route.fulfill(body=PAGE, content_type="text/html")
        elif path == "head.glb":
            route.fulfill(body=content, content_type="model/gltf-binary")
        elif path.startswith("three/") and ".." not in path:
            body = (three / path.removeprefix("three/")).read_bytes()
            route.fulfill(body=body, content_type="text/javascript")
        else:
            route.abort()

    flags = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader",
             "--enable-unsafe-swiftshader"]  # fmt: skip
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        page = browser.new_page(viewport={"width": SIDE, "height": SIDE})
        page.set_default_timeout(300_000)
        page.problems = []
        page.on("console", lambda m: page.problems.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.route("**/*", answer)
        page.goto(PLACE)
        page.wait_for_function("window.ready === true")
        yield page
        browser.close()


def look(page, name, weights, eyes=0.0):
    """Positions of all vertices in metres, and the picture."""
    points = np.array(page.evaluate("([w, e]) => look(w, e)", [weights, eyes]))
    shot = page.screenshot()
    if folder := os.environ.get("SELFIE3D_SCREENSHOTS"):
        Path(folder, f"{name}.png").write_bytes(shot)
    return points, np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)


def test_expressions_begin_as_fitted_and_have_names(page, face):
    names = list(face.model.expression_names)
    for own, weights in zip(page.evaluate("names"), page.evaluate("start"), strict=True):
        assert own == names
        assert np.allclose(weights, face.coefficients.expression[0])
    assert not page.problems


def test_a_morph_target_moves_the_jaw(page, face):
    rest, closed = look(page, "rest", {})
    moved, opened = look(page, "jaw_open", {"jawOpen": 1.0})
    wanted = face.animate({"jawOpen": 1.0}, neutral=True)
    travel = (wanted.vertices - face.animate({}, neutral=True).vertices)[:, 1].min() / 1000
    assert (moved - rest)[:, 1].min() == pytest.approx(float(travel), abs=2e-5)
    assert -0.05 < float(travel) < -0.02
    changed = np.abs(opened - closed).max(-1) > 25
    rows = np.nonzero(changed.any(1))[0]
    assert changed.mean() > 0.01 and rows.min() > SIDE * 0.4  # below the eyes
    assert not page.problems


def test_eyes_turn_by_their_nodes(page):
    rest, ahead = look(page, "rest", {})
    turned, aside = look(page, "eyes_left", {}, eyes=0.4)
    travel = np.linalg.norm(turned - rest, axis=1)
    assert (travel > 1e-3).sum() > 500 and travel.max() < 0.02
    assert (np.abs(aside - ahead).max(-1) > 25).mean() > 3e-4
    assert not page.problems


def test_the_head_is_in_the_middle_and_looks_at_us(page):
    points, picture = look(page, "rest", {})
    assert np.abs(points).max() < 0.25  # metres
    face = picture[SIDE // 3 : SIDE // 2, SIDE // 2 - 30 : SIDE // 2 + 30].mean((0, 1))
    assert face[0] > face[2] + 10 and face[0] > 90  # skin
    assert np.abs(picture[:8] - 64).max() < 12  # the ground


def test_every_eye_look_moves_its_eye(page):
    names = ["eyeLookInLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookDownRight"]
    rest, _ = look(page, "rest", {})
    for name in names:
        moved, _ = look(page, name, {name: 1.0})
        side = np.sign(rest[np.linalg.norm(moved - rest, axis=1) > 4e-3][:, 0])
        assert (side == (1 if name.endswith("Left") else -1)).all() and len(side) > 100
