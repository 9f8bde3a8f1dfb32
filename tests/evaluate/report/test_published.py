"""The arithmetic of the papers' tables."""

from __future__ import annotations

import pytest
from selfie3d.evaluate.report.published import (
    AFLW,
    AFLW2000,
    ALL_ROWS,
    CSANET_ROWS,
    LABEL_COUNTS,
    MLANET_ROWS,
    R3FA_ROWS,
    SADRNET_ANGLES,
    SADRNET_ROWS,
    bin_rows,
    mean_rows,
    pose_rows,
)
from selfie3d.evaluate.report.published_checks import check_rows, notes_of, sample_mean


def listed(rows):
    return {(m.row.method, m.row.data, m.what) for m in check_rows(rows)}


def test_csanet_comes_out_but_for_two_rows():
    assert len(CSANET_ROWS) == 16
    assert listed(CSANET_ROWS) == {
        ("DAMDNet", AFLW, "mean"),
        ("DAMDNet", AFLW, "std"),
        ("3DDFA-ours", AFLW2000, "std"),
    }
    of = {(m.row.method, m.what): m.computed for m in check_rows(CSANET_ROWS)}
    assert of["3DDFA-ours", "std"] == pytest.approx(0.7725, abs=1e-4)
    assert of["DAMDNet", "mean"] == pytest.approx(5.2587, abs=1e-4)


def test_damdnet_comes_out_with_the_bin_of_its_own_paper():
    from dataclasses import replace

    row = next(r for r in CSANET_ROWS if r.method == "DAMDNet" and r.data == AFLW)
    assert row.bins[0] == 4.539
    assert not check_rows([replace(row, bins=(4.359, *row.bins[1:]))])


def test_r3fa_comes_out_but_for_older_rows_with_the_sample_deviation():
    found = check_rows(R3FA_ROWS)
    older = {"CDM", "RCPR", "ESR", "SDM", "3DDFA (CVPR 2016)"}
    assert {m.row.method for m in found} == older
    assert all(m.what == "std" and m.of_sample for m in found)
    new = [row for row in R3FA_ROWS if row.method not in older]
    assert len(new) == 11
    assert not check_rows(new)


def test_mlanet_names_a_mean_that_is_not_its_bins():
    assert listed(MLANET_ROWS) == {("SDM", AFLW2000, "mean"), ("MLANet", AFLW2000, "mean")}


def test_sadrnet_weighs_by_the_fitted_pose():
    row = next(row for row in SADRNET_ROWS if row.method == "SADRNet")
    assert sample_mean(row) == pytest.approx(row.sample, abs=0.005)
    assert sample_mean(row, LABEL_COUNTS) == pytest.approx(3.012, abs=0.001)


def test_sadrnets_pose_means_are_means():
    for *angles, mean in SADRNET_ANGLES.values():
        assert sum(angles) / 3 == pytest.approx(mean, abs=0.011)


def test_rows_name_paper_and_table():
    rows = bin_rows(AFLW2000, "t") + mean_rows("dense, 2D", "t") + pose_rows("t")
    assert all("Table" in row.source and row.values for row in rows)
    assert len(bin_rows(AFLW, "t")) + len(bin_rows(AFLW2000, "t")) == len(ALL_ROWS)


def test_notes_say_what_is_odd():
    notes = {(row.method, row.source): notes_of(row) for row in ALL_ROWS if row.data == AFLW2000}
    assert notes["3DDFA-ours", "CSANet, Table 2"] == ["the bins give a std of 0.773"]
    assert notes["RCPR", "R3FA (MobDenseNet), Table 1"] == [
        "std is the sample standard deviation of the bins"
    ]
    assert len(notes["PRNet", "Mobile-FaceRNet, Table 2"]) == 1
    assert notes["CSANet", "CSANet, Table 2"] == []
