"""OneLogin events: sign-ins, people who take another's place, API credentials, and events with half of their fields."""

import json

import pytest

from pipeline.normalize.onelogin_event import recognizes
from tests.normalize.common import events, outcomes, reason, vendor_rows

UUID = "d210df80-ede8-42ba-8199-00ce951bc222"
LOGIN = {
    "uuid": UUID, "account_id": 100, "event_type_id": 5, "event_timestamp": "2026-01-31 09:00:04 UTC",
    "actor_system": "", "actor_user_id": 11, "actor_user_name": "Ana Alves", "user_id": 11, "user_name": "Ana Alves",
    "ipaddr": "192.0.2.5", "policy_id": 7, "policy_name": "Managed devices", "risk_score": 12, "app_name": None,
}  # fmt: skip


def test_a_sign_in_is_the_users():
    (event,) = events(LOGIN)
    assert (event.event_id, event.kind, event.action) == (UUID, "token_issuance", "onelogin:user-logged-into-onelogin")
    assert event.time == 1_769_850_004_000_000
    assert (event.actor, event.actor_kind, event.actor_name, event.human) == ("11", "human", "Ana Alves", "11")
    assert (event.outcome, event.issued_kind, event.policy) == ("success", "login", "Managed devices")
    assert (event.account, event.address, event.resources) == ("100", "192.0.2.5", [])


@pytest.mark.parametrize(
    ("change", "actor", "kind"),
    [
        ({"actor_user_name": "ana@example.com"}, "ana@example.com", "human"),
        ({"actor_user_id": None, "actor_user_name": None}, "11", "human"),
        ({"actor_user_id": "0", "actor_user_name": "", "user_id": None}, "Ana Alves", "human"),
        ({"actor_user_id": 0, "actor_user_name": "", "actor_system": "API", "event_type_id": 13}, "API", "service"),
        ({"actor_user_id": None, "actor_user_name": None, "event_type_id": 13}, "", ""),
    ],
)  # fmt: skip
def test_who_acts_is_said_as_far_as_the_event_says_it(change, actor, kind):
    (event,) = events({**LOGIN, **change})
    assert (event.actor, event.actor_kind, event.human) == (actor, kind, actor if kind == "human" else "")


def test_whoever_takes_anothers_place_is_the_one_who_acts():
    taken = {**LOGIN, "event_type_id": 3, "actor_user_id": 12, "actor_user_name": "Ben Berg"}
    (event,) = events(taken)
    assert (event.kind, event.actor, event.resources) == ("token_issuance", "12", ["User/11"])
    assert json.loads(event.attributes["delegation"]) == ["12", "11"]
    (later,) = events({**LOGIN, "event_type_id": 8, "assuming_acting_user_id": 12, "app_name": "Invoices"})
    assert (later.actor, later.human, later.actor_name) == ("12", "12", "")
    assert later.resources == ["User/11", "App/Invoices"]
    assert json.loads(later.attributes["delegation"]) == ["12", "11"]


def test_api_credentials_are_the_credential_of_a_call():
    (event,) = events({**LOGIN, "event_type_id": "72", "client_id": "c1", "privilege_name": "Super user"})
    assert (event.kind, event.credential) == ("cloud_audit", "onelogin:c1")
    assert (event.action, event.policy) == ("onelogin:privilege-granted-to-user", "")
    assert event.attributes["privilege_name"] == "Super user"


@pytest.mark.parametrize(("kind", "action", "outcome"), [
    (6, "user-failed-onelogin-login", "failure"), ("7", "user-logged-out-of-onelogin", "success"), (90, "event 90", ""),
])  # fmt: skip
def test_types_are_numbers_or_strings_and_those_without_a_name_keep_their_number(kind, action, outcome):
    (event,) = events({**LOGIN, "event_type_id": kind})
    assert (event.action, event.outcome) == (f"onelogin:{action}", outcome)
    assert event.attributes["event_type_id"] == str(kind)


def test_a_sign_out_ends_the_session_without_naming_it():
    (event,) = events({**LOGIN, "event_type_id": 7})
    assert (event.kind, event.session, event.attributes["session"]) == ("token_issuance", "", "ended")


@pytest.mark.parametrize("stamp", [
    {"event_timestamp": "2026-01-31 09:00:04 UTC"}, {"created_at": "2026-01-31T09:00:04.000Z"},
    {"p_event_time": "2026-01-31 09:00:04.000000"},
])  # fmt: skip
def test_the_time_is_taken_under_each_of_its_names(stamp):
    (event,) = events({"event_type_id": 8, "user_id": 11, **stamp})
    assert (event.time, event.actor) == (1_769_850_004_000_000, "11")


def test_batches_and_eventbridge_are_taken_event_by_event():
    bridge = {"source": "aws.partner/onelogin.com/US-1/x", "detail-type": "Event", "detail": LOGIN}
    assert [event.event_id for event in events([LOGIN, bridge])] == [UUID, UUID]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"event_timestamp": None}, "created_at: "), ({"event_timestamp": "x"}, "event_timestamp: "),
        ({"event_type_id": "five"}, "event_type_id: "), ({"event_type_id": None}, "event_type_id: "),
        ({"event_type_id": "9" * 5000}, "event_type_id: "), ({"ipaddr": 5}, "ipaddr: "),
    ],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(change, field):
    assert reason({**LOGIN, **change}, "onelogin.event").startswith(field)


def test_vendors_samples_are_accepted_unless_they_lack_a_time():
    rows = vendor_rows(recognizes)
    found, faults = outcomes(rows, "onelogin.event")
    assert found
    assert set(faults) <= {"created_at"}
    times = {"event_timestamp", "created_at", "p_event_time"}
    assert faults["created_at"] == sum(not times & row.keys() for row in rows)
    assert all(event.actor and event.address for event in found)
