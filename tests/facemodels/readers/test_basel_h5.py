"""Basel 2017 and 2019 and AlbedoMM from HDF5 files of their layout."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from selfie3d.core.errors import InputError, MissingFileError

NAMES = {
    8: "center.chin.tip",
    30: "center.nose.tip",
    36: "right.eye.corner_outer",
    39: "right.eye.corner_inner",
    42: "left.eye.corner_inner",
    45: "left.eye.corner_outer",
}


@pytest.fixture
def h5py():
    return pytest.importorskip("h5py")


def write_group(file, group, mean, columns, deviation, cells):
    file[f"{group}/model/mean"] = mean.reshape(-1).astype(np.float32)
    file[f"{group}/model/pcaBasis"] = columns
    file[f"{group}/model/pcaVariance"] = deviation**2
    file[f"{group}/model/noiseVariance"] = np.float32(0)
    file[f"{group}/representer/cells"] = cells
    file[f"{group}/representer/points"] = mean.reshape(-1, 3).T.astype(np.float32)


def write_basel(h5py, path, tiny, offset=0.0, names=NAMES, as_text=np.bytes_):
    """statismo: mm, unit columns, variances, cells (3,F) from 0, landmarks as JSON text."""
    cells = tiny.faces.T.astype(np.uint32)
    listed = [
        {"id": name, "coordinates": (tiny.mean[tiny.points[k]] + 0.2).tolist()}
        for k, name in names.items()
    ]
    listed.append({"id": "left.ear.tragus.tip", "coordinates": [0, 0, 0]})
    with h5py.File(path, "w") as file:
        mean_expression = np.full_like(tiny.mean, offset)
        write_group(file, "shape", tiny.mean, *tiny.columns("identity"), cells)
        write_group(file, "expression", mean_expression, *tiny.columns("expression"), cells)
        write_group(file, "color", tiny.albedo_mean, *tiny.columns("albedo_basis"), cells)
        file["metadata/landmarks/json"] = as_text(json.dumps(listed))
    return path


def test_the_model(tmp_path, tiny, convert, h5py):
    done = convert(write_basel(h5py, tmp_path / "model2019_bfm.h5", tiny))
    assert done.kind == "basel-h5" and done.model.expression_kind == "gaussian"
    points = done.model.landmarks["ibug68"]
    assert points.valid.nonzero()[:, 0].tolist() == sorted(NAMES)
    origin = (
        tiny.mean[tiny.points[[36, 39]]].mean(0) + tiny.mean[tiny.points[[42, 45]]].mean(0)
    ) / 2
    tiny.origin = lambda: origin - np.array([0, 0, 12], np.float32)
    tiny.check(done.model, "identity", "expression", "albedo_mean", "albedo_basis")
    assert "non-commercial" in done.model.licence


def test_the_mean_expression_belongs_to_the_mean(tmp_path, tiny, convert, h5py):
    """A shift of every vertex is one of the origin too, so that nothing changes."""
    plain = convert(write_basel(h5py, tmp_path / "a.h5", tiny)).model
    moved = convert(write_basel(h5py, tmp_path / "b.h5", tiny, offset=4.0, as_text=str)).model
    np.testing.assert_allclose(moved.mean, plain.mean, atol=1e-4)
    assert bool((moved.landmarks["ibug68"].vertices == plain.landmarks["ibug68"].vertices).all())


def test_albedomm(tmp_path, tiny, convert, h5py):
    """Linear RGB becomes sRGB; a step along a mode agrees with coding the sum, to first order."""
    write_basel(h5py, tmp_path / "model2017-1_bfm_nomouth.h5", tiny)
    path = tmp_path / "albedoModel2020_bfm_albedoPart.h5"
    with h5py.File(path, "w") as file:
        for group in ("diffuseAlbedo", "specularAlbedo"):
            cells = tiny.faces.T.astype(np.uint32)
            write_group(file, group, tiny.albedo_mean, *tiny.columns("albedo_basis"), cells)
    done = convert(path)
    assert (
        done.kind == "albedomm" and "York" in done.model.licence and "Basel" in done.model.licence
    )
    assert done.model.sizes == (4, 3, 2)

    def coded(x):
        return 1.055 * x ** (1 / 2.4) - 0.055

    np.testing.assert_allclose(done.model.albedo_mean, coded(tiny.albedo_mean), atol=1e-5)
    step = 1e-3
    moved = coded(tiny.albedo_mean + step * tiny.albedo_basis[0].astype(float))
    slope = (moved - coded(tiny.albedo_mean.astype(float))) / step
    np.testing.assert_allclose(done.model.albedo_basis[0], slope, atol=1e-3)
    (tmp_path / "model2017-1_bfm_nomouth.h5").unlink()
    with pytest.raises(MissingFileError, match="model2017-1_bfm_nomouth"):
        convert(path)


def test_damaged_files_are_named(tmp_path, tiny, convert, h5py):
    path = write_basel(h5py, tmp_path / "m.h5", tiny)
    whole = path.read_bytes()
    for length in (100, len(whole) // 2):
        (tmp_path / "cut.h5").write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"cut\.h5"):
            convert(tmp_path / "cut.h5")
    with h5py.File(path, "a") as file:
        del file["shape/model/pcaVariance"]
    with pytest.raises(InputError, match="pcaVariance"):
        convert(path)
    few = {8: NAMES[8], 36: NAMES[36]}
    with pytest.raises(InputError, match="corners of both eyes"):
        convert(write_basel(h5py, tmp_path / "n.h5", tiny, names=few))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(InputError, match="known kind"):
        convert(tmp_path / "other.h5")


def test_without_h5py_the_message_says_what_to_install(tmp_path, convert, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    path = tmp_path / "model2019_bfm.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(600))
    with pytest.raises(MissingFileError, match=r"selfie3d\[models\]"):
        convert(path)
