"""The bundled incident: what it holds, and that its whole truth comes out."""

from collections import Counter

from pipeline.kit.config import Settings
from pipeline.kit.topics import PUBLIC
from pipeline.normalize.context import Context
from pipeline.normalize.stage import process
from pipeline.run.investigate import Investigation
from pipeline.simulate import incident
from pipeline.store import connect

START = 1_767_225_600_000_000


def test_it_uses_all_topics_and_every_record_is_understood():
    told = list(incident.records(START))
    assert {topic for topic, _ in told} == set(PUBLIC)
    context = Context(b"0123456789abcdef")
    for _, record in told:
        (one,) = process(record, context)
        assert one.rejected is None
        assert one.events


def test_the_same_start_tells_the_same_story_and_another_start_another():
    assert list(incident.records(START)) == list(incident.records(START))
    assert incident.truth(START).clue != incident.truth(START + 1_000_000).clue


def test_the_clue_leads_back_to_agent_prompt_and_person(tmp_path):
    truth = incident.truth(START)
    settings = Settings(clickhouse="chdb://memory", data_dir=tmp_path)
    with connect(settings) as store:
        Investigation(settings, store).run(record for _, record in incident.records(START))
        used = store.rows("SELECT credential_chain FROM entries FINAL WHERE credential = {c:String}", {"c": truth.clue})
        minted = store.rows(
            "SELECT actor, human, session, prompt_event, tool_call_event, links.method FROM entries FINAL "
            "WHERE issued = {c:String}", {"c": truth.clue},
        )  # fmt: skip
        session = store.rows(
            "SELECT actor, human, kind FROM entries FINAL WHERE session = {s:String}", {"s": truth.session}
        )
        origins = store.rows(
            "SELECT tool, arguments.origin FROM entries FINAL WHERE session = {s:String} AND kind = 'tool_call'",
            {"s": truth.session},
        )
    assert len(used) == 46
    assert {tuple(chain) for (chain,) in used} == {truth.chain}
    ((actor, human, conversation, prompt, call, methods),) = minted
    assert (actor, human, conversation) == (truth.agent, truth.human, truth.session)
    assert prompt
    assert call
    assert {"credential", "session-name", "in-flight"} <= set(methods)
    assert {(actor, human) for actor, human, _ in session} == {(truth.agent, truth.human)}
    assert Counter(kind for _, _, kind in session)["tool_call"] == 9
    assert dict(origins)["create_access_key"] == ["result"]
    assert "result" not in dict(origins)["list_mail"]
