"""Albedo and light solved for together, on images whose making is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.sh import sh_basis
from selfie3d.pipeline.fit import appearance
from selfie3d.pipeline.fit.appearance import Appearance, solve_appearance
from selfie3d.render.face import FaceRenderer

MODES = 4


def scene(noise: float = 0.0):
    """A grey-brown ball lit from the side, its albedo mean and modes known: photo and maker's."""
    random = torch.Generator().manual_seed(3)
    rows = torch.linspace(-0.95, 0.95, 40)
    y, x = torch.meshgrid(-rows, rows, indexing="ij")
    inside = (x**2 + y**2 < 0.9).float()[None, None]
    normals = torch.stack([x, y, (1 - x**2 - y**2).clamp(min=0).sqrt()])[None]
    mean = torch.tensor([0.7, 0.5, 0.4])[None, :, None, None].expand(1, 3, 40, 40)
    modes = 0.05 * torch.nn.functional.interpolate(
        torch.randn(MODES, 3, 5, 5, generator=random), size=(40, 40), mode="bilinear"
    )
    true = torch.tensor([[1.0, -0.7, 0.4, -1.2]])
    light = torch.zeros(1, 9, 3)
    light[:, 0], light[:, 1], light[:, 3] = 3.0, 0.4, 0.6
    shading = torch.einsum("nl,lc->cn", sh_basis(normals.flatten(2).transpose(1, 2))[0], light[0])
    albedo = mean + torch.einsum("bk,kchw->bchw", true, modes)
    photo = albedo * shading.reshape(1, 3, 40, 40)
    photo = photo + noise * torch.randn(photo.shape, generator=random)
    return photo, mean, modes[None], normals, inside, true


def shown(scene_parts, coefficients, light):
    _, mean, modes, normals, _, _ = scene_parts
    albedo = mean + torch.einsum("bk,bkchw->bchw", coefficients, modes)
    shading = torch.einsum("nl,lc->cn", sh_basis(normals.flatten(2).transpose(1, 2))[0], light[0])
    return albedo * shading.reshape(1, 3, 40, 40)


def test_albedo_and_light_explain_the_picture():
    parts = scene(noise=0.01)
    photo, mean, modes, normals, inside, true = parts
    found, light = solve_appearance(photo, mean, modes, normals, inside, torch.zeros(1, MODES))
    error = ((shown(parts, found, light) - photo).abs() * inside).sum() / (3 * inside.sum())
    assert error < 0.012  # the noise alone has a mean of 0.008
    assert (found - true).abs().max() < 0.25


def test_a_covered_part_pulls_less_than_in_least_squares(monkeypatch):
    photo, mean, modes, normals, inside, _ = scene()
    covered, seen = photo.clone(), inside.clone()
    covered[..., :10, :], seen[..., :10, :] = 0.02, 0

    def solve(weight):
        return solve_appearance(covered, mean, modes, normals, weight, torch.zeros(1, MODES))[0]

    known, robust = solve(seen), solve(inside)
    monkeypatch.setattr(appearance, "_SCALE", 1e3)
    assert (robust - known).norm() < 0.85 * (solve(inside) - known).norm()


def test_faces_of_a_batch_do_not_hear_each_other():
    """Nor what has no weight: each face is as it is alone, seen in other pixels than its fellow."""
    photo, mean, modes, normals, inside, _ = scene(noise=0.02)
    left, right = inside.clone(), inside.clone()
    left[..., 25:], right[..., :15] = 0, 0
    other = torch.where(right > 0, 0.8 * photo.flip(1), 9.0)
    each = [(photo, left), (other, right)]
    start = torch.zeros(1, MODES)
    alone = [solve_appearance(p, mean, modes, normals, w, start) for p, w in each]
    given = torch.cat([photo, other]), *(x.expand(2, *x.shape[1:]) for x in (mean, modes, normals))
    found, light = solve_appearance(*given, torch.cat([left, right]), start.expand(2, -1))
    for k, (coefficients, own) in enumerate(alone):
        assert torch.allclose(found[k], coefficients[0], atol=1e-3)
        assert torch.allclose(light[k], own[0], atol=1e-3)


def test_of_a_face_that_shows_nothing_nothing_is_said():
    photo, mean, modes, normals, inside, true = scene()
    found, light = solve_appearance(photo, mean, modes, normals, 0 * inside, true)
    assert not found.any() and light.isfinite().all() and float(light[0, 0].min()) > 0


def test_what_is_white_may_be_brighter(monkeypatch):
    """Where a photograph is cut off at white, what is lost of the light is lost less."""
    photo, mean, modes, normals, inside, _ = parts = scene()
    bright = photo * 1.25 / photo.quantile(0.8)
    white = inside * (bright > 1.05).any(1, keepdim=True)
    assert white.mean() > 0.1

    def lost() -> float:
        given = bright.clamp(max=1), mean, modes, normals, inside, torch.zeros(1, MODES)
        return float(((bright - shown(parts, *solve_appearance(*given))) * white).sum())

    found = lost()
    monkeypatch.setattr(appearance, "_WHITE", 2.0)
    assert 0 < found < 0.8 * lost()


def test_faces_of_a_batch_do_not_mix():
    photo, mean, modes, normals, inside, _ = scene()
    darker = 0.6 * photo
    start = torch.zeros(1, MODES)
    alone = [solve_appearance(p, mean, modes, normals, inside, start) for p in (photo, darker)]
    pair = solve_appearance(
        torch.cat([photo, darker]), *(torch.cat([v, v]) for v in (mean, modes, normals, inside)),
        torch.zeros(2, MODES),
    )  # fmt: skip
    for part in (0, 1):
        expected = torch.cat([one[part] for one in alone])
        torch.testing.assert_close(pair[part], expected, rtol=1e-3, atol=1e-3)


def test_an_image_of_another_size_is_refused():
    photo, mean, modes, normals, inside, _ = scene()
    with pytest.raises(InputError, match="basis"):
        solve_appearance(photo, mean, modes[..., :20, :], normals, inside, torch.zeros(1, MODES))


def test_a_rendered_face_is_explained_on_its_skin():
    model = load_face_model("default")
    renderer = FaceRenderer(model.faces)
    made = model.zero_coefficients()
    made.albedo[:, :6] = torch.tensor([1.5, -1.0, 1.0, 0.8, -1.2, 0.5])
    made.light[:, 3] = 0.8
    size = 96
    camera = PerspectiveCamera(
        torch.eye(3)[None],
        torch.tensor([[0.0, 0.0, -900.0]]),
        torch.tensor([4.0 * size]),
        torch.full((1, 2), size / 2),
    )

    def picture(albedo, light):
        return renderer(
            model.vertices(made),
            camera,
            (size, size),
            albedo=albedo,
            light=light,
            extras=model.region("skin").float()[None, :, None],
            antialias=False,
        )

    seen = picture(model.albedo(made), made.light)
    everywhere = torch.ones(1, 1, size, size)
    found, light = Appearance(model, renderer).solve(
        model.zero_coefficients(), camera, seen.image, everywhere
    )
    again = picture(model.albedo(replace(made, albedo=found)), light)
    plain = picture(model.albedo_mean[None], light)
    skin = seen.extras > 0.99
    error, without = (((p.image - seen.image).abs() * skin).mean() for p in (again, plain))
    assert error < 0.5 * without


def test_a_grey_photograph_has_light_without_colour():
    """Of two faces of a batch the grey one's light is grey, and is as bright as the photograph."""
    model = load_face_model("default")
    renderer = FaceRenderer(model.faces)
    made = model.zero_coefficients(2)
    made.albedo[:, :4] = torch.tensor([1.5, -1.0, 1.0, 0.8])
    made.light[:, 3] = 0.8
    size = 64
    camera = PerspectiveCamera(
        torch.eye(3).expand(2, -1, -1),
        torch.tensor([[0.0, 0.0, -900.0]] * 2),
        torch.tensor([4.0 * size] * 2),
        torch.full((2, 2), size / 2),
    )

    def picture(albedo, light):
        of = model.vertices(made), camera, (size, size)
        return renderer(*of, albedo=albedo, light=light, antialias=False)

    photo = picture(model.albedo(made), made.light).image.clone()
    photo[0] = photo[0].mean(0)
    everywhere = torch.ones(2, 1, size, size)
    solver = Appearance(model, renderer)
    found, light = solver.solve(model.zero_coefficients(2), camera, photo, everywhere)
    spread = light.amax(2) - light.amin(2)
    assert spread[0].max() < 1e-4
    assert spread[1].max() > 0.01
    again = picture(model.albedo(replace(made, albedo=found)), light)
    skin = again.mask[0, 0] > 0
    off = (again.image[0].mean(0) - photo[0, 0])[skin]
    assert off.abs().mean() < 0.03
