"""Templates that somebody wrote, also somebody who wants to bring us down with one."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.alert.body import told
from pipeline.alert.destinations.template import Template, payload
from pipeline.alert.templates import FILTERS, LOOPS, TEMPLATE, TEXT, Compiled
from pipeline.alert.wire import Refused
from pipeline.kit.failures import Invalid
from tests.alert.raw import Raw
from tests.alert.said import configured, hostile, said

#: As in docs/siem/template.md.
PLAIN = """{
  "title": {{ alert.title|tojson }},
  "who": {{ alert.actor|tojson }},
  "level": {% if alert.severity in ["high", "critical"] %}1{% else %}2{% endif %},
  "unusual": [
{% for text in alert.unusual %}
    {{ text|cut(100)|tojson }}{% if not loop.last %},{% endif %}

{% endfor %}
  ],
  "risk": {{ alert.risk|round(2) }},
  "link": {{ link|tojson }},
  "all": {{ {"key": key, "news": type, "detections": alert.detections}|tojson }}
}
"""


def template(text: str, **settings: Any) -> Template:
    return configured(Template, **{"kind": "template", "url": "https://example.com/", "template": text, **settings})


def rendered(text: str, content_type: str = "text/plain", **changes: Any) -> str:
    return payload(said(**changes), template(text, content_type=content_type)._compiled).decode()


def test_what_comes_out_is_what_was_written() -> None:
    found = json.loads(rendered(PLAIN, "application/json"))
    assert found["title"] == "A token is used in two places"
    assert (found["who"], found["level"], found["risk"]) == ("build-7", 1, 0.87)
    assert len(found["unusual"]) == 2
    assert found["all"]["key"] == "example-0001.0"
    assert found["link"] == "https://whodid.example.com/alerts/example-0001"


def test_hostile_text_is_json_all_the_same() -> None:
    found = json.loads(payload(hostile(), Compiled(PLAIN)))
    assert found["unusual"][1].endswith("…")


@pytest.mark.parametrize(("text", "said_so"), [
    ("{{ alert.title", "line 1: unexpected"),
    ("a\nb\n{% if x %}", "line 3: "),
    ("a\n{{ alert.tilte }}", "line 2: .*tilte"),
    ("a\n{{ nothing }}", "line 2: 'nothing' is undefined"),
    ("\n\n{{ alert.title|upperr }}", "line 3: No filter named 'upperr'"),
    ("{% for i in range(10**9) %}x{% endfor %}", "line 1: `a call such as range\\(\\)` is not possible"),
    ("{% for a in alert.unusual %}\n{% for b in a %}x{% endfor %}{% endfor %}", "line 2: a loop within a loop"),
    ("{% for a in alert.unusual recursive %}x{% endfor %}", "a loop within a loop"),
    ("{% set x = 1 %}", "line 1: `set` is not possible"),
    ("{{ 'x' ~ 'y' }}", "`~` is not possible"),
    ("{{ 'x' * 10 }}", "`mul` is not possible"),
    ("{{ 2 ** 1000000 }}", "`pow` is not possible"),
    ("{{ '%09999999d' % 1 }}", "`mod` is not possible"),
    ("{% macro m() %}{{ m() }}{% endmacro %}", "`macro` is not possible"),
    ("{% include '/etc/passwd' %}", "`include` is not possible"),
    ("{% import 'os' as os %}", "`import` is not possible"),
    ("{{ ''.__class__.__mro__ }}", "is unsafe"),
    ("{{ ''['__class__'] }}", "is unsafe"),
    ("{{ alert.unusual|map('center', 99999999)|join }}", "No filter named 'map'"),
    ("{{ alert.title|int }}", "line 1: invalid literal"),
    ("{% filter upper %}x{% endfilter %}", "`filterblock` is not possible"),
    ("{% for x in alert.risk %}{% endfor %}", "line 1: "),
    ("x" * (TEMPLATE + 1), "at most"),
    ("(" * 5 + "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "less within each other"),
    ("{% for a in alert.unusual %}{% endfor %}" * (LOOPS + 1), "at most 20 loops"),
])  # fmt: skip
def test_what_cannot_be_is_named_with_its_line_when_it_is_loaded(text: str, said_so: str) -> None:
    before = time.monotonic()
    with pytest.raises(Invalid, match=said_so):
        template(text, content_type="text/plain")
    assert time.monotonic() - before < 2


@pytest.mark.parametrize(
    "text", ['{"a": "{{ alert.title }}", "b": {{ alert.title }}}', '{"b": "{{ alert.unusual[1] }}"}']
)
def test_json_that_a_value_can_break_is_named_when_it_is_loaded(text: str) -> None:
    with pytest.raises(Invalid, match=r"values need `\|tojson` and no quotes around them"):
        template(text)


def test_no_text_goes_on_forever() -> None:
    bomb = Compiled("{{ alert.title" + "|tojson" * 40 + " }}")
    before = time.monotonic()
    with pytest.raises(Refused, match="line 1: more than"):
        bomb.render(told(said(title='"')))
    long = Compiled("{% for a in alert.unusual %}{{ alert|tojson }}{% endfor %}")
    with pytest.raises(Refused, match=f"more than {TEXT} characters"):
        long.render(told(said(unusual=["x" * 500] * 200)))
    silent = Compiled("{% for a in alert.sentence %}{% endfor %}" * LOOPS)
    silent.render(told(said(sentence="x" * 1_000_000)))
    assert time.monotonic() - before < 5


def test_a_value_that_is_missing_once_is_refused_with_its_line() -> None:
    there = Compiled("a\n{{ alert.resources[0] }}")
    with pytest.raises(Refused, match="template: line 2: "):
        there.render(told(said(resources=[])))
    assert Compiled("{{ alert.resources|first }}").render(told(said(resources=[]))) == ""


def test_every_filter_does_what_it_is_called() -> None:
    texts = {
        "{{ alert.title|upper }}": "A TOKEN IS USED IN TWO PLACES", "{{ ' A '|trim|lower }}": "a",
        "{{ alert.actions|join(' + ') }}": "sts:AssumeRole + iam:CreateAccessKey",
        "{{ alert.actions|join }}": "sts:AssumeRole, iam:CreateAccessKey",
        "{{ alert.verdict|default('none') }}": "none",
        "{{ alert.actions|length }}": "2", "{{ alert.title|cut(8) }}": "A token…",
        "{{ 'a b/c'|urlencode }}": "a%20b%2Fc",
        "{{ alert.actions|first }}": "sts:AssumeRole", "{{ alert.actions|last }}": "iam:CreateAccessKey",
        "{{ alert.risk|round(1) }}": "0.9", "{{ '7'|int }}": "7", "{{ alert.detections|tojson }}": '{"token-in-two',
    }  # fmt: skip
    for text, found in texts.items():
        assert rendered(text).startswith(found)
    assert len(texts) >= len(FILTERS) - 1


def test_it_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "body.json"
    file.write_text(PLAIN)
    there = configured(Template, kind="template", url="https://example.com/", file=str(file))
    assert json.loads(payload(said(), there._compiled))["who"] == "build-7"
    with pytest.raises(Invalid, match="which cannot be read: No such file"):
        configured(Template, kind="template", url="https://example.com/", file=str(tmp_path / "absent"))


@pytest.mark.parametrize("settings", [
    {"template": None}, {"method": "GET"}, {"content_type": "text/plain\r\nX: y"}, {"headers": {"X": "plain"}},
])  # fmt: skip
def test_settings_that_cannot_be_are_named(settings: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="expected"):
        template("{}", **settings)


def test_it_is_sent_as_it_was_configured(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("Basic abc\n")

    async def trial() -> None:
        async with Raw() as raw:
            there = template(
                "<alert>{{ alert.alert_id }}</alert>", url=raw.url, method="PUT",
                content_type="application/xml; charset=utf-8",
                headers={"Authorization": {"file": str(tmp_path / "secret")}},
            )  # fmt: skip
            wire = there.wire()
            await there.send(said(), wire)
            await wire.close()
            (asked,) = raw.asked
        assert asked.line == "PUT /hook HTTP/1.1"
        assert asked.body == b"<alert>example-0001</alert>"
        assert asked.headers["content-type"] == "application/xml; charset=utf-8"
        assert asked.headers["authorization"] == "Basic abc"
        assert asked.headers["idempotency-key"] == "example-0001.0"

    asyncio.run(trial())


def test_masked_text_is_not_sent() -> None:
    text = Compiled("{{ alert|tojson }}")
    assert "rotate" in text.render(told(said("nothing")))
    assert "rotate" not in text.render(told(said("content")))
