"""What a segmentation changes in a texture: hair, hats and backgrounds never become skin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.coefficients import Coefficients, ambient_light
from selfie3d.geometry.crop import Crop
from selfie3d.geometry.segments import Segment
from selfie3d.pipeline.fit.appearance import Appearance
from selfie3d.pipeline.fit.pose import FOCAL_PER_SIZE
from selfie3d.pipeline.segment.evidence import evidence_of
from selfie3d.pipeline.texture import FittedPhoto, TextureBuilder
from selfie3d.pipeline.texture.atlas import Part
from selfie3d.pipeline.texture.look import as_seen
from selfie3d.pipeline.texture.tone import keep_tone
from selfie3d.render.face import FaceRenderer

SIDE, SIZE = 400, 256
SKIN_TONE, HAIR_TONE, RED = (0.75, 0.6, 0.5), (0.2, 0.1, 0.05), (0.9, 0.05, 0.1)


@pytest.fixture(scope="module")
def builder(default_model):
    return TextureBuilder(default_model, SIZE)


@pytest.fixture(scope="module")
def camera():
    return PerspectiveCamera(
        torch.eye(3)[None],
        torch.tensor([[0.0, -15.0, -1300.0]]),
        torch.tensor([FOCAL_PER_SIZE * SIDE]),
        torch.tensor([[SIDE / 2, SIDE / 2]]),
    )


@pytest.fixture(scope="module")
def coefficients(default_model):
    zero = default_model.zero_coefficients()
    return Coefficients(zero.identity, zero.expression, zero.albedo, ambient_light(1))


def scene(model, camera, colours: dict[str, tuple], classes: dict[str, Segment]):
    """A photograph (1,3,S,S) and its segmentation (16,s,s): regions painted in plain colours."""
    colour = torch.tensor(SKIN_TONE).expand(len(model.mean), 3).clone()
    kind = torch.full((len(model.mean),), float(Segment.SKIN))
    for name, value in colours.items():
        colour[model.region(name)] = torch.tensor(value)
    for name, value in classes.items():
        kind[model.region(name)] = float(value)
    render = FaceRenderer(model.faces)
    seen = render(model.mean[None], camera, (SIDE, SIDE), albedo=colour[None], antialias=False)
    ids = seen.fragments.triangle[0]
    label = torch.where(ids >= 0, kind[model.faces[ids.clamp(min=0), 0]], 0.0).long()
    small = label[2::4, 2::4]
    photo = seen.over(torch.tensor([0.0, 0.9, 0.2])[None, :, None, None].expand_as(seen.image))
    return photo, torch.nn.functional.one_hot(small, 16).permute(2, 0, 1).float()


def built(builder, camera, coefficients, photo, segments, **options):
    evidence = evidence_of(segments, photo, torch.eye(3)[:2])
    return builder.build(FittedPhoto(photo, camera, coefficients, evidence=evidence), **options)


def mean_colour(texture, where: np.ndarray) -> np.ndarray:
    assert where.sum() > 200
    return texture.image.numpy()[:, where].mean(1)


def region_map(builder, name: str) -> np.ndarray:
    return builder.atlas.map(builder.model.region(name)) > 0.9


def test_background_and_hat_leave_no_colour_on_the_skin(
    default_model, builder, camera, coefficients
):
    """The background is green, the hat over the scalp red: neither shows anywhere."""
    photo, segments = scene(
        default_model, camera, {"scalp": RED}, {"scalp": Segment.HEADWEAR, "neck": Segment.NECK}
    )
    texture = built(builder, camera, coefficients, photo, segments)
    skin = (builder.atlas.part == Part.SKIN) & builder.atlas.mask
    red, green, _ = texture.image.numpy()
    assert not (skin & (red - green > 0.5)).any()
    assert not (skin & (green - red > 0.02)).any()
    carried = built(builder, camera, coefficients, photo, segments * 0 + 1 / 16)
    assert float(carried.seen.max()) < 0.01  # nothing is known, nothing is carried
    plain = builder.build(FittedPhoto(photo, camera, coefficients))
    assert (skin & (plain.image.numpy()[0] - plain.image.numpy()[1] > 0.5)).any()


def test_hair_is_completed_in_its_own_colour_and_ears_stay_skin(
    default_model, builder, camera, coefficients
):
    photo, segments = scene(default_model, camera, {"scalp": HAIR_TONE}, {"scalp": Segment.HAIR})
    texture = built(builder, camera, coefficients, photo, segments)
    scalp = region_map(builder, "scalp")
    behind = builder.atlas.map(default_model.mean)[..., 2] < -90  # mm, away from the hairline
    hidden = scalp & behind & (texture.seen[0].numpy() < 0.05)
    np.testing.assert_allclose(mean_colour(texture, hidden), HAIR_TONE, atol=0.04)
    np.testing.assert_allclose(
        mean_colour(texture, region_map(builder, "cheeks")), SKIN_TONE, atol=0.03
    )
    # Ears are seen from their rims only: their own albedo differs from the plain paint a little.
    ears = mean_colour(texture, region_map(builder, "ears"))
    assert (ears > 0.3).all()


def test_hair_before_cheeks_and_neck_is_none_of_their_colour(
    default_model, builder, camera, coefficients
):
    colours = {"scalp": HAIR_TONE, "neck": HAIR_TONE, "jaw": HAIR_TONE}
    photo, segments = scene(default_model, camera, colours, dict.fromkeys(colours, Segment.HAIR))
    texture = built(builder, camera, coefficients, photo, segments)
    for name in ("neck", "jaw"):
        assert (mean_colour(texture, region_map(builder, name)) > 0.4).all()
    hair = mean_colour(texture, region_map(builder, "scalp"))
    np.testing.assert_allclose(hair, HAIR_TONE, atol=0.06)


def test_a_bald_head_stays_bald(default_model, builder, camera, coefficients):
    photo, segments = scene(default_model, camera, {}, {})
    texture = built(builder, camera, coefficients, photo, segments)
    scalp = mean_colour(texture, region_map(builder, "scalp"))
    np.testing.assert_allclose(scalp, SKIN_TONE, atol=0.08)


def test_glasses_are_kept_or_removed_and_never_smeared(
    default_model, builder, camera, coefficients
):
    photo, segments = scene(default_model, camera, {"eyelids": RED}, {"eyelids": Segment.GLASSES})
    lids = region_map(builder, "eyelids")
    kept = built(builder, camera, coefficients, photo, segments)
    removed = built(builder, camera, coefficients, photo, segments, keep_glasses=False)
    rows = kept.image.numpy(), removed.image.numpy()
    assert (rows[0][0] - rows[0][1] > 0.4)[lids].mean() > 0.15
    assert (rows[1][0] - rows[1][1] > 0.4)[lids].mean() < 0.02
    away = region_map(builder, "scalp") | region_map(builder, "neck")
    assert (rows[0][0] - rows[0][1] > 0.4)[away].mean() == 0


def test_brows_that_are_taken_for_hair_are_carried_over(
    default_model, builder, camera, coefficients
):
    """Dark brows are segmented as hair now and then; hair on the cheek is still nobody's skin."""
    dark = {"brows": HAIR_TONE, "cheeks": RED}
    photo, segments = scene(default_model, camera, dark, dict.fromkeys(dark, Segment.HAIR))
    texture = built(builder, camera, coefficients, photo, segments)
    brows = builder.atlas.map(default_model.region("brows")) > 0.5
    assert brows.sum() > 10
    assert np.quantile(texture.image.numpy()[0, brows], 0.25) < 0.45
    red, green, _ = texture.image.numpy()
    assert (red - green > 0.5)[region_map(builder, "cheeks")].mean() < 0.02


def test_lashes_and_a_fringe_down_to_the_lids_are_carried_over(
    default_model, builder, camera, coefficients
):
    dark = {"brows": HAIR_TONE, "eyelids": HAIR_TONE, "forehead": HAIR_TONE}
    photo, segments = scene(default_model, camera, dark, dict.fromkeys(dark, Segment.HAIR))
    seen = built(builder, camera, coefficients, photo, segments).image.numpy()[0]
    lids, brows = region_map(builder, "eyelids"), region_map(builder, "brows")
    assert np.median(seen[lids]) < 0.4 and np.median(seen[brows]) < 0.3


def test_shading_has_one_colour_and_the_brightness_of_what_faces_the_camera():
    facing = torch.linspace(-1, 1, 400)
    shading = (1 + facing[:, None]) * torch.tensor([1.2, 1.0, 0.8])
    shading[facing < 0, 0] = 9.0  # far too red and bright where nobody looks
    bounded = as_seen(shading, facing)
    tint = bounded / bounded.mean(1, keepdim=True)
    torch.testing.assert_close(tint, torch.tensor([1.2, 1.0, 0.8]).expand_as(tint))
    front = (1 + facing)[facing > 0.35]
    assert float(bounded.mean(1).max()) < float(front.max())
    assert float(bounded.mean(1).min()) > float(front.min())
    middle = (facing > 0.5) & (facing < 0.8)
    torch.testing.assert_close(bounded[middle], shading[middle])


def test_brows_are_judged_where_both_see_brows(default_model, camera, coefficients):
    """Dark where the model has brows are brows if the segmentation says so, too."""
    solver = Appearance(default_model, FaceRenderer(default_model.faces))
    brows, tones = default_model.region("brows"), {}
    for kind in (Segment.BROWS, Segment.SKIN):
        photo, segments = scene(default_model, camera, {"brows": HAIR_TONE}, {"brows": kind})
        skin = evidence_of(segments, photo, torch.eye(3)[:2]).skin((SIDE, SIDE))
        inside = torch.ones_like(photo[:, :1])
        albedo, _ = solver.solve(coefficients, camera, photo, inside, skin)
        lit = default_model.albedo(replace(coefficients, albedo=albedo))[0]
        tones[kind] = float(lit[brows].mean() / lit[default_model.region("cheeks")].mean())
    usual = default_model.albedo_mean
    plain = float(usual[brows].mean() / usual[default_model.region("cheeks")].mean())
    assert tones[Segment.BROWS] < 0.9 * plain
    assert abs(tones[Segment.SKIN] - plain) < 0.5 * abs(tones[Segment.BROWS] - plain)


def test_a_grey_photograph_gives_a_grey_texture(default_model, builder, camera, coefficients):
    photo, segments = scene(default_model, camera, {"scalp": HAIR_TONE}, {"scalp": Segment.HAIR})
    grey = photo.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    texture = built(builder, camera, coefficients, grey, segments)
    spread = texture.image.max(0).values - texture.image.min(0).values
    assert float(spread.max()) < 1e-5


def test_a_photograph_of_one_tone_gives_a_texture_of_it(
    default_model, builder, camera, coefficients
):
    """Sepia: what is completed, such as neck and eyes, has no other colours than what is seen."""
    scalp = {"scalp": HAIR_TONE}
    photo, segments = scene(default_model, camera, scalp, {"scalp": Segment.HAIR})
    tone = torch.tensor([1.1, 1.0, 0.8])[:, None, None]
    sepia = photo.mean(1, keepdim=True) * tone
    texture = built(builder, camera, coefficients, sepia, segments)
    off = (texture.image - texture.image.mean(0) * tone / tone.mean()).abs()
    assert float(off[:, builder.atlas.mask].mean()) < 0.01  # brighter than seen: the tint is held


def test_many_colours_stay_as_they_are():
    random = np.random.default_rng(4)
    image, photo = random.random((2, 64, 64, 3), np.float32)
    before = image.copy()
    keep_tone(image, photo, np.ones((64, 64), bool))
    np.testing.assert_array_equal(image, before)
    keep_tone(image, photo, np.zeros((64, 64), bool))  # nothing is seen
    np.testing.assert_array_equal(image, before)


def test_albedo_and_light_are_found_on_skin_alone(default_model, camera, coefficients):
    """A red mask over forehead and cheeks would tint the albedo; where it is known, it does not."""
    paint, classes = {"cheeks": RED, "forehead": RED}, {}
    photo, segments = scene(
        default_model, camera, paint, {"cheeks": Segment.OCCLUDER, "forehead": Segment.HEADWEAR}
    )
    plain, _ = scene(default_model, camera, {}, classes)
    solver = Appearance(default_model, FaceRenderer(default_model.faces))
    skin = evidence_of(segments, photo, torch.eye(3)[:2]).skin((SIDE, SIDE))
    inside = torch.ones_like(photo[:, :1])
    wanted = tint(default_model, *solver.solve(coefficients, camera, plain, inside))
    masked = tint(default_model, *solver.solve(coefficients, camera, photo, inside, skin))
    fooled = tint(default_model, *solver.solve(coefficients, camera, photo, inside))
    assert abs(masked - wanted) < 0.25 * abs(fooled - wanted)


def tint(model, albedo: torch.Tensor, light: torch.Tensor) -> float:
    """Red over green of the lit face, looked at from the front."""
    colour = (model.albedo_mean + torch.einsum("k,kvc->vc", albedo[0], model.albedo_basis)).mean(0)
    lit = colour * light[0, 0]
    return float(lit[0] / lit[1])


def test_evidence_moves_with_the_picture():
    segments = torch.zeros(16, 14, 14)
    segments[Segment.SKIN, :, :7] = 1
    segments[Segment.HAIR, :, 7:] = 1
    guide = torch.zeros(1, 3, 56, 56)
    guide[..., 28:] = 1
    crop = Crop.from_square((100.0, 80.0), 112.0, 56)
    evidence = evidence_of(segments, guide, crop.matrix)
    skin = evidence.skin((200, 200))[0, 0]
    assert float(skin[80, 60:88].min()) > 0.95 and float(skin[80, 112:140].max()) < 0.05
    assert float(skin[:20].max()) == 0 and float(skin[:, :40].max()) == 0  # beyond the crop
    half = evidence.moved(torch.tensor([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]])).skin((100, 100))[0, 0]
    whole = torch.nn.functional.avg_pool2d(skin[None, None], 2)[0, 0]
    for part in (slice(27, 45), slice(56, 73)):  # away from the border between the two
        torch.testing.assert_close(half[20:60, part], whole[20:60, part], atol=0.03, rtol=0)
