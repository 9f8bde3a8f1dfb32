"""The papers' tables with our rows: what is printed, what is ours, and what is refused."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import pytest
from selfie3d.core.errors import InputError, MissingFileError, SettingError, UnknownNameError
from selfie3d.evaluate.metrics.identity import EMBEDDERS
from selfie3d.evaluate.metrics.mean_metrics import binned_metrics, mean_metrics_of
from selfie3d.evaluate.protocols import aflw2000_metrics, depth_normal, florence20, photometric
from selfie3d.evaluate.protocols.complexity import WHOLE_SIZE
from selfie3d.evaluate.protocols.micc_presets import micc_preset
from selfie3d.evaluate.registry import PROTOCOLS
from selfie3d.evaluate.report.report import Curve, Items, Metric, Report
from selfie3d.evaluate.tables.design import AFLW2000_68, AFLW_21, LFPA_34
from selfie3d.evaluate.tables.fill import fill, merged_curves
from selfie3d.evaluate.tables.registry import TABLES
from selfie3d.evaluate.tables.runs import open_runs
from selfie3d.evaluate.tables.write import latex, markdown, paper_table

PAPERS = TABLES.names()
ERRORS = np.array([2.0, 4.0, 5.0, 7.0])
BINS = np.array([0, 0, 1, 2])


def aflw2000(errors=ERRORS, every=1, title="x/best"):
    figures = binned_metrics(AFLW2000_68, errors, BINS, split="fitted pose", seeds=2)
    line = Curve("Cumulative error, 68 points in 2D", "NME", "%", {"original": ([0, 1], [0, 1])})
    names = [f"image{k}" for k in range(len(errors))]
    run = {"options": {"every": every, "boxes": "protocol", "pictures": 3}}
    return Report(
        "aflw2000", f"{title}, every {every}", figures, Items(names, {"e": errors}), {}, run,
        curves=[line],
    )  # fmt: skip


def micc():
    values = {"cooperative": (1.7, 0.4), "indoor": (1.8, 0.5), "outdoor": (1.9, 0.6)}
    values["mean of scenarios"] = (1.8, 0.1)
    figures = [Metric("Preset mlanet", k, v, "mm", 9, std) for k, (v, std) in values.items()]
    return Report("micc", "preset mlanet", figures, Items(["a"], {}), {}, {"options": {}})


@pytest.fixture
def folder(tmp_path):
    aflw2000().save(tmp_path / "one" / "aflw2000")
    micc().save(tmp_path / "one" / "micc")
    aflw2000(ERRORS + 1).save(tmp_path / "two")
    return tmp_path


def our_row(text, label):
    line = next(line for line in text.splitlines() if line.startswith(f"| {label} (ours)"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_our_numbers_stand_below_the_papers(folder):
    """Bins, mean and std by hand, with the letter of the run's protocol."""
    text = paper_table("csanet", [folder / "one", folder / "two"])
    assert "| CSANet | 4.254 | 4.947 | 5.796 | 4.999 | 0.630 | 2.914 |" in text
    own = our_row(text, "one")
    assert own[:5] == [""] * 5
    mean, std = np.mean([3, 5, 7]), np.std([3, 5, 7])
    assert own[5:] == ["3.000 [a]", "5.000 [a]", "7.000 [a]", f"{mean:.3f} [a]", f"{std:.3f} [a]"]
    assert our_row(text, "two")[5] == "4.000 [b]"
    assert "[a] one: aflw2000, x/best, every 1." in text
    assert "misprinted for 4.359" in text


def test_a_deviation_stands_beside_its_number(folder):
    _, scans, ablation = TABLES.create("mlanet")
    filled = fill(scans, open_runs([folder / "one", folder / "two"]))
    assert [row.method for row in filled.rows if row.ours] == ["one (ours)"]
    assert filled.rows[-1].cells == ("1.70 ± 0.40 [a]", "1.80 ± 0.50 [a]", "1.90 ± 0.60 [a]")
    assert "Booth et al. [4]" in [row.method for row in filled.rows]
    one, two = fill(ablation, open_runs([folder / "one", folder / "two"])).rows[-2:]
    assert one.cells == ("5.00 [a]", "1.80 ± 0.10 [b]") and two.cells == ("6.00 [c]", "")


def test_other_protocols_are_refused_or_marked(folder):
    aflw2000(every=4).save(folder / "four")
    runs = [folder / "one", folder / "four"]
    with pytest.raises(SettingError, match=r"alike in one and four.*every 4, not 1.*--mixed"):
        paper_table("csanet", runs)
    text = paper_table("csanet", runs, mixed=True)
    assert "four: aflw2000, x/best, every 4; MEASURED DIFFERENTLY: every 4, not 1." in text
    fewer = aflw2000()
    fewer = Report(
        fewer.protocol, fewer.variant, fewer.figures, Items(["image0"], {}), {}, fewer.run
    )
    fewer.save(folder / "fewer")
    with pytest.raises(SettingError, match=r"other items \(1, not 4\)"):
        paper_table("csanet", [folder / "one", folder / "fewer"])


def test_a_run_of_other_protocols_is_no_empty_row(folder):
    micc().save(folder / "scans" / "micc")
    wanted = "run scans: expected figures of csanet, by the protocols aflw, aflw2000"
    with pytest.raises(InputError, match=rf"{wanted}, got none; reports of micc\..*--out scans/"):
        paper_table("csanet", [folder / "one", folder / "scans"], mixed=True)
    assert "scans (ours)" in paper_table("mlanet", [folder / "one", folder / "scans"])


def test_two_reports_with_one_figure(folder):
    aflw2000().save(folder / "one" / "again")
    with pytest.raises(InputError, match=r"one figure '0 to 30' of aflw2000.*again"):
        paper_table("csanet", [folder / "one"])


def test_folders_without_reports(folder):
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match=r"reports of `selfie3d evaluate`.*--out .*empty"):
        paper_table("csanet", [folder / "empty"])
    with pytest.raises(MissingFileError, match="nowhere"):
        paper_table("csanet", [folder / "nowhere"])
    with pytest.raises(InputError, match="runs: expected folders"):
        paper_table("csanet", [])
    with pytest.raises(UnknownNameError, match="Known: csanet, mlanet"):
        paper_table("prnet", [folder / "one"])


@pytest.mark.parametrize("paper", PAPERS)
def test_every_table_is_rectangular_in_every_form(paper, folder):
    runs = open_runs([folder / "one"])
    for table in TABLES.create(paper):
        assert all(len(row.numbers) == len(table.columns) for row in table.rows)
        filled = fill(table, runs)
        lines = [line for line in markdown(filled).splitlines() if line.startswith("|")]
        assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(table.columns) + 2}
        cells = [  # of lines that end a row
            len(re.findall(r"(?<!\\)&", line))
            for line in latex(filled).splitlines()
            if line.endswith(r"\\") and "multicolumn" not in line
        ]
        assert set(cells) == {len(table.columns)} and len(cells) == len(filled.rows) + 1
        assert "%" not in re.sub(r"\\%|{%$", "", latex(filled), flags=re.MULTILINE)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
@pytest.mark.parametrize("paper", PAPERS)
def test_latex_takes_the_tables(paper, folder):
    """Whatever a run is called; no table is wider than the page."""
    odd = folder / "50%_a&b#{x}^~ ± – | < >"
    (folder / "one").rename(odd)
    paper_table(paper, [odd, folder / "two"], folder / "out")
    document = (
        r"\documentclass{article}\usepackage{booktabs,graphicx}\begin{document}"
        r"\input{out/table.tex}\end{document}"
    )
    (folder / "page.tex").write_text(document)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-draftmode", "page.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    log = (folder / "page.log").read_text(errors="replace")
    assert "Missing character" not in log
    wide = [float(points) for points in re.findall(r"Overfull .hbox \(([\d.]+)pt", log)]
    assert max(wide, default=0) < 1, wide  # of hundreds without the table made smaller


def test_files(folder, tmp_path):
    text = paper_table("sadrnet", [folder / "one", folder / "two"], tmp_path / "out")
    assert (tmp_path / "out" / "table.md").read_text() == text
    assert (tmp_path / "out" / "table.tex").read_text().count(r"\begin{table}") == 5
    page = (tmp_path / "out" / "table.html").read_text()
    assert page.count('<svg viewBox="0 0 480') == 1  # both runs' curves in one figure
    assert "one<" in page and "two<" in page and "Cumulative error" in page


def test_curves_of_one_title_are_one_figure(folder):
    (curve,) = merged_curves(open_runs([folder / "one", folder / "two"]))
    assert list(curve.series) == ["one", "two"]


def test_columns_name_figures_that_protocols_make():
    """A renamed heading of a report would leave our cells empty."""
    assert aflw2000_metrics._table(aflw2000_metrics.PLANE, "original", "fitted") == AFLW2000_68
    assert PROTOCOLS.create("aflw").title == AFLW_21
    assert PROTOCOLS.create("aflw-lfpa").title == LFPA_34
    known = {
        "aflw2000": {f.name for f in aflw2000().figures} | {"yaw", "pitch", "roll", "mean"},
        "aflw": {f.name for f in aflw2000().figures},
        "aflw-lfpa": {f.name for f in mean_metrics_of(LFPA_34, ERRORS, "%")},
        "complexity": {"parameters", "MACs", WHOLE_SIZE},
        "depth-normal": set(depth_normal._UNITS),
        "florence20": {"mean"},
        "micc": {f.name for f in micc().figures},
        "photometric": {*photometric._METRICS, *(f"cosine, {name}" for name in EMBEDDERS.names())},
    }
    tables = {"micc": f"Preset {micc_preset('mlanet').name}", "florence20": florence20.TABLE}
    for paper in PAPERS:
        for column in (c for table in TABLES.create(paper) for c in table.columns):
            source = column.source
            if source is not None:
                assert source.name in known[source.protocol], source
                assert source.table == tables.get(source.protocol, source.table)
