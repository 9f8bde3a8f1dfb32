"""Reports survive the disk."""

from __future__ import annotations

import json

import numpy as np
import pytest
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.evaluate.report.report import (
    Curve,
    Items,
    Metric,
    Picture,
    Published,
    Report,
    load_report,
)


@pytest.fixture
def report():
    return Report(
        "aflw2000",
        "one line",
        [Metric("t", "mean", 1.5, "%", 3, 0.2, "s", "a", "m"), Metric("t", "no", np.nan, "", 0)],
        Items(["a", "b", "c"], {"NME": np.array([1.0, np.nan, 2.0])}),
        {"b": "no face"},
        {"options": {"rows": "all"}, "seconds": np.float64(2.5)},
        [Published("t", "PRNet", "SADRNet, Table I", {"mean": 3.62})],
        [Curve("CED", "x", "y", {"ours": ([0.0, 1.0], [0.0, 50.0])})],
        [Picture("p", np.zeros((2, 2, 3), np.uint8))],
    )


def test_what_is_saved_comes_back(report, tmp_path):
    path = report.save(tmp_path / "new" / "folder")
    for again in (load_report(path), load_report(path.parent)):
        assert again.figures[0] == report.figures[0]
        assert np.isnan(again.figures[1].value)
        np.testing.assert_array_equal(again.items.errors["NME"], report.items.errors["NME"])
        assert again.published[0].values == {"mean": 3.62}
        assert again.curves[0].series["ours"] == ([0.0, 1.0], [0.0, 50.0])
        assert (again.failures, again.variant) == (report.failures, "one line")
        assert not again.pictures


def test_the_file_is_strict_json(report, tmp_path):
    def refuse(word):
        raise AssertionError(word)

    content = json.loads(report.save(tmp_path).read_text(), parse_constant=refuse)
    assert content["items"]["errors"]["NME"] == [1.0, None, 2.0]


def test_columns_have_a_row_per_name():
    with pytest.raises(InputError, match="shape"):
        Items(["a"], {"NME": np.zeros(2)})


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"format": 99}', '{"format": 1, "items": {}}'])
def test_no_report(tmp_path, text):
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(InputError):
        load_report(tmp_path)


def test_missing_report(tmp_path):
    with pytest.raises(MissingFileError, match="selfie3d evaluate"):
        load_report(tmp_path / "report.json")
