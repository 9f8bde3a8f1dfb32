from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from selfie3d.core.errors import InputError, MissingFileError, UnknownNameError
from selfie3d.detect.face import Face
from selfie3d.evaluate.metrics.identity import Embedder, align_arcface
from selfie3d.evaluate.protocols import photometric
from selfie3d.evaluate.protocols.photometric import Scorer, make_protocol
from selfie3d.evaluate.protocols.photometric_pair import Pair, PairMaker, read_pair
from selfie3d.evaluate.registry import Request
from selfie3d.geometry.coefficients import ambient_light
from selfie3d.geometry.crop import Crop
from selfie3d.render.face import FaceRenderer
from selfie3d.render.overlay import to_picture


@pytest.fixture(scope="module")
def photograph(face):
    """The made face itself, rendered over a grey ground."""
    model = face.model
    seen = FaceRenderer(model.faces)(
        face.model.vertices(face.coefficients),
        face.camera,
        (160, 160),
        albedo=model.albedo(face.coefficients),
        light=face.coefficients.light,
    )
    return to_picture(seen.over(torch.full_like(seen.image, 0.3))[0])


def test_the_true_face_scores_as_good_as_pixels_allow(face, photograph):
    scores = Scorer()(PairMaker(160, "skin", "predicted")(face, photograph), photograph)
    assert scores["L1"] < 0.01 and scores["PSNR"] > 33
    assert scores["SSIM"] > 0.97 and scores["SSIM, global"] > 0.97


def test_a_darker_rendering_scores_its_difference(face, photograph):
    maker = PairMaker(160, "skin", "predicted")
    half = replace(
        face, coefficients=replace(face.coefficients, light=ambient_light(1, 0.45))
    )  # half of 0.9
    pair, true = maker(half, photograph), maker(face, photograph)
    wanted = float((true.rendering / 2)[true.mask.expand_as(true.rendering)].mean())
    assert Scorer()(pair, photograph)["L1"] == pytest.approx(wanted, rel=0.02)


def test_solved_appearance_mends_the_light(face, photograph):
    dark = replace(face, coefficients=replace(face.coefficients, light=ambient_light(1, 0.2)))
    scores = Scorer()(PairMaker(160, "skin", "solved")(dark, photograph), photograph)
    assert scores["L1"] < 0.02


def test_a_face_outside_its_photograph_has_failed(face, photograph):
    away = replace(face, camera=replace(face.camera, center=torch.tensor([[-500.0, 80.0]])))
    with pytest.raises(InputError, match="none to compare"):
        Scorer()(PairMaker(160, "skin", "predicted")(away, photograph), photograph)


def test_the_mask_is_the_region_within_the_photograph(face, photograph):
    skin = PairMaker(160, "skin", "predicted")(face, photograph)
    everything = PairMaker(160, "", "predicted")(face, photograph)
    assert 0 < int(skin.mask.sum()) < int(everything.mask.sum())
    assert not bool((skin.mask & ~everything.mask).any())
    half = PairMaker(160, "skin", "predicted")(face, photograph[:, :80])
    right = half.crop.to_photo(torch.tensor([[159.5, 80.0]], dtype=torch.float64))[0, 0]
    assert float(right) > 81
    columns = torch.nonzero(half.mask[0, 0])[:, 1].max()
    place = half.crop.to_photo(torch.tensor([[columns + 0.5, 80.0]], dtype=torch.float64))
    assert 78 < float(place[0, 0]) <= 80


def test_bad_options():
    for given in ((16, "skin", "predicted"), (64, "skin", "guessed")):
        with pytest.raises(InputError):
            PairMaker(*given)
    with pytest.raises(UnknownNameError, match="appearance"):
        make_protocol(["apperance=solved"])


@pytest.fixture
def folder(tmp_path, photograph):
    """Three photographs; renderings: equal, off by 20/255 in one half of the mask, missing."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "renders").mkdir()
    mask = np.zeros((160, 160), np.uint8)
    mask[40:120, 40:120] = 255
    for k, name in enumerate("abc"):
        Image.fromarray(photograph).save(tmp_path / f"photos/{name}.png")
        render = photograph.astype(np.int64)
        render[:80] += 20 * k * (1 - 2 * (render[:80] > 127))
        pixels = np.dstack([render.astype(np.uint8), mask])
        if name != "c":
            Image.fromarray(pixels).save(tmp_path / f"renders/{name}.png")
    return tmp_path


def run(folder, *overrides, **given):
    given = {"predictions": folder / "renders"} | given
    return make_protocol(overrides)(Request(folder / "photos", folder / "out", **given))


def test_anybodys_renderings(folder):
    report = run(folder)
    errors = report.items.errors
    assert list(report.failures) == ["c.png"] and "c.png" in report.failures["c.png"]
    assert errors["L1"][0] == 0 and errors["PSNR"][0] == np.inf and errors["SSIM"][0] == 1
    assert errors["L1"][1] == pytest.approx(10 / 255, rel=1e-5)
    assert errors["PSNR"][1] == pytest.approx(10 * np.log10(255**2 / 200), abs=1e-4)
    figures = {figure.name: figure for figure in report.figures}
    assert figures["L1"].value == pytest.approx((0 + 10 / 255 + 1) / 3, rel=1e-5)
    assert figures["L1"].count == 3 and figures["L1, found only"].count == 2
    assert figures["SSIM"].value < figures["SSIM, found only"].value
    assert report.pictures[0].image.shape == (160, 480, 3)
    assert report.save(folder / "out").is_file()
    deng = next(row for row in report.published if row.method == "Deng et al.")
    assert {k: v for k, v in deng.values.items() if "cosine" not in k} == {
        "L1": 0.05, "PSNR": 26.58, "SSIM": 0.83,
    }  # fmt: skip
    assert deng.values["cosine, lightcnn29"] == 0.72 and deng.values["cosine, evoLVe"] == 0.64


def test_unusable_renderings(folder, photograph):
    plain = folder / "renders/plain.png"
    Image.fromarray(photograph).save(plain)
    with pytest.raises(InputError, match="alpha"):
        read_pair(plain, photograph)
    with pytest.raises(InputError, match="100 x 160 as the photograph"):
        read_pair(folder / "renders/a.png", photograph[:, :100])
    Image.fromarray(np.zeros((160, 160, 4), np.uint8)).save(plain)
    with pytest.raises(InputError, match="nothing opaque"):
        read_pair(plain, photograph)
    plain.write_bytes(b"no image")
    with pytest.raises(InputError, match=r"plain\.png"):
        read_pair(plain, photograph)
    with pytest.raises(MissingFileError, match="folder of renderings"):
        run(folder, predictions=folder / "nothing")


def test_embedders_need_their_weights(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    with pytest.raises(MissingFileError, match=r"backbone\.pth.*insightface"):
        run(folder, "embedders=[arcface]", f"weights_dir={folder}")


def test_all_missing_weights_are_named_at_once(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    names = "embedders=[arcface,lightcnn29,facenet]"
    with pytest.raises(MissingFileError, match="3 files") as caught:
        run(folder, names, f"weights_dir={folder}")
    for name in ("backbone.pth", "LightCNN_29Layers", "20180402-114759-vggface2.pt"):
        assert name in str(caught.value)


def test_one_bad_photograph_never_stops_the_rest(folder, monkeypatch, photograph):
    (folder / "photos" / "below").mkdir()
    (folder / "renders" / "below").mkdir()
    Image.fromarray(photograph).save(folder / "photos" / "below" / "a.png")
    (folder / "renders" / "below" / "a.png").write_bytes((folder / "renders/b.png").read_bytes())
    (folder / "photos" / "notes.txt").touch()
    (folder / "out").mkdir()
    read = photometric.read_pair

    def odd(path, picture):
        if path.parts[-2:] == ("renders", "a.png"):
            raise MemoryError
        if path.name == "b.png":
            raise KeyError("odd")
        return read(path, picture)

    monkeypatch.setattr(photometric, "read_pair", odd)
    report = run(folder)
    assert report.items.names == ["a.png", "b.png", "below/a.png", "c.png"]
    assert "memory" in report.failures["a.png"] and "KeyError" in report.failures["b.png"]
    assert report.items.errors["L1"][2] == pytest.approx(10 / 255, rel=1e-5)
    assert "KeyError" in (folder / "out" / "selfie3d_errors.log").read_text()
    assert report.run["passed over"] == ["1 passed over (no picture by suffix): notes.txt"]


def test_one_photograph_alone(folder):
    request = Request(folder / "photos" / "b.png", folder / "out", predictions=folder / "renders")
    assert make_protocol([])(request).items.names == ["b.png"]


def test_one_detector_for_all_photographs(monkeypatch, photograph):
    made = []

    class Detector:
        def __init__(self):
            made.append(self)

        def detect(self, picture):
            points = np.array([[60.0, 60], [95, 62], [78, 80], [64, 98], [92, 99]])
            return [Face((50.0, 50, 110, 110), 0.9, points)]

    monkeypatch.setattr(photometric, "get_face_detector", Detector)
    photometric._detector.cache_clear()
    photo = torch.from_numpy(photograph).permute(2, 0, 1)[None] / 255
    mask = torch.zeros(1, 1, 160, 160, dtype=torch.bool)
    mask[..., 50:110, 50:110] = True
    whole = Crop(torch.tensor([[1.0, 0, 0], [0, 1, 0]], dtype=torch.float64), (160, 160))
    embedder = Embedder("pixels", align_arcface, lambda crops: crops.flatten(1))
    for _ in range(3):
        Scorer([embedder])(Pair(photo, photo, mask, whole), photograph)
    photometric._detector.cache_clear()
    assert len(made) == 1


def test_what_is_too_large_is_refused():
    with pytest.raises(InputError, match="32 to 2048"):
        PairMaker(100_000, "skin", "predicted")
    large = np.broadcast_to(np.uint8(0), (5000, 4000, 3))
    with pytest.raises(InputError, match="16 megapixels, which are compared, got 4000 x 5000"):
        read_pair(Path("x.png"), large)


def test_shown_pictures_are_brought_down():
    photo = torch.rand(1, 3, 1100, 900)
    mask = torch.ones(1, 1, 1100, 900, dtype=torch.bool)
    whole = Crop(torch.tensor([[1.0, 0, 0], [0, 1, 0]], dtype=torch.float64), (1100, 900))
    picture = photometric._picture("a", 0.1, Pair(photo, photo, mask, whole))
    assert picture.image.shape == (367, 900, 3)


def test_identity_compares_the_composite_in_the_embedders_crop(monkeypatch, photograph):
    """A recogniser that returns pixels: the cosine is that of the two aligned crops."""
    points = torch.tensor([[60.0, 60], [95, 62], [78, 80], [64, 98], [92, 99]]).double()
    monkeypatch.setattr(Scorer, "_points", staticmethod(lambda pair, picture: points))
    photo = torch.from_numpy(photograph).permute(2, 0, 1)[None] / 255
    mask = torch.zeros(1, 1, 160, 160, dtype=torch.bool)
    mask[..., 50:80, 50:110] = True
    whole = Crop(torch.tensor([[1.0, 0, 0], [0, 1, 0]], dtype=torch.float64), (160, 160))
    pair = Pair(1 - photo, photo, mask, whole)
    embedder = Embedder("pixels", align_arcface, lambda crops: crops.flatten(1))
    score = Scorer([embedder])(pair, photograph)["cosine, pixels"]
    mixed = torch.where(mask, 1 - photo, photo)
    a, b = (align_arcface(points).warp(x)[0].flatten() for x in (mixed, photo))
    assert score == pytest.approx(float(a @ b / a.norm() / b.norm()), abs=1e-5)
    assert score < 0.999


def test_identity_finds_the_masked_face(shared_data):
    """The detector's points on a real photograph lie within the mask's box."""
    from selfie3d.core.image_file import list_images, read_image

    picture = read_image(list_images([shared_data("photos_plain")])[0], max_side=512)
    height, width = picture.shape[:2]
    mask = torch.ones(1, 1, height, width, dtype=torch.bool)
    whole = Crop(torch.tensor([[1.0, 0, 0], [0, 1, 0]], dtype=torch.float64), (height, width))
    photo = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255
    from selfie3d.detect.detectors import get_face_detector

    found = get_face_detector().detect(picture)[0]
    x0, y0, x1, y1 = (int(v) for v in found.box)
    mask[:] = False
    mask[..., max(0, y0) : y1, max(0, x0) : x1] = True
    points = Scorer._points(Pair(photo, photo, mask, whole), picture)
    np.testing.assert_allclose(points.numpy(), found.points)


def test_pictures_are_the_best_and_the_worst():
    shown = []
    for error in np.random.default_rng(0).permutation(40) / 40:
        shown = photometric._extremes([*shown, photometric._Compared({"L1": float(error)}, None)])
    errors = [one.scores["L1"] for one in shown]
    assert errors == [k / 40 for k in (0, 1, 2, 3, 4, 5, 34, 35, 36, 37, 38, 39)]
