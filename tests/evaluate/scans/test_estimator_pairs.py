"""Pairs of faces whose true error is known, by which benchmarks/estimators.py judges presets."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from selfie3d.evaluate.scans.geometric import geometric_error
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.closest import ClosestPoints

_FILE = Path(__file__).resolve().parents[3] / "benchmarks" / "estimator_pairs.py"
_SPEC = importlib.util.spec_from_file_location(_FILE.stem, _FILE)
PAIRS = importlib.util.module_from_spec(_SPEC)
sys.modules[_FILE.stem] = PAIRS  # dataclasses look their module up
_SPEC.loader.exec_module(PAIRS)


def test_pairs_know_their_true_error():
    """Re-meshing keeps the surface; an own solver gives the same true error."""
    from scipy.spatial import procrustes

    pairs = list(PAIRS.make_pairs(load_face_model(), 4, seed=3))
    assert tuple(pair.kind for pair in pairs) == PAIRS.KINDS
    pair = pairs[-1]
    assert len(pair.prediction.vertices) > len(pair.corresponding.vertices)
    surface = ClosestPoints(pair.corresponding.vertices, pair.corresponding.faces)
    found = surface.query(pair.prediction.vertices, exact=True)
    assert np.abs(found.points - pair.prediction.vertices).max() < 1e-6
    truth = pair.truth.vertices
    one, other, _ = procrustes(truth, pair.corresponding.vertices)
    size = np.linalg.norm(truth - truth.mean(0))
    inside = np.square(truth - pair.truth.landmarks[30]).sum(1) <= 95**2
    own = size * np.linalg.norm(one - other, axis=1)[inside].mean()
    assert geometric_error(pair.corresponding, pair.truth, PAIRS.TRUE).value == pytest.approx(own)


def test_agreements():
    true = np.arange(1.0, 13.0)
    found = {"twice": 2 * true, "fails": np.where(true > 6, np.nan, -true)}
    rows = {(a.estimator, a.kind): a for a in PAIRS.agreements(["x", "y"] * 6, true, found)}
    assert rows["twice", "all"].pearson == pytest.approx(1) and rows["twice", "x"].ratio == 2
    assert rows["fails", "all"].spearman == pytest.approx(-1) and rows["fails", "all"].failed == 6
