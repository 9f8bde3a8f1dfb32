from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from selfie3d.core.errors import InputError
from selfie3d.evaluate.protocols.micc_presets import PRESETS
from selfie3d.evaluate.scans.geometric import geometric_error, geometric_errors
from selfie3d.evaluate.scans.recipe import Alignment, Crop, Measure, Recipe
from selfie3d.evaluate.scans.scan import load_scan
from selfie3d.evaluate.scans.surface import Surface
from selfie3d.geometry.mesh import vertex_normals

MARKS = Path(__file__).parent / "landmarks"
FILES = {
    "humface": ("scans", "humface", "humfaceClean.npz"),
    "leeperrysmith": ("scans", "leeperrysmith", "LeePerrySmith.obj"),
}


@pytest.fixture(
    scope="module", params=["humface", pytest.param("leeperrysmith", marks=pytest.mark.slow)]
)
def scan(request, shared_data):
    return load_scan(shared_data(*FILES[request.param]), MARKS).surface


@pytest.fixture(scope="module")
def humface(shared_data):
    return load_scan(shared_data(*FILES["humface"]), MARKS).surface


def disguised(surface, scale):
    """The same surface with more vertices, re-ordered, elsewhere, its landmarks off by 1.5 mm."""
    from trimesh.remesh import subdivide

    rng = np.random.default_rng(0)
    vertices, faces = (np.asarray(a) for a in subdivide(surface.vertices, surface.faces))
    order = rng.permutation(len(vertices))
    faces = np.argsort(order)[faces][rng.permutation(len(faces))]
    marks = surface.landmarks + rng.normal(0, 1.5, surface.landmarks.shape)
    other = replace(surface, vertices=vertices[order], faces=faces, landmarks=marks)
    turn = Rotation.from_rotvec([0.2, -0.3, 0.15]).as_matrix()
    return other.moved(scale, turn, np.array([30.0, -12, 50]))


@pytest.mark.parametrize("preset", list(PRESETS))
def test_the_scan_itself_scores_nothing(scan, preset):
    (found,), scale = geometric_errors([(disguised(scan, 1.15), scan)], PRESETS[preset])
    assert found.converged
    assert found.value <= 0.05
    if preset == "genova":
        assert scale == pytest.approx(1 / 1.15, abs=1e-4)


def test_without_scale_a_scaled_scan_is_no_match(humface):
    recipe = PRESETS["tran2018"]
    fixed = replace(recipe, alignment=replace(recipe.alignment, scale="none"))
    assert geometric_error(disguised(humface, 1.0), humface, fixed).value <= 0.05
    assert geometric_error(disguised(humface, 1.1), humface, fixed).value > 0.5


def given(recipe):
    """The same crop and measurement of surfaces that are left where they are."""
    kept = replace(recipe.alignment, kind="given", matches="gt")
    return replace(recipe, alignment=kept)


def normals_of(surface):
    faces = torch.from_numpy(surface.faces)
    return vertex_normals(torch.from_numpy(surface.vertices)[None], faces)[0].numpy()


@pytest.mark.parametrize("preset", list(PRESETS))
def test_one_millimetre_along_the_normals(humface, preset):
    shifted = replace(humface, vertices=humface.vertices + normals_of(humface))
    assert geometric_error(shifted, humface, given(PRESETS[preset])).value == pytest.approx(
        1.0, abs=0.03
    )


def test_the_folds_of_a_whole_head_are_nearer_than_they_were_moved(shared_data):
    """Lids, lips, nostrils and ears overlap when moved: an independent search agrees."""
    from trimesh.triangles import closest_point

    head = load_scan(shared_data(*FILES["leeperrysmith"]), MARKS).surface
    shifted = replace(head, vertices=head.vertices + normals_of(head))
    found = geometric_error(shifted, head, given(PRESETS["ganfit"]))
    corners = shifted.vertices[shifted.faces]
    rows = np.random.default_rng(0).choice(len(found.truth.vertices), 60, replace=False)
    for row in rows:
        point = found.truth.vertices[row]
        nearest = closest_point(corners, np.repeat(point[None], len(corners), 0))
        own = found.distances["gt2rec"].values[row]
        assert own == pytest.approx(np.linalg.norm(nearest - point, axis=1).min(), abs=1e-9)
    assert np.median(found.distances["gt2rec"].values) == pytest.approx(1.0, abs=0.03)


def bumped(surface, height=2.0, width=14.0):
    """A smooth bump on the left cheek along the normals; what every vertex moved by."""
    centre = (surface.landmarks[45] + surface.landmarks[54]) / 2
    at = np.square(surface.vertices - centre).sum(1).argmin()
    square = np.square(surface.vertices - surface.vertices[at]).sum(1)
    moved = height * np.exp(-square / (2 * width**2))
    return replace(surface, vertices=surface.vertices + moved[:, None] * normals_of(surface)), moved


@pytest.mark.parametrize("aligned", [False, True])
def test_a_known_bump(humface, aligned):
    """Its RMSE within 3 %: as it stands, and through the alignment, trimmed against its pull."""
    bump, moved = bumped(humface)
    recipe = PRESETS["tran2018"]
    measure = replace(recipe.measure, correspondence="surface")
    recipe = replace(recipe, measure=measure, alignment=replace(recipe.alignment, trim=0.15))
    centre = humface.landmarks[30]
    inside = np.square(humface.vertices - centre).sum(1) <= 95**2
    true = float(np.sqrt(np.square(moved[inside]).mean()))
    found = geometric_error(bump, humface, recipe if aligned else given(recipe))
    assert found.value == pytest.approx(true, rel=0.03)


def tile(name, vertices, marks=None):
    """A flat sheet of 11 x 11 vertices, 10 mm apart."""
    i = np.arange(121).reshape(11, 11)
    a, b, c, d = i[:-1, :-1], i[:-1, 1:], i[1:, 1:], i[1:, :-1]
    faces = np.concatenate((np.stack((a, b, c), -1), np.stack((a, c, d), -1))).reshape(-1, 3)
    points = np.full((68, 3), np.nan)
    points[[30, 36, 45]] = [[50, 50, 0], [30, 70, 0], [70, 70, 0]] if marks is None else marks
    return Surface(name, vertices, faces, points)


@pytest.fixture
def sheets():
    y, x = np.meshgrid(np.arange(11) * 10.0, np.arange(11) * 10.0, indexing="ij")
    flat = np.stack((x, y, 0 * x), -1).reshape(-1, 3)
    moved = flat + np.array([4.0, 0, 3.0])
    return tile("rec", moved), tile("gt", flat)


@pytest.mark.parametrize(
    ("correspondence", "expected"),
    [("plane", 3.0), ("surface", 3.0), ("point", 5.0), ("known", 5.0)],
)
def test_correspondences_by_hand(sheets, correspondence, expected):
    """Sheets 3 mm apart, shifted by 4 mm: every correspondence says its own."""
    recipe = Recipe(
        "x",
        Crop("before", radius_mm=35),
        Alignment("given"),
        Measure(correspondence, "mean", "gt2rec", drop_boundary=True),
    )
    assert geometric_error(*sheets, recipe).value == pytest.approx(expected)


def test_statistics_directions_and_borders(sheets):
    rec, gt = sheets

    def value(**measure):
        recipe = Recipe("x", Crop("none"), Alignment("given"), Measure("surface", **measure))
        return geometric_error(rec, gt, recipe)

    # One column of 11 ground-truth vertices lies 4 mm outside: 5 mm away, on the border.
    kept = value(statistic="mean", direction="gt2rec")
    assert kept.value == pytest.approx((110 * 3 + 11 * 5) / 121)
    assert value(statistic="median", direction="gt2rec").value == pytest.approx(3.0)
    assert value(statistic="rmse", direction="rec2gt").value == pytest.approx(
        np.sqrt((110 * 9 + 11 * 25) / 121)
    )
    dropped = value(statistic="mean", direction="sym", drop_boundary=True)
    assert dropped.value == pytest.approx(3.0)
    assert dropped.distances["gt2rec"].left_out > 0
    assert set(dropped.parts) == {"gt2rec", "rec2gt"}


def test_crops(sheets):
    rec, gt = sheets
    before = Recipe("x", Crop("before", radius_mm=30), Alignment("given"), Measure())
    truth = geometric_error(rec, gt, before).truth
    centre = np.array([50, 50, 0.0])
    inside = np.square(gt.vertices - centre).sum(1) <= 900
    # A corner that no whole triangle inside uses is gone, too.
    assert len(truth.vertices) <= inside.sum()
    assert np.square(truth.vertices - centre).sum(1).max() <= 900
    with pytest.raises(InputError, match="crop"):
        gt.within(centre + 500, 30)


def test_nose_tip_of_the_reconstruction(sheets):
    rec, gt = sheets
    marks = gt.landmarks.copy()
    marks[30], marks[33] = np.nan, [50, 40, 0]
    rec_marks = rec.landmarks + np.array([4.0, 0, 3.0])
    rec_marks[33] = [54, 40, 3]
    recipe = Recipe("x", Crop("before", radius_mm=35), Alignment("landmarks", "none"), Measure())
    found = geometric_error(replace(rec, landmarks=rec_marks), replace(gt, landmarks=marks), recipe)
    assert found.nose == "landmark of the reconstruction"
    assert found.value == pytest.approx(0, abs=1e-9)
    assert geometric_error(replace(rec, landmarks=rec_marks), gt, recipe).nose == "annotation"


def test_scale_kinds(humface):
    small = humface.moved(0.9, np.eye(3), np.zeros(3))
    pairs = [(small, humface), (humface.moved(1 / 0.9, np.eye(3), np.zeros(3)), humface)]
    wanted = replace(PRESETS["genova"], name="x")
    results, scale = geometric_errors(pairs, wanted)
    # One scale for both: the geometric mean of 1 / 0.9 and 0.9, which fits neither.
    assert scale == pytest.approx(1.0, abs=1e-4)
    assert all(result.value > 0.5 for result in results)
    with pytest.raises(InputError, match="fixed_scale"):
        geometric_error(small, humface, wanted)


def test_refusals(sheets):
    rec, gt = sheets
    bare = replace(gt, landmarks=np.full((68, 3), np.nan))
    with pytest.raises(InputError, match="at least 3 that both have"):
        geometric_error(rec, bare, PRESETS["tran2018"])
    line = replace(rec, landmarks=np.where(np.isnan(rec.landmarks), np.nan, [[1.0, 2, 3]]))
    with pytest.raises(InputError, match="line"):
        geometric_error(line, gt, PRESETS["tran2018"])
    with pytest.raises(InputError, match="surface"):
        Measure("surfaces")
    with pytest.raises(InputError, match="finite"):
        replace(rec, vertices=rec.vertices * np.nan)
    known = Recipe("x", Crop("none"), Alignment("known"), Measure("known"))
    part = gt.within(np.array([50, 50, 0.0]), 30)
    with pytest.raises(InputError, match="topology"):
        geometric_error(rec, part, known)
    results, _ = geometric_errors([(rec, bare), (rec, gt)], given(NOW_LIKE))
    assert isinstance(results[0], InputError) and results[1].value > 0


NOW_LIKE = Recipe("x", Crop("before", radius_mm=35), Alignment(), Measure())


def test_every_preset_states_what_it_does():
    for recipe in PRESETS.values():
        text = recipe.describe()
        for word in ("95 mm", "before", "landmarks, then ICP", "trim", "scale", "open border"):
            assert word in text
        assert recipe.source
    assert PRESETS["mlanet"].measure.direction == "rec2gt"
    assert PRESETS["tran2018"].measure.direction == "gt2rec"
    assert PRESETS["genova"].alignment.scale == "global"
    assert PRESETS["ganfit"].measure.statistic == "mean" and PRESETS["ganfit"].registered
