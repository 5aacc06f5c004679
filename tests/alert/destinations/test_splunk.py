"""Events of Splunk's HTTP Event Collector, told to a receiver that answers as its documentation says."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.alert.destinations.splunk import MOST, Splunk, payload
from pipeline.alert.notice import Notice
from pipeline.alert.plain import encoded
from pipeline.alert.wire import Away, Refused, Wire
from pipeline.kit.failures import Invalid
from schemas.alert import Change
from tests.alert.destinations.collector import CODES, Collector
from tests.alert.destinations.pages import block, blocks, file, in_json
from tests.alert.raw import Raw, answer
from tests.alert.said import configured, hostile, said

SEVERAL = {
    "whole": said(), "example": said(is_example=True), "hostile": hostile(), "closed": said(state="closed"),
    "long": said(unusual=["y" * 1_000_000] * 50, changes=[Change("note", "ana", 1)] * 9000),
    "empty": said(title="", sentence="", actor="", family="", severity="", accounts=[], detections={}, at=0),
    "never": said(at=10**30),
}  # fmt: skip


def there(tmp_path: Path, url: str, **changes: Any) -> Splunk:
    (tmp_path / "token").write_text("t-1\n")
    return configured(Splunk, kind="splunk", url=url, token={"file": str(tmp_path / "token")}, **changes)


def trial(collector: Collector, does: Callable[[Collector, Wire], Awaitable[None]]) -> None:
    async def run() -> None:
        async with collector:
            wire = configured(Splunk, kind="splunk", url=collector.url, token={"env": "T"}).wire()
            try:
                await does(collector, wire)
            finally:
                await wire.close()

    asyncio.run(run())


def deliver(tmp_path: Path, collector: Collector, notice: Notice | None = None, **changes: Any) -> None:
    async def does(raw: Collector, wire: Wire) -> None:
        await there(tmp_path, raw.url, **changes).send(notice or said(), wire)

    trial(collector, does)


@pytest.mark.parametrize("name", SEVERAL)
def test_whatever_an_alert_says_the_collector_takes_it(tmp_path: Path, name: str) -> None:
    deliver(tmp_path, collector := Collector(), SEVERAL[name])
    (event,) = collector.events
    assert event["event"]["alert_id"] == "example-0001"
    assert len(encoded(event)) < MOST + 4096


def test_it_is_told_what_is_configured(tmp_path: Path) -> None:
    deliver(tmp_path, collector := Collector(indexes=("security",)), index="security", host="whodid-1")
    (event,) = collector.events
    assert {name: event[name] for name in ("time", "host", "source", "sourcetype", "index")} == {
        "time": 1767225600.0, "host": "whodid-1", "source": "whodid", "sourcetype": "whodid:alert",
        "index": "security",
    }  # fmt: skip
    assert event["fields"]["whodid_key"] == event["event"]["key"] == "example-0001.0"
    deliver(tmp_path, collector := Collector())
    assert "index" not in collector.events[0]


def test_no_indexed_field_is_named_as_one_of_the_event() -> None:
    found = payload(said())
    assert not set(found["fields"]) & set(found["event"])


def test_what_is_long_is_cut_visibly() -> None:
    event = payload(SEVERAL["long"])["event"]
    assert event["changes"][-1].startswith("… and ")
    assert event["unusual"][0].endswith("…")
    assert event["actor"] == "build-7"


def test_a_new_token_is_taken_without_a_restart(tmp_path: Path) -> None:
    async def does(raw: Collector, wire: Wire) -> None:
        splunk = there(tmp_path, raw.url)
        await splunk.send(said(), wire)
        raw.token = "t-2"
        with pytest.raises(Away, match="Invalid token") as caught:
            await splunk.send(said(), wire)
        assert "t-1" not in str(caught.value)
        (tmp_path / "token").write_text("t-2")
        await splunk.send(said(), wire)

    trial(collector := Collector(), does)
    assert len(collector.events) == 2


@pytest.mark.parametrize("code", sorted(set(CODES) - {0}))
def test_only_what_is_wrong_with_the_event_is_refused(tmp_path: Path, code: int) -> None:
    expected = Refused if code in (5, 6, 12, 13, 15) else Away
    with pytest.raises(expected, match=CODES[code][1]) as caught:
        deliver(tmp_path, Collector(says=code))
    assert type(caught.value) is expected
    assert caught.value.status == CODES[code][0]


@pytest.mark.parametrize(("said_back", "expected"), [
    (answer(413, b"too large"), Refused),
    (answer(400, b"The plain HTTP request was sent to HTTPS port"), Away),
    (answer(404, b"no such page"), Away),
    (answer(200, b"<html>Please log in</html>"), Away),
    (answer(200, b'{"text":"Success"}'), Away),
    (answer(200, b'{"text":"Server is busy","code":9}'), Away),
    (answer(503, b'{"text":"no","code":6}'), Away),
])  # fmt: skip
def test_what_is_not_of_a_collector_is_not_the_alerts_fault(
    tmp_path: Path, said_back: bytes, expected: type[Exception]
) -> None:
    async def run() -> None:
        async with Raw(said_back) as raw:
            splunk = there(tmp_path, raw.url)
            wire = splunk.wire()
            try:
                await splunk.send(said(), wire)
            finally:
                await wire.close()

    with pytest.raises(expected):
        asyncio.run(run())


def test_how_long_a_busy_collector_asks_to_wait_is_kept(tmp_path: Path) -> None:
    async def run() -> None:
        async with Raw(answer(503, b'{"text":"Server is busy","code":9}', Retry_After="7")) as raw:
            splunk = there(tmp_path, raw.url)
            wire = splunk.wire()
            with pytest.raises(Away) as caught:
                await splunk.send(said(), wire)
            await wire.close()
            assert caught.value.retry_after == 7

    asyncio.run(run())


def test_an_event_is_told_once_it_is_indexed(tmp_path: Path) -> None:
    deliver(tmp_path, collector := Collector(acknowledges=True, asks=2), acknowledge=True)
    assert (len(collector.events), collector.polls, len(collector.channels)) == (1, 3, 1)


def test_several_at_once_share_a_channel_and_not_an_acknowledgement(tmp_path: Path) -> None:
    async def does(raw: Collector, wire: Wire) -> None:
        splunk = there(tmp_path, raw.url, acknowledge=True, channel="0aeeac95-ac74-4aa9-b30d-6c4c0ac581ba")
        await asyncio.gather(*(splunk.send(said(revision=number), wire) for number in range(8)))

    trial(collector := Collector(acknowledges=True), does)
    assert len(collector.events) == 8
    assert collector.channels == {"0aeeac95-ac74-4aa9-b30d-6c4c0ac581ba"}


def test_what_is_not_indexed_in_time_is_sent_again_with_the_same_key(tmp_path: Path) -> None:
    async def does(raw: Collector, wire: Wire) -> None:
        splunk = there(tmp_path, raw.url, acknowledge=True, acknowledge_within=0.5)
        with pytest.raises(Away, match=r"not indexed within 0\.5 s: not yet"):
            await splunk.send(said(), wire)
        raw.asks = 0
        await splunk.send(said(), wire)

    trial(collector := Collector(acknowledges=True, asks=None), does)
    assert [event["fields"]["whodid_key"] for event in collector.events] == ["example-0001.0"] * 2


def test_a_question_that_fails_is_asked_again(tmp_path: Path) -> None:
    async def run() -> None:
        event = answer(200, b'{"text":"Success","code":0,"ackId":0}')
        busy, none = answer(503, b"busy"), answer(200, b"none")
        async with Raw(event, busy, none, answer(200, b'{"acks":{"0":true}}')) as raw:
            splunk = there(tmp_path, raw.url, acknowledge=True)
            wire = splunk.wire()
            await splunk.send(said(), wire)
            await wire.close()
            assert len(raw.asked) == 4
            assert json.loads(raw.asked[-1].body) == {"acks": [0]}

    asyncio.run(run())


@pytest.mark.parametrize(("acknowledges", "acknowledge", "expected"), [
    (True, False, "Data channel is missing"), (False, True, "useACK"),
])  # fmt: skip
def test_a_token_that_acknowledges_where_we_do_not_ask_is_named(
    tmp_path: Path, acknowledges: bool, acknowledge: bool, expected: str
) -> None:
    with pytest.raises(Away, match=expected):
        deliver(tmp_path, Collector(acknowledges=acknowledges), acknowledge=acknowledge)


@pytest.mark.parametrize("changes", [
    {"token": "t-1"}, {"index": "Security"}, {"index": "a/b"}, {"channel": "mine"}, {"acknowledge_within": 0},
    {"url": "https://user:pass@splunk.example.com"}, {"host": ""},
])  # fmt: skip
def test_settings_that_cannot_be_are_named(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        configured(Splunk, **{"kind": "splunk", "url": "https://a.example.com", "token": {"env": "T"}, **changes})


def test_loopback_is_not_reached_unless_it_is_allowed(tmp_path: Path) -> None:
    async def does(raw: Collector, _: Wire) -> None:
        splunk = there(tmp_path, raw.url, allow=[])
        with pytest.raises(Away, match="allow"):
            await splunk.send(said(), splunk.wire())

    trial(collector := Collector(), does)
    assert not collector.events


def test_a_token_of_two_lines_is_named_and_not_told(tmp_path: Path) -> None:
    async def does(raw: Collector, wire: Wire) -> None:
        splunk = there(tmp_path, raw.url)
        (tmp_path / "token").write_text("one\ntwo")
        with pytest.raises(Away, match="one line of ASCII"):
            await splunk.send(said(), wire)

    trial(Collector(), does)


def documented() -> Splunk:
    (text,) = blocks("splunk.md", "yaml")
    (found,) = file(text, "splunk.md").destinations
    assert isinstance(found, Splunk)
    return found


def test_the_page_shows_what_is_sent() -> None:
    shown = in_json("splunk.md", '"sourcetype"')
    assert shown == json.loads(encoded(documented().event(said(is_example=True))))


def test_the_page_configures_the_receiver_for_what_is_sent() -> None:
    splunk = documented()
    inputs = block("splunk.md", "ini", "[http://whodid]")
    assert f"index = {splunk.index}" in inputs
    assert ("useACK = true" in inputs) is splunk.acknowledge
    props = block("splunk.md", "ini", f"[{splunk.sourcetype}]")
    assert int(re.findall(r"TRUNCATE = (\d+)", props)[0]) >= MOST
    fields = block("splunk.md", "ini", "INDEXED = true")
    assert set(re.findall(r"\[(\w+)\]", fields)) == set(payload(said())["fields"])


def test_searches_of_the_page_name_fields_that_there_are() -> None:
    found = payload(said())
    known = {"_time", *found["fields"], *found["event"]}
    known |= set(re.findall(r"EVAL-(\w+) = ", block("splunk.md", "ini", "[whodid:alert]")))
    searches = [*blocks("splunk.md", "spl"), block("splunk.md", "ini", "action.notable")]
    for search in searches:
        tables = " ".join(re.findall(r"\| table ([\w ]+)", search)).split()
        named = {*re.findall(r"\bwhodid_\w+", search), *tables, *re.findall(r"dedup (\w+)", search)}
        named |= set(re.findall(r"= \$(\w+)\$", search))
        assert named
        assert named <= known
