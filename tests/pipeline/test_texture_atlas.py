"""The tables of an atlas against plain NumPy, SciPy and the mapper of UV maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt, gaussian_filter1d, uniform_filter
from scipy.spatial import cKDTree
from selfie3d.geometry.uv import UVMapper
from selfie3d.pipeline.segment.guided import box
from selfie3d.pipeline.texture.atlas import Atlas
from selfie3d.pipeline.texture.atlas_kernels import distances, nearest_within
from selfie3d.pipeline.texture.strands import _comb, _locks, _smoothed, hair_strands

SIZE = 96


@pytest.fixture(scope="module")
def atlas(default_model) -> Atlas:
    return Atlas(default_model, SIZE)


def test_maps_are_those_of_the_mapper(default_model, atlas):
    mapper = UVMapper(default_model.uv, default_model.uv_faces, default_model.faces, SIZE)
    wanted = mapper.position_map(default_model.mean[None])[0].permute(1, 2, 0).numpy()
    assert np.array_equal(atlas.map(default_model.mean), wanted)
    assert np.array_equal(atlas.map(default_model.mean[:, 1]), wanted[..., 1])


def test_twins_lie_on_the_other_side_of_the_head(default_model, atlas):
    place = atlas.map(default_model.mean)
    twin = place.reshape(-1, 3)[atlas.twin.reshape(-1)].reshape(place.shape)
    away = np.linalg.norm(twin * [-1, 1, 1] - place, axis=2)[atlas.mask & atlas.mask[:, ::-1]]
    assert np.median(away) < 3 and (away < 12).mean() > 0.95  # a texel is 2 to 5 mm wide


@pytest.mark.parametrize("reach", [0, 1, 4, 40])
def test_nearest_texels_are_those_of_the_distance_transform(reach):
    mask = np.random.default_rng(2).random((37, 29)) < 0.02
    found = np.empty(mask.shape, np.int64)
    nearest_within(mask, reach, found)
    away = distance_transform_edt(~mask)
    assert np.array_equal(found >= 0, (away > 0) & (away <= reach))
    rows, columns = np.nonzero(found >= 0)
    source = found[rows, columns]
    assert mask.reshape(-1)[source].all()
    apart = np.hypot(source // mask.shape[1] - rows, source % mask.shape[1] - columns)
    assert np.allclose(apart, away[rows, columns])


def test_distances_are_those_of_a_tree():
    rng = np.random.default_rng(4)
    points, others = (rng.normal(size=(n, 3)).astype(np.float32) * 20 for n in (60, 25))
    others = others[others[:, 1].argsort()]
    away = np.empty(60, np.float32)
    distances(points, others, 15.0, away)
    wanted = np.minimum(cKDTree(others).query(points)[0], 15.0)
    assert np.allclose(away, wanted, atol=1e-4) and 5 < (wanted < 15).sum() < 55


@pytest.mark.parametrize("half", [0, 1, 4, 11])
def test_boxes_are_those_of_scipy(half):
    image = np.random.default_rng(half).random((13, 17, 2)).astype(np.float32)
    wanted = uniform_filter(image, 2 * half + 1, axes=(0, 1), mode="nearest")
    assert np.allclose(box(image, half), wanted, atol=1e-6)


def test_tables_of_strands_are_smoothed_as_scipy_does():
    table = np.random.default_rng(1).normal(size=(64, 5))
    assert np.allclose(_smoothed(table, 6.0), gaussian_filter1d(table, 6.0, axis=0), atol=1e-12)


def plain_comb(points, middle, away, table, swing):
    """In NumPy, ring by ring and turn by turn, with SciPy's rules of interpolation written out."""
    across, along, height = away @ (points - middle).T
    turn = np.arctan2(across, along) / (2 * np.pi) + 0.5
    ring = np.arctan2(np.hypot(across, along), height) / np.pi * (len(table) - 1)

    def between(values, column):
        rows = np.arange(len(values))
        wide = np.concatenate([values[:, -1:], values, values, values[:, :1]], 1)
        columns = np.arange(-1, 2 * values.shape[1] + 1)
        at = np.mod(column, values.shape[1])
        return np.array(
            [
                np.interp(r, rows, [np.interp(c, columns, row) for row in wide])
                for r, c in zip(ring, at, strict=True)
            ]
        )

    turn = turn + between(swing, turn * swing.shape[1])
    return between(table, turn * table.shape[1])


def test_strands_are_those_of_plain_numpy():
    rng = np.random.default_rng(5)
    points = rng.normal(size=(40, 3)).astype(np.float32) * 80
    away = np.linalg.qr(rng.normal(size=(3, 3)))[0] / 90
    table, swing = _locks(37, 2)
    result = np.zeros(40, np.float32)
    _comb(points, np.ones(3), away, table, swing, result)
    assert np.allclose(result, plain_comb(points, np.ones(3), away, table, swing), atol=1e-5)


def test_strands_are_there_where_hair_may_be(default_model, atlas):
    here = atlas.strands[atlas.hairy > 0]
    assert abs(float(here.mean())) < 0.15 and 0.6 < float(here.std()) < 1.2
    assert not atlas.strands[atlas.hairy == 0].any()
    none = torch.zeros(len(default_model.mean), dtype=torch.bool)
    assert len(hair_strands(np.zeros((0, 3), np.float32), none, default_model.mean)) == 0
