"""Pictures of one person, what they are labelled with, and what is worn of a folder of assets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.datasets.synthetic.assets.library import mean_base
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.faces import SyntheticFaces
from selfie3d.facemodels.registry import load_face_model
from selfie3d.geometry.mesh import vertex_normals
from selfie3d.geometry.segments import SEGMENTS, Segment
from selfie3d.render.face import FaceRenderer

BARE = dict.fromkeys(("hair", "glasses", "occluder", "border", "beard", "degradation"), 0.0)


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


@pytest.fixture(scope="module")
def bare(model):
    """Six pictures, two of each person, of heads on which nothing is worn."""
    config = SyntheticConfig(size=96, seed=11, views=2, turns=0.5, **BARE)
    faces = SyntheticFaces(config, model)
    return [faces.item(index) for index in range(6)]


def test_pictures_of_a_person_share_the_head_and_the_skin(bare):
    assert [face.person for face in bare] == [0, 0, 1, 1, 2, 2]
    for one, two in zip(bare[::2], bare[1::2], strict=True):
        np.testing.assert_array_equal(one.identity, two.identity)
        np.testing.assert_array_equal(one.albedo, two.albedo)
        assert np.abs(one.rotation - two.rotation).max() > 0.01
        assert (one.expression != two.expression).any()
    assert np.abs(bare[0].identity - bare[2].identity).max() > 0.1


def test_a_picture_does_not_depend_on_the_views_before_it(bare, model):
    config = SyntheticConfig(size=96, seed=11, views=2, turns=0.5, **BARE)
    again = SyntheticFaces(config, model).item(3)
    np.testing.assert_array_equal(again.image, bare[3].image)
    np.testing.assert_array_equal(again.segmentation, bare[3].segmentation)


def test_a_picture_shows_what_its_segmentation_says(bare):
    """Seen landmarks of eyes, lips and nose lie on or within a pixel of their classes."""
    parts = {
        range(37, 39): {Segment.SCLERA, Segment.IRIS, Segment.SKIN},
        range(48, 60): {Segment.LIPS, Segment.SKIN},
        range(29, 31): {Segment.SKIN},
    }
    for face in bare:
        for rows, allowed in parts.items():
            for row in rows:
                if face.visible[row]:
                    x, y = np.clip(face.landmarks["ibug68"][row, :2].astype(int), 1, 94)
                    near = set(face.segmentation[y - 1 : y + 2, x - 1 : x + 2].ravel().tolist())
                    assert near & set(map(int, allowed)), (row, near)
        assert face.segmentation.max() < len(SEGMENTS)
        assert (face.segmentation == Segment.HAIR).sum() == 0
        lips = (face.segmentation == Segment.LIPS).sum()
        assert 5 < lips < 0.2 * face.segmentation.size


def test_skin_that_is_bare_is_skin_in_the_segmentation(bare):
    skin = {int(s) for s in (Segment.SKIN, Segment.LIPS, Segment.EARS, Segment.NECK,
                             Segment.BROWS)}  # fmt: skip
    for face in bare:
        inside = face.segmentation[face.skin_mask]
        assert np.isin(inside, list(skin)).mean() > 0.97  # four samples vote for the class


def shown_by_a_depth_map(face, model):
    """Which vertices (V,) the bare model does not hide, by a depth map of the CPU renderer."""
    vertices = model.vertices(face.coefficients())
    depth = FaceRenderer(model.faces)(
        vertices,
        face.camera(),
        face.image.shape[:2],
        albedo=torch.ones_like(vertices),
        antialias=False,
    ).depth[0, 0]
    in_camera = face.camera().to_camera(vertices)
    towards = vertex_normals(in_camera, model.faces)[0, :, 2] > 0
    x, y = face.camera().project(vertices)[0, :, :2].floor().long().T
    height, width = depth.shape
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    # A slanted surface changes its depth within a pixel.
    farthest = torch.nn.functional.max_pool2d(depth[None], 3, 1, 1)[0]
    there = farthest[y.clamp(0, height - 1), x.clamp(0, width - 1)]
    return (inside & towards & (-in_camera[0, :, 2] <= there + 2.0)).numpy()  # mm


def test_vertices_that_are_seen_are_those_that_the_bare_head_shows(bare, model):
    skin = model.region("skin").numpy() & model.region("face").numpy()
    for face in bare:
        expected = shown_by_a_depth_map(face, model)
        assert face.visible_vertices.shape == expected.shape
        assert (face.visible_vertices == expected)[skin].mean() > 0.93
        assert 0.2 < face.visible_vertices[skin].mean() < 1


def test_what_is_put_in_front_hides_vertices(model):
    config = SyntheticConfig(size=96, seed=8, turns=0.2, **(BARE | {"border": 1.0}))
    faces = SyntheticFaces(config, model)
    found = [faces.item(index) for index in range(3)]
    for face in found:
        covered = face.segmentation == Segment.OCCLUDER
        assert covered.any() and (face.image[covered].std(0) < 60).all()
        x, y = np.clip(face.landmarks["ibug68"][:, :2].astype(int), 0, 95).T
        assert not face.visible[covered[y, x]].any()


@pytest.fixture
def wardrobe(tmp_path):
    """A folder with one hair: a plate of cloth in front of the face."""
    base = mean_base()
    near = int(np.nanargmax(base[:, 2]))  # the tip of the nose
    folder = tmp_path / "assets" / "hair" / "plate"
    folder.mkdir(parents=True)
    rows = [f"{near} {near} {near} 1 0 0 {x} {y} 0.3"
            for x, y in ((-3, -3), (3, -3), (3, 3), (-3, 3))]  # fmt: skip
    (folder / "plate.mhclo").write_text(
        "basemesh hm08\nname plate\nobj_file plate.obj\nmaterial plate.mhmat\nverts 0\n"
        + "\n".join(rows) + "\n"
    )  # fmt: skip
    (folder / "plate.obj").write_text(
        "v -3 -3 0\nv 3 -3 0\nv 3 3 0\nv -3 3 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
        "f 1/1 2/2 3/3 4/4\n"
    )
    (folder / "plate.mhmat").write_text("name plate\ndiffuseTexture plate.png\n")
    from PIL import Image

    Image.fromarray(np.full((8, 8, 4), 255, np.uint8)).save(folder / "plate.png")
    return folder.parent.parent


def test_hair_of_a_folder_is_drawn_and_labelled(wardrobe, model):
    config = SyntheticConfig(size=64, seed=1, turns=0.0, assets=str(wardrobe),
                             **(BARE | {"hair": 1.0}))  # fmt: skip
    faces = SyntheticFaces(config, model)
    assert faces.problems == ()
    found = [faces.item(index) for index in range(6)]
    hidden = [(face.segmentation == Segment.HAIR).mean() > 0.5 for face in found]
    assert any(hidden)  # three of four people wear hair of assets
    for face, behind in zip(found, hidden, strict=True):
        if behind:
            assert not face.visible.any()
            assert face.visible_vertices[model.region("nose").numpy()].mean() < 0.02


def test_folders_that_are_none_or_hold_nothing_are_refused(tmp_path, model):
    with pytest.raises(MissingFileError, match="assets"):
        SyntheticFaces(SyntheticConfig(assets=str(tmp_path / "no")), model)
    with pytest.raises(InputError, match="hdri"):
        SyntheticFaces(SyntheticConfig(hdri=str(tmp_path)), model)
    with pytest.raises(InputError, match="views"):
        SyntheticConfig(views=0)
