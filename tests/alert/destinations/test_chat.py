"""Lines that people read, and what a hostile name cannot do in them."""

from __future__ import annotations

import asyncio
import importlib.util
import time
import warnings
from pathlib import Path
from typing import Any

import pytest

from pipeline.alert.destinations.chat import Chat, harmless, payload
from pipeline.alert.wire import Away
from pipeline.kit.failures import Invalid
from tests.alert.raw import Asked, Raw, answer
from tests.alert.said import HOSTILE, configured, hostile, said

with warnings.catch_warnings():
    # Of what its services import, all at once when the first is asked for.
    warnings.simplefilter("ignore", DeprecationWarning)
    from apprise import Apprise
    from apprise.plugins.slack import NotifySlack

    Apprise.instantiate("json://example.com")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "url"


def chat(file: Path, text: str, **settings: Any) -> Chat:
    file.write_text(text + "\n")
    return configured(Chat, **{"kind": "chat", "url": {"file": str(file)}, **settings})


def deliver(file: Path, raw: Raw, url: str, **settings: Any) -> list[Asked]:
    async def trial() -> list[Asked]:
        async with raw:
            there = chat(file, url.format(port=raw.port), **settings)
            await there.send(said(), there.wire())
            return raw.asked

    return asyncio.run(trial())


def test_people_read_what_happened_and_what_to_do_first() -> None:
    title, text = payload(said())
    assert title == "[high] A token is used in two places"
    assert text.splitlines() == [
        "build-7 assumed arn:aws:iam::123456789012:role/deploy for ana@example.com under policy deploy-only.",
        "- The token was used from 203.0.113.7 four minutes after 192.0.2.10.",
        '- Its task says "rotate \\ keys".',
        "Do first: Ask ana@example.com whether this was meant.",
        "https://whodid.example.com/alerts/example-0001",
    ]


def test_what_is_over_is_said_to_be() -> None:
    title, text = payload(said(state="closed", verdict="benign", revision=2))
    assert title.endswith("(closed)")
    assert "Verdict: benign" in text
    assert "Do first" not in text
    assert payload(said(is_example=True))[0].startswith("EXAMPLE [high]")


@pytest.mark.parametrize("text", [
    "<!channel>", "<!here|here>", "<@U012AB3CD>", "@everyone", "@here now", "(@channel)", "<at>Ana</at>",
    "[click](http://evil.example.com)", "<http://evil.example.com|bank>", "https://evil.example.com", "`rm -rf /`",
    "&lt;!channel&gt;", "\u202e<!channel>", "a\n@channel", "\ud800@all",
])  # fmt: skip
def test_a_hostile_name_is_no_mention_no_link_and_no_code(text: str) -> None:
    found = harmless(text, 200)
    assert not set("<>`&") & set(found)
    assert "://" not in found
    assert "](" not in found
    assert not any(part.startswith("@") for part in found.replace("(", " ").split())
    found.encode()


def test_what_is_long_stays_short() -> None:
    title, text = payload(hostile())
    assert len(title) < 250
    assert len(text) < 2500
    assert "\n- " in text
    assert HOSTILE not in text
    assert "… and 97 more" in payload(said(unusual=["x"] * 100))[1]


def test_masked_text_is_not_sent() -> None:
    assert "rotate" in payload(said("nothing"))[1]
    assert "rotate" not in payload(said("content"))[1]


def test_it_arrives_through_apprise(file: Path) -> None:
    (asked,) = deliver(file, Raw(), "json://127.0.0.1:{port}/hook")
    title, text = payload(said())
    assert (asked.json["title"], asked.json["message"], asked.json["type"]) == (title, text, "failure")


def test_slack_is_given_text_that_mentions_nobody(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def trial() -> Asked:
        async with Raw(answer(200, b"ok")) as raw:
            monkeypatch.setattr(NotifySlack, "webhook_url", f"http://127.0.0.1:{raw.port}/services")
            there = chat(file, "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/")
            await there.send(hostile(), there.wire())
            return raw.asked[0]

    asked = asyncio.run(trial())
    assert asked.line.startswith("POST /services/T1JJ3T3L2/A1BRTD4JD/")
    said_there = str(asked.json)
    assert "<!" not in said_there
    assert " @here" not in said_there
    assert "://evil" not in said_there


@pytest.mark.parametrize("url", [
    "syslog://localhost", "dbus://", "windows://", "gnome://", "macosx://", "nonsense", "file:///etc/passwd", "x://y",
])  # fmt: skip
def test_what_stays_on_this_machine_or_is_none_is_not_asked(file: Path, url: str) -> None:
    there = chat(file, url)
    with pytest.raises(Away, match="url: expected a"):
        asyncio.run(there.send(said(), there.wire()))


def test_a_host_that_is_not_public_is_not_asked(file: Path) -> None:
    async def trial() -> None:
        async with Raw() as raw:
            for host in ("127.0.0.1", "localhost"):
                there = chat(file, f"json://{host}:{raw.port}/", allow=[])
                with pytest.raises(Away, match="is not a public address"):
                    await there.send(said(), there.wire())
            assert raw.asked == []

    asyncio.run(trial())


def test_a_redirect_is_not_followed(file: Path) -> None:
    raw = Raw(answer(307, Location="/elsewhere"))
    with pytest.raises(Away):
        deliver(file, raw, "json://127.0.0.1:{port}/hook?redirect=yes")
    assert len(raw.asked) == 1


def test_what_was_not_taken_is_away_and_tells_no_secret(file: Path) -> None:
    with pytest.raises(Away, match="did not take it") as caught:
        deliver(file, Raw(answer(403)), "json://ana:secret@127.0.0.1:{port}/secret")
    assert "secret" not in str(caught.value)


def test_a_slow_service_is_not_waited_for(file: Path) -> None:
    before = time.monotonic()
    with pytest.raises(Away):
        deliver(file, Raw([1.0, answer(200)]), "json://127.0.0.1:{port}/", timeout=0.3)
    assert time.monotonic() - before < 3


def test_without_apprise_it_is_said_how_to_get_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Invalid, match=r"pip install whodid\[chat\]"):
        chat(file, "json://127.0.0.1")


@pytest.mark.parametrize(
    "settings", [{"proxy": "http://127.0.0.1:3128"}, {"tls": {"ca": "ca.pem"}}, {"url": "json://x"}]
)
def test_settings_that_apprise_would_ignore_are_named(file: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="expected"):
        chat(file, "json://127.0.0.1", **settings)
