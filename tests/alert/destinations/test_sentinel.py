"""Rows of Microsoft Sentinel, held against the rule of its page, and told to a receiver as Microsoft documents it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.alert.destinations.entra import Account, Asks
from pipeline.alert.destinations.sentinel import COLUMNS, FIELD, ROW, Sentinel, payload, row
from pipeline.alert.notice import Notice
from pipeline.alert.plain import encoded
from pipeline.alert.wire import Away, Refused, Wire
from pipeline.kit.failures import Invalid
from schemas.alert import Change
from tests.alert.destinations.azure import Azure
from tests.alert.destinations.pages import block, blocks, file, in_json
from tests.alert.raw import Raw, answer
from tests.alert.said import HOSTILE, configured, hostile, said

SEVERAL = {
    "whole": said(), "example": said(is_example=True), "hostile": hostile(), "closed": said(state="closed"),
    "empty": said(title="", sentence="", actor="", accounts=[], detections={}, at=0, first=0, last=0),
    "never": said(at=10**30, last=10**30),
    "long": said(unusual=["y" * 1_000_000] * 50, changes=[Change("note", "ana", 1)] * 9000, title="\x00" * 1_000_000),
    "full": said(**{name: [f"{name} {number} {HOSTILE}" for number in range(5000)] for name in (
        "unusual", "runbook", "credentials", "policies", "actions", "resources", "accounts", "addresses", "findings",
        "entries", "frameworks", "models")}, sentence="ü" * 40_000, detections={f"d{n}": n for n in range(90_000)}),
}  # fmt: skip
CLIENT = "11111111-2222-3333-4444-555555555555"


def declared() -> dict[str, str]:
    rule = in_json("sentinel.md", "streamDeclarations")["properties"]
    (stream,) = rule["streamDeclarations"].values()
    return {column["name"]: column["type"] for column in stream["columns"]}


def there(tmp_path: Path, url: str, **changes: Any) -> Sentinel:
    (tmp_path / "secret").write_text("s-1\n")
    return configured(Sentinel, **{
        "kind": "sentinel", "endpoint": url, "authority": url, "rule": "dcr-" + "0" * 32, "stream": "Custom-Whodid_CL",
        "tenant": "contoso.onmicrosoft.com", "client": CLIENT, "secret": {"file": str(tmp_path / "secret")}, **changes,
    })  # fmt: skip


def trial(tmp_path: Path, azure: Azure, does: Callable[[Sentinel, Wire], Awaitable[None]], **changes: Any) -> None:
    async def run() -> None:
        async with azure:
            sentinel = there(tmp_path, azure.url, **changes)
            wire = sentinel.wire()
            try:
                await does(sentinel, wire)
            finally:
                await wire.close()

    asyncio.run(run())


def deliver(tmp_path: Path, azure: Azure, notice: Notice, **changes: Any) -> None:
    async def does(sentinel: Sentinel, wire: Wire) -> None:
        await sentinel.send(notice, wire)

    trial(tmp_path, azure, does, **changes)


@pytest.mark.parametrize("name", SEVERAL)
def test_whatever_an_alert_says_its_row_fits_the_rule_of_the_page(tmp_path: Path, name: str) -> None:
    deliver(tmp_path, azure := Azure(declared()), SEVERAL[name])
    (found,) = azure.rows
    assert found["AlertId"] == "example-0001"
    assert len(payload(SEVERAL[name])) <= ROW + 2
    assert max(len(encoded(value)) for value in found.values()) <= FIELD


def test_table_rule_and_code_have_the_same_columns() -> None:
    schema = in_json("sentinel.md", '"schema"')["properties"]["schema"]
    assert {column["name"]: column["type"].lower() for column in schema["columns"]} == COLUMNS == declared()
    rule = in_json("sentinel.md", "streamDeclarations")["properties"]
    (flow,) = rule["dataFlows"]
    assert flow["outputStream"] == f"Custom-{schema['name']}"
    assert flow["streams"] == list(rule["streamDeclarations"]) == [documented().stream]
    assert flow["destinations"] == [one["name"] for one in rule["destinations"]["logAnalytics"]]


def test_columns_have_names_that_a_custom_table_may_have() -> None:
    kept = {"_ResourceId", "id", "_SubscriptionId", "TenantId", "Type", "UniqueId", "Title", "SourceSystem"}
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{1,44}", name) for name in COLUMNS)
    assert not {name.lower() for name in COLUMNS} & {name.lower() for name in kept}


def test_what_is_long_is_cut_visibly() -> None:
    found = row(SEVERAL["long"])
    assert found["AlertTitle"].endswith("…")
    assert found["Changes"][-1].startswith("… and ")
    assert found["Actor"] == "build-7"


def test_an_analyst_finds_who_did_what() -> None:
    found = row(said())
    assert (found["Actor"], found["Human"], found["Severity"], found["Risk"]) == (
        "build-7", "ana@example.com", "high", 0.87,
    )  # fmt: skip
    assert (found["TimeGenerated"], found["FirstSeen"]) == ("2026-01-01T00:00:00.000Z", "2025-12-31T23:56:00.000Z")
    assert (found["AlertKey"], found["News"], found["IsExample"]) == ("example-0001.0", "opened", False)
    assert found["Detections"] == {"token-in-two-places": 2, "new-key-after-assume": 1}


def test_it_is_told_with_a_token_that_is_asked_for_once(tmp_path: Path) -> None:
    async def does(sentinel: Sentinel, wire: Wire) -> None:
        await asyncio.gather(*(sentinel.send(said(revision=number), wire) for number in range(8)))

    trial(tmp_path, azure := Azure(declared()), does)
    assert azure.forms == [{
        "grant_type": "client_credentials", "client_id": CLIENT, "client_secret": "s-1",
        "scope": "https://monitor.azure.com/.default",
    }]  # fmt: skip
    assert azure.asked[0] == "/contoso.onmicrosoft.com/oauth2/v2.0/token"
    rule = "dcr-" + "0" * 32
    assert set(azure.asked[1:]) == {f"/dataCollectionRules/{rule}/streams/Custom-Whodid_CL?api-version=2023-01-01"}
    assert len(azure.rows) == 8


def test_a_token_that_is_not_taken_any_more_is_dropped(tmp_path: Path) -> None:
    azure = Azure(declared())

    async def does(sentinel: Sentinel, wire: Wire) -> None:
        await sentinel.send(said(), wire)
        azure.good.clear()
        failed = await asyncio.gather(*(sentinel.send(said(), wire) for _ in range(3)), return_exceptions=True)
        assert [type(one) for one in failed] == [Away] * 3
        await asyncio.gather(*(sentinel.send(said(), wire) for _ in range(3)))

    trial(tmp_path, azure, does)
    assert len(azure.forms) == 2


def test_a_new_secret_is_taken_without_a_restart(tmp_path: Path) -> None:
    azure = Azure(declared(), lasts=0)

    async def does(sentinel: Sentinel, wire: Wire) -> None:
        await sentinel.send(said(), wire)
        azure.secret = "s-2"
        with pytest.raises(Away, match="AADSTS7000215") as caught:
            await sentinel.send(said(), wire)
        assert "s-1" not in str(caught.value)
        (tmp_path / "secret").write_text("s-2")
        await sentinel.send(said(), wire)

    trial(tmp_path, azure, does)
    assert len(azure.rows) == 2


def test_a_new_secret_is_taken_while_the_old_token_is_good(tmp_path: Path) -> None:
    azure = Azure(declared())

    async def does(sentinel: Sentinel, wire: Wire) -> None:
        await sentinel.send(said(), wire)
        azure.secret = "s-2"
        (tmp_path / "secret").write_text("s-2")
        await sentinel.send(said(), wire)

    trial(tmp_path, azure, does)
    assert [form["client_secret"] for form in azure.forms] == ["s-1", "s-2"]


@pytest.mark.parametrize(("lasts", "good"), [(3600, 3300), (400, 200), (10, 5)])
def test_a_token_is_replaced_before_it_ends(lasts: float, good: float) -> None:
    async def run() -> None:
        now = [1000.0]
        async with Azure({}, lasts=lasts) as azure:
            wire = configured(Sentinel, **SETTINGS).wire()
            account, asks = Account(lambda: now[0]), Asks(azure.url, "contoso", CLIENT, "s-1", "all")
            first = await account.token(asks, wire)
            now[0] += good - 0.1
            assert await account.token(asks, wire) == first
            now[0] += 0.2
            second = await account.token(asks, wire)
            account.forget(first)
            assert second != first
            assert await account.token(asks, wire) == second
            account.forget(second)
            assert await account.token(asks, wire) != second
            await wire.close()

    asyncio.run(run())


@pytest.mark.parametrize("said_back", [
    answer(400, b'{"error":"invalid_scope"}'), answer(404, b"no such tenant"), answer(200, b"<html>"),
    answer(200, b'{"access_token":"","expires_in":1}'), answer(200, b'{"access_token":"a\\nb","expires_in":1}'),
])  # fmt: skip
def test_an_authority_that_gives_no_token_is_not_the_alerts_fault(tmp_path: Path, said_back: bytes) -> None:
    async def run() -> None:
        async with Raw(said_back) as raw:
            sentinel = there(tmp_path, raw.url)
            wire = sentinel.wire()
            with pytest.raises(Away, match="token:"):
                await sentinel.send(said(), wire)
            await wire.close()

    asyncio.run(run())


@pytest.mark.parametrize(("status", "expected"), [
    (400, Refused), (413, Refused), (401, Away), (403, Away), (404, Away), (429, Away), (503, Away),
])  # fmt: skip
def test_only_what_is_wrong_with_the_row_is_refused(tmp_path: Path, status: int, expected: type[Exception]) -> None:
    azure = Azure(declared())
    azure.says = (status, "no")
    with pytest.raises(expected):
        deliver(tmp_path, azure, said())


def test_loopback_is_not_reached_unless_it_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(Away, match="allow"):
        deliver(tmp_path, azure := Azure(declared()), said(), allow=[])
    assert not azure.asked


SETTINGS: dict[str, Any] = {
    "kind": "sentinel", "endpoint": "https://whodid.westeurope-1.ingest.monitor.azure.com", "tenant": "contoso",
    "rule": "dcr-" + "0" * 32, "stream": "Custom-Whodid_CL", "client": CLIENT, "secret": {"env": "SECRET"},
}  # fmt: skip


@pytest.mark.parametrize("changes", [
    {"rule": "whodid"}, {"stream": "Whodid_CL"}, {"stream": "Custom-a/b"}, {"tenant": "a/b"}, {"tenant": ""},
    {"client": "whodid"}, {"secret": "s-1"}, {"authority": "login"}, {"endpoint": ""},
])  # fmt: skip
def test_settings_that_cannot_be_are_named(changes: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match=next(iter(changes))):
        configured(Sentinel, **{**SETTINGS, **changes})


def test_the_same_settings_are_the_same_whatever_is_kept() -> None:
    assert configured(Sentinel, **SETTINGS) == configured(Sentinel, **SETTINGS)
    assert configured(Sentinel, **SETTINGS) != configured(Sentinel, **{**SETTINGS, "tenant": "other"})


def documented() -> Sentinel:
    (text,) = blocks("sentinel.md", "yaml")
    (found,) = file(text, "sentinel.md").destinations
    assert isinstance(found, Sentinel)
    return found


def test_the_page_shows_what_is_sent() -> None:
    assert in_json("sentinel.md", 'TimeGenerated": "2') == json.loads(payload(said(is_example=True)))


def test_queries_and_rule_of_the_page_name_columns_that_there_are() -> None:
    for query in blocks("sentinel.md", "kql"):
        made = set(re.findall(r"(\w+) = ", query))
        named = set(re.findall(r"\b[A-Z]\w+", re.sub(r'"[^"]*"', "", query))) - {"Whodid_CL"}
        assert named <= COLUMNS.keys() | made
    query = block("sentinel.md", "kql", "ingestion_time")
    known = COLUMNS.keys() | set(re.findall(r"(\w+) = ", query))
    rule = in_json("sentinel.md", '"Scheduled"')["properties"]
    mapped = {field["columnName"] for entity in rule["entityMappings"] for field in entity["fieldMappings"]}
    shown = set(re.findall(r"\{\{(\w+)\}\}", json.dumps(rule["alertDetailsOverride"])))
    assert mapped | shown | set(rule["customDetails"].values()) <= known
    assert rule["alertDetailsOverride"]["alertSeverityColumnName"] in known
    grouped = rule["incidentConfiguration"]["groupingConfiguration"]["groupByCustomDetails"]
    assert set(grouped) <= rule["customDetails"].keys()
