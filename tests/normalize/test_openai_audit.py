"""OpenAI audit logs: keys made, used and deleted under one name, logins, service accounts."""

import pytest

from pipeline.normalize.openai_audit import recognizes
from tests.normalize.common import events, outcomes, reason, turns, vendor_rows

USER = {"id": "user-1", "email": "ana@example.com"}
BROWSER = {"type": "session", "session": {"user": USER, "ip_address": "192.0.2.5", "user_agent": "Mozilla/5.0"}}
MADE = {"object": "organization.audit_log", "id": "audit_log-1", "type": "api_key.created", "effective_at": 1769850004,
        "actor": BROWSER, "project": {"id": "proj_1", "name": "pay"},
        "api_key.created": {"id": "key_1", "data": {"scopes": ["model.request"]}}}  # fmt: skip


def by_key(**key):
    return {**MADE, "type": "project.updated", "actor": {"type": "api_key", "api_key": {"id": "key_1", **key}}}


def test_a_key_has_one_name_when_it_is_made_used_and_deleted():
    (made,) = events(MADE)
    (used,) = events(by_key(type="user", user=USER))
    assert (made.kind, made.issued, made.issued_kind) == ("token_issuance", "openai:key_1", "api-key")
    assert (used.credential, used.human, used.actor_kind) == ("openai:key_1", "ana@example.com", "human")
    assert turns({**MADE, "type": "api_key.deleted", "api_key_deleted": {"id": "key_1"}}) == {"revokes": "openai:key_1"}
    assert made.attributes["data.scopes"] == '["model.request"]'
    assert (made.account, made.address, made.time) == ("proj_1", "192.0.2.5", 1_769_850_004_000_000)


def test_a_service_account_is_a_workload():
    (event,) = events(by_key(type="service_account", service_account={"id": "svc_1"}))
    assert (event.actor, event.actor_kind, event.human) == ("svc_1", "workload", "")


@pytest.mark.parametrize("spelling", ["login.failed", "login_failed"])
def test_a_failed_login_says_why(spelling):
    (event,) = events({**MADE, "type": "login.failed", spelling: {"error_code": "x", "error_message": "wrong"}})
    assert (event.kind, event.issued_kind, event.outcome, event.error) == (
        "token_issuance", "login", "failure", "wrong")  # fmt: skip


def test_a_logout_ends_a_session():
    (event,) = events({**MADE, "type": "logout.succeeded"})
    assert (event.issued_kind, event.attributes["session"]) == ("login", "ended")


def test_a_page_is_taken_event_by_event():
    assert len(events({"object": "list", "data": [MADE, MADE], "has_more": False})) == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": ""}, "type: "), ({"effective_at": None}, "effective_at: "), ({"effective_at": "x"}, "effective_at: "),
        ({"actor": 5}, "actor: "), ({"actor": {"session": {"user": 1}}}, "actor.session.user: "),
    ],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(change, field):
    assert reason({**MADE, **change}, "openai.audit").startswith(field)


def test_all_vendors_samples_are_accepted():
    found, faults = outcomes(vendor_rows(recognizes), "openai.audit")
    assert len(found) > 15
    assert not faults
    assert all(event.actor for event in found)
