"""Keycloak: logins, grants with refresh tokens, exchanges, revocations, logouts, admins, and the server's own log."""

import copy
import json

import pytest

from pipeline.normalize.stage import process
from schemas.rejected import Record
from tests.normalize.common import CONTEXT, events, reason, turns

ANA = "15745079-6780-4b93-80d9-c0d3480885d3"
BASE = {
    "id": "7c2d9e10-5b1a-4c3e-8f00-000000000001", "time": 1_769_850_004_123, "type": "CODE_TO_TOKEN",
    "realmId": "r-1", "clientId": "desk", "userId": ANA, "sessionId": "S1", "ipAddress": "192.0.2.5",
    "details": {"token_id": "T1", "refresh_token_id": "R1", "username": "ana@example.com", "scope": "openid",
                "client_auth_method": "client-secret"},
}  # fmt: skip
ADMIN = {
    "time": 1_769_850_004_123, "realmId": "r-1", "operationType": "UPDATE", "resourceType": "CLIENT",
    "resourcePath": "clients/9", "representation": '{"secret": "plain-client-secret"}',
    "authDetails": {"realmId": "master", "clientId": "admin-cli", "userId": ANA, "ipAddress": "192.0.2.8"},
}  # fmt: skip


def changed(base=BASE, details=None, **fields):
    return {**copy.deepcopy(base), **fields, "details": {**base["details"], **(details or {})}}


def line(message, **fields):
    return {"timestamp": "2026-01-31T09:00:04.123Z", "loggerName": "org.keycloak.events", "level": "INFO",
            "message": message, "mdc": {"traceId": "4bf9", "spanId": "00f0"}, **fields}  # fmt: skip


def test_a_grant_issues_an_access_token_and_a_refresh_token_to_a_client_for_a_person():
    access, refresh = events(BASE)
    for event in (access, refresh):
        assert (event.kind, event.action, event.outcome) == ("token_issuance", "keycloak:CODE_TO_TOKEN", "success")
        assert (event.actor, event.actor_kind, event.human) == ("desk", "workload", "ana@example.com")
        assert (event.session, event.issued_kind, event.issued_subject) == ("S1", "session", ANA)
        assert event.time == 1_769_850_004_123_000
    assert (access.event_id, access.issued) == (BASE["id"], "jti:T1")
    assert (refresh.event_id, refresh.issued) == (BASE["id"] + "#refresh", "jti:R1")
    assert json.loads(access.attributes["delegation"]) == ["desk", "ana@example.com"]


def test_a_refresh_uses_the_refresh_token_that_was_issued_and_names_the_next():
    told = changed(type="REFRESH_TOKEN", details={"token_id": "T2", "updated_refresh_token_id": "R2"})
    access, refresh = events(told)
    assert access.credential == refresh.credential == events(BASE)[1].issued
    assert (access.issued, refresh.issued) == ("jti:T2", "jti:R2")


def test_an_exchange_states_whose_token_it_was():
    told = changed(type="TOKEN_EXCHANGE", clientId="agent", details={"subject_token_client_id": "desk"})
    del told["details"]["refresh_token_id"]
    (event,) = events(told)
    assert (event.actor, event.issued, event.credential) == ("agent", "jti:T1", "")
    assert json.loads(event.attributes["delegation"]) == ["agent", "desk", "ana@example.com"]


@pytest.mark.parametrize(
    ("change", "actor", "kind", "human"),
    [
        ({"type": "CLIENT_LOGIN"}, "desk", "workload", ""),
        ({"type": "REFRESH_TOKEN", "details": {"username": "service-account-desk"}}, "desk", "workload", ""),
        ({"type": "INTROSPECT_TOKEN"}, "desk", "workload", "ana@example.com"),
        ({"type": "LOGIN", "details": {"client_auth_method": None}}, "desk", "workload", "ana@example.com"),
    ],
)  # fmt: skip
def test_a_client_acts_where_it_shows_that_it_is_one(change, actor, kind, human):
    event = events(changed(**change))[0]
    assert (event.actor, event.actor_kind, event.human) == (actor, kind, human)


def test_a_person_who_logs_in_is_the_actor_and_one_who_impersonates_too():
    (login,) = events({**BASE, "type": "LOGIN", "details": {"username": "ana@example.com"}})
    assert (login.actor, login.actor_kind, login.issued_kind) == ("ana@example.com", "human", "login")
    assert (login.issued, login.session) == ("", "S1")
    (taken,) = events(
        {**BASE, "type": "IMPERSONATE", "details": {"username": "ana@example.com", "impersonator": "ben"}}
    )
    assert (taken.actor, taken.human, taken.resources) == ("ben", "ben", ["User/ana@example.com"])


@pytest.mark.parametrize(("error", "outcome"), [("invalid_user_credentials", "failure"), ("access_denied", "denied")])
def test_an_error_issues_nothing(error, outcome):
    (event,) = events(changed(type="CODE_TO_TOKEN_ERROR", error=error, details={"reason": "Code expired"}))
    assert (event.kind, event.outcome, event.issued) == ("token_issuance", outcome, "")
    assert event.error == f"{error}: Code expired"


def test_a_revocation_names_its_tokens_and_a_logout_ends_its_session():
    assert turns(changed(type="REVOKE_GRANT")) == {"revokes": "jti:T1\njti:R1"}
    assert turns({**BASE, "type": "REVOKE_GRANT", "details": {"revoked_client": "desk"}}) == {}
    assert turns(changed(type="REVOKE_GRANT_ERROR", error="invalid_token")) == {}
    (event,) = events({**BASE, "type": "LOGOUT", "details": {}})
    assert (event.kind, event.session, event.attributes["session"]) == ("token_issuance", "S1", "ended")


def test_an_introspection_is_a_use_of_the_token():
    (event,) = events(changed(type="INTROSPECT_TOKEN"))
    assert (event.kind, event.credential, event.issued) == ("cloud_audit", "jti:T1", "")
    assert "delegation" not in event.attributes


def test_an_admins_act_is_told_without_what_it_sent():
    (one,) = process(Record(json.dumps(ADMIN).encode()), CONTEXT)
    (event,) = one.events
    assert (event.kind, event.action, event.actor) == ("cloud_audit", "keycloak:UPDATE CLIENT", ANA)
    assert (event.resources, event.address) == (["clients/9"], "192.0.2.8")
    assert b"plain-client-secret" not in one.record.value
    assert "plain-client-secret" not in str(event)


MESSAGE = (
    f'type="CODE_TO_TOKEN", realmId="r-1", realmName="example", clientId="desk", userId="{ANA}", sessionId="S1", '
    'ipAddress="192.0.2.5", token_id="T1", refresh_token_id="R1", username="ana@example.com", code_id="null"'
)


@pytest.mark.parametrize("message", [MESSAGE, MESSAGE.replace('"', ""), MESSAGE.replace('"', "'")])
def test_the_servers_log_tells_the_same_however_it_quotes(message):
    access, refresh = events(line(message))
    other = events(BASE)[0]
    for name in ("action", "actor", "human", "session", "issued", "address", "time", "issued_subject"):
        assert getattr(access, name) == getattr(other, name)
    assert (refresh.issued, access.trace, access.account) == ("jti:R1", "4bf9", "example")
    assert "code_id" not in access.attributes


def test_what_a_user_wrote_does_not_pass_for_a_field_of_the_event():
    forged = 'type="LOGIN_ERROR", realmId="r-1", userId="null", error="user_not_found", username="x", userId="victim"'
    (event,) = events(line(forged))
    assert (event.human, event.outcome) == ("x", "failure")
    assert "userId" not in event.attributes


def test_ecs_names_of_the_servers_log_are_known_too():
    told = {"@timestamp": "2026-01-31T09:00:04.123Z", "log.logger": "org.keycloak.events", "message": MESSAGE}
    assert events(told)[0].issued == "jti:T1"


@pytest.mark.parametrize("message", ["a" * 50_000 + '="' + "\\" * 50_000, "a=, " * 20_000, '"' * 50_000])
def test_a_message_without_an_event_is_refused(message):
    assert reason(line(message), "keycloak.event").startswith("type: ")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"time": None}, "time: "), ({"time": "x"}, "time: "), ({"type": None}, "type: "), ({"userId": 5}, "userId: "),
        ({"authDetails": {"userId": 5}}, "authDetails.userId: "),
    ],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(change, field):
    assert reason(changed(**change), "keycloak.event").startswith(field)
