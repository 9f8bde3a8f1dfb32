from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.evaluate.report.compare import (
    bootstrap_interval,
    comparison_of,
    labels_of,
)
from selfie3d.evaluate.report.compare_table import compare_reports, comparison_page, comparison_text
from selfie3d.evaluate.report.report import Items, Metric, Report, load_report


def report(errors: dict[str, list[float]] | None = None, **parts) -> Report:
    errors = errors or {"nme": [1.0, 2.0, 3.0, 4.0]}
    count = len(next(iter(errors.values())))
    names = parts.pop("names", [f"image{k}" for k in range(count)])
    content = {
        "protocol": "aflw2000",
        "variant": "what ran",
        "figures": [figure("mean", 2.5)],
        "items": Items(names, {k: np.array(v, float) for k, v in errors.items()}),
        "failures": {},
        "run": {},
    }
    return Report(**(content | parts))


def figure(name: str, value: float, **parts) -> Metric:
    content = {"table": "68 points", "unit": "%", "count": 4} | parts
    return Metric(name=name, value=value, **content)


def test_interval_against_scipy_and_the_normal_law():
    differences = np.random.default_rng(1).gamma(2.0, 1.0, 400) - 1.9
    low, high = bootstrap_interval(differences)
    wanted = scipy.stats.bootstrap(
        (differences,), np.mean, n_resamples=10_000, method="percentile", rng=7
    ).confidence_interval
    assert (low, high) == pytest.approx((wanted.low, wanted.high), abs=0.006)
    half = 1.96 * differences.std() / 20
    assert (high - low) / 2 == pytest.approx(half, rel=0.04)


def test_interval_covers_the_truth_as_often_as_it_says():
    random = np.random.default_rng(0)
    hits = 0
    for seed in range(300):
        low, high = bootstrap_interval(random.normal(0.3, 1, 60), seed, resamples=400)
        hits += low <= 0.3 <= high
    assert 0.90 <= hits / 300 <= 0.98


def test_equal_seeds_give_equal_intervals():
    values = np.random.default_rng(2).normal(size=50)
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert bootstrap_interval(values, seed=1) != bootstrap_interval(values)
    assert all(math.isnan(x) for x in bootstrap_interval(values[:1]))


def test_items_are_paired_by_name_and_not_by_place():
    one = report({"nme": [1.0, 2.0, 3.0]}, names=["a", "b", "c"])
    other = report({"nme": [3.5, 1.5, 2.5]}, names=["c", "a", "b"])
    (found,) = comparison_of([one, other], ["A", "B"]).differences
    assert found.difference == pytest.approx(0.5)
    assert (found.low, found.high) == pytest.approx((0.5, 0.5)) and found.clear


def test_failed_and_missing_items_are_left_out_of_both_and_counted():
    one = report({"nme": [1.0, math.nan, 3.0, 4.0, 5.0]}, names=list("abcde"))
    other = report({"nme": [2.0, 2.0, math.nan, math.nan, 9.0, 9.0]}, names=list("abcdxy"))
    (found,) = comparison_of([one, other], ["A", "B"]).differences
    assert (found.count, found.failed, found.apart) == (1, (1, 2), (1, 2))
    assert found.means == (1.0, 2.0)
    text = comparison_text(comparison_of([one, other], ["A", "B"]))
    assert "1 / 2" in text and "failed" in text and "only in one" in text


def test_failing_on_hard_images_does_not_win():
    random = np.random.default_rng(3)
    easy, hard = random.normal(2, 0.1, 50), random.normal(20, 0.1, 50)
    steady = report({"nme": [*easy, *hard]})
    picky = report({"nme": [*(easy + 0.5), *[math.nan] * 50]})
    (found,) = comparison_of([steady, picky], ["steady", "picky"]).differences
    assert found.difference == pytest.approx(0.5) and found.clear and found.low > 0


def test_every_other_report_against_the_first():
    reports = [report({"nme": [1, 2, 3], "pose": [1, 1, 1]}), report({"nme": [2, 3, 4]})]
    reports.append(report({"pose": [0, 1, 0]}))
    found = comparison_of(reports, ["A", "B", "C"]).differences
    assert [(d.column, d.first, d.second) for d in found] == [("nme", 0, 1), ("pose", 0, 2)]


def test_what_measures_otherwise_stands_in_another_row():
    one = report(figures=[figure("mean", 2.5, annotation="original", split="fitted")])
    other = report(
        figures=[
            figure("mean", 1.5, annotation="re-annotated", split="fitted"),
            figure("mean", 2.7, annotation="original", split="fitted"),
            figure("mean", 2.6, annotation="original", split="AFLW labels"),
        ]
    )
    rows = comparison_of([one, other], ["A", "B"]).rows
    cells = [tuple(c and c.value for c in row.cells) for row in rows]
    assert cells == [(2.5, 2.7), (None, 1.5), (None, 2.6)]


def test_counts_that_differ_are_shown():
    reports = [report(figures=[figure("mean", 2.5)]), report(figures=[figure("mean", 2, count=3)])]
    text = comparison_text(comparison_of(reports, ["A", "B"]))
    assert "2.500 (n = 4)" in text and "2.000 (n = 3)" in text


def test_options_that_differ_are_named():
    runs = [{"options": {"boxes": "protocol", "seed": 0, "dense": {"points": ""}}}]
    runs.append({"options": {"boxes": "detector", "seed": 0, "dense": {"points": "x"}}})
    found = comparison_of([report(run=run) for run in runs], ["A", "B"])
    assert found.options == {"boxes": ("protocol", "detector"), "dense.points": ("", "x")}
    assert re.search(r"boxes +protocol +detector", comparison_text(found))


def test_refusals():
    with pytest.raises(InputError, match=r"micc \(B\)"):
        comparison_of([report(), report(protocol="micc")], ["A", "B"])
    with pytest.raises(InputError, match="at least two"):
        comparison_of([report()], ["A"])
    with pytest.raises(InputError, match="'a' more than once"):
        comparison_of([report(), report(names=list("aabc"))], ["A", "B"])


def test_no_shared_items_is_said_and_no_difference_is_made_up():
    found = comparison_of([report(), report(names=list("wxyz"))], ["A", "B"])
    assert not found.differences
    assert "share no items" in comparison_text(found)
    assert "share no items" in comparison_page(found)


def test_columns_of_the_text_are_aligned():
    figures = [figure("mean", 2.5, std=0.25), figure("a much longer name", 12.25)]
    lines = comparison_text(
        comparison_of([report(figures=figures), report(figures=figures[:1])], ["A", "B"])
    ).splitlines()
    start = lines.index("68 points") + 1
    head, first, second = lines[start : start + 3]
    assert first.index("%") == second.index("%") == head.index("unit")
    assert "2.500 ± 0.250" in first and second.index("12.250") + 6 == first.index("0.250") + 5


def test_what_the_tables_name_says_is_not_said_again():
    about = {"table": "68 points, fitted pose", "split": "fitted pose", "mean": "over images"}
    reports = [report(figures=[figure("mean", 2.5, annotation="original", **about)])] * 2
    text = comparison_text(comparison_of(reports, ["A", "B"]))
    head = next(line for line in text.splitlines() if "figure" in line).split()
    assert head == ["figure", "A", "B", "unit", "annotation", "mean"]


def test_from_files_to_text_and_page(tmp_path: Path):
    errors = np.random.default_rng(0).gamma(6, 0.5, 200)
    report({"nme": list(errors)}).save(tmp_path / "<fit>")
    report({"nme": list(errors + 0.1)}).save(tmp_path / "mb05")
    paths = [tmp_path / "<fit>", tmp_path / "mb05" / "report.json"]
    text = compare_reports(paths, tmp_path / "out")
    assert "mb05 - <fit>" in text and "+0.100 *" in text
    page = (tmp_path / "out" / "compare.html").read_text(encoding="utf-8")
    assert "mb05 - &lt;fit&gt;" in page and "<fit>" not in page and "http" not in page
    with pytest.raises(MissingFileError):
        compare_reports([*paths, tmp_path / "nowhere"])


def test_labels_tell_paths_apart():
    paths = [Path("/x/a/report.json"), Path("/x/b"), Path("/x/c.json")]
    assert labels_of(paths) == ["a", "b", "c"]
    assert labels_of([Path("/x/run"), Path("/y/run")]) == ["x/run", "y/run"]
    assert len(set(labels_of([Path("/x/run")] * 2))) == 2


def test_interval_of_the_mean_of_bins():
    """Against the normal law of independent bins, and within bins alone."""
    random = np.random.default_rng(3)
    sizes, levels = (400, 100, 60), (0.0, 1.0, 5.0)
    parts = [random.normal(m, 1, n) for n, m in zip(sizes, levels, strict=True)]
    groups = np.repeat([2, 0, 1], sizes)
    low, high = bootstrap_interval(np.concatenate(parts), groups=groups)
    middle = np.mean([p.mean() for p in parts])
    half = 1.96 * np.sqrt(sum(p.var() / len(p) for p in parts)) / 3
    assert (low + high) / 2 == pytest.approx(middle, abs=0.01)
    assert (high - low) / 2 == pytest.approx(half, rel=0.04)
    assert math.isnan(bootstrap_interval(np.ones(3), groups=np.array([0, 0, 1]))[0])


def test_bins_give_a_second_difference(tmp_path):
    """The report keeps its bins; the failed item leaves only its own bin."""
    groups = np.array([0, 0, 0, 0, 1, 1])
    one, two = [1, 2, 3, math.nan, 10, 10], [2, 3, 4, 9, 10, 14]
    reports = []
    for k, errors in enumerate((one, two)):
        items = Items([f"i{n}" for n in range(6)], {"nme": np.array(errors, float)}, groups)
        reports.append(report(items=items))
        reports[-1].save(tmp_path / str(k))
    loaded = [load_report(tmp_path / str(k)) for k in range(2)]
    plain, binned = comparison_of(loaded, ["a", "b"]).differences
    assert (plain.column, binned.column) == ("nme", "nme, mean of bins")
    assert plain.means == pytest.approx((26 / 5, 33 / 5)) and plain.count == binned.count == 5
    assert binned.means == pytest.approx(((2 + 10) / 2, (3 + 12) / 2))
