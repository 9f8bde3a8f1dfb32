"""Whitening: streaming statistics against NumPy's, and every kind of file."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.models.tddfa.whitening import (
    Whitening,
    WhiteningStatistics,
    compute_whitening,
    read_whitening,
)


def rows(count=500, size=6, seed=0):
    """Entries of very different size and offset, as pose and shape coefficients have."""
    g = np.random.default_rng(seed)
    return g.normal(size=(count, size)) * np.logspace(-4, 6, size) + np.logspace(6, -3, size)


@pytest.mark.parametrize("cut", [1, 7, 500])
def test_statistics_are_numpys_however_the_rows_are_cut(cut):
    data = rows()
    found = compute_whitening(torch.from_numpy(data[k : k + cut]) for k in range(0, 500, cut))
    np.testing.assert_allclose(found.mean.numpy(), data.mean(0), rtol=1e-6)
    np.testing.assert_allclose(found.std.numpy(), data.std(0), rtol=1e-5)


def test_whitened_rows_have_mean_0_and_deviation_1():
    data = torch.from_numpy(rows()[:, 1:5])
    whitening = compute_whitening([data])
    white = whitening.apply(data)
    assert white.mean(0).abs().max() < 1e-2
    assert torch.allclose(white.std(0, correction=0), torch.ones(4, dtype=white.dtype), atol=1e-4)
    assert torch.allclose(whitening.undo(white), data, rtol=1e-12)


def test_unknown_rows_are_left_out_and_constant_entries_stay_0():
    data = torch.from_numpy(rows(20))
    data[:, 3] = 42.0
    gaps = data.clone()
    gaps = torch.cat([gaps, torch.full((5, 6), torch.nan)])
    gaps[20, :] = data[0]
    gaps[20, 2] = torch.nan
    statistics = WhiteningStatistics(6)
    statistics.add(gaps)
    statistics.add(gaps[:0])
    assert statistics.count == 20
    found = statistics.whitening()
    np.testing.assert_allclose(found.mean.numpy(), data.mean(0).numpy(), rtol=1e-6)
    assert float(found.std[3]) == 1
    assert float(found.apply(data[:1])[0, 3]) == 0


def test_units_are_changed_in_both():
    data, factors = torch.from_numpy(rows()), torch.tensor([1.0, 10, 0.1, 3, 1, 2])
    own = compute_whitening([data]).in_units(factors)
    other = compute_whitening([data * factors])
    assert torch.allclose(own.mean, other.mean, rtol=1e-6)
    assert torch.allclose(own.std, other.std, rtol=1e-6)


def stored(whitening, names=("mean", "std")):
    return dict(zip(names, (whitening.mean.numpy(), whitening.std.numpy()), strict=True))


@pytest.fixture
def statistics():
    return Whitening(torch.arange(4.0) - 1.5, torch.arange(4.0) + 0.25)


def test_files_of_every_kind(tmp_path, statistics):
    np.savez(tmp_path / "a.npz", **stored(statistics))
    np.savez(tmp_path / "b.npz", **stored(statistics, ("v2_mean", "v2_std")))
    for protocol in (0, 4):
        content = pickle.dumps(stored(statistics, ("param_mean", "param_std")), protocol)
        (tmp_path / f"c{protocol}.pkl").write_bytes(content)
    np.save(tmp_path / "mean.npy", statistics.mean.numpy())
    np.savetxt(tmp_path / "std.txt", statistics.std.numpy())
    found = [
        read_whitening(tmp_path / "a.npz"),
        read_whitening(tmp_path / "b.npz", prefix="v2_"),
        read_whitening(tmp_path / "c0.pkl"),
        read_whitening(tmp_path / "c4.pkl"),
        read_whitening(tmp_path / "mean.npy", tmp_path / "std.txt"),
    ]
    for whitening in found:
        assert torch.equal(whitening.mean, statistics.mean)
        assert torch.equal(whitening.std, statistics.std)


def test_the_two_forms_of_3ddfas_statistics_agree(shared_data):
    folder = shared_data("models/3ddfa")
    for version, suffix in (("v1", ""), ("v2", "_v2")):
        packed = read_whitening(folder / "param_stats.npz", prefix=f"{version}_")
        texts = [folder / f"param_{kind}{suffix}.txt" for kind in ("mean", "std")]
        lines = read_whitening(*texts)
        assert len(packed) == len(lines) == 62
        assert torch.allclose(packed.mean, lines.mean, atol=1e-6)
        assert torch.allclose(packed.std, lines.std, atol=1e-6)


def test_unusable_files_are_named(tmp_path, statistics):
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    np.save(tmp_path / "objects.npy", np.array([{}], object), allow_pickle=True)
    (tmp_path / "words.txt").write_text("one two")
    np.savez(tmp_path / "short.npz", mean=np.ones(3), std=np.ones(2))
    np.savez(tmp_path / "text.npz", mean=np.array(["a"]), std=np.array(["b"]))
    with pytest.raises(InputError, match="mean and std"):
        read_whitening(tmp_path / "other.npz")
    with pytest.raises(InputError, match="Python objects"):
        read_whitening(tmp_path / "objects.npy", tmp_path / "objects.npy")
    with pytest.raises(InputError, match=r"words\.txt"):
        read_whitening(tmp_path / "words.txt", tmp_path / "words.txt")
    for name in ("short.npz", "text.npz"):
        with pytest.raises(InputError):
            read_whitening(tmp_path / name)
    with pytest.raises(MissingFileError, match="absent"):
        read_whitening(tmp_path / "absent.npz")


def test_wrong_statistics_are_refused():
    with pytest.raises(InputError, match="positive"):
        Whitening(torch.zeros(2), torch.tensor([1.0, 0.0]))
    with pytest.raises(InputError, match="mean"):
        Whitening(torch.tensor([torch.nan]), torch.ones(1))
    with pytest.raises(InputError, match="parameters"):
        Whitening.identity(3).apply(torch.zeros(2, 4))
    with pytest.raises(InputError, match="at least one"):
        compute_whitening([])
    with pytest.raises(InputError, match="at least one row"):
        compute_whitening([torch.full((2, 3), torch.nan)])
    with pytest.raises(InputError, match="rows"):
        compute_whitening([torch.full((2, 3), torch.inf)])
