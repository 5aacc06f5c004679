"""The picture says what was measured, and nothing of a wrong answer."""

import json
import re
from xml.etree import ElementTree as ET

import pytest

from benchmarks.plot import drawn, read
from benchmarks.throughput import compare

RIGHT = {"expected": 101, "entries": 101, "wrong": 0}
RESULT = {
    "events": 100, "cpu": {"normalize": 30.0, "correlate": 60.0}, "check": RIGHT,
    "rates": {"null: consume": 100_000.0, "null: parse": 80_000.0, "null: insert": 50_000.0, "ours": 25_000.0},
}  # fmt: skip


def widths(svg):
    return {
        style: float(width) for width, style in re.findall(r'width="([\d.]+)" height="20" rx="2" class="(\w+)"', svg)
    }


def test_the_bar_of_what_is_faster_is_longer():
    result = json.loads(json.dumps(RESULT))
    compare(result, {"rate": 500.0})
    svg = drawn([result])
    ET.fromstring(svg)
    assert "25,000 · 0.50 of null" in svg
    assert "500 · 0.010 of null" in svg
    before_cpu = svg[: svg.index("Microseconds")]
    # From 100, the power of ten below the least, to 500 and to 25,000.
    assert widths(before_cpu)["ours"] / widths(before_cpu)["rival"] == pytest.approx(2.398 / 0.699, rel=0.01)


def test_a_rival_that_is_wrong_has_no_bar():
    result = json.loads(json.dumps(RESULT))
    compare(result, {"rate": 0.0})
    assert "times_rival" not in result
    assert "Faust" not in drawn([result])


def test_of_several_results_the_median_is_told():
    others = [{**RESULT, "rates": {**RESULT["rates"], "ours": rate}} for rate in (20_000.0, 21_000.0)]
    svg = drawn([RESULT, *others])
    assert "21,000 · 0.42 of null" in svg
    assert "least and most of 3 runs" in svg


def test_a_wrong_answer_is_not_drawn():
    with pytest.raises(SystemExit, match="counts as zero"):
        drawn([{**RESULT, "check": {**RIGHT, "wrong": 1}}])


def test_a_file_that_holds_no_result_is_named(tmp_path):
    file = tmp_path / "other.json"
    file.write_text("[]")
    with pytest.raises(SystemExit, match=r"other\.json"):
        list(read([file]))
