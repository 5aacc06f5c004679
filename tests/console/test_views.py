import csv
import io
import json

import pytest

from pipeline.cli import views
from pipeline.console import shapes
from schemas.entry import Entry, Link
from schemas.event import Event
from schemas.rejected import Rejected
from tests.store.entries import entry

HOSTILE = "\x1b[31mred\x1b]0;title\x07\u202egnp\u200b\r\n[bold]x\x9b\x7f"
COMMANDS = "\x1b\x07\u202e\u200b\r\x9b\x7f\u2028"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def hostile() -> dict:
    event = Event(event_id=HOSTILE, kind=HOSTILE, time=5, format=HOSTILE, action=HOSTILE, resources=[HOSTILE])
    found = dict.fromkeys(("actor", "human", "session", "tool_call", "prompt_event", "unbound"), HOSTILE)
    return shapes.entry(Entry(event=event, links=[Link("actor", HOSTILE, 0.5)], **found))


def letter(**more) -> dict:
    return shapes.dead_letter(Rejected(**{
        "rejected_id": "r1", "stage": "normalize", "reason": "time: expected a number", "format": "aws.cloudtrail",
        "topic": "cloud-audit", "partition": 0, "offset": 7, "time": 1_700_000_000_000_000, "value": b"line\nother",
        **more,
    }))  # fmt: skip


def shown(render, rows, format, out=None) -> str:
    out = out or io.StringIO()
    render(rows, format, out)
    return out.getvalue()


@pytest.mark.parametrize("format", ["table", "json", "jsonl", "csv"])
def test_hostile_text_commands_no_terminal(format):
    output = shown(views.timeline, [hostile()], format) + shown(views.event, hostile(), format)
    output += shown(views.dead_letters, [letter(reason=HOSTILE, stage=HOSTILE, rejected_id=HOSTILE)], format)
    output += shown(views.dead_letter, letter(reason=HOSTILE, value=HOSTILE.encode()), format)
    output += shown(views.status, {HOSTILE: {HOSTILE: HOSTILE}}, format)
    assert not set(output) & set(COMMANDS)
    assert "[bold]" in output


@pytest.mark.parametrize("format", ["json", "jsonl"])
def test_json_reads_back_as_it_was(format):
    rows = [hostile(), shapes.entry(entry("b", 1))]
    output = shown(views.timeline, rows, format)
    assert (json.loads(output) if format == "json" else [json.loads(line) for line in output.splitlines()]) == rows


def test_nothing_is_an_empty_document():
    assert json.loads(shown(views.timeline, [], "json")) == []
    assert shown(views.timeline, [], "jsonl") == ""
    assert shown(views.timeline, [], "table") == ""
    assert shown(views.timeline, [], "csv").count("\n") == 1


def test_the_number_of_rows_is_told():
    rows = [shapes.entry(entry(f"e{n}", n)) for n in range(1203)]
    for format in ("table", "json", "jsonl", "csv"):
        assert views.timeline(iter(rows), format, io.StringIO()) == 1203


def test_csv_has_its_documented_columns():
    row = shapes.entry(entry("a", human="ana@example.com", tool_call="tc", resources=["x", "y"], credential="k"))
    (found,) = csv.DictReader(io.StringIO(shown(views.timeline, [row], "csv")))
    assert tuple(found) == views.CSV_COLUMNS
    assert (found["time"], found["actor"], found["human"], found["resources"]) == (
        "2023-11-14T22:13:20Z", "bot", "ana@example.com", "x y",
    )  # fmt: skip
    assert (found["link"], found["confidence"], found["tool_call"]) == ("credential", "0.9", "tc")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_csv_cell_is_a_formula(start):
    row = shapes.entry(entry(start + "1+cmd", actor=start + "cmd|' /C calc'!A0", resources=[start + "x"]))
    (found,) = csv.DictReader(io.StringIO(shown(views.timeline, [row], "csv")))
    for name in ("actor", "event_id", "resources"):
        assert found[name].startswith("'")
    (found,) = csv.DictReader(io.StringIO(shown(views.dead_letters, [letter(reason=start + "x")], "csv")))
    assert found["reason"].startswith("'")


def test_a_table_fits_the_terminal(monkeypatch):
    for width in (60, 100, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        row = shapes.entry(entry("a", actor="x" * 90, human="y" * 90, resources=["z" * 300]))
        assert max(map(len, shown(views.timeline, [row], "table").splitlines())) <= width


def test_a_row_says_who_for_whom_how_sure_and_because_of_what():
    found = entry("a", human="ana@example.com", tool_call="tc-9", prompt_event="p-1", outcome="denied", sure=0.72)
    output = shown(views.timeline, [shapes.entry(found)], "table")
    for text in (
        "2023-11-14 22:13:20",
        "bot",
        "ana@example.com",
        "denied",
        "credential",
        "0.72",
        "call tc-9",
        "prompt p-1",
    ):
        assert text in output


@pytest.mark.parametrize(
    ("expires", "revoked", "said"),
    [
        (-720, 0, ["(used 12 min after it expired)"]),
        (60, -180, ["(revoked 3 min before)"]),
        (-7200, -0.25, ["(used 2 h after it expired)", "(revoked less than 1 s before)"]),
        (-200_000, -119, ["(used 2 days after it expired)", "(revoked 119 s before)"]),
        (60, 0, []),
        (0, 0, []),
    ],
)
def test_an_event_says_how_long_after_its_credentials_end_it_was(expires, revoked, said):
    item = entry("a", credential="k")
    item.credential_expires = item.event.time + int(expires * 1e6) if expires else 0
    item.credential_revoked = item.event.time + int(revoked * 1e6) if revoked else 0
    output = " ".join(shown(views.event, shapes.entry(item), "table").split())
    assert [text for text in ("(used", "(revoked") if text in output] == [text.split()[0] for text in said]
    assert all(text in output for text in said)
    assert ("credential_expires" in output, "credential_revoked" in output) == (expires != 0, revoked != 0)


def test_a_time_out_of_any_calendar_is_told_as_it_is():
    item = entry("a", credential="k")
    item.credential_expires = 2**62
    assert "credential_expires" in shown(views.event, shapes.entry(item), "table")


def test_colour_is_for_terminals_only(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    rows = [shapes.entry(entry("a"))]
    assert "\x1b[" in shown(views.timeline, rows, "table", Terminal())
    assert "\x1b" not in shown(views.timeline, rows, "table")
    assert "\x1b" not in shown(views.timeline, rows, "json", Terminal())


def test_a_dead_letter_is_shown_with_its_bytes():
    assert "line\nother" in shown(views.dead_letter, letter(), "table")
    assert "time: expected a number" in shown(views.dead_letter, letter(), "table")
    assert json.loads(shown(views.dead_letter, letter(), "jsonl"))["value"] == "line\nother"
    assert json.loads(shown(views.dead_letter, letter(value=b"\xff"), "jsonl"))["encoding"] == "base64"


def test_the_status_has_a_line_a_figure():
    report = {"lag": {"store": 3}, "store": {"entries": 1, "rejections": [{"stage": "s", "reason": "r", "amount": 2}]}}
    output = shown(views.status, report, "table")
    assert [line.split(None, 1) for line in map(str.strip, output.splitlines())] == [
        ["lag.store", "3"],
        ["store.entries", "1"],
        ["store.rejections.s", "2 × r"],
    ]
    assert json.loads(shown(views.status, report, "json")) == report
    assert "lag.store,3\n" in shown(views.status, report, "csv")


@pytest.mark.parametrize(
    ("time", "written"),
    [
        (0, "1970-01-01T00:00:00Z"), (-1, "1969-12-31T23:59:59.999999Z"), (1_500_000, "1970-01-01T00:00:01.500000Z"),
        (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"), (2**63 - 1, f"1970-01-01T00:00:00Z+{2**63 - 1}us"),
        (-(2**63), f"1970-01-01T00:00:00Z-{2**63}us"),
    ],
)  # fmt: skip
def test_any_time_can_be_written(time, written):
    assert shapes.iso(time) == written
