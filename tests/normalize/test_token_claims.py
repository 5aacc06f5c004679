"""Claims of tokens: who acts for whom, which credential paid for which, CI jobs, pods, and security events."""

import copy
import json

import pytest

from pipeline.normalize.claims import moment
from pipeline.normalize.mask import mask_text
from pipeline.normalize.stage import process
from schemas.rejected import Record
from tests.normalize.common import CONTEXT, events, reason, turns
from tests.normalize.test_github_audit import CLONE
from tests.normalize.test_kubernetes_audit import ISSUE
from tests.normalize.test_policy_decisions import CEDAR

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbmEifQ.c2lnbmF0dXJl"
USER = {"iss": "https://login.example.com", "sub": "u-17", "azp": "desk", "jti": "T1", "sid": "S1",
        "iat": 1_769_850_004, "exp": 1_769_853_604, "email": "ana@example.com"}  # fmt: skip
CHAIN = {**USER, "jti": "T2", "act": {"sub": "agent", "act": {"sub": "desk"}}}
BASE = {"event": "issued", "time": "2026-01-31T09:00:04Z", "claims": USER, "address": "192.0.2.5"}
EXCHANGE = {**BASE, "event": "exchanged", "claims": CHAIN, "subject_claims": USER, "trace_id": "4bf9", "policy": "p-1"}
GITHUB = {"iss": "https://token.actions.githubusercontent.com", "sub": "repo:example-dev/pay:ref:refs/heads/main",
          "jti": "J1", "iat": 1_769_850_004, "actor": "ana", "repository": "example-dev/pay", "run_id": "77",
          "job_workflow_ref": "example-dev/ci/.github/workflows/x.yml@main"}  # fmt: skip
GITLAB = {"sub": "project_path:grp/pay:ref_type:branch:ref:main", "jti": "J2", "iat": 1_769_850_004,
          "project_path": "grp/pay", "pipeline_id": "88", "user_login": "ana",
          "user_email": "ana@example.com"}  # fmt: skip
SET = {
    "iss": "https://login.example.com", "jti": "7c2d9e10-5b1a-4c3e-8f00-0000000000a1", "iat": 1_769_850_300,
    "sub_id": {"format": "complex", "user": {"format": "email", "email": "ana@example.com"},
               "session": {"format": "opaque", "id": "S1"}},
    "events": {"https://schemas.openid.net/secevent/caep/event-type/session-revoked": {
        "event_timestamp": 1_769_850_299, "initiating_entity": "policy"}},
}  # fmt: skip


def changed(base=BASE, **fields):
    return {**copy.deepcopy(base), **fields}


def test_a_token_is_issued_to_a_client_that_acts_for_a_person():
    (event,) = events(BASE)
    assert (event.kind, event.action, event.outcome) == ("token_issuance", "token:issued", "success")
    assert (event.actor, event.actor_kind, event.human) == ("desk", "workload", "ana@example.com")
    assert (event.issued, event.issued_subject, event.session) == ("jti:T1", "u-17", "S1")
    assert (event.issued_expires, event.time) == (1_769_853_604_000_000, 1_769_850_004_000_000)


def test_an_exchange_pays_with_the_subject_token_and_states_the_chain():
    (event,) = events(EXCHANGE)
    assert (event.credential, event.issued) == (events(BASE)[0].issued, "jti:T2")
    assert (event.actor, event.human, event.trace, event.policy) == ("agent", "ana@example.com", "4bf9", "p-1")
    assert json.loads(event.attributes["delegation"]) == ["agent", "desk", "ana@example.com"]
    by_id = changed(EXCHANGE, subject_claims=None, subject_token_id="T1", actor_kind="agent")
    assert (events(by_id)[0].credential, events(by_id)[0].actor_kind) == ("jti:T1", "agent")


@pytest.mark.parametrize(
    ("change", "actor", "kind", "human", "chain"),
    [
        ({"claims": {"sub": "c1", "azp": "c1"}}, "c1", "workload", "", None),
        ({"claims": {"sub": "c1@clients", "azp": "c1"}}, "c1@clients", "workload", "", None),
        ({"claims": {"sub": "u"}, "client_id": "c1", "grant_type": "client_credentials"}, "u", "workload", "", None),
        ({"claims": {"sub": "u", "azp": "c1"}}, "c1", "workload", "", ["c1", "u"]),
        ({"claims": {"sub": "u", "upn": "ana@example.com"}}, "ana@example.com", "human", "ana@example.com", None),
        ({"claims": {"sub": "u"}}, "u", "", "", None),
        ({"claims": {"sub": "spiffe://x/pay", "azp": "c1"}}, "spiffe://x/pay", "workload", "", None),
        ({"claims": {"sub": "u"}, "actor_claims": {"sub": "a1"}}, "a1", "", "u", ["a1", "u"]),
        ({"claims": {"sub": "u"}, "actor_claims": CHAIN}, "agent", "", "u", ["agent", "desk", "u"]),
        ({"claims": {"sub": "spiffe://x/y", "act": {"sub": "a1"}}}, "a1", "", "", ["a1", "spiffe://x/y"]),
        ({"claims": {}}, "", "", "", None), ({"claims": {"sub": 5, "act": "x"}}, "", "", "", None),
    ],
)  # fmt: skip
def test_who_acts_for_whom_is_what_the_claims_say(change, actor, kind, human, chain):
    (event,) = events(changed(**change))
    assert (event.actor, event.actor_kind, event.human) == (actor, kind, human)
    assert json.loads(event.attributes.get("delegation", "null")) == chain


def test_a_refresh_issues_the_next_token_or_renews_the_same():
    (event,) = events(changed(event="refreshed", subject_token_id="R1"))
    assert (event.credential, event.issued) == ("jti:R1", "jti:T1")
    (same,) = events(changed(event="refreshed", subject_claims=USER))
    assert (same.attributes["renews"], same.issued, same.issued_expires) == ("jti:T1", "", 1_769_853_604_000_000)


@pytest.mark.parametrize(("active", "outcome"), [(True, "success"), (False, "denied"), (None, "success")])
def test_an_introspection_is_a_use_and_denied_if_the_token_is_no_longer_active(active, outcome):
    (event,) = events(
        changed(event="introspected", claims={**USER, "active": active}, resource="https://erp.example.com")
    )
    assert (event.kind, event.credential, event.outcome) == ("cloud_audit", "jti:T1", outcome)
    assert event.resources == ["https://erp.example.com"]


def test_a_revocation_names_the_token_and_a_logout_ends_the_session():
    assert turns(changed(event="revoked")) == {"revokes": "jti:T1"}
    assert turns(changed(event="revoked", claims=None, token_id="T9")) == {"revokes": "jti:T9"}
    assert turns(changed(event="revoked", outcome="failure")) == {}
    (event,) = events(changed(event="logout"))
    assert (event.session, event.attributes["session"], turns(changed(event="logout"))) == ("S1", "ended", {})


def test_a_failure_issues_nothing():
    (event,) = events(changed(error="invalid_grant"))
    assert (event.outcome, event.error, event.issued, event.issued_expires) == ("failure", "invalid_grant", "", 0)


def test_a_job_of_github_acts_in_its_run_for_the_person_who_set_it_off():
    (event,) = events(changed(claims=GITHUB, time=None))
    assert (event.actor, event.actor_kind, event.human) == (GITHUB["sub"], "ci", "ana")
    assert (event.session, event.issued, event.time) == ("github:run/77", "jti:J1", 1_769_850_004_000_000)
    assert event.attributes["job_workflow_ref"] == GITHUB["job_workflow_ref"]
    (audit,) = events({**CLONE, "action": "workflows.created_workflow_run", "workflow_run_id": 77})
    assert audit.session == event.session
    (bot,) = events(changed(claims={**GITHUB, "actor": "dependabot[bot]"}))
    assert (bot.human, "delegation" in bot.attributes) == ("", False)


def test_a_job_of_gitlab_acts_in_its_pipeline():
    (event,) = events(changed(claims=GITLAB))
    assert (event.actor_kind, event.human, event.session) == ("ci", "ana@example.com", "gitlab:pipeline/88")


def test_credentials_are_spelled_as_the_logs_of_those_who_take_them_spell_them():
    pod = {"sub": "system:serviceaccount:agent:pay", "kubernetes.io": {"namespace": "agent", "pod": {"name": "pay-7"}}}
    (issued,) = events(ISSUE)
    (event,) = events(changed(event="used", claims={**pod, "jti": issued.issued.removeprefix("kubernetes:JTI=")}))
    assert (event.credential, event.actor_kind) == (issued.issued, "workload")
    assert (event.attributes["namespace"], event.attributes["pod-name"]) == ("agent", "pay-7")
    (entra,) = events(changed(claims={**USER, "iss": "https://sts.windows.net/t/", "uti": "U1"}))
    assert entra.issued == "entra:U1"
    jti = CEDAR["tokens"]["access_token"]["jti"]
    canonical = {"kind": "cloud_audit", "time": BASE["time"], "action": "x", "credential": f"jti:{jti}"}
    used = {events(one)[0].credential for one in (CEDAR, canonical, changed(event="used", claims={"jti": jti}))}
    assert len(used) == 1


@pytest.mark.parametrize("token", [JWT, "opaque-token-value-1"])
@pytest.mark.parametrize("name", ["token", "subject_token", "refresh_token", "client_secret", "nested"])
def test_a_raw_token_becomes_a_keyed_hash_wherever_it_stands(token, name):
    told = changed(claims={"sub": "u"}, **({"request": {"assertion": token}} if name == "nested" else {name: token}))
    if name == "nested":
        told["claims"]["request"] = {"assertion": token}
        del told["request"]
    (one,) = process(Record(json.dumps(told).encode()), CONTEXT)
    assert token.encode() not in one.record.value
    assert token not in str(one.events)


def test_a_token_without_an_id_links_by_its_hash():
    (issued,) = events(changed(claims={"sub": "u"}, token=JWT))
    (used,) = events(changed(event="used", claims=None, token=JWT))
    assert issued.issued == used.credential == mask_text(JWT, CONTEXT)


def test_a_security_event_ends_a_session_by_policy():
    for told in (SET, {"event": "logout", "time": 1_769_850_301, "claims": SET}):
        (event,) = events(told)
        assert (event.kind, event.action, event.event_id) == ("token_issuance", "token:session-revoked", SET["jti"])
        assert (event.session, event.attributes["session"]) == ("S1", "ended")
        assert (event.resources, event.actor, event.time) == (["User/ana@example.com"], "", 1_769_850_299_000_000)


def test_a_security_event_that_a_person_set_off_or_that_names_a_token():
    uri, what = next(iter(SET["events"].items()))
    (own,) = events(changed(SET, events={uri: {**what, "initiating_entity": "user"}}))
    assert (own.actor, own.human) == ("ana@example.com", "ana@example.com")
    assert turns(changed(SET, sub_id={"format": "jwt_id", "iss": "x", "jti": "T1"})) == {"revokes": "jti:T1"}
    change = "https://schemas.openid.net/secevent/caep/event-type/token-claims-change"
    one, two = events(changed(SET, events={change: {"claims": {"role": "x"}}, uri: what}))
    assert (one.action, one.attributes["claims"]) == ("token:token-claims-change", '{"role": "x"}')
    assert "session" not in one.attributes
    assert two.event_id == one.event_id + "#1"


def test_a_logout_token_ends_the_session_and_its_own_id_is_no_credential():
    logout = {"iss": "https://login.example.com", "sub": "u-17", "aud": "desk", "iat": 1_769_850_300, "jti": "L1",
              "sid": "S1", "events": {"http://schemas.openid.net/event/backchannel-logout": {}}}  # fmt: skip
    (event,) = events(logout)
    assert (event.action, event.session, event.attributes["session"]) == ("token:backchannel-logout", "S1", "ended")
    assert (event.credential, event.issued, turns(logout)) == ("", "", {})
    assert event.resources == ["User/u-17"]


@pytest.mark.parametrize(("stated", "micros"), [
    (1_769_850_004, 1_769_850_004_000_000), ("1769850004", 1_769_850_004_000_000),
    (1_769_850_004_123, 1_769_850_004_123_000),
    (True, 0), ("soon", 0), (1e300, 0), (-5, 0), (None, 0), ([], 0), ("9" * 5000, 0), ("nan", 0), ("inf", 0),
])  # fmt: skip
def test_numeric_dates_are_seconds_or_milliseconds_or_nothing(stated, micros):
    assert moment(stated) == micros


@pytest.mark.parametrize(
    ("told", "field"),
    [
        (changed(event="minted"), "event: "), (changed(event=None), "event: "), (changed(time="x"), "time: "),
        (changed(time=5), "time: "), (changed(event="used", time=None), "time: "), (changed(claims=[]), "claims: "),
        (changed(outcome="good"), "outcome: "), (changed(client_id=5), "client_id: "),
        (changed(time=None, claims={"sub": "u"}), "time: "), (changed(SET, events={}), "events: "),
        (changed(SET, iat="x", events={"a": {}}), "iat: "),
    ],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(told, field):
    assert reason(told, "token.claims").startswith(field)
