"""Several photographs of one person: one identity, one texture, one head in the files."""

from __future__ import annotations

import json

import numpy as np
import pytest
import selfie3d
import torch
from PIL import Image
from selfie3d.cli import app
from selfie3d.core.errors import InputError, NoFaceError, SettingError
from selfie3d.core.image_file import read_image
from selfie3d.pipeline.demo import PHOTO
from selfie3d.pipeline.options import ReconstructOptions
from selfie3d.pipeline.person import reconstruct_person
from selfie3d.pipeline.person_files import reconstruct_same_person
from selfie3d.pipeline.reconstructor import Reconstructor
from typer.testing import CliRunner

SMALL = ReconstructOptions(texture_size=128)


@pytest.fixture(scope="module")
def photographs():
    """The demo's portrait, the same darker and smaller, a picture without anybody."""
    whole = read_image(PHOTO)
    darker = (whole[::2, ::2] * 0.7).astype(np.uint8)
    return [whole, np.full((200, 200, 3), 127, np.uint8), darker]


@pytest.fixture(scope="module")
def reconstructor():
    return Reconstructor(SMALL)


@pytest.fixture(scope="module")
def person(reconstructor, photographs):
    return reconstruct_person(reconstructor, photographs)


@pytest.fixture
def folder(tmp_path, photographs):
    """The photographs as files a.png, b.png, c.png."""
    place = tmp_path / "photographs"
    place.mkdir()
    for name, picture in zip("abc", photographs, strict=True):
        Image.fromarray(picture).save(place / f"{name}.png")
    return place


def test_everybody_has_one_identity_and_texture_and_a_camera_of_their_own(person):
    first, second = person.faces
    assert person.photographs == [0, 2] and person.face is first
    assert torch.equal(first.coefficients.identity, second.coefficients.identity)
    assert torch.equal(first.coefficients.albedo, second.coefficients.albedo)
    assert first.texture is second.texture
    assert not torch.equal(first.coefficients.expression, second.coefficients.expression)
    ratio = first.landmarks_68[:, :2] / second.landmarks_68[:, :2]
    np.testing.assert_allclose(ratio.mean(0), 2, atol=0.05)  # the second has half the pixels


def test_a_photograph_without_a_face_is_named_and_the_rest_goes_on(person):
    assert list(person.failed) == [1] and "no face" in person.failed[1]


def test_the_identity_is_neither_photographs_own(reconstructor, photographs, person):
    """But near both: that of the same portrait twice."""
    single = [reconstructor(photographs[k])[0] for k in (0, 2)]
    identity = person.face.coefficients.identity
    for face in single:
        off = torch.einsum(
            "k,kvc->vc", (identity - face.coefficients.identity)[0], face.model.identity
        )
        assert 0.01 < float(off.norm(dim=1).mean()) < 3  # mm


def test_one_face_is_not_enough(reconstructor, photographs):
    with pytest.raises(NoFaceError, match=r"1 of 2 .*photograph 2: no face"):
        reconstruct_person(reconstructor, photographs[:2])
    with pytest.raises(InputError, match=r"2 or more.*1"):
        reconstruct_person(reconstructor, photographs[:1])


def test_the_optimiser_knows_single_photographs_only(photographs):
    with pytest.raises(SettingError, match="same person"):
        selfie3d.reconstruct_person(photographs, ReconstructOptions(texture_size=64, refine=True))


def test_files_are_one_head_and_a_record_and_overlay_for_each(folder, tmp_path):
    out = tmp_path / "out"
    summary = reconstruct_same_person([folder], out, options=SMALL)
    assert [path.name for path in summary.succeeded] == ["a.png", "c.png"]
    assert [path.name for path, _ in summary.failed] == ["b.png"] and summary.faces == 2
    written = {file.name for file in out.iterdir()}
    assert {file.name for file in summary.files} == written - {".selfie3d"}
    assert len(list(out.glob("*.glb"))) == 1
    record = json.loads((out / "person.json").read_text())
    assert [picture["path"] for picture in record["same_person"]] == [
        str(folder / "a.png"), str(folder / "c.png")
    ]  # fmt: skip
    assert record["without_a_face"][0]["path"] == str(folder / "b.png")
    own = [json.loads((out / f"{name}.json").read_text()) for name in "ac"]
    assert own[0]["coefficients"]["identity"] == own[1]["coefficients"]["identity"]
    assert own[0]["camera"] != own[1]["camera"] and "person.glb" in own[0]["files"]
    again = reconstruct_same_person([folder / "c.png", folder / "a.png"], out, options=SMALL)
    assert again.faces == 2 and not again.failed


def test_a_rerun_does_what_is_not_done(folder, tmp_path):
    """As for single photographs: after a failure, with another photograph, without a file."""
    out, pair = tmp_path / "out", [folder / "a.png", folder / "c.png"]
    fast = ReconstructOptions(texture_size=64, write=("glb",))
    first = reconstruct_same_person(pair, out, options=fast)
    assert len(first.succeeded) == 2 and not first.skipped
    again = reconstruct_same_person(pair, out, options=fast)
    assert again.skipped == pair and not again.files and again.faces == 0
    (out / "person.glb").unlink()
    assert not reconstruct_same_person(pair, out, options=fast).skipped
    whole = reconstruct_same_person([folder], out, options=fast)  # with one more, which fails
    assert len(whole.failed) == 1 and not whole.skipped
    assert not reconstruct_same_person([folder], out, options=fast).skipped
    assert not reconstruct_same_person(pair, out, options=fast, resume=False).skipped
    assert reconstruct_same_person(pair, out, options=fast).skipped


def test_results_beside_the_photographs_are_no_photographs(folder):
    fast = ReconstructOptions(texture_size=64, write=("obj", "overlay"))
    (folder / "b.png").unlink()
    first = reconstruct_same_person([folder], folder, options=fast)
    assert {path.name for path in first.succeeded} == {"a.png", "c.png"}
    again = reconstruct_same_person([folder], folder, options=fast)
    assert [path.name for path in again.skipped] == ["a.png", "c.png"] and not again.failed


def test_strict_raises_what_is_wrong_with_the_first(folder, tmp_path):
    with pytest.raises(NoFaceError, match="no face found in this photograph"):
        reconstruct_same_person([folder], tmp_path / "out", options=SMALL, strict=True)
    assert not list((tmp_path / "out").glob("*.json"))


def test_files_of_others_are_not_replaced(folder, tmp_path):
    (tmp_path / "person.glb").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"person\.glb"):
        reconstruct_same_person([folder], tmp_path, options=SMALL)
    assert (tmp_path / "person.glb").read_bytes() == b"mine"
    (tmp_path / "person.glb").unlink()
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(InputError, match=r"a\.json"):
        reconstruct_same_person([folder], tmp_path, options=SMALL)


def test_the_command_takes_it_and_says_what_failed(folder, tmp_path):
    command = ["reconstruct", "--same-person", str(folder), "--size", "64", "--out"]
    result = CliRunner().invoke(app, [*command, str(tmp_path / "out")])
    assert result.exit_code == 1 and "2 faces from 2 photographs" in result.stdout
    assert "b.png" in result.output
    strict = CliRunner().invoke(app, [*command, str(tmp_path / "strict"), "--strict"])
    assert strict.exit_code == 1 and "no face found" in strict.output
    assert not list((tmp_path / "strict").glob("*.json"))
    (folder / "c.png").unlink()
    result = CliRunner().invoke(app, [*command, str(tmp_path / "alone")])
    assert result.exit_code == 1 and "2 are needed" in result.output
    assert not list((tmp_path / "alone").glob("*.glb"))
