"""Files of assets in MakeHuman's formats, whole and damaged, and folders of them."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.errors import InputError, MissingFileError, UnknownNameError
from selfie3d.datasets.synthetic.assets.formats import Material, read_fitting, read_material
from selfie3d.datasets.synthetic.assets.kinds import KINDS, kind_of, sex_of
from selfie3d.datasets.synthetic.assets.library import AssetLibrary
from selfie3d.datasets.synthetic.assets.mean_head import load_mean_head
from selfie3d.datasets.synthetic.assets.textures import MAX_SIDE, read_texture

HEAD = """# a comment
basemesh hm08
tag Male
name a piece
obj_file {stem}.obj
x_scale 5399 11998 1.4
material {stem}.mhmat
"""
OBJ = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nf 1/1 2/2 3/3 4/4\n"
ROWS = "5399\n11998\n7020 7011 7012 0.5 0.7 -0.2 0.1 0 -0.1\n7018\n"
FAR = "11000\n"  # a vertex of the body that the head does not have


@pytest.fixture(scope="module")
def head():
    return load_mean_head()


@pytest.fixture
def write(tmp_path):
    """Write a small asset: `write("hair/short", rows=..., picture=None)`."""

    def make(place: str, rows: str = ROWS, obj: str = OBJ, more: str = "", picture: str = "ok"):
        folder = tmp_path / Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        stem = folder.name
        (folder / f"{stem}.mhclo").write_text(HEAD.format(stem=stem) + more + "verts 0\n" + rows)
        (folder / f"{stem}.obj").write_text(obj)
        lines = "diffuseColor 0.5 0.25 1\ntransparent True\nshininess 0.96\n"
        (folder / f"{stem}.mhmat").write_text(lines + f"diffuseTexture {stem}.png\n")
        pixels = np.full((40, 20, 4), 90, np.uint8)
        pixels[:, :, 3] = 200
        if picture == "ok":
            Image.fromarray(pixels).save(folder / f"{stem}.png")
        elif picture:
            (folder / f"{stem}.png").write_bytes(picture.encode())
        return folder / f"{stem}.mhclo"

    return make


def test_rows_of_one_six_and_nine_numbers_are_read(tmp_path):
    path = tmp_path / "a.mhclo"
    path.write_text("verts 0\n7\n1 2 3 -3.07 4 0.07\n1 2 3 0.5 0.5 0 .1 .2 .3\n")
    fitting = read_fitting(path)
    assert fitting.ids.tolist() == [[7, 7, 7], [1, 2, 3], [1, 2, 1]]
    assert np.allclose(fitting.weights, [[1, 0, 0], [-3.07, 4, 0.07], [0.5, 0.5, 0]])
    assert np.allclose(fitting.offsets, [[0, 0, 0], [0, 0, 0], [0.1, 0.2, 0.3]])
    assert fitting.lengths.tolist() == [0, 0, 0]
    assert fitting.name == "a"


def test_what_follows_the_vertices_is_no_vertex(tmp_path):
    path = tmp_path / "a.mhclo"
    text = "verts 0\nmaterial my hair.mhmat\nz_scale 962 5320 2.5\n\n5\n// so\n6\n"
    path.write_text(text + "unheard_of 7\ndelete_verts\n10 - 20 30\n40\n")
    fitting = read_fitting(path)
    assert fitting.ids[:, 0].tolist() == [5, 6]
    assert fitting.material == "my hair.mhmat"
    assert fitting.rulers[2].tolist() == [962, 5320]
    assert fitting.lengths.tolist() == [0, 0, 2.5]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_any_editor_may_have_saved_it(tmp_path, encoding, ending):
    path = tmp_path / "a.mhclo"
    lines = ["name Frisör", "tag Männlich", "verts 0", "5", "6"]
    path.write_bytes(ending.join(lines).encode(encoding))
    fitting = read_fitting(path)
    assert (fitting.name, fitting.tags, len(fitting.ids)) == ("Frisör", ("männlich",), 2)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("name a\n", "rows of vertices"),
        ("verts 0\n1 2 3 4\n", "9 (and an offset)"),
        ("verts 0\n19158\n", "19157"),
        ("verts 0\n-1\n", "19157"),
        ("verts 0\n1.5\n", "whole numbers"),
        ("verts 0\n1 2 3 nan 0 0 0 0 0\n", "below 1000"),
        ("verts 0\n1 2 3 1 0 0 0 0 1e30\n", "below 1000"),
        ("verts 0\n1 2 3 x 0 0 0 0 0\n", "numbers"),
        ("basemesh alpha7\nverts 0\n1\n", "hm08"),
        ("x_scale 1 2\nverts 0\n1\n", "a length above 0"),
        ("x_scale 1 2 0\nverts 0\n1\n", "a length above 0"),
        ("x_scale 1 99999 1\nverts 0\n1\n", "a length above 0"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, text, part):
    path = tmp_path / "a.mhclo"
    path.write_text(text)
    with pytest.raises(InputError, match=r"a\.mhclo") as raised:
        read_fitting(path)
    assert part in str(raised.value)


def test_a_material_says_what_it_looks_like(tmp_path):
    path = tmp_path / "a.mhmat"
    path.write_text(
        "// colours\ndiffuseColor 0.5 0.25 7\nshininess 0.96\nopacity 0.5\ntransparent true\n"
        "castShadows False\ndiffuseTexture my hair.png\nshaderConfig diffuse true\n"
    )
    expected = Material((0.5, 0.25, 1.0), 0.96, 0.5, True, False, "my hair.png")
    assert read_material(path) == expected
    path.write_text("diffuseColor red\n")
    with pytest.raises(InputError, match="diffuseColor"):
        read_material(path)


@pytest.mark.parametrize("vertex", ["1e999", "-1", "1e300", "nan"])
def test_vertices_that_no_head_has(tmp_path, vertex):
    path = tmp_path / "a.mhclo"
    path.write_text(f"verts 0\n1\n{vertex}\n")
    with pytest.raises(InputError, match="verts"):
        read_fitting(path)


def test_transparent_pixels_lend_no_colour(tmp_path):
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[:, ::2] = [200, 100, 50, 255]  # strands on transparent green
    pixels[:, 1::2] = [0, 255, 0, 0]
    Image.fromarray(pixels).save(tmp_path / "a.png")
    whole, small = read_texture(tmp_path / "a.png", 64), read_texture(tmp_path / "a.png", 16)
    assert whole.shape == (64, 64, 4) and small.shape == (16, 16, 4)
    assert np.abs(whole[..., :3].astype(int) - [200, 100, 50]).max() <= 1
    assert np.abs(small[..., :3].astype(int) - [200, 100, 50]).max() <= 3
    assert np.abs(small[4:-4, 4:-4, 3].astype(int) - 128).max() <= 2


def test_pictures_that_are_none_or_too_large_are_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"a\.png"):
        read_texture(tmp_path / "a.png", 64)
    Image.new("1", (MAX_SIDE + 1, 1)).save(tmp_path / "b.png")
    with pytest.raises(InputError, match=str(MAX_SIDE)):
        read_texture(tmp_path / "b.png", 64)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 90, 3), np.uint8)).save(
        tmp_path / "c.png"
    )
    whole = (tmp_path / "c.png").read_bytes()
    (tmp_path / "c.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"c\.png"):
        read_texture(tmp_path / "c.png", 64)


@pytest.mark.parametrize(
    ("folders", "texts", "kind"),
    [
        (["short01", "hair"], ["short01"], "hair"),
        (["teeth_base", "teeth", "data"], ["x"], "teeth"),
        (["fedora01", "clothes"], ["fedora", "hats"], "hats"),
        (["x", "clothes"], ["RoundGlasses"], "glasses"),
        (["x", "clothes"], ["capri pants"], "clothes"),
        (["x", "bodyparts05"], ["full beard"], "beards"),
        (["x", "Hats"], ["fez"], "hats"),
        (["high-poly", "eyes"], ["eye"], None),
        (["x", "poses", "hair"], ["x"], None),
        (["unheard of"], ["beard"], None),
    ],
)
def test_kinds_go_by_folder_and_words(folders, texts, kind):
    assert kind_of(folders, texts) == kind


def test_sex_is_what_names_and_tags_agree_on():
    assert sex_of(["female_casualsuit01"]) == "female"
    assert sex_of(["short01", "Male"]) == "male"
    assert sex_of(["suit", "male", "female"]) is None


@pytest.mark.parametrize("layout", ["", "system/data/", "makehuman/v1py3/data/"])
def test_a_folder_is_read_in_the_layouts_that_users_have(write, tmp_path, head, layout):
    for place in ("hair/short", "eyebrows/brow", "clothes/suit", "clothes/fedora", "eyes/high"):
        write(layout + place)
    library = AssetLibrary.read(tmp_path, head)
    assert library.problems == []
    found = {asset.name: asset.kind for asset in library.assets}
    assert found == {"short": "hair", "brow": "eyebrows", "suit": "clothes", "fedora": "hats"}
    assert [a.name for a in library.of("hats")] == ["fedora"]
    with pytest.raises(UnknownNameError, match="beards"):
        library.of("wigs")


def test_an_asset_holds_what_its_files_say(write, tmp_path, head):
    write("hair/short")
    (asset,) = AssetLibrary.read(tmp_path, head).of("hair")
    assert asset.sex == "male"
    assert asset.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert asset.uv[0].tolist() == [[0, 0], [1, 0], [1, 1]]
    assert asset.texture.shape == (40, 20, 4)
    assert asset.luminance == pytest.approx(90 / 255, abs=0.02)
    assert asset.material.diffuse == (0.5, 0.25, 1)
    assert not asset.opaque
    same = pickle.loads(pickle.dumps(asset))
    assert np.array_equal(same.place(head.base), asset.place(head.base))


def test_damaged_assets_are_named_and_the_rest_goes_on(write, tmp_path, head):
    write("hair/good")
    write("hair/bad_row", rows="5399\n1 2\n7018\n7020\n")
    write("hair/few", rows="5399\n")
    write("hair/index", obj=OBJ.replace("4/4", "9/4"))
    write("hair/huge", obj=OBJ.replace("4/4", "99999999999999999999/4"))
    write("hair/far", rows=FAR * 4)
    write("hair/gone").with_suffix(".obj").unlink()
    write("hair/plain", picture="")
    write("hair/torn", picture="no picture")
    write("eyebrows/bare", picture="")
    library = AssetLibrary.read(tmp_path, head)
    assert [asset.name for asset in library.assets] == ["good", "plain", "torn"]
    assert [a.texture is None for a in library.assets] == [False, True, True]
    for name in ("bad_row", "few", "index", "huge", "far", "gone", "plain", "torn", "bare"):
        assert sum(name in problem for problem in library.problems) == 1, name


def test_clothes_are_cut_below_the_shoulders_and_other_things_are_not(write, tmp_path, head):
    on_head = np.flatnonzero(np.isfinite(head.base).all(1))[:20]
    rows = "".join(f"{vertex}\n" for vertex in on_head) + FAR * 2
    corners = "".join(f"v {k} 0 0\n" for k in range(22)) + "vt 0 0\n"
    strip = "".join(f"f {k}/1 {k + 1}/1 {k + 2}/1\n" for k in range(1, 21))
    write("clothes/suit", rows, corners + strip)
    write("hats/cap", rows, corners + strip)
    write("clothes/shoes", FAR * 4)
    library = AssetLibrary.read(tmp_path, head)
    (suit,) = library.assets
    assert suit.name == "suit" and len(suit.faces) == 18 + 2  # and a hem at one edge
    assert len(suit.ids) == 20 + 2 and np.isfinite(suit.place(head.base)).all()
    points = suit.place(head.base)
    assert np.array_equal(np.sort(points[:20], 0), np.sort(head.base[on_head], 0))
    assert points[20:, 1].max() < points[:20, 1].min() - 100
    assert suit.near(points, points[:20, 1].min() - 1).sum() == 20
    assert suit.near(points, points[:20, 1].max()).sum() == 0
    assert all(any(name in problem for problem in library.problems) for name in ("cap", "shoes"))


def test_names_are_found_whatever_their_case_but_not_outside(write, tmp_path, head):
    path = write("in/hair/short")
    text = path.read_text()
    path.write_text(text.replace("short.obj", "Short.OBJ").replace("short.mhmat", ".\\SHORT.mhmat"))
    (asset,) = AssetLibrary.read(tmp_path / "in", head).assets
    assert asset.texture is not None
    (tmp_path / "out.png").write_bytes(path.with_suffix(".png").read_bytes())
    path.with_suffix(".mhmat").write_text("diffuseTexture ../../../out.png\n")
    library = AssetLibrary.read(tmp_path / "in", head)
    assert library.assets[0].texture is None and len(library.problems) == 1


def test_one_name_is_read_once(write, tmp_path, head):
    write("a/hair/short")
    write("b/hair/short")
    library = AssetLibrary.read(tmp_path, head)
    assert len(library.assets) == 1 and "already" in library.problems[0]


def test_folders_without_assets_are_refused(write, tmp_path):
    with pytest.raises(MissingFileError, match="assets"):
        AssetLibrary.read(tmp_path / "none")
    with pytest.raises(InputError) as raised:
        AssetLibrary.read(tmp_path)
    assert raised.value.argument == "assets" and "makehuman_system_assets" in str(raised.value)
    write("hair/far", rows=FAR * 4)
    with pytest.raises(InputError, match=r"1 that cannot be used.*far"):
        AssetLibrary.read(tmp_path)


def test_makehumans_own_assets_can_all_be_used(shared_data, head):
    library = AssetLibrary.read(shared_data("assets", "makehuman"), head)
    counts = {kind: len(library.of(kind)) for kind in KINDS}
    assert counts == {
        "hair": 10, "eyebrows": 12, "eyelashes": 4, "beards": 0, "teeth": 6, "tongue": 1,
        "clothes": 12, "hats": 2, "glasses": 0,
    }  # fmt: skip
    assert all("is drawn without" in problem for problem in library.problems)
    assert all(np.isfinite(a.place(head.base)).all() for a in library.assets)
