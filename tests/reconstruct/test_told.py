"""Gaps, missed detections and the words for deeds, on small stories written by hand."""

import pytest

from pipeline.kit.config import Settings
from pipeline.reconstruct import reconstruct
from pipeline.reconstruct.deeds import how_of, tactic_of
from pipeline.store import connect
from schemas.entry import Entry
from schemas.event import Event
from schemas.incident import Clue

START = 1_790_000_000_000_000


def entry(name, seconds, action, **more):
    found = {
        key: more.pop(key) for key in ("session", "human", "unbound", "credential_expires", "actor_kind") if key in more
    }
    event = Event(
        event_id=name, kind=more.pop("kind", "cloud_audit"), format="test", action=action,
        time=START + int(seconds * 1e6), credential=more.pop("credential", "aws:AKIATHIEF"),
        address=more.pop("address", "203.0.113.9"), user_agent="python-requests/2", **more,
    )  # fmt: skip
    return Entry(event=event, actor=more.pop("actor", "arn:aws:iam::123456789012:user/svc"), **found)


@pytest.fixture
def told(tmp_path):
    def tell(*entries, clue=None):
        with connect(Settings(data_dir=tmp_path, clickhouse=f"chdb://{tmp_path}/store")) as store:
            store.write_entries(entries)
            return reconstruct(store, clue or Clue("credential", "aws:AKIATHIEF"), now=START)[0]

    return tell


def test_a_log_that_was_switched_off_is_a_gap_from_then_on(told):
    incident = told(entry("a", 0, "cloudtrail:StopLogging", account="123456789012", resources=["org-trail"]))
    assert any("after 2026-09-21T14:13:20Z" in gap.what and "org-trail" in gap.why for gap in incident.gaps)
    assert [one.detection for one in incident.missed] == ["logging-disabled"]


def test_a_refused_attempt_is_no_gap_and_nothing_that_was_changed(told):
    incident = told(entry("a", 0, "cloudtrail:StopLogging", outcome="denied", resources=["org-trail"]))
    assert not any("org-trail" in gap.why for gap in incident.gaps)
    assert [(one.name, one.how) for one in incident.reach.resources] == [("org-trail", "refused")]
    assert incident.missed == []


def test_detections_that_should_have_fired_are_named_with_their_evidence(told):
    secrets = [entry(f"s{n}", n, "secretsmanager:GetSecretValue", resources=[f"prod/{n}"]) for n in range(6)]
    late = entry("late", 90, "s3:ListBuckets", credential_expires=START + 1)
    missed = {one.detection: one for one in told(*secrets, late).missed}
    assert set(missed) == {"secrets-harvested", "token-after-expiry"}
    assert missed["token-after-expiry"].entries == ["late"]
    assert "6 entries" in missed["secrets-harvested"].why


def test_a_credential_that_was_never_seen_issued_is_a_gap(told):
    incident = told(entry("a", 0, "s3:ListBuckets", unbound="credential never seen issued: standing key"))
    assert any("who issued aws:AKIATHIEF" in gap.what for gap in incident.gaps)
    assert incident.roots[0].kind == "credential"


def test_an_act_at_another_account_and_address_is_told_as_it_is(told):
    incident = told(
        entry("a", 0, "iam:CreateUser", resources=["eve"]),
        entry("b", 5, "iam:CreateAccessKey", kind="token_issuance", issued="aws:AKIAEVE", issued_kind="access-key",
              issued_subject="arn:aws:iam::123456789012:user/eve", resources=["eve"]),
        entry("c", 900, "s3:GetObject", credential="aws:AKIAEVE", address="198.51.100.77",
              actor="arn:aws:iam::123456789012:user/eve", resources=["arn:aws:s3:::pay/1"]),
    )  # fmt: skip
    assert {part.event_id for part in incident.parts if part.role == "act"} == {"a", "b", "c"}
    assert incident.reach.altered == ["arn:aws:iam::123456789012:user/eve", "eve"]
    assert {one.name: one.minted for one in incident.reach.credentials} == {"aws:AKIAEVE": True, "aws:AKIATHIEF": False}
    assert incident.dwell == 900


@pytest.mark.parametrize(
    ("action", "kind", "tactic", "how"),
    [
        ("s3:GetObject", "cloud_audit", "collection", "read"),
        ("s3:DeleteBucket", "cloud_audit", "impact", "deleted"),
        ("bedrock:InvokeModel", "cloud_audit", "impact", "used"),
        ("iam:CreateAccessKey", "token_issuance", "persistence", "created"),
        ("iam:AttachUserPolicy", "cloud_audit", "privilege-escalation", "changed"),
        ("sts:AssumeRole", "token_issuance", "lateral-movement", "used"),
        ("sts:GetCallerIdentity", "cloud_audit", "discovery", "read"),
        ("read_mail", "tool_call", "execution", "read"),
        ("user_message", "prompt", "", "read"),
    ],
)
def test_what_an_action_does_is_told_by_its_name(action, kind, tactic, how):
    one = entry("x", 0, action, kind=kind)
    assert (tactic_of(one), how_of(one)) == (tactic, how)


def test_hostile_names_do_no_harm(told):
    nasty = "\u202e<script>alert(1)</script>\x1b[31m\u200b" + "A" * 10_000
    incident = told(entry(nasty, 0, nasty, resources=[nasty] * 3, policy=nasty), clue=Clue("resource", nasty))
    assert [part.event_id for part in incident.parts] == [nasty]
    assert incident.story
