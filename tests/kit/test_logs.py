"""A line of a log is one line, in both formats, whatever was in what it tells of; and it holds no content."""

import json
import logging
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from pipeline.kit import logs
from pipeline.kit.config import Settings
from tests.flow.harness import environment

PROMPT = "Please pay the invoice of ana@example.com"
HOSTILE = "x\n2026-01-01 ERROR whodid forged\r\x1b[2J\x1b[31mred\u202egnp.exe\u2028 end"


@pytest.fixture
def logged(monkeypatch):
    """A logger's lines in a format."""

    def make(form):
        lines = []
        handler = logging.Handler()
        handler.emit = lambda record: lines.append(handler.format(record))
        handler.setFormatter(logs._Json() if form == "json" else logs._Text("%(levelname)s %(name)s %(message)s"))
        log = logging.Logger("whodid.test")
        log.addHandler(handler)
        return log, lines

    return make


@pytest.mark.parametrize("form", ["text", "json"])
def test_nothing_that_is_logged_ends_a_line_or_commands_a_terminal(logged, form):
    log, lines = logged(form)
    log.error("no batch: %s", HOSTILE, extra=logs.about(topic=HOSTILE))
    (line,) = lines
    assert line.isprintable()
    if form == "json":
        said = json.loads(line)
        assert all(str(value).isprintable() for value in said.values())


def test_a_line_of_json_says_when_who_and_what_it_is_about(logged):
    log, lines = logged("json")
    message = SimpleNamespace(topic=lambda: "entries", partition=lambda: 3, offset=lambda: 42)
    place = logs.place_of(message)
    thread = threading.Thread(
        name="store", target=lambda: log.warning("away", extra=logs.about(alert_id=None, **place))
    )
    thread.start()
    thread.join()
    said = json.loads(lines[0])
    assert said.pop("time").endswith("+00:00")
    assert isinstance(said.pop("process"), int)
    assert said == {
        "level": "warning", "logger": "whodid.test", "message": "away", "role": "store", "topic": "entries",
        "partition": 3, "offset": 42,
    }  # fmt: skip


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_trace_says_where_and_not_what(logged, form):
    def fails():
        try:
            raise KeyError(PROMPT)
        except KeyError as error:
            raise ValueError(PROMPT) from error

    log, lines = logged(form)
    try:
        fails()
    except ValueError as error:
        log.error("stopped", exc_info=error)
    assert PROMPT not in "".join(lines)
    for part in ("ValueError in fails (test_logs.py:", "after KeyError in fails"):
        assert part in "".join(lines)


PROGRAM = """
import logging, sys, threading
from pipeline.cli import main
from pipeline.kit.config import Settings
main.common(verbose=True)
def fails():
    raise ValueError(sys.argv[1])
thread = threading.Thread(target=fails, name="normalize")
thread.start(); thread.join()
logging.getLogger("any.library").warning(sys.argv[2])
"""


def test_a_process_logs_everything_in_the_format_of_the_settings(tmp_path):
    """Also what a thread ends with, and what libraries say."""
    settings = Settings(data_dir=tmp_path, log_format="json", hash_key="0123456789abcdef")
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, PROMPT, HOSTILE], env=environment(settings), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    lines = [json.loads(line) for line in found.stderr.splitlines()]
    assert [(line["logger"], line["level"]) for line in lines] == [("whodid", "critical"), ("any.library", "warning")]
    assert lines[0]["role"] == "normalize"
    assert lines[0]["trace"].startswith("ValueError in fails")
    assert PROMPT not in found.stderr
    assert found.stdout == ""
