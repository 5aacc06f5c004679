"""What docs/siem says is what the code does. `python -m tests.alert.destinations.test_documents` writes it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from pipeline.alert.destinations import Any_, chat, pagerduty, syslog, template, udm
from pipeline.alert.destinations.template import Template
from tests.alert.said import said

DOCS = Path(__file__).parents[3] / "docs" / "siem"
EXAMPLE = re.compile(r"(<!-- example -->\n```\w+\n)(.*?)(```\n)", re.DOTALL)


def shown(value: Any, left_out: str = "") -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    if left_out:
        text = re.sub(rf'("{left_out}": )\{{.*?\n( *)\}}', _left_out, text, flags=re.DOTALL)
    return text


def _left_out(found: re.Match[str]) -> str:
    return found[1] + '{"...": "the alert, as webhooks get it"}'


def listed(name: str) -> list[dict[str, Any]]:
    blocks = re.findall(r"```yaml\n(.*?)```", (DOCS / f"{name}.md").read_text(), re.DOTALL)
    return [one for block in blocks for one in yaml.safe_load(block)["destinations"]]


def _event() -> dict[str, Any]:
    found = pagerduty.payload(said("content"))
    found["payload"]["custom_details"] = {"x": "\n"}
    return found


MADE: dict[str, Callable[[], str]] = {
    "syslog": lambda: syslog.payload(said("content"), hostname="audit-1.example.com").decode(),
    "pagerduty": lambda: shown(_event(), "custom_details"),
    "secops": lambda: shown({**udm.event(said("content")), "additional": {"x": "\n"}}, "additional"),
    "chat": lambda: "\n".join(chat.payload(said("content"))),
    "template": lambda: template.payload(
        said("content"), TypeAdapter(Template).validate_python(listed("template")[0])._compiled
    ).decode().strip(),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_the_example_is_what_is_sent(name: str) -> None:
    text = (DOCS / f"{name}.md").read_text()
    assert [found[1] for found in EXAMPLE.findall(text)] == [MADE[name]() + "\n"]


@pytest.mark.parametrize("name", MADE)
def test_the_configuration_can_be_read(name: str) -> None:
    found = [TypeAdapter(Any_).validate_python(one) for one in listed(name)]
    assert {one.kind for one in found} == {name}
    assert len(found) == 2


def test_the_configuration_of_rsyslog_is_the_one_that_was_tried() -> None:
    """But for places."""
    tried = (Path(__file__).parents[2] / "engine" / "test_rsyslog.py").read_text().replace("{{", "{").replace("}}", "}")
    text = (DOCS / "syslog.md").read_text()
    lines = re.findall(r"^template\(.*?^}\n", text, re.DOTALL | re.MULTILINE)
    assert lines[0] in tried


if __name__ == "__main__":
    for each, make in MADE.items():
        file = DOCS / f"{each}.md"
        made = make()
        file.write_text(EXAMPLE.sub(lambda found, made=made: f"{found[1]}{made}\n{found[3]}", file.read_text()))
