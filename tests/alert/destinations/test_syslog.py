"""Alerts as RFC 5424 and CEF, read by parsers that others wrote; and a server that goes away."""

from __future__ import annotations

import asyncio
import re
from types import SimpleNamespace

import pycef
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alert.destinations import cef
from pipeline.alert.destinations.syslog import Syslog, framed, payload
from pipeline.alert.wire import Away
from pipeline.kit.failures import Invalid
from tests.alert.destinations.rfc5424 import read
from tests.alert.said import configured, hostile, said

BOM = "\ufeff"
TEXTS = st.text(st.characters(), max_size=80)
#: A value ends where a key begins: a blank, a name and an `=` that is not escaped.
PAIR = re.compile(r"(?:^| )([A-Za-z0-9]+)=((?:[^\\=]|\\[\\=nr])*)(?= [A-Za-z0-9]+=|$)")


def parsed(message: bytes) -> SimpleNamespace:
    return read(message.decode())


def extension(text: str) -> dict[str, str]:
    """The extension as its standard reads it."""
    unescaped = {"\\\\": "\\", "\\=": "=", "\\n": "\n", "\\r": "\r"}
    head = re.match(r"(?:(?:[^\\|]|\\[\\|])*\|){7}", text)
    assert head is not None
    rest = text[head.end() :]
    assert "".join(match[0] for match in PAIR.finditer(rest)) == rest
    return {m[1]: re.sub(r"\\[\\=nr]", lambda e: unescaped[e[0]], m[2]) for m in PAIR.finditer(rest)}


def test_an_alert_is_read_by_parsers_that_others_wrote() -> None:
    found = parsed(payload(said(), hostname="audit-1.example.com"))
    assert (found.severity.name, found.facility.name, found.hostname) == ("err", "local0", "audit-1.example.com")
    assert (found.appname, found.msgid, found.timestamp) == ("whodid", "alert.opened", "2026-01-01T00:00:00.000Z")
    assert found.sd == {
        "whodid@32473": {"key": "example-0001.0", "alert": "example-0001", "revision": "0", "news": "opened"}
    }
    assert found.msg.startswith("CEF:0|whodid|whodid|1|token-in-two-places|A token is used in two places|8|")
    values = pycef.parse(found.msg)
    assert values["DeviceEventClassID"] == "token-in-two-places"
    assert values["Severity"] == "8"
    assert (values["suser"], values["duser"], values["src"]) == ("build-7", "ana@example.com", "203.0.113.7")
    assert (values["externalId"], values["cnt"], values["outcome"]) == ("example-0001", "3", "open")
    assert (values["rt"], values["start"]) == ("1767225600000", "1767225360000")
    assert values["Source IPv6 Address"] == "2001:db8::7"
    assert (values["session"], values["risk"], values["revision"]) == ("s-0001", "0.870", "0")
    assert values["stage"] == "credential-access"
    assert values["request"] == "https://whodid.example.com/alerts/example-0001"
    assert values["act"] == "sts:AssumeRole, iam:CreateAccessKey"


@pytest.mark.parametrize(("severity", "priority", "of_cef"), [
    ("critical", "<130>", 10), ("high", "<131>", 8), ("medium", "<132>", 5), ("low", "<133>", 3),
])  # fmt: skip
def test_severity_is_in_both_headers(severity: str, priority: str, of_cef: int) -> None:
    text = payload(said(severity=severity)).decode()
    assert text.startswith(f"{priority}1 ")
    assert f"|{of_cef}|" in text


def test_what_is_not_ascii_is_marked_by_a_bom_and_nothing_else_is() -> None:
    assert BOM not in payload(said()).decode()
    text = payload(said(title="Schlüssel 🦊")).decode()
    assert text.count(BOM) == 1
    assert BOM not in payload(said(title="Schlüssel 🦊"), bom=False).decode()
    assert f"] {BOM}CEF:0|whodid|whodid|1|token-in-two-places|Schlüssel 🦊|" in text


def test_hostile_text_keeps_its_place() -> None:
    message = payload(hostile())
    assert len(message) <= 8192
    assert not re.search(rb"[\x00-\x1f\x7f]", message)
    text = message.decode()
    assert "\u202e" not in text
    found = parsed(message)
    assert found.sd["whodid@32473"]["cut"] == "yes"
    values = extension(found.msg.removeprefix(BOM))
    assert set(values) >= {"externalId", "suser", "cs2", "cs2Label", "msg"}
    assert values["suser"].startswith('a|b\\c=d\n]"')
    assert "<U+001B>" in values["suser"]
    assert values["msg"].endswith("…")
    assert values["src"] == "192.0.2.1"
    assert "cfp1" not in values


@settings(deadline=None)
@given(TEXTS, TEXTS, TEXTS)
def test_whatever_is_in_a_value_comes_back_and_is_nothing_else(actor: str, title: str, session: str) -> None:
    message = payload(said(actor=actor, title=title, session=session, unusual=[]), most=65536)
    values = extension(parsed(message).msg.removeprefix(BOM))
    assert values.get("externalId") == "example-0001"
    if actor.isprintable() and actor:
        assert values["suser"] == actor
    assert set(values) <= {*KEYS}


KEYS = [
    *("externalId", "rt", "start", "end", "cat", "suser", "duser", "src", "act", "outcome", "reason", "cnt", "request"),
    *("msg", "cn1", "cn1Label", "cfp1", "cfp1Label", "c6a2", "c6a2Label", "flexString1", "flexString1Label"),
    *("flexString2", "flexString2Label", *(f"cs{at}{label}" for at in range(1, 7) for label in ("", "Label"))),
]


@settings(deadline=None)
@given(st.integers(2048, 9000), st.text("a=\\é🦊\n", min_size=1, max_size=4000))
def test_a_cut_is_never_within_an_escape_or_a_character(most: int, text: str) -> None:
    message = payload(said(unusual=[text] * 9, sentence=text), most=most)
    assert len(message) <= most
    found = parsed(message)
    values = extension(found.msg.removeprefix(BOM))
    cut = any(value.endswith("…") for value in values.values())
    assert cut or "cs1" in values or found.sd["whodid@32473"]["cut"] == "yes"


@settings(deadline=None)
@given(st.text("\\=\n\u202e€🦊x"), st.integers(0, 40))
def test_a_value_fits_or_is_cut_visibly(text: str, most: int) -> None:
    value, whole = cef.fitting(text, most)
    assert len(value.encode()) <= max(most, 0)
    assert whole == (value == cef.extension(text)) or value == ""
    assert whole or value == "" or value.endswith("…")


@settings(deadline=None)
@given(TEXTS)
def test_structured_data_holds_whatever_is_in_an_id(text: str) -> None:
    message = payload(said(alert_id="x")._replace(key=text))
    body = message.decode().split("[whodid@32473 ", 1)[1]
    assert re.match(r'key="((?:[^"\\\]]|\\["\\\]])*)" alert="x" ', body)


def test_masked_text_is_not_sent() -> None:
    assert b"rotate" in payload(said("nothing"))
    assert b"rotate" not in payload(said("content"))
    assert b"four minutes" not in payload(said("details"))


def test_an_example_says_so() -> None:
    text = payload(said(is_example=True)).decode()
    assert 'example="yes"' in text
    assert "|EXAMPLE: A token" in text


def test_octets_are_counted_not_characters() -> None:
    assert framed("é".encode()) == b"2 \xc3\xa9"


@pytest.mark.parametrize("settings", [
    {"host": "a b"}, {"host": "x", "port": 0}, {"host": "x", "facility": 24}, {"host": "x", "most": 100},
    {"host": "x", "protocol": "udp"},
    {"host": "x", "proxy": "http://127.0.0.1:3128"}, {"host": "x", "encrypted": False, "tls": {"ca": "ca.pem"}},
])  # fmt: skip
def test_settings_that_cannot_be_are_named(settings: dict[str, object]) -> None:
    with pytest.raises(Invalid, match=r"alerts\.yml: "):
        configured(Syslog, kind="syslog", **settings)


def deliver(ending: str, **settings: object) -> bytes:
    """What a server on TCP gets that ends connections so."""
    got, over = [], asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if ending == "reset":
            writer.transport.abort()
            return
        got.append(await reader.read())
        if ending == "never":
            await over.wait()
        writer.close()

    async def trial() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        there = configured(
            Syslog, kind="syslog", host="127.0.0.1", port=server.sockets[0].getsockname()[1], encrypted=False,
            timeout=0.5, **settings,
        )  # fmt: skip
        try:
            await there.send(said(), there.wire())
        finally:
            over.set()
            server.close()
            await asyncio.sleep(0.05)

    asyncio.run(trial())
    return b"".join(got)


def test_delivered_is_what_the_server_read_to_its_end() -> None:
    got = deliver("after")
    length, _, message = got.partition(b" ")
    assert len(message) == int(length)
    assert parsed(message).appname == "whodid"


def test_a_server_that_drops_the_connection_did_not_take_it() -> None:
    with pytest.raises(Away):
        deliver("reset")


def test_a_server_that_never_ends_a_connection_is_named_or_believed() -> None:
    with pytest.raises(Away, match="`confirm: false` if the server never ends a connection"):
        deliver("never")
    assert deliver("never", confirm=False)


def test_without_a_server_it_is_away() -> None:
    there = configured(Syslog, kind="syslog", host="127.0.0.1", port=1, encrypted=False)
    with pytest.raises(Away):
        asyncio.run(there.send(said(), there.wire()))
