"""Seeds of a row as one number with an interval, against scipy's t tests."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from selfie3d.core.errors import InputError, MissingFileError, SettingError
from selfie3d.evaluate.metrics.mean_metrics import binned_metrics
from selfie3d.evaluate.report.report import Items, Report
from selfie3d.evaluate.tables.ablation import SeededRow, ablation_table
from selfie3d.evaluate.tables.design import AFLW2000_68
from selfie3d.evaluate.tables.seeds import half_width

BINS = np.array([0, 0, 1, 1, 2, 2])


def save(folder, errors, every=1):
    figures = binned_metrics(AFLW2000_68, errors, BINS, split="fitted pose", seeds=2)
    run = {"options": {"every": every}}
    items = Items([f"i{k}" for k in range(len(errors))], {"e": errors})
    Report("aflw2000", "whatever ran", figures, items, {}, run).save(folder / "aflw2000")


@pytest.fixture
def rows(tmp_path):
    """Three seeds of two rows; the mean of bins of each."""
    generator, means = np.random.default_rng(0), {}
    for label in ("without PAF", "MLANet"):
        for seed in range(3):
            errors = generator.uniform(2, 9, 6)
            save(tmp_path / label / str(seed), errors)
            means.setdefault(label, []).append(errors.reshape(3, 2).mean(1).mean())
    return tmp_path, {k: np.array(v) for k, v in means.items()}


def seeded(folder, *labels, count=3):
    return [SeededRow(label, [folder / label / str(k) for k in range(count)]) for label in labels]


def cells(text, begin):
    line = next(line for line in text.splitlines() if line.startswith(f"| {begin} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_intervals_are_students(rows):
    folder, means = rows
    text = ablation_table("mlanet", seeded(folder, "without PAF", "MLANet"))
    for label, values in means.items():
        low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        expected = f"{values.mean():.2f} (± {(high - low) / 2:.2f})"
        assert cells(text, f"{label} (ours)")[0].startswith(expected)
    low, high = stats.ttest_rel(means["without PAF"], means["MLANet"]).confidence_interval(0.95)
    mean = (means["without PAF"] - means["MLANet"]).mean()
    (cell,) = cells(text, "without PAF")[-1:]
    less = text[text.index("### Less MLANet") :]
    (cell,) = cells(less, "without PAF")
    sign = "+" if mean > 0 else "−"
    assert cell.removesuffix(" *") == f"{sign}{abs(mean):.2f} (± {(high - low) / 2:.2f})"
    assert cell.endswith("*") == bool(low > 0 or high < 0)
    assert "whatever ran, 3 seeds" in text


def test_one_seed_has_no_interval(rows):
    folder, means = rows
    text = ablation_table("mlanet", seeded(folder, "without PAF", "MLANet", count=1))
    assert cells(text, "MLANet (ours)")[0] == f"{means['MLANet'][0]:.2f} [b]"
    assert half_width([3.0]) is None and half_width([3.0, 3.0]) == 0


def test_a_clear_difference_is_marked(tmp_path):
    for seed, noise in enumerate((0.0, 0.01, 0.02)):
        save(tmp_path / "without PAF" / str(seed), np.full(6, 5.0) + noise)
        save(tmp_path / "MLANet" / str(seed), np.full(6, 4.0) - noise)
    text = ablation_table("mlanet", seeded(tmp_path, "without PAF", "MLANet"))
    assert "| without PAF | +1.02 (± 0.05) * |" in text


def test_the_spread_of_bins_has_no_interval(rows):
    """CSANet's `std` column is a property of each run; its mean over seeds is shown."""
    folder, _ = rows
    cell = cells(ablation_table("csanet", seeded(folder, "MLANet")), "MLANet (ours)")[-1]
    assert "±" not in cell and float(cell.split()[0]) > 0


@pytest.mark.parametrize("paper", ["csanet", "mobdensenet", "mobile-facernet", "sadrnet"])
def test_every_paper(paper, rows):
    folder, _ = rows
    text = ablation_table(paper, seeded(folder, "without PAF", "MLANet"), folder / "out")
    assert text.startswith("### ") and "without PAF (ours)" in text and "### Less MLANet" in text
    assert (folder / "out" / "table.html").read_text().count("<table") == text.count("\n### ") + 1


def test_rows_that_cannot_be_compared(rows):
    folder, _ = rows
    save(folder / "whole" / "0", np.full(6, 3.0), every=4)
    alike = [*seeded(folder, "MLANet"), SeededRow("whole", [folder / "whole" / "0"])]
    with pytest.raises(SettingError, match="every 4, not 1"):
        ablation_table("mlanet", alike)
    for wrong in ([], [SeededRow("a", [])]):
        with pytest.raises(InputError, match="rows: expected at least one, each with a run"):
            ablation_table("mlanet", wrong)
    with pytest.raises(MissingFileError, match="nowhere"):
        ablation_table("mlanet", [SeededRow("a", [folder / "nowhere"])])
