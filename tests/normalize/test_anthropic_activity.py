"""Anthropic activities: who acts, keys made, used, disabled and deleted under one name, chats, logins, federation."""

import pytest

from pipeline.normalize.anthropic_activity import recognizes
from tests.normalize.common import events, outcomes, reason, turns, vendor_rows

USER = {"type": "user_actor", "email_address": "ana@example.com", "user_id": "user_1", "ip_address": "192.0.2.5",
        "user_agent": "Mozilla/5.0"}  # fmt: skip
CHAT = {"id": "activity_1", "created_at": "2026-01-31T09:00:04Z", "organization_id": "org_1", "actor": USER,
        "type": "claude_chat_created", "claude_chat_id": "claude_chat_1"}  # fmt: skip


def activity(what, **fields):
    return {**CHAT, "type": what, **fields}


def test_a_chat_is_a_session_of_a_person():
    (event,) = events(CHAT)
    assert (event.action, event.kind) == ("anthropic:claude_chat_created", "cloud_audit")
    assert (event.actor, event.actor_kind, event.human) == ("ana@example.com", "human", "ana@example.com")
    assert (event.session, event.account, event.address) == ("claude_chat_1", "org_1", "192.0.2.5")


@pytest.mark.parametrize(
    ("actor", "named", "kind", "credential"),
    [
        ({"type": "api_actor", "api_key_id": "k1"}, "k1", "workload", "anthropic:k1"),
        ({"type": "admin_api_key_actor", "admin_api_key_id": "k2"}, "k2", "workload", "anthropic:k2"),
        ({"type": "service_account_actor", "service_account_id": "svac_1"}, "svac_1", "workload", ""),
        (
            {"type": "unauthenticated_user_actor", "unauthenticated_email_address": "x@example.com"},
            "x@example.com",
            "",
            "",
        ),
        ({"type": "anthropic_actor", "email_address": None}, "", "service", ""),
        ({"type": "system_actor", "service": "billing"}, "billing", "service", ""),
        ({"type": "scim_directory_sync_actor", "directory_id": "dir_1"}, "dir_1", "service", ""),
        ({"type": "federated_identity_actor", "subject": "repo:x"}, "repo:x", "workload", ""),
        (
            {"type": "federated_actor", "provider": {"type": "aws", "signed_principal": "arn:x"}},
            "arn:x",
            "workload",
            "",
        ),
        ({"type": "attested_device_actor", "external_client_id": "c1"}, "c1", "workload", ""),
        ({"type": "new_actor", "user_id": "u9"}, "u9", "", ""),
    ],
)
def test_who_acts_is_named_as_the_type_of_actor_has_it(actor, named, kind, credential):
    (event,) = events(activity("claude_chat_viewed", actor=actor), "anthropic.activity")
    assert (event.actor, event.actor_kind, event.credential, event.human) == (named, kind, credential, "")


@pytest.mark.parametrize(
    ("what", "field"),
    [("platform_api_key", "api_key_id"), ("api_key", "api_key_id"), ("admin_api_key", "admin_api_key_id"),
     ("scoped_api_key", "api_key_id")],
)  # fmt: skip
def test_a_key_has_one_name_from_creation_to_deletion(what, field):
    (made,) = events(activity(f"{what}_created", **{field: "k1"}))
    assert (made.kind, made.issued, made.issued_kind) == ("token_issuance", "anthropic:k1", "api-key")
    assert turns(activity(f"{what}_deleted", **{field: "k1"})) == {"revokes": "anthropic:k1"}


@pytest.mark.parametrize(
    ("update", "said"),
    [
        ({"type": "status", "current_value": "inactive"}, {"revokes": "anthropic:k1"}),
        ({"type": "status", "current_value": "active"}, {"restores": "anthropic:k1"}),
        ({"type": "activation_state", "current_value": "disabled"}, {"revokes": "anthropic:k1"}),
        ({"type": "name", "current_value": "inactive"}, {}), ({"type": "status", "current_value": [1]}, {}), ("x", {}),
    ],
)  # fmt: skip
def test_a_key_that_is_switched_off_is_revoked(update, said):
    assert turns(activity("platform_api_key_updated", api_key_id="k1", updates=[update])) == said


@pytest.mark.parametrize(
    ("what", "outcome", "kind"),
    [("sso_login_succeeded", "success", "login"), ("magic_link_login_failed", "failure", "login"),
     ("user_logged_out", "success", "login"), ("claude_chat_access_failed", "failure", "")],
)  # fmt: skip
def test_logins_are_known_by_their_names(what, outcome, kind):
    (event,) = events(activity(what))
    assert (event.outcome, event.issued_kind) == (outcome, kind)
    assert event.kind == ("token_issuance" if kind else "cloud_audit")


def test_a_federated_authentication_names_the_token_that_was_presented():
    data = {"oidc_token": {"jti": "j-1"}, "requested_service_account_id": "svac_1"}
    status = {"outcome": "denied", "reason": "no_rule"}
    record = activity("platform_federated_authentication", event_data=data, request_id="req_1", status=status)
    (event,) = events(record)
    assert (event.credential, event.request, event.issued_subject) == ("jti:j-1", "req_1", "svac_1")
    assert (event.outcome, event.error, event.issued) == ("denied", "no_rule", "")


def test_a_page_is_taken_activity_by_activity():
    assert len(events({"data": [CHAT, CHAT], "has_more": False, "first_id": "a", "last_id": "b"})) == 2


def test_a_long_name_costs_no_time():
    (event,) = events(activity("login_" * 20_000))
    assert len(event.action) <= 256


@pytest.mark.parametrize(
    ("change", "field"),
    [({"type": None}, "type: "), ({"created_at": "x"}, "created_at: "), ({"actor": 5}, "actor: "),
     ({"organization_id": 5}, "organization_id: ")],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(change, field):
    assert reason({**CHAT, **change}, "anthropic.activity").startswith(field)


def test_all_vendors_samples_are_accepted():
    found, faults = outcomes(vendor_rows(recognizes), "anthropic.activity")
    assert len(found) > 10
    assert not faults
    assert sum(not event.actor for event in found) <= 1
