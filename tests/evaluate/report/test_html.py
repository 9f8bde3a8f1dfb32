from __future__ import annotations

import base64
import io
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.errors import InputError
from selfie3d.evaluate.report.chart import curve_chart
from selfie3d.evaluate.report.html import report_page, write_html
from selfie3d.evaluate.report.report import Curve, Items, Metric, Picture, Published, Report
from selfie3d.evaluate.report.text import decimals_for, number

VOID = {"meta", "img", "br", "circle", "path"}
SHIFTY = "<script>alert('&')</script>"


class Page(HTMLParser):
    """Tables as lists of rows, tags by name, and whether every tag is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.tables: list[list[list[str]]] = []
        self.text = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data


def figure(name: str, value: float, split: str = "", annotation: str = "") -> Metric:
    return Metric("68 points", name, value, "%", 1312, 0.5, split, annotation, "sample mean")


def report(**parts) -> Report:
    content = {
        "protocol": "aflw2000",
        "variant": "exactly this",
        "figures": [],
        "items": Items(["a", "b", "c"], {"nme": np.array([1.0, 2.0, math.nan])}),
        "failures": {},
        "run": {},
    }
    return Report(**(content | parts))


def test_every_text_is_escaped_and_every_tag_closed():
    text = report_page(
        report(
            protocol=SHIFTY,
            variant=SHIFTY,
            figures=[Metric(SHIFTY, SHIFTY, 1.0, SHIFTY, 3, None, SHIFTY, SHIFTY, SHIFTY)],
            failures={SHIFTY: SHIFTY},
            run={SHIFTY: {SHIFTY: [SHIFTY]}},
            published=[Published(SHIFTY, SHIFTY, SHIFTY, {SHIFTY: 2.0})],
            curves=[Curve(SHIFTY, SHIFTY, SHIFTY, {SHIFTY: ([0, 1], [0, 1])})],
            pictures=[Picture(SHIFTY, np.zeros((4, 4, 3), np.uint8), SHIFTY)],
        )
    )
    names = [tag for tag, _ in Page(text).tags]
    assert "script" not in names
    assert Page(text).text.count(SHIFTY) > 12


def test_nothing_is_fetched():
    text = report_page(report(pictures=[Picture("p", np.zeros((4, 4, 3), np.uint8))]))
    page = Page(text)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "base"}
    for _, attributes in page.tags:
        for key in ("src", "href", "srcset", "action"):
            assert attributes.get(key, "data:").startswith("data:")
    assert not re.search(r"https?://|@import|url\(", text)


def test_figures_with_what_they_are_over():
    figures = [figure("[0,30]", 2.925, "fitted", "original"), figure("[0,30]", math.nan)]
    head, first, second = Page(report_page(report(figures=figures))).tables[0]
    assert head == ["figure", "value", "±\u00a0std", "unit", "over", "split", "annotation", "mean"]
    assert first[:6] == ["[0,30]", "2.925", "0.500", "%", "1,312", "fitted"]
    assert first[6:] == ["original", "sample mean"]
    assert second[1] == "–"


def test_published_rows_stand_beside_and_say_so():
    figures = [
        figure("[0,30]", 2.925, "fitted", "original"),
        figure("[0,30]", 2.232, "fitted", "re-annotated"),
        figure("all", 3.7, "", "re-annotated"),
        figure("not in any paper", 9.0),
    ]
    papers = [
        Published("68 points", "CSANet", "CSANet, table 2", {"[0,30]": 2.914, "mean": 3.820}),
        Published("another table", "Other", "elsewhere", {"[0,30]": 1.0}),
    ]
    page = Page(report_page(report(figures=figures, published=papers)))
    head, original, again, paper = page.tables[1]
    assert head == ["method", "[0,30], %", "mean", "source"]
    assert original == ["this run", "2.925", "", "measured; fitted; original"]
    assert again == ["this run", "2.232", "", "measured; fitted; re-annotated"]
    assert paper == ["CSANet", "2.914", "3.82", "published: CSANet, table 2"]
    assert "were not measured here" in page.text
    assert "Other" not in page.text


def test_published_numbers_keep_their_digits_and_align():
    papers = [Published("68 points", "M", "S", {"bin": value}) for value in (2.66, 5, 1.234, 3.5)]
    rows = Page(report_page(report(figures=[figure("bin", 2.0)], published=papers))).tables[1]
    texts = [row[1] for row in rows[2:]]
    assert [text.strip() for text in texts] == ["2.66", "5", "1.234", "3.5"]
    assert len({len(text) for text in texts}) == 1


def test_a_figure_without_split_joins_its_annotations_row():
    figures = [figure("bin", 2.0, "fitted", "A"), figure("all", 3.0, "", "A")]
    paper = Published("68 points", "M", "S", {"bin": 1, "all": 2})
    rows = Page(report_page(report(figures=figures, published=[paper]))).tables[1]
    assert rows[1] == ["this run", "2.000", "3.000", "measured; fitted; A"]
    assert len(rows) == 3


def test_failures_are_counted_and_listed():
    failures = {f"image{k}": f"no face {k}" for k in range(310)}
    page = Page(report_page(report(failures=failures)))
    assert "3 items, 310 failed" in page.text and "10 more" in page.text
    assert page.tables[0][1] == ["image0", "no face 0"] and len(page.tables[0]) == 301


def test_what_was_run():
    run = {"weights": "fit", "options": {"seeds": [0, 1], "crop": {"size": 120}}, "none": None}
    rows = Page(report_page(report(run=run))).tables[0][1:]
    wanted = [["weights", "fit"], ["options.seeds", "0, 1"], ["options.crop.size", "120"]]
    assert rows == [*wanted, ["none", ""]]


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_pictures_come_back(kind, tmp_path: Path):
    random = np.random.default_rng(0)
    flat = np.repeat(np.arange(0, 240, 4, dtype=np.uint8)[:, None, None], 40, 1).repeat(3, 2)
    noise = Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)).resize((200, 200))
    array = flat if kind == "png" else np.asarray(noise)
    path = write_html(report(pictures=[Picture("p", array)]), tmp_path / "new" / "report.html")
    page = Page(path.read_text(encoding="utf-8"))
    source = next(attributes["src"] for tag, attributes in page.tags if tag == "img")
    assert source.startswith(f"data:image/{kind};base64,")
    back = np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))))
    assert np.abs(back.astype(int) - array).mean() < (0.01 if kind == "png" else 6)


def test_a_picture_of_another_type_is_refused():
    with pytest.raises(InputError, match="heat"):
        report_page(report(pictures=[Picture("heat", np.zeros((4, 4, 3), np.float32))]))


def places(text: str) -> list[np.ndarray]:
    lines = re.findall(r'<path d="(M[^"HV]*)" fill="none"', text)
    pairs = [re.findall(r"[ML]([\d.]+) ([\d.]+)", line) for line in lines]
    return [np.array(points, float) for points in pairs]


def test_lines_are_linear_in_their_values_and_stay_in_the_box():
    x, y = np.array([0.0, 1.0, 2.5, 4.0]), np.array([3.0, 9.0, 7.5, 11.0])
    (line,) = places(curve_chart(Curve("t", "x", "y", {"a": (x, y)})))
    slope, offset = np.polyfit(x, line[:, 0], 1)
    np.testing.assert_allclose(line[:, 0], slope * x + offset, atol=0.06)
    slope, offset = np.polyfit(y, line[:, 1], 1)
    np.testing.assert_allclose(line[:, 1], slope * y + offset, atol=0.06)
    assert slope < 0 < offset  # up is more
    assert (line >= 0).all() and (line <= [480, 320]).all()


def test_missing_values_break_a_line():
    text = curve_chart(Curve("t", "x", "y", {"a": ([0, 1, 2, 3, 4], [1, 2, None, math.nan, 2])}))
    path = re.search(r'<path d="(M[^"HV]*)" fill="none"', text)[1]
    assert path.count("M") == 2 and path.count("L") == 1


@pytest.mark.parametrize(
    "values", [[5.0, 5.0], [0.0, 0.0], [1e-9, 3e-9], [-2e7, 4e8], [math.nan] * 2]
)
def test_any_range_can_be_drawn(values):
    text = curve_chart(Curve("t", "x", "y", {"a": ([0, 1], values), "empty": ([], [])}))
    Page(text)
    assert "nan" not in text.lower() and ("empty" not in text)


def test_every_series_is_in_the_legend_and_looks_different():
    series = {f"line {k}": ([0, 1], [k, k + 1]) for k in range(6)}
    text = curve_chart(Curve("t", "the x", "the y", series))
    page = Page(text)
    for label in (*series, "the x", "the y"):
        assert label in page.text
    strokes = re.findall(r'stroke="#[0-9a-f]{6}" stroke-width="2.2"[^/]*', text)
    assert len(set(strokes)) == 6


@pytest.mark.parametrize(
    ("values", "value", "text"),
    [
        ([2.925, 10.5], 2.925, "2.925"),
        ([3_270_000], 3_270_000, "3,270,000"),
        ([183.46], 183.46, "183.46"),
        ([0.00042], 0.00042, "0.000420"),
        ([-4.0], -4.0, "−4.000"),
        ([math.nan], math.nan, "–"),
        ([math.inf], math.inf, "∞"),
    ],
)
def test_numbers(values, value, text):
    assert number(value, decimals_for(values)) == text
