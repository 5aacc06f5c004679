"""GitHub audit log: tokens by their hashes, agents and the people who started them, bots, protections that refused."""

import json

import pytest

from pipeline.normalize.github_audit import recognizes
from tests.normalize.common import events, outcomes, reason, vendor_rows

CLONE = {
    "@timestamp": 1_769_850_004_123, "created_at": 1_769_850_005_000, "_document_id": "aBcDeFgHiJkLmNoPqRsT01",
    "action": "git.clone", "actor": "ana", "actor_id": 11, "actor_ip": "192.0.2.4", "actor_is_bot": False,
    "actor_location": {"country_code": "DE"}, "business": "acme", "org": "acme-dev", "repo": "acme-dev/pay",
    "hashed_token": "LVnLWmfDTSHzpFGSJGhqDzmVdS4VvsmwbLhLBiTvkLs=", "token_id": 42, "token_scopes": "repo",
    "programmatic_access_type": "Personal access token (classic)", "request_id": "R:1", "user_agent": "git/2.43",
    "user": "", "transport_protocol_name": "http",
}  # fmt: skip
AGENT = {
    "@timestamp": 1_769_850_006_000, "_document_id": "aBcDeFgHiJkLmNoPqRsT02", "action": "pull_request.create",
    "actor": "Copilot", "actor_is_agent": True, "agent_session_id": "1b2c3d4e-0a1b-4cef-9c3d-1d2e3f405162",
    "user": "ana", "org": "acme-dev", "repo": "acme-dev/pay",
}  # fmt: skip
REJECTED = {
    "@timestamp": 1_769_850_007_000, "action": "protected_branch.rejected_ref_update", "actor": "bot[bot]",
    "repo": "acme-dev/pay", "reasons": [{"code": "review_policy_not_satisfied", "message": "m"}, {"code": "signed"}],
}  # fmt: skip


def test_an_act_with_a_token_keeps_every_field_that_links():
    (event,) = events(CLONE)
    assert (event.kind, event.action, event.event_id) == ("cloud_audit", "github:git.clone", CLONE["_document_id"])
    assert event.time == 1_769_850_004_123_000
    assert event.credential == "github:LVnLWmfDTSHzpFGSJGhqDzmVdS4VvsmwbLhLBiTvkLs="
    assert (event.actor, event.account, event.resources) == ("ana", "acme-dev", ["acme-dev/pay"])
    assert (event.address, event.request, event.user_agent) == ("192.0.2.4", "R:1", "git/2.43")
    assert event.attributes["programmatic_access_type"] == "Personal access token (classic)"
    assert (event.attributes["token_id"], event.attributes["country"]) == ("42", "DE")


def test_an_agent_acts_in_its_session_for_the_person_who_started_it():
    (event,) = events(AGENT)
    assert (event.actor, event.actor_kind, event.human) == ("Copilot", "agent", "ana")
    assert event.session == AGENT["agent_session_id"]
    assert json.loads(event.attributes["delegation"]) == ["Copilot", "ana"]
    assert event.resources == ["acme-dev/pay"]


@pytest.mark.parametrize(
    ("change", "kind", "human"),
    [
        ({}, "", ""), ({"programmatic_access_type": None}, "human", "ana"),
        ({"programmatic_access_type": "GitHub App user-to-server token"}, "", "ana"),
        ({"actor": "github-actions[bot]", "actor_is_bot": True}, "ci", ""),
        ({"actor": "dependabot[bot]"}, "workload", ""),
        ({"actor_is_bot": None, "programmatic_access_type": ""}, "", ""),
    ],
)  # fmt: skip
def test_what_acts_is_said_only_where_the_log_says_it(change, kind, human):
    (event,) = events({**CLONE, **change})
    assert (event.actor_kind, event.human) == (kind, human)


def test_a_token_without_a_hash_is_known_by_its_number_and_zero_is_none():
    assert events({**CLONE, "hashed_token": None})[0].credential == "github:token/42"
    assert events({**CLONE, "hashed_token": "", "token_id": 0})[0].credential == ""


@pytest.mark.parametrize("action", ["personal_access_token.access_granted", "oauth_access.create", "public_key.create"])
def test_grants_are_issuance(action):
    (event,) = events({**CLONE, "action": action})
    assert (event.kind, event.issued_kind, event.issued) == ("token_issuance", "access-key", "")


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("personal_access_token.access_revoked", ""), ("oauth_access.destroy", ""), ("integration.revoke_tokens", ""),
        ("oauth_application.reset_secret", "access-key"), ("integration.remove_client_secret", ""),
    ],
)  # fmt: skip
def test_ends_of_tokens_are_issuance_too_and_grant_nothing(action, kind):
    (event,) = events({**CLONE, "action": action})
    assert (event.kind, event.issued_kind, event.issued) == ("token_issuance", kind, "")
    assert events({**CLONE, "action": "integration.create"})[0].kind == "cloud_audit"


def test_a_run_of_a_workflow_is_a_session_unless_an_agent_has_one():
    run = {**CLONE, "action": "workflows.created_workflow_run", "workflow_run_id": 77}
    assert events(run)[0].session == "github:run/77"
    assert events({**run, "agent_session_id": "a-1"})[0].session == "a-1"
    assert events({**run, "workflow_run_id": 0})[0].session == ""


def test_protections_that_refuse_are_the_policy_and_nothing_else_is():
    (event,) = events(REJECTED)
    assert (event.outcome, event.policy) == ("denied", "branch protection: review_policy_not_satisfied, signed")
    assert events({**REJECTED, "action": "protected_branch.policy_override"})[0].policy == ""


def test_one_event_may_concern_several_repositories():
    (event,) = events({**CLONE, "repo": ["acme-dev/a", "acme-dev/b"], "org": ["acme-dev", "acme"]})
    assert (event.resources, event.account) == (["acme-dev/a", "acme-dev/b"], "acme-dev")


def test_an_id_that_is_none_of_githubs_is_not_trusted_to_be_unique():
    one, two = ({**CLONE, "_document_id": "A-1", "actor": actor} for actor in ("ana", "ben"))
    assert events(one)[0].event_id != events(two)[0].event_id


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"@timestamp": None, "created_at": None}, "created_at: "), ({"@timestamp": "x"}, "@timestamp: "),
        ({"@timestamp": 5}, "@timestamp: "), ({"@timestamp": 1e300}, "@timestamp: "), ({"action": ""}, "action: "),
        ({"actor": {"name": "x"}}, "actor: "), ({"repo": [5]}, "repo[0]: "),
    ],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(change, field):
    assert reason({**CLONE, **change}, "github.audit").startswith(field)


def test_vendors_samples_are_accepted_unless_they_lack_a_time():
    rows = vendor_rows(recognizes)
    found, faults = outcomes(rows, "github.audit")
    assert len(found) > 20
    assert set(faults) <= {"created_at"}
    assert faults["created_at"] == sum(not {"@timestamp", "created_at"} & row.keys() for row in rows)
    assert all(event.account or event.resources or event.actor for event in found)
