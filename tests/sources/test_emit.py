"""An agent's own words arrive at the real collector; what cannot arrive never disturbs the agent."""

import json
import logging
import re
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from pipeline.emit import Emitter, LogHandler
from schemas.canonical import MODELS, PromptEvent
from tests.sources.kafka import messages
from tests.sources.test_collector import address, broker, settings  # noqa: F401  (fixtures)

ROOT = Path(__file__).parents[2]


def test_the_documented_example_arrives_as_canonical_events(address, settings):  # noqa: F811
    example = re.search(r"```python\n(.*?)```", (ROOT / "docs/emit.md").read_text(), re.DOTALL)[1]
    # Isolated, without site-packages: nothing beyond the standard library can be imported.
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n" + example.replace("http://127.0.0.1:8470", address)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    prompts = [json.loads(value) for _, value in messages(settings, "prompts")]
    calls = [json.loads(value) for _, value in messages(settings, "tool-calls")]
    for event in prompts:
        MODELS["prompt-event"].model_validate(event)
    for event in calls:
        MODELS["tool-call-event"].model_validate(event)
    assert sorted(event["text"] for event in prompts) == ["Pay the invoices", "paid 2026-001"]
    assert {event["phase"] for event in calls} == {"start", "end"}
    assert {event["session"] for event in prompts + calls} == {"run-17"}
    assert len({event["tool_call"] for event in calls}) == 1


@pytest.fixture
def busy():
    asked = []

    class Busy(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response((429, 200)[min(len(asked), 2) - 1])
            self.send_header("retry-after", "1")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Busy)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_what_is_turned_away_comes_again(busy):
    url, asked = busy
    emitter = Emitter(url, "a")
    emitter.prompt("x")
    emitter.close()
    assert len(asked) == 2
    assert asked[0] == asked[1]
    assert emitter.dropped == 0


def test_nothing_is_raised_into_the_agent(capfd):
    class Strange:
        def __repr__(self):
            raise ValueError("no")

    emitter = Emitter("http://127.0.0.1:1", "a", held=2)
    for _ in range(5):
        emitter.prompt("x")
    with emitter.tool("t", {"a": Strange()}) as end:
        end["text"] = "y"
    with pytest.raises(KeyError), emitter.tool("t"):
        raise KeyError("k")
    emitter.close(0)
    assert emitter.dropped > 0
    assert capfd.readouterr().err.count("whodid:") == 1


def test_log_records_become_context(busy):
    url, asked = busy
    emitter = Emitter(url, "a")
    logger = logging.Logger("agent")
    logger.addHandler(LogHandler(emitter))
    logger.warning("looks at %s", "invoices")
    emitter.close()
    event = PromptEvent.model_validate(asked[0][0])
    assert (event.action, event.text) == ("context", "looks at invoices")
    assert event.attributes == {"logger": "agent", "level": "WARNING"}
