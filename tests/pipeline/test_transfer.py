"""Expressions, lights and textures put back into photographs whose truth is known."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from selfie3d.cli import app
from selfie3d.core.errors import InputError, NoFaceError, SettingError, UnknownNameError
from selfie3d.core.image_file import read_image
from selfie3d.facemodels import load_face_model
from selfie3d.geometry import Coefficients
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.sh import light_from_direction
from selfie3d.pipeline import ReconstructedFace, ReconstructOptions, Reconstructor, transfer_face
from selfie3d.pipeline.demo import PHOTO
from selfie3d.pipeline.studio import renderer_of
from selfie3d.pipeline.texture import Texture
from selfie3d.pipeline.transfer.put_back import Change, put_back
from selfie3d.pipeline.transfer.shading import brightening, shading_of
from selfie3d.pipeline.transfer.spread import fading, spread
from selfie3d.pipeline.transfer.take_over import Sources
from selfie3d.render import to_picture
from typer.testing import CliRunner

SIDE = 160
FRONT = light_from_direction(torch.tensor([[0.0, 0.3, 1.0]]), 0.4, 0.6)
LEFT = light_from_direction(torch.tensor([[-1.0, 0.3, 0.8]]), 0.4, 0.6)


@pytest.fixture(scope="module")
def head():
    """A head seen from the front, whose texture is a smooth pattern lit by FRONT."""
    model = load_face_model("default")
    place = torch.linspace(0, 25, 256)
    pattern = 0.6 + 0.2 * torch.stack([place.sin()[None] * place.cos()[:, None]] * 3)
    none = [torch.zeros(1, len(m)) for m in (model.identity, model.expression, model.albedo_basis)]
    camera = PerspectiveCamera(
        torch.eye(3)[None],
        torch.tensor([[0.0, 0, -900]]),
        torch.tensor([420.0]),
        torch.full((1, 2), SIDE / 2),
    )
    texture = Texture(pattern, torch.ones(1, 256, 256))
    return ReconstructedFace(
        model, Coefficients(*none, FRONT), camera, (40, 40, 120, 120), texture, 1.0
    )


def photograph(face, light):
    """The head before a grey wall."""
    renderer = renderer_of(face.model)
    seen = renderer(
        face.vertices[None],
        face.camera,
        (SIDE, SIDE),
        texture=face.texture.image[None],
        light=light,
    )
    return to_picture(seen.over(torch.full((1, 3, SIDE, SIDE), 0.5))[0])


def apart(one, other):
    """Mean difference over the middle of the face, in 256 steps."""
    middle = slice(50, 130), slice(55, 105)
    return float(np.abs(one[middle].astype(float) - other[middle]).mean())


def test_an_expression_is_what_drawing_the_other_face_shows(head):
    other = head.animate({"mouthLeft": 1.0, "browInnerUp": 1.0, "jawLeft": 1.0})
    before, truth = photograph(head, None), photograph(other, None)
    made = put_back(renderer_of(head.model), before, Change(head, other))
    assert apart(made, truth) < 0.3 * apart(before, truth)


def test_a_light_is_what_drawing_the_face_under_it_shows(head):
    before, truth = photograph(head, FRONT), photograph(head, LEFT)
    lit = replace(head, coefficients=replace(head.coefficients, light=LEFT))
    gain = brightening(shading_of(head), shading_of(lit, fitted=False))
    made = put_back(renderer_of(head.model), before, Change(head, lit, gain))
    assert apart(before, truth) > 8 and apart(made, truth) < 2


def test_a_texture_covers_what_it_is_told_to(head):
    dark = replace(head, texture=Texture(head.texture.image * 0.5, head.texture.seen))
    before, truth = photograph(head, None), photograph(dark, None)
    everywhere, nowhere = (torch.full((len(head.model.mean),), v) for v in (1.0, 0.0))
    renderer = renderer_of(head.model)
    covered = put_back(renderer, before, Change(head, dark, retextured=everywhere))
    assert apart(covered, truth) < 2
    left = put_back(renderer, before, Change(head, dark, retextured=nowhere))
    assert apart(left, before) < 2


def test_what_does_not_change_stays_to_the_byte(head):
    before = photograph(head, FRONT)
    assert np.array_equal(put_back(renderer_of(head.model), before, Change(head, head)), before)


def test_spread_keeps_what_is_known_and_stays_within_it():
    random = np.random.default_rng(0)
    known = torch.from_numpy(random.random((37, 53)) < 0.1).float()
    values = torch.from_numpy(random.random((2, 37, 53))).float()
    found = spread(values, known)
    assert torch.equal(found[:, known > 0], values[:, known > 0])
    assert found.min() >= values[:, known > 0].min() and found.max() <= values.max()
    assert torch.allclose(spread(torch.full((1, 9, 7), 3.0), known[:9, :7]), torch.tensor(3.0))


def test_fading_is_by_the_distance_to_the_nearest_place():
    covered = torch.zeros(21, 21, dtype=torch.bool)
    covered[10, 10] = True
    y, x = torch.meshgrid(torch.arange(21.0), torch.arange(21.0), indexing="ij")
    near = 1 - ((y - 10).hypot(x - 10) / 8).clamp(max=1)
    assert torch.allclose(fading(covered, 8.0), near * near * (3 - 2 * near), atol=1e-6)
    assert not fading(covered & False, 8.0).any()


@pytest.fixture(scope="module")
def reconstructor():
    return Reconstructor(ReconstructOptions(texture_size=128))


def face_of(made):
    x0, y0, x1, y1 = (int(v) for v in made.face.box)
    return slice(y0, y1), slice(x0, x1)


def test_a_photograph_gives_itself_what_it_has(reconstructor):
    same = transfer_face(reconstructor, PHOTO, Sources(expression=PHOTO, light=PHOTO))
    difference = np.abs(same.picture.astype(int) - same.photograph)[face_of(same)]
    assert np.median(difference) == 0 and difference.mean() < 3
    skin = transfer_face(reconstructor, PHOTO, Sources(texture=PHOTO))
    assert set(skin.shown) == {"texture"}
    assert np.abs(skin.picture.astype(int) - skin.photograph)[face_of(skin)].mean() < 12


def test_weights_and_a_light_of_numbers(reconstructor):
    made = transfer_face(reconstructor, PHOTO, Sources("jawOpen=1, browInnerUp=0.5", 0.7 * LEFT))
    names = made.face.model.expression_names
    assert made.face.coefficients.expression[0, names.index("jawOpen")] == 1
    assert torch.equal(made.face.coefficients.light, 0.7 * LEFT)
    changed = np.abs(made.picture.astype(int) - made.photograph)
    assert changed[face_of(made)].mean() > 10
    assert not changed[300:, :60].any(), "far from the head nothing changes"


@pytest.mark.parametrize(
    ("sources", "error", "match"),
    [
        (Sources(), SettingError, "--expression"),
        (Sources(expression="jawOpenn=1"), UnknownNameError, "jawOpen"),
        (Sources(expression="jawOpen=wide"), InputError, "NAME=WEIGHT"),
        (Sources(expression={"jawOpen": float("nan")}), InputError, "finite"),
        (Sources(light=torch.zeros(9, 3)), InputError, "ambient"),
        (Sources(texture=np.full((64, 64, 3), 90, np.uint8)), NoFaceError, "texture"),
    ],
)
def test_what_cannot_be_taken_over(reconstructor, sources, error, match):
    with pytest.raises(error, match=match):
        transfer_face(reconstructor, PHOTO, sources)


def test_light_that_is_divided_out_is_refused(reconstructor, monkeypatch):
    options = replace(reconstructor.options, divide_light=True)
    monkeypatch.setattr(reconstructor, "options", options)
    with pytest.raises(SettingError, match="divide_light"):
        transfer_face(reconstructor, PHOTO, Sources(light=LEFT))


def test_the_command_writes_picture_sheet_head_and_record(tmp_path):
    light = tmp_path / "light.txt"
    light.write_text("\n".join(["3.0"] + ["0.1"] * 8))
    arguments = ["transfer", str(PHOTO), "--out", str(tmp_path / "out"), "--size", "64"]
    run = CliRunner().invoke(app, [*arguments, "--light", str(light), "--expression", "jawOpen=1"])
    assert run.exit_code == 0, run.output
    names = {path.name for path in (tmp_path / "out").iterdir()}
    ends = (".glb", ".json", ".png", "_sheet.png")
    assert names == {f"astronaut_transfer{end}" for end in ends}
    record = json.loads((tmp_path / "out" / "astronaut_transfer.json").read_text())
    assert record["transferred"] == {"expression": "jawOpen=1", "light": str(light)}
    shown = read_image(tmp_path / "out" / "astronaut_transfer.png")
    assert shown.shape == read_image(PHOTO).shape
    none = CliRunner().invoke(app, arguments)
    assert none.exit_code == 1 and "an expression, a light or a texture" in none.output
