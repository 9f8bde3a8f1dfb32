"""Finished pictures: what the differentiable renderer draws twice as large, averaged to 8 bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.facemodels import load_face_model
from selfie3d.pipeline.studio import studio_camera
from selfie3d.render import FaceRenderer, Shaded, Textured, draw_pictures, to_picture

SIZE = 96
VIEWS = [(0.0, -60.0, 0.0), (10.0, 0.0, 5.0), (0.0, 30.0, 0.0), (-20.0, 170.0, 0.0)]


class Scene:
    def __init__(self) -> None:
        dice = torch.Generator().manual_seed(2)
        model = load_face_model("default")
        self.renderer = FaceRenderer(model.faces, model.uv, model.uv_faces)
        self.vertices = model.mean[None].expand(len(VIEWS), -1, -1)
        self.texels = torch.randint(0, 256, (40, 50, 3), generator=dice, dtype=torch.uint8)
        self.shades = torch.rand(len(VIEWS), len(model.mean), generator=dice)
        self.ground = np.full((SIZE, SIZE, 3), (0.2, 0.5, 0.9), np.float32)

    def layers(self) -> list[Textured | Shaded]:
        renderer = self.renderer
        textured = Textured(renderer.uv, renderer.uv_triangles, self.texels.numpy())
        return [textured, Shaded(self.shades)]

    def drawn(self) -> list[list[np.ndarray]]:
        camera = studio_camera(self.vertices, VIEWS, SIZE)
        clip = camera.to_clip(self.vertices, (SIZE, SIZE))
        return draw_pictures(clip, self.renderer.triangles, self.layers(), self.ground)

    def wanted(self, **looks: torch.Tensor) -> list[np.ndarray]:
        camera = studio_camera(self.vertices, VIEWS, 2 * SIZE)
        seen = self.renderer(self.vertices, camera, (2 * SIZE, 2 * SIZE), **looks)
        ground = torch.from_numpy(self.ground.repeat(2, 0).repeat(2, 1)).permute(2, 0, 1)
        whole = seen.over(ground.expand_as(seen.image))
        return [to_picture(image) for image in torch.nn.functional.avg_pool2d(whole, 2)]


@pytest.fixture(scope="module")
def scene():
    return Scene()


def test_pictures_are_those_of_the_differentiable_renderer(scene):
    textured, bare = scene.drawn()
    texture = scene.texels.permute(2, 0, 1)[None].float() / 255
    albedo = scene.shades[..., None].expand(-1, -1, 3)
    for found, looks in (
        (textured, {"texture": texture.expand(len(VIEWS), -1, -1, -1)}),
        (bare, {"albedo": albedo}),
    ):
        for picture, wanted in zip(found, scene.wanted(**looks), strict=True):
            assert picture.shape == (SIZE, SIZE, 3)
            off = np.abs(picture.astype(int) - wanted)
            # A sample on an edge may fall to the other side: cameras of both sizes round anew.
            assert (off > 1).mean() < 1e-3 and (off > 0).mean() < 0.02
            assert picture.std() > 20


def test_threads_change_nothing(scene):
    count = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = np.array(scene.drawn())
        torch.set_num_threads(3)
        assert np.array_equal(alone, np.array(scene.drawn()))
    finally:
        torch.set_num_threads(count)


def test_a_mesh_out_of_sight_leaves_the_background(scene):
    clip = torch.full((1, scene.vertices.shape[1], 4), 5.0)
    clip[..., 3] = 1
    ground = np.full((3, 5, 3), 0.5, np.float32)
    layer = scene.layers()[0]
    ((picture,),) = draw_pictures(clip, scene.renderer.triangles, [layer], ground, samples=1)
    assert picture.shape == (3, 5, 3) and (picture == 128).all()


def test_bad_layers_are_named(scene):
    clip, ground = torch.zeros(1, scene.vertices.shape[1], 4), np.zeros((4, 4, 3), np.float32)
    textured, triangles = scene.layers()[0], scene.renderer.triangles
    few = Textured(textured.uv[:5], textured.triangles, textured.texels)
    flat = Textured(textured.uv, textured.triangles, textured.texels[..., 0])
    for layer, name in ((few, "uv"), (flat, "texels"), (Shaded(torch.zeros(1, 7)), "shades")):
        with pytest.raises(InputError, match=name):
            draw_pictures(clip, triangles, [layer], ground)
    with pytest.raises(InputError, match="samples"):
        draw_pictures(clip, triangles, [textured], ground, samples=0)
    with pytest.raises(InputError, match="clip"):
        draw_pictures(clip[:, :9], triangles, [textured], ground)
