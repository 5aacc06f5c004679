"""The bundled incident, reconstructed from whatever somebody may have of it."""

import re

import msgspec
import pytest

from pipeline.kit.failures import Invalid
from pipeline.reconstruct import reconstruct
from pipeline.reconstruct.clue import recognise
from pipeline.simulate import incident as bundled
from pipeline.store.pivots import timeline
from pipeline.store.queries import events
from schemas.incident import Clue, Incident
from tests.reconstruct.conftest import START

SECOND, DAY = 1_000_000, 86_400_000_000


@pytest.fixture(scope="module")
def found(store, truth):
    return reconstruct(store, Clue("credential", truth.clue), now=START + DAY)


def acts(incident):
    return {part.event_id for part in incident.parts if part.role == "act"}


def thief(store, truth):
    page = timeline(store, "credential", truth.clue)
    return {one.event.event_id for one in page.entries if one.event.credential == truth.clue}


def test_from_the_key_in_the_bill_back_to_the_prompt_that_began_it(store, found, truth):
    incident, entries = found
    assert thief(store, truth) <= acts(incident)
    (root,) = incident.roots
    assert (root.kind, root.actor, root.human) == ("injection", truth.agent, truth.human)
    prompt, read = events(store, root.entries)
    assert (prompt.event.action, prompt.session) == ("user_message", truth.session)
    assert (read.event.action, read.event.time) == ("read_mail", START + 14 * SECOND)
    assert {edge.target for edge in incident.edges if edge.kind == "issued"} >= {f"credential:{truth.clue}"}
    assert [one.event.time for one in entries] == sorted(one.event.time for one in entries)


def test_nobody_else_is_drawn_in(found):
    _, entries = found
    assert {one.actor for one in entries if one.actor.startswith("arn:aws:iam")} <= {
        "arn:aws:iam::123456789012:user/backup",
        f"arn:aws:iam::123456789012:oidc-provider/{bundled.PROVIDER}:sts:system:serviceaccount:finance:invoice-bot",
    }
    assert not {"support-bot"} & {one.actor for one in entries}
    assert min(one.event.time for one in entries) >= START - 60 * SECOND


CLUES = {
    "credential": lambda store, truth: truth.clue,
    "credential without its kind": lambda store, truth: truth.clue.removeprefix("aws:"),
    "address": lambda store, truth: bundled.ELSEWHERE,
    "identity": lambda store, truth: "arn:aws:iam::123456789012:user/backup",
    "session": lambda store, truth: truth.session,
    "event": lambda store, truth: sorted(thief(store, truth))[3],
    "resource": lambda store, truth: "anthropic.claude-example-v1",
    "finding": lambda store, truth: store.rows(
        "SELECT finding_id FROM findings FINAL WHERE detection = 'model-cost-burn'", {}
    )[0][0],
    "alert": lambda store, truth: store.rows(
        "SELECT alert_id FROM alerts FINAL WHERE has(detections, 'llmjacking')", {}
    )[0][0],
}


@pytest.mark.parametrize("name", CLUES)
def test_every_clue_leads_to_the_same_thief_and_the_same_root(store, truth, name):
    clue = recognise(store, CLUES[name](store, truth))
    assert clue.kind == name.split()[0]
    incident, _ = reconstruct(store, clue)
    assert thief(store, truth) <= acts(incident)
    assert "injection" in {root.kind for root in incident.roots}


def test_a_span_leads_to_what_was_found_in_it(store, truth):
    clue = recognise(store, "", "", START, START + 3600 * SECOND)
    incident, _ = reconstruct(store, clue)
    assert thief(store, truth) <= acts(incident)


def test_the_same_question_has_the_same_answer(store, found, truth):
    again = reconstruct(store, Clue("credential", truth.clue), now=START + DAY)[0]
    assert again == found[0]
    assert msgspec.json.decode(msgspec.json.encode(again), type=Incident) == again


def test_a_higher_cutoff_takes_less_and_says_what_was_held_apart(store, found, truth):
    strict, _ = reconstruct(store, Clue("credential", truth.clue), 0.9, now=START + DAY)
    assert acts(strict) < acts(found[0])
    assert thief(store, truth) <= acts(strict)
    partly = [strand for strand in strict.strands if strand.events < strand.of]
    assert {strand.actor for strand in partly} == {truth.agent}
    assert any("held apart, 0.85 sure" in strand.why or "held apart, 0.86 sure" in strand.why for strand in partly)
    loose = [strand for strand in found[0].strands if not strand.belongs]
    assert all(strand.why and strand.confidence < 0.5 for strand in loose)


def test_the_story_is_told_in_order_and_every_sentence_has_its_evidence(store, found):
    incident, entries = found
    known = {one.event.event_id for one in entries}
    assert [step.stage for step in incident.story[:1]] == ["first sign"]
    assert incident.story[-1].stage == "last sign"
    assert {step.stage for step in incident.story} == {
        "first sign", "entry", "escalation", "lateral step", "objective", "last sign",
    }  # fmt: skip
    assert [step.time for step in incident.story] == sorted(step.time for step in incident.story)
    for step in incident.story:
        assert step.entries
        assert set(step.entries) <= known
        assert not re.search(r": \.|\(\)|None", step.sentence)


def test_no_sentence_quotes_a_prompt_or_a_result(found):
    incident, entries = found
    told = " ".join([incident.title, *incident.summary, *(step.sentence for step in incident.story)])
    for one in entries:
        assert len(one.event.text) < 8 or one.event.text not in told
    assert "vendor-portal" not in told


def test_the_blast_radius_names_what_is_still_alive_and_how_to_end_it(store, found, truth):
    incident, _ = found
    by_name = {one.name: one for one in incident.reach.credentials}
    assert by_name[truth.clue].state == "alive"
    assert by_name[truth.clue].minted
    assert by_name[truth.clue].commands[0].startswith("aws iam update-access-key --access-key-id AKIA")
    assert all(by_name[name].state == "expired" for name in truth.chain[1:3])
    early, _ = reconstruct(store, Clue("credential", truth.clue), now=START + 600 * SECOND)
    assert {one.name for one in early.reach.credentials if one.state == "alive"} >= set(truth.chain[:3])
    how = {(one.name, one.how) for one in incident.reach.resources}
    assert {("prod/erp", "read"), ("backup", "created"), ("anthropic.claude-example-v1", "used")} <= how
    assert "arn:aws:iam::123456789012:user/backup" in incident.reach.altered


def test_data_that_flowed_from_a_result_into_a_call_is_named(found):
    flowed = {(one.origin, one.target, one.argument) for one in found[0].reach.transfers}
    assert {("result", "create_access_key", "user"), ("result", "http_post", "url")} <= flowed


def test_what_cannot_be_known_names_the_log_that_would_have_told(found):
    gaps = found[0].gaps
    assert any("prod/erp" in gap.what for gap in gaps)
    assert any("model invocation logging" in gap.log for gap in gaps)
    assert all(gap.what and gap.why and gap.log and gap.entries for gap in gaps)


def test_frameworks_say_what_it_means_there(found):
    assert {"ASI01", "NHI7", "AML.T0051.001"} <= set(found[0].frameworks)


def test_what_is_no_clue_is_said_by_name(store):
    for given, field in (
        (("nothing of the kind",), "clue"), (("",), "clue"), (("x", "colour"), "kind"),
        (("nothing", "alert"), "clue"),
    ):  # fmt: skip
        with pytest.raises(Invalid) as failure:
            recognise(store, *given)
        assert failure.value.field == field
    with pytest.raises(Invalid, match="cutoff"):
        reconstruct(store, Clue("credential", "aws:x"), 0)
    with pytest.raises(Invalid, match="clue"):
        reconstruct(store, Clue("credential", "aws:nobody"))


def test_a_verdict_of_harmless_takes_a_finding_out_of_what_looks_wrong(store, truth):
    from pipeline.reconstruct.case import Case  # noqa: PLC0415
    from pipeline.store.alerts import alerts  # noqa: PLC0415

    actor = "arn:aws:iam::123456789012:user/backup"
    before = Case(store)
    before.past([actor])
    assert any(thread.findings for thread in before.by("actor", actor))
    mine = [one for one in alerts(store, {"actor": [actor]}, everything=True).alerts]
    try:
        store.write_alerts(
            [msgspec.structs.replace(one, revision=one.revision + 1, state="closed", verdict="benign") for one in mine],
            [],
        )
        after = Case(store)
        after.past([actor])
        assert not any(thread.findings for thread in after.by("actor", actor))
    finally:
        store.write_alerts([msgspec.structs.replace(one, revision=one.revision + 2) for one in mine], [])
