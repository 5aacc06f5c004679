"""The bundled incident is the same every time, is understood whole, and leads from the bill back to the mail."""

import ipaddress
import json
import re

import pytest

from pipeline.kit.config import Settings
from pipeline.kit.topics import PUBLIC
from pipeline.normalize.context import Context
from pipeline.normalize.stage import process
from pipeline.run.investigate import Investigation
from pipeline.simulate import incident, shapes
from pipeline.sources.detect import topic_of
from pipeline.store import connect

START = 1_767_225_600_000_000
TEXT = b"\n".join(record.value for _, record in incident.records(START)).decode()
DOCUMENTATION = [ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]


def test_it_is_the_same_every_time_and_moves_with_its_start():
    first, again = list(incident.records(START)), list(incident.records(START))
    later = list(incident.records(START + 7 * 86_400_000_000))
    assert first == again
    assert [topic for topic, _ in later] == [topic for topic, _ in first]
    assert later != first


def test_it_speaks_on_all_four_topics_in_at_least_five_formats():
    story = list(incident.records(START))
    assert {topic for topic, _ in story} == set(PUBLIC)
    assert len({record.format for _, record in story}) >= 5
    assert 150 <= len(story) <= 400
    assert len(story) == incident.truth(START).records


def test_every_record_is_understood_with_its_format_stated_or_not():
    context = Context(b"0123456789abcdef", fixed_now=START + 3_600_000_000)
    for topic, record in incident.records(START):
        stated = process(record, context)
        assert [one.rejected for one in stated] == [None] * len(stated), record.value
        assert all(one.events for one in stated), record.value
        record.format = ""
        assert [one.events for one in process(record, context)] == [one.events for one in stated]
        assert topic_of(record.value) in PUBLIC
        assert topic in PUBLIC


def test_it_names_nobody_real():
    addresses = set(re.findall(r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b", TEXT))
    assert addresses
    for address in addresses:
        assert any(ipaddress.ip_address(address) in net for net in DOCUMENTATION), address
    assert set(re.findall(r"(?<![-\w])\d{12}(?![-\w])", TEXT)) <= {shapes.ACCOUNT}
    assert all(host.endswith("example.com") for host in re.findall(r"@([\w.-]+\w)", TEXT) if "." in host)


def test_cloudtrail_comes_minutes_after_the_tool_calls_that_caused_it():
    order = [
        (json.loads(record.value).get("eventName") or "span", number)
        for number, (_, record) in enumerate(incident.records(START))
        if record.format in ("aws.cloudtrail", "otel.genai")
    ]
    last_span = max(number for name, number in order if name == "span")
    assert last_span < next(number for name, number in order if name == "CreateAccessKey")


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    settings = Settings(data_dir=tmp_path_factory.mktemp("incident"), clickhouse="chdb://memory", hash_key="0" * 16)
    with connect(settings) as store:
        summary = Investigation(settings, store).run(record for _, record in incident.records(START))
        assert summary.rejected == 0
        return store.rows(
            "SELECT credential, credential_chain, actor, human, session, address, tool_call, prompt_event, action "
            "FROM entries FINAL"
        )


def test_the_stolen_key_leads_back_to_the_agent_the_person_the_prompt_and_the_root(rows):
    truth = incident.truth(START)
    used = [row for row in rows if row[0] == truth.clue]
    assert len(used) > 40
    assert {row[5] for row in used} == {incident.ELSEWHERE}
    assert all(tuple(row[1]) == truth.chain for row in used)
    minted = [row for row in rows if row[8].endswith("CreateAccessKey")]
    assert len(minted) == 1
    _, _, actor, human, session, _, tool_call, prompt, _ = minted[0]
    assert (actor, human, session) == (truth.agent, truth.human, truth.session)
    assert tool_call
    assert prompt


def test_nothing_benign_is_laid_at_the_agents_door(rows):
    truth = incident.truth(START)
    for _, chain, actor, _, _, address, *_ in rows:
        if address in (incident.OFFICE, incident.CI):
            assert actor != truth.agent
            assert not set(chain) & set(truth.chain)
