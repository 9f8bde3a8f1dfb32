from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.errors import InputError, MissingFileError, UnknownNameError
from selfie3d.core.obj_file import write_obj
from selfie3d.evaluate.protocols import micc, now
from selfie3d.evaluate.protocols.now_data import LANDMARKS
from selfie3d.evaluate.registry import Request
from selfie3d.evaluate.scans.mesh_file import read_mesh
from selfie3d.evaluate.scans.predict import read_surfaces, write_surfaces
from selfie3d.evaluate.scans.scan import find_scans, load_scan
from selfie3d.evaluate.scans.surface import model_surface
from selfie3d.facemodels import load_face_model


@pytest.fixture(scope="module")
def face():
    return model_surface(load_face_model(), "mean")


def save_scan(folder, surface, marks=True, **content):
    write_obj(folder / f"{surface.name}.obj", surface.vertices, surface.faces)
    if marks:
        known = np.flatnonzero(surface.annotated)
        points = {str(k): surface.landmarks[k].tolist() for k in known}
        content = {"mm_per_unit": 1.0, "ibug68": points} | content
        path = folder / f"{surface.name}.landmarks.json"
        path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))


def test_units(tmp_path, face):
    save_scan(tmp_path, face.moved(0.1, np.eye(3), np.zeros(3)), mm_per_unit=10.0)
    scan = load_scan(tmp_path / "mean.obj")
    assert np.allclose(scan.surface.vertices, face.vertices, atol=1e-4)
    save_scan(tmp_path, face, mm_per_unit=None, outer_eye_mm=86.3)
    scan = load_scan(tmp_path / "mean.obj")
    assert scan.surface.outer_eye_distance() == pytest.approx(86.3)
    assert "86.3" in scan.note
    save_scan(tmp_path, face, outer_eye_mm=86.3)
    with pytest.raises(InputError, match="one of mm_per_unit and outer_eye_mm"):
        load_scan(tmp_path / "mean.obj")


def test_a_scan_without_landmarks(tmp_path, face):
    save_scan(tmp_path, face, marks=False)
    with pytest.raises(MissingFileError, match=r"landmark file of the scan mean\.obj.*ibug68"):
        find_scans(tmp_path)
    with pytest.raises(MissingFileError, match="folder of scans"):
        find_scans(tmp_path / "nowhere")
    (tmp_path / "mean.landmarks.json").write_text("{}")
    with pytest.raises(InputError, match="landmark file"):
        find_scans(tmp_path)


def test_obj_polygons_colours_and_negative_indices(tmp_path):
    text = "v 0 0 0 1 0 0\nv 1 0 0 0 1 0\nv 1 1 0 0 0 1\nv 0 1 0 1 1 1\nf -4//1 -3 -2 -1\n"
    (tmp_path / "a.obj").write_text(text)
    mesh = read_mesh(tmp_path / "a.obj")
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3]]
    assert mesh.colours.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]
    (tmp_path / "a.obj").write_text("v 0 0 0\nv 1 0 0\nv 1 1 0\nf 1 2 9\n")
    with pytest.raises(InputError, match=r"f: expected indices in 1\.\.3, got 1\.\.9"):
        read_mesh(tmp_path / "a.obj")


def test_predictions_round_trip_and_refusals(tmp_path, face):
    path = tmp_path / "p.npz"
    write_surfaces(path, ["a", "b"], {"a": face})
    found, failures = read_surfaces(path, ["a", "b", "c"])
    assert np.allclose(found["a"].vertices, face.vertices, atol=1e-4)
    assert failures == {"b": "vertices are NaN", "c": "no prediction"}
    with pytest.raises(InputError, match="of this set"):
        read_surfaces(path, ["a"])
    arrays = dict(np.load(path))
    np.savez(path, **(arrays | {"vertices": arrays["vertices"][:1]}))
    with pytest.raises(InputError, match="2 rows"):
        read_surfaces(path, ["a", "b"])


def micc_root(root: Path, face, subjects=2):
    for number in range(1, subjects + 1):
        folder = root / f"subject_{number:02d}"
        save_scan(folder / "Model" / "frontal1" / "obj", replace(face, name=f"s{number}"))
        for scenario in ("Indoor-Cooperative", "PTZ-Indoor", "PTZ-Outdoor"):
            (folder / "Videos" / scenario).mkdir(parents=True)
            Image.new("RGB", (8, 8)).save(folder / "Videos" / scenario / "frame0001.jpg")
    return root


def test_micc_layout(tmp_path, face):
    root = micc_root(tmp_path / "florence", face)
    request = Request(root, tmp_path, "mean")
    report = micc.make_protocol(["preset=tran2018"])(request)
    values = {figure.name: figure for figure in report.figures}
    assert [figure.name for figure in report.figures[:3]] == ["cooperative", "indoor", "outdoor"]
    assert values["cooperative"].count == 2 and values["mean of scenarios"].value <= 0.05
    assert "tran2018" in report.variant and not report.failures
    (root / "subject_02" / "Videos" / "PTZ-Indoor" / "frame0001.jpg").unlink()
    with pytest.raises(MissingFileError, match=r"indoor video of subject_02.*micc\.unifi\.it"):
        micc.make_protocol()(request)
    (root / "subject_01/Model/frontal1/obj/s1.landmarks.json").unlink()
    with pytest.raises(MissingFileError, match=r"landmarks of subject_01.*GANFit"):
        micc.make_protocol()(request)
    with pytest.raises(UnknownNameError, match="mlanet"):
        micc.make_protocol(["preset=mlnet"])


def now_root(root: Path, face):
    names = ["S1/selfie/IMG_1.jpg", "S1/multiview_neutral/IMG_2.jpg"]
    root.mkdir()
    (root / "imagepathsvalidation.txt").write_text("\n".join(names) + "\n")
    for name in names:
        path = root / "NoW_Dataset/final_release_version/iphone_pictures" / name
        path.parent.mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(path)
    write_obj(root / "scans/S1/scan.obj", face.vertices, face.faces)
    points = "".join(
        f'<point y="{y}" x="{x}" name="{k}" z="{z}" active="1"/>\n'
        for k, (x, y, z) in enumerate(face.landmarks[list(LANDMARKS)].tolist())
    )
    (root / "scans_lmks_onlypp/S1").mkdir(parents=True)
    (root / "scans_lmks_onlypp/S1/scan.pp").write_text("<PickedPoints>\n" + points)
    return root


def test_now_layout_and_submission(tmp_path, face):
    root = now_root(tmp_path / "now", face)
    moved = face.moved(1.0, np.eye(3), np.array([0.0, 0, 40]))
    report = now.make_protocol()(Request(root, tmp_path / "out", "mean"))
    values = {(f.table, f.name): f.value for f in report.figures}
    assert values["all challenges", "median"] <= 0.05
    assert {"selfie", "multiview_neutral"} <= {f.table for f in report.figures}
    # What was written is what the official evaluation reads, and scores the same here.
    written = tmp_path / "out" / "submission"
    marks = np.load(written / "S1/selfie/IMG_1.npy")
    assert marks.shape == (7, 3) and np.allclose(marks, face.landmarks[list(LANDMARKS)])
    (written / "S1/multiview_neutral/IMG_2.obj").unlink()
    write_obj(written / "S1/selfie/IMG_1.obj", moved.vertices, moved.faces)
    np.save(written / "S1/selfie/IMG_1.npy", moved.landmarks[list(LANDMARKS)])
    again = now.make_protocol()(Request(root, tmp_path / "out2", None, written))
    assert list(again.failures) == ["S1/multiview_neutral/IMG_2"]
    assert again.items.errors["median mm"][0] <= 0.05
    with pytest.raises(MissingFileError, match=re.escape("now.is.tue.mpg.de")):
        now.make_protocol()(Request(tmp_path, tmp_path, "mean"))


@pytest.mark.parametrize(
    "line", ["S1/../x.jpg", "../../x.jpg", "/S1/x.jpg", "S1/x.jpg", "S/C/\t.jpg"]
)
def test_now_names_lead_nowhere_else(tmp_path, face, line):
    """The submission's files are named after the list's lines."""
    root = now_root(tmp_path / "now", face)
    (root / "imagepathsvalidation.txt").write_text(f"{line}\n")
    with pytest.raises(InputError, match="SUBJECT/CHALLENGE/NAME"):
        now.make_protocol()(Request(root, tmp_path / "out", "mean"))
