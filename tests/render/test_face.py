"""The face renderer on a sphere, whose picture is known exactly."""

from __future__ import annotations

import math

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.geometry.camera import PerspectiveCamera, WeakPerspectiveCamera
from selfie3d.geometry.sh import ambient_light
from selfie3d.render.face import FaceRenderer

RADIUS, SIZE = 80.0, (96, 112)
CENTER = torch.tensor([3.0, -5.0, -700.0])


def sphere(rows: int = 48, columns: int = 96) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Vertices (1,V,3), faces counter-clockwise from outside, and a planar UV per vertex."""
    theta, phi = torch.meshgrid(
        torch.linspace(0, math.pi, rows + 1),
        torch.arange(columns) * (2 * math.pi / columns),
        indexing="ij",
    )
    unit = torch.stack([theta.sin() * phi.sin(), theta.cos(), theta.sin() * phi.cos()], -1)
    index = torch.arange((rows + 1) * columns).reshape(rows + 1, columns)
    a, b = index[:-1], index[1:]
    c, d = a.roll(-1, 1), b.roll(-1, 1)
    faces = torch.cat([torch.stack([a, b, c], -1), torch.stack([c, b, d], -1)]).reshape(-1, 3)
    unit = unit.reshape(-1, 3)
    return RADIUS * unit[None], faces, unit[:, :2] / 2 + 0.5


VERTICES, FACES, UV = sphere()


def perspective() -> PerspectiveCamera:
    center = torch.tensor([[56.0, 48.0]])
    return PerspectiveCamera(torch.eye(3)[None], CENTER[None], torch.tensor([300.0]), center)


def rays() -> tuple[torch.Tensor, torch.Tensor]:
    """Where each pixel's ray meets the sphere (H,W,3), NaN where it misses, and |cos| there."""
    height, width = SIZE
    v, u = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    ray = torch.stack([(u - 56) / 300, (48 - v) / 300, torch.full_like(u, -1)], -1).double()
    center = CENTER.double()
    a, b = (ray * ray).sum(-1), -2 * (ray * center).sum(-1)
    root = b * b - 4 * a * (center @ center - RADIUS**2)
    distance = (-b - root.clamp(min=0).sqrt()) / (2 * a)
    hit = ray * distance[..., None]
    hit[root <= 0] = torch.nan
    normal = (hit - center) / RADIUS
    facing = -(normal * torch.nn.functional.normalize(ray, dim=-1)).sum(-1)
    return hit, facing


def render(renderer=None, **options):
    options = {"albedo": torch.ones_like(VERTICES), **options}
    renderer = renderer or FaceRenderer(FACES, UV, FACES)
    return renderer(VERTICES, perspective(), SIZE, **options)


def test_depth_and_normals_of_a_sphere():
    seen = render()
    hit, facing = rays()
    sure = facing.nan_to_num(0) > 0.25
    assert int(sure.sum()) > 2000
    depth = seen.depth[0, 0].double()
    assert float((depth + hit[..., 2])[sure].abs().max()) < 0.4
    normal = seen.normals[0].permute(1, 2, 0).double()
    expected = (hit - CENTER.double()) / RADIUS
    assert float((normal * expected).sum(-1)[sure].min()) > math.cos(math.radians(2))
    assert torch.allclose(normal[sure].norm(dim=-1), torch.ones(()).double(), atol=1e-5)


def test_mask_covers_the_outline():
    hit, _ = rays()
    expected = (~hit[..., 0].isnan()).float()
    hard, soft = render(antialias=False).mask, render().mask
    assert float((hard[0, 0] - expected).abs().sum()) < 0.02 * float(expected.sum())
    # A tangent cone: the outline is an ellipse whose area is known to a fraction of a pixel.
    distance = CENTER.double()
    c2, r2 = float(distance @ distance), RADIUS**2
    area = math.pi * 300**2 * r2 * math.sqrt(c2 - r2) / (float(distance[2]) ** 2 - r2) ** 1.5
    assert float(soft.sum()) == pytest.approx(area, rel=0.006)
    assert bool(((soft > 0.01) & (soft < 0.99)).any()) and set(hard.unique().tolist()) == {0, 1}


def test_nothing_outside_the_face():
    seen = render(extras=torch.ones(1, VERTICES.shape[1], 2), antialias=False)
    empty = (seen.mask == 0).expand(-1, 3, -1, -1)
    for image in (seen.image, seen.normals):
        assert image[empty].abs().max() == 0
    assert seen.depth[empty[:, :1]].abs().max() == 0
    assert torch.equal(seen.extras, seen.mask.expand(-1, 2, -1, -1))
    assert torch.equal(seen.fragments.covered, seen.mask[:, 0] > 0)


def test_ambient_light_shows_the_albedo():
    albedo = torch.tensor([0.8, 0.5, 0.3]).expand_as(VERTICES)
    seen = render(albedo=albedo, light=ambient_light(1), antialias=False)
    inside = seen.mask[0, 0] > 0
    colours = seen.image[0].permute(1, 2, 0)[inside]
    assert torch.allclose(colours, torch.tensor([0.8, 0.5, 0.3]), atol=1e-5)
    half = render(albedo=albedo, light=ambient_light(1, 0.5), antialias=False)
    assert torch.allclose(half.image, seen.image / 2, atol=1e-6)


def turned_camera() -> PerspectiveCamera:
    turn = torch.tensor([[[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]])
    one = perspective()
    return PerspectiveCamera(turn, one.translation, one.focal, one.center)


def test_light_falls_where_the_formula_says():
    """One lamp per axis and colour: red from the image's right, green from above, blue front."""
    light = ambient_light(1, 0.5)
    light[0, 3, 0] = light[0, 1, 1] = light[0, 2, 2] = 0.4
    seen = render(light=light)
    hit, facing = rays()
    sure = facing.nan_to_num(0) > 0.3
    normal = (hit - CENTER.double()) / RADIUS
    expected = 0.5 + 0.4 * math.sqrt(3 / (4 * math.pi)) * normal
    image = seen.image[0].permute(1, 2, 0).double()
    assert float((image - expected)[sure].abs().max()) < 0.01
    again = FaceRenderer(FACES)(
        VERTICES, turned_camera(), SIZE, albedo=torch.ones_like(VERTICES), light=light
    )
    assert float((again.image - seen.image)[0].permute(1, 2, 0)[sure].abs().max()) < 0.01


def test_texture_agrees_with_the_albedo_it_is_painted_with():
    """A texture that is linear in uv is the same picture as that colour given per vertex."""
    size = 64
    v, u = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    u, v = (u + 0.5) / size, 1 - (v + 0.5) / size
    texture = torch.stack([u, v, 0.5 * (u + v)])[None]
    albedo = torch.stack([UV[:, 0], UV[:, 1], UV.mean(1)], -1)[None]
    light = ambient_light(1, 0.8)
    light[0, 2] = 0.2
    painted = render(light=light, albedo=None, texture=texture)
    direct = render(light=light, albedo=albedo)
    sure = (rays()[1].nan_to_num(0) > 0.3).expand(3, -1, -1)
    assert float((painted.image - direct.image)[0][sure].abs().max()) < 0.01
    assert torch.equal(painted.mask, direct.mask)
    upper, lower = direct.image[0, 1, 30, 56], direct.image[0, 1, 66, 56]
    assert upper > lower + 0.1  # v is up


def test_bare_colours_without_a_light():
    albedo = torch.rand(1, VERTICES.shape[1], 3, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(
        render(albedo=albedo).image, render(albedo=albedo, light=ambient_light(1)).image, atol=1e-5
    )


def test_over_a_background():
    seen = render(albedo=torch.full_like(VERTICES, 0.2))
    background = torch.full((1, 3, *SIZE), 0.9)
    both = seen.over(background)
    assert torch.allclose(both, 0.9 - 0.7 * seen.mask.expand_as(both), atol=1e-5)
    with pytest.raises(InputError, match="background"):
        seen.over(background[:, :1])


def test_each_face_of_a_batch_has_its_own_camera():
    one = perspective()
    shifted = one.moved(torch.tensor([[1.0, 0, 8], [0, 1, -4]]))
    both = PerspectiveCamera(
        *(torch.cat(p) for p in zip(vars(one).values(), vars(shifted).values(), strict=True))
    )
    albedo = torch.ones_like(VERTICES).expand(2, -1, -1)
    seen = FaceRenderer(FACES)(VERTICES.expand(2, -1, -1), both, SIZE, albedo=albedo)
    assert torch.allclose(seen.mask[0], render().mask[0], atol=1e-6)
    assert torch.allclose(seen.mask[1, :, :-4, 8:], seen.mask[0, :, 4:, :-8], atol=1e-3)


def test_weak_perspective():
    camera = WeakPerspectiveCamera(
        torch.eye(3)[None], torch.tensor([0.5]), torch.tensor([[56.0, 48.0]])
    )
    seen = FaceRenderer(FACES)(VERTICES, camera, SIZE, albedo=torch.ones_like(VERTICES))
    assert float(seen.mask.sum()) == pytest.approx(math.pi * 40**2, rel=0.006)
    assert float(seen.depth[0, 0, 48, 56]) == pytest.approx(-RADIUS, abs=0.5)


def test_gradients_reach_everything():
    vertices = VERTICES.clone().requires_grad_()
    albedo = torch.full_like(VERTICES, 0.5).requires_grad_()
    light = (ambient_light(1) + 0.1).requires_grad_()
    parts = [p.clone().requires_grad_() for p in vars(perspective()).values()]
    seen = FaceRenderer(FACES)(
        vertices, PerspectiveCamera(*parts), SIZE, albedo=albedo, light=light
    )
    pattern = torch.rand(seen.image.shape, generator=torch.Generator().manual_seed(0))
    (seen.image * pattern).sum().backward()
    for leaf in (vertices, albedo, light, *parts):
        assert bool(leaf.grad.isfinite().all()) and float(leaf.grad.abs().max()) > 0


def test_mask_gradient_grows_the_sphere():
    """d area / d focal of the antialiased mask against a finite difference."""
    focal = torch.tensor([300.0], requires_grad=True)

    def area(value: torch.Tensor) -> torch.Tensor:
        one = perspective()
        camera = PerspectiveCamera(one.rotation, one.translation, value, one.center)
        seen = FaceRenderer(FACES)(VERTICES, camera, SIZE, albedo=torch.ones_like(VERTICES))
        return seen.mask.sum()

    area(focal).backward()
    with torch.no_grad():
        numeric = float(area(focal + 6) - area(focal - 6)) / 12
    assert float(focal.grad) == pytest.approx(numeric, rel=0.1)


def test_depth_gradient():
    one = perspective()
    shift = one.translation.clone().requires_grad_()
    camera = PerspectiveCamera(one.rotation, shift, one.focal, one.center)
    seen = FaceRenderer(FACES)(VERTICES, camera, SIZE, albedo=torch.ones_like(VERTICES))
    seen.depth[0, 0, 48, 56].backward()
    assert float(shift.grad[0, 2]) == pytest.approx(-1, abs=0.02)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"albedo": None}, "albedo, texture"),
        ({"texture": torch.zeros(1, 3, 4, 4)}, "albedo, texture"),
        ({"albedo": None, "texture": torch.zeros(3, 4, 4)}, "texture"),
        ({"albedo": None, "texture": torch.zeros(1, 1, 4, 4)}, "texture"),
        ({"albedo": torch.ones(1, 5, 3)}, "albedo"),
        ({"albedo": torch.ones(1, 1, 3)}, "albedo"),
        ({"light": torch.zeros(1, 3, 9)}, "light"),
        ({"extras": torch.zeros(1, 5, 2)}, "extras"),
    ],
)
def test_bad_arguments_are_named(options, named):
    with pytest.raises(InputError, match=named):
        render(**options)


def test_a_texture_needs_uv():
    with pytest.raises(InputError, match="uv"):
        render(FaceRenderer(FACES), albedo=None, texture=torch.zeros(1, 3, 4, 4))


def test_vertices_and_faces_are_checked():
    with pytest.raises(InputError, match="faces"):
        FaceRenderer(FACES[:, :2])
    with pytest.raises(InputError, match="vertices"):
        FaceRenderer(FACES)(VERTICES[0], perspective(), SIZE, albedo=VERTICES)


def test_double_precision_is_refused_by_name():
    camera = PerspectiveCamera(*(p.double() for p in vars(perspective()).values()))
    vertices = VERTICES.double()
    with pytest.raises(InputError, match="float32"):
        FaceRenderer(FACES)(vertices, camera, SIZE, albedo=torch.ones_like(vertices))
