"""What a destination is told: masked as it is configured, whatever its shape."""

import json

import msgspec
import pytest

from pipeline.alert.body import told
from pipeline.alert.destinations import chat, elastic, ocsf, pagerduty, secops, sentinel, splunk, webhook
from pipeline.alert.example import example
from pipeline.alert.notice import MASKED, masked, notice
from pipeline.kit.config import Settings
from pipeline.run.investigate import Investigation
from pipeline.simulate import incident
from pipeline.store import alerts, connect
from schemas.rejected import Record

START = 1_767_225_600_000_000
#: An argument of the incident's hijacked call, and what the mail in it asks for.
CONTENT = ("https://vendor-portal.example.net/sync", "user backup")


@pytest.fixture(scope="module")
def drifted(tmp_path_factory):
    """The alert about the bundled incident's hijacked agent."""
    settings = Settings(clickhouse="chdb://memory", data_dir=tmp_path_factory.mktemp("home"))
    with connect(settings) as store:
        records = [Record(one.value, one.format, topic, 0, n) for n, (topic, one) in enumerate(incident.records(START))]
        Investigation(settings, store).run(records)
        (found,) = alerts.alerts(store, {"detection": ["tool-chain-drift"]}).alerts
    assert all(text in " ".join(found.unusual) for text in CONTENT)
    return found


PAYLOADS = {
    "webhook": webhook.payload,
    "ocsf": ocsf.payload,
    "elastic": lambda one: elastic.payload(one, "alerts"),
    "pagerduty": lambda one: json.dumps(pagerduty.payload(one)).encode(),
    "secops": secops.payload,
    "sentinel": sentinel.payload,
    "splunk": lambda one: json.dumps(splunk.payload(one)).encode(),
    "chat": lambda one: "".join(chat.payload(one)).encode(),
    "body": lambda one: json.dumps(told(one)).encode(),
}


@pytest.mark.parametrize("kind", PAYLOADS)
@pytest.mark.parametrize("mask", ["content", "details"])
def test_prompts_and_arguments_are_kept_from_who_is_not_to_see_them(drifted, kind, mask):
    payload = PAYLOADS[kind](notice(drifted, mask))
    for text in CONTENT:
        assert text.encode() not in payload
    assert drifted.actor.encode() in payload


@pytest.mark.parametrize("kind", sorted(set(PAYLOADS) - {"chat"}))
def test_who_may_see_them_is_told_them(drifted, kind):
    assert CONTENT[0].encode() in PAYLOADS[kind](notice(drifted, "nothing")).replace(b"\\/", b"/")


def test_the_sentence_itself_quotes_nothing(drifted):
    assert not any(text in drifted.sentence for text in CONTENT)


def test_the_longest_quote_is_hidden_first():
    alert = msgspec.structs.replace(
        example(), unusual=["it said secret-word-long"], quotes=["secret", "secret-word-long"]
    )
    assert masked(alert, "content").unusual == [f"it said {MASKED}"]
    assert masked(alert, "content").quotes == []


def test_details_are_kept_from_who_is_told_the_sentence_only():
    found = masked(example(), "details")
    assert (found.unusual, found.resources) == ([], [])
    assert found.sentence == example().sentence


def test_the_key_is_the_same_whenever_a_revision_is_told():
    assert notice(example(), "content").key == notice(example(), "nothing").key == "example-0001.0"
