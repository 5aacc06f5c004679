import itertools
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.kit.config import Settings
from pipeline.query import Query, parse
from pipeline.query.fields import FIELDS
from pipeline.query.matching import matches
from pipeline.query.tree import ANYWHERE, Is, Like, Term
from pipeline.store import connect
from pipeline.store.amounts import count, histogram
from pipeline.store.points import points
from pipeline.store.risk import BANDS
from pipeline.store.search import Scope, search
from schemas.entry import Entry, Link
from schemas.event import Argument, Event
from tests.query.trees import HOSTILE, queries, texts
from tests.store.asking import value_of
from tests.store.entries import START
from tests.store.findings import finding

NOW = START + 3_600_000_000
EXACT = Scope(exact=True, now=NOW)


def ids(page):
    return [one.event.event_id for one in page.entries]


def made(rng, number):
    """An entry whose every field may hold anything."""

    def text(*usual):
        return rng.choice((*usual, "", *HOSTILE)) if rng.random() < 0.5 else rng.choice(usual)

    event = Event(
        event_id=f"e{number}", kind=rng.choice(("prompt", "tool_call", "cloud_audit")), time=START + number * 7_000_000,
        format=text("aws.cloudtrail", "otel"), action=text("s3:GetObject", "s3.x", "send_mail"), tool=text("send_mail"),
        outcome=rng.choice(("success", "denied", "failure", "")), credential=text("aws:A", "k"), issued=text("aws:B",
        ""),
        trace=text("t1"), request=text("r1"), error=text("AccessDenied", "no"), account=text("12"),
        producer=text("okta"),
        resources=[text("arn:aws:s3:::b/x", "doc") for _ in range(rng.randrange(3))],
        address=rng.choice(("10.1.2.3", "192.0.2.9", "2001:db8::1", "", "host", "10.1.2", "1.2.3.4.5")),
        user_agent=text("aws-cli/2"), region=text("eu-west-1"), policy=text("ReadOnly"), text=text("pay the invoice"),
        arguments=[Argument("a", text("v"), rng.choice(("", "prompt", "agent"))) for _ in range(rng.randrange(2))],
    )  # fmt: skip
    sure = rng.choice((0.0, 0.25, 0.5, 0.9))
    return Entry(
        event=event, actor=text("bot", "Bot", "s3:x"), actor_kind=rng.choice(("agent", "human", "")), human=text("ana"),
        actor_name=text("Bot"), session=text("s1"), tool_call=text("c1"), tool_call_event=text("e1"),
        prompt_event=text("e2"), credential_chain=[text("root") for _ in range(rng.randrange(2))],
        on_behalf_of=[text("ana", "ben") for _ in range(rng.randrange(2))], unbound=text("no credential", ""),
        links=[Link("actor", rng.choice(("stated", "trace")), sure)] if sure else [],
    )  # fmt: skip


@pytest.fixture(scope="module")
def filled():
    rng = random.Random(20)
    entries = [made(rng, number) for number in range(160)]
    found = [
        finding(f"f{n}", n, severity=rng.choice(list(BANDS)), score=rng.choice((0.0, 0.4, 1.0)),
                detection=rng.choice(("llmjacking", rng.choice(HOSTILE))),
                suppressed=rng.choice(("", "", "known")), entries=[f"e{rng.randrange(160)}" for _ in range(3)])
        for n in range(25)
    ]  # fmt: skip
    with connect(Settings(clickhouse="chdb://memory")) as store:
        store.write_entries(entries)
        store.write_findings([*found, finding("gone", 1, severity="critical", entries=["e5"])])
        store.write_findings([finding("gone", 1, revision=1, retracted=True, severity="critical", entries=["e5"])])
        yield store, entries, found


def expected(entries, found, query):
    return [
        one.event.event_id for one in entries if matches(query, value_of(one, found), NOW)
    ]  # fmt: skip


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=queries)
def test_whatever_is_asked_the_store_finds_what_the_language_says(filled, query):
    store, entries, found = filled
    assert ids(search(store, query, limit=1000, latest_first=False, scope=EXACT)) == expected(entries, found, query)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([name for name, one in FIELDS.items() if one.type in ("name", "word")] + [ANYWHERE]),
       st.one_of(st.sampled_from(HOSTILE), texts).filter(bool))  # fmt: skip
def test_hostile_values_of_every_field_are_values(filled, name, text):
    store, entries, found = filled
    for value in (Is(text), Like("*" + text.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?") + "?")):
        query = Query(Term(name, value))
        assert ids(search(store, query, limit=1000, latest_first=False, scope=EXACT)) == expected(entries, found, query)


def test_every_field_finds_and_does_not_find(filled):
    store, entries, found = filled
    examples = {
        name: f"{name}:{value}" for name, value in {
            "actor": "bot", "human": "ana", "session": "s1", "credential": "aws:?", "used-token": "root",
            "chain": "ben",
            "caused-by": "c1", "action": "s3.*", "tool": "SEND_mail", "resource": "arn*", "outcome": "denied",
            "kind": "prompt", "actor-kind": "agent", "format": "otel", "account": "12", "region": "EU-west-1",
            "producer": "okta",
            "address": "10.0.0.0/8", "user-agent": "aws*", "policy": "ReadOnly", "error": "accessdenied",
            "link": "trace",
            "confidence": ">0.5", "unbound": "true", "origin": "agent", "detection": "llmjacking", "severity": ">=high",
            "risk": ">0.8", "event": "e7", "trace": "t1", "request": "r1", "text": "INVOICE", "has": "issued",
            "since": "50m", "until": "50m",
        }.items()
    }  # fmt: skip
    examples["has"] = "has:error"
    assert set(examples) == set(FIELDS)
    for text in examples.values():
        query = parse(text)
        wanted = expected(entries, found, query)
        assert 0 < len(wanted) < len(entries), text
        assert ids(search(store, query, limit=1000, latest_first=False, scope=EXACT)) == wanted
        assert count(store, query, scope=EXACT) == (len(wanted), False)
        assert sum(histogram(store, query, 40, scope=EXACT).counts) == len(wanted)
        drawn = points(store, query, scope=EXACT)
        assert drawn.event_id == wanted[::-1]
        assert drawn.risk == [value_of(entries[int(one[1:])], found)("risk")[0] for one in drawn.event_id]


@pytest.mark.parametrize("text", ["", "actor:bot", "outcome:(denied or failure)", "risk:>0.3", "-kind:prompt since:1h"])
@pytest.mark.parametrize("latest_first", [True, False])
def test_pages_have_each_once_in_a_stable_order(filled, text, latest_first):
    store, _, _ = filled
    query = parse(text)
    whole = ids(search(store, query, limit=1000, latest_first=latest_first, scope=EXACT))
    paged, after = [], None
    for _ in itertools.count():
        page = search(store, query, limit=7, after=after, latest_first=latest_first, scope=EXACT)
        paged += ids(page)
        if (after := page.next) is None:
            break
        assert len(page.entries) == 7
    assert paged == whole
    assert len(whole) > 7
