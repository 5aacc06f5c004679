"""The arithmetic of docs/scaling.md: its tables are what the command prints, and the terms are what the page says."""

import json
from pathlib import Path

import pytest

from benchmarks.scaling import BEGIN, END, MOST_PARTITIONS, Machines, Measured, loaded, main, marks, needs

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "docs" / "scaling.json"


@pytest.mark.parametrize("name", ["scaling.md", "capacity.md"])
def test_the_page_has_what_the_command_prints(name, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / name).read_text()
    begins = BEGIN.search(page)
    arguments = begins[1].partition(" --page ")[0].split()
    assert begins[1].endswith(f"--page docs/{name}")
    main(arguments)
    written = page[begins.end() : page.index(END)].strip()
    assert written == capsys.readouterr().out.strip(), f"python -m benchmarks.scaling {begins[1]}"


def test_the_tables_of_a_page_are_written_between_its_marks(tmp_path, capsys):
    page, begin = tmp_path / "page.md", "<!-- tables: python -m benchmarks.scaling x -->"
    page.write_text(f"before\n{begin}\nold\n{END}\nafter\n")
    main([str(RESULT), "--page", str(page)])
    main([str(RESULT)])
    assert page.read_text() == f"before\n{begin}\n\n{capsys.readouterr().out}\n{END}\nafter\n"
    page.write_text("a page without marks")
    with pytest.raises(SystemExit, match="between which the tables go"):
        main([str(RESULT), "--page", str(page)])
    assert page.read_text() == "a page without marks"


def test_ten_times_the_rate_needs_ten_times_the_bytes_and_about_the_cores():
    measured = loaded(RESULT)
    less, more = (needs(measured, rate, Machines()) for rate in (100_000, 1_000_000))
    for name in ("into brokers, MB/s", "out of brokers, MB/s", "broker disk, TB", "ClickHouse disk, TB"):
        assert more[name] == pytest.approx(10 * less[name])
    for name in ("normalize cores", "correlate cores", "broker cores", "store + ClickHouse cores"):
        assert 0 <= 10 * less[name] - more[name] <= 10 * Machines().replication


def test_a_half_used_core_is_a_core_more():
    measured = loaded(RESULT)
    whole, half = (needs(measured, 100_000, Machines(utilisation=share)) for share in (1.0, 0.5))
    assert half["correlate cores"] in (2 * whole["correlate cores"] - 1, 2 * whole["correlate cores"])


def test_marks_grow_with_the_square_of_the_partitions():
    measured = loaded(RESULT)
    few, many = marks(12, 1, 2, measured), marks(120, 1, 2, measured)
    assert many["bytes"] == pytest.approx(100 * few["bytes"])
    assert many["cores"] == pytest.approx(100 * few["cores"])


def test_terms_are_what_the_page_says():
    measured = Measured(
        cpu={"normalize": 60, "correlate": 120, "store": 100, "broker": 30},
        wire={"cloud-audit": 100.0, "entries": 200.0}, stored=500.0, messages={"findings": 0.001},
        mark={"take_us": 1.0, "look_us": 0.1, "bytes": 50.0},
    )  # fmt: skip
    found = needs(measured, 10_000, Machines(utilisation=0.5, replication=3, retention_days=10))
    assert found["normalize cores"] == 2  # 10,000 × 60 µs / 0.5 = 1.2
    assert found["correlate cores"] == 3  # 2.4
    assert found["partitions"] == 12
    assert found["into brokers, MB/s"] == pytest.approx(3.0)
    assert found["with replication, MB/s"] == pytest.approx(9.0)
    assert found["out of brokers, MB/s"] == pytest.approx(1.0 + 2 * 2.0 + 6.0)
    assert found["broker disk, TB"] == pytest.approx(3 * (1.0 * 24 + 2.0 * 72) * 3600 / 1e6)
    assert found["ClickHouse disk, TB"] == pytest.approx(10_000 * 500 * 864_000 / 1e12)
    # 12 partitions: 72 marks for each of 12, 4 times a second; 2 normalizers and 3 correlators.
    assert found["marks, MB/s"] == pytest.approx(72 * 12 * 4 * 50 / 1e6)
    assert found["marks, cores"] == pytest.approx((72 * 12 * 4 + 0.1 * (2 * 60 + 3 * 72) * 12 * 4) / 1e6)
    assert found["findings, messages/s in one partition"] == pytest.approx(10)


def test_more_partitions_than_can_be_set_are_told(capsys):
    assert needs(loaded(RESULT), 10_000_000, Machines())["partitions"] > MOST_PARTITIONS
    main([str(RESULT), "--rates", "10000000"])
    assert f"more partitions than {MOST_PARTITIONS}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "says"),
    [("{", "this is not what"), ("{}", "this is not what"), (None, "No such file"), ("wrong", "wrong")],
)
def test_a_file_that_is_no_result_is_named_with_what_makes_one(tmp_path, text, says):
    file = tmp_path / "result.json"
    if text == "wrong":
        result = json.loads(RESULT.read_text())
        result["check"]["wrong"] = 1
        text = json.dumps(result)
    if text is not None:
        file.write_text(text)
    with pytest.raises(SystemExit, match=says):
        main([str(file)])
