"""CloudTrail: calls, issuance, corrections, copies."""

import copy
import gzip
import json

import pytest

from pipeline.normalize.aws_cloudtrail import recognizes
from schemas.event import UNKNOWN
from tests.normalize.common import events, outcomes, reason, shared, turns, vendor_rows

CALL = {
    "eventVersion": "1.09", "eventTime": "2026-01-31T09:00:04Z", "eventSource": "s3.amazonaws.com",
    "eventName": "GetObject", "awsRegion": "eu-central-1", "sourceIPAddress": "192.0.2.7", "userAgent": "aws-cli/2",
    "userIdentity": {
        "type": "AssumedRole", "principalId": "AROAEXAMPLEEXAMPLE12:conv-7", "accountId": "123456789012",
        "arn": "arn:aws:sts::123456789012:assumed-role/agent/conv-7", "accessKeyId": "ASIAEXAMPLEEXAMPLE12",
        "sessionContext": {"sourceIdentity": "ana", "attributes": {"mfaAuthenticated": "true"}},
    },
    "requestParameters": {"bucketName": "invoices", "key": "2026/1.pdf"}, "responseElements": None,
    "requestID": "R1", "eventID": "7d9ee8d2-2e33-4c05-a21d-a9d8dc3c5c4e", "readOnly": True, "eventType": "AwsApiCall",
    "recipientAccountId": "123456789012",
}  # fmt: skip
ASSUME = {
    **CALL, "eventSource": "sts.amazonaws.com", "eventName": "AssumeRole",
    "eventID": "8d9ee8d2-2e33-4c05-a21d-a9d8dc3c5c4e",
    "requestParameters": {"roleArn": "arn:aws:iam::123456789012:role/pay", "roleSessionName": "conv-7"},
    "responseElements": {
        "credentials": {"accessKeyId": "ASIANEWEXAMPLE123456", "expiration": "Jan 31, 2026, 10:00:04 AM"},
        "assumedRoleUser": {"arn": "arn:aws:sts::123456789012:assumed-role/pay/conv-7"},
    },
}  # fmt: skip


def test_a_call_keeps_every_field_that_links():
    (event,) = events(CALL)
    assert (event.kind, event.action, event.outcome) == ("cloud_audit", "s3:GetObject", "success")
    assert event.event_id == CALL["eventID"]
    assert event.time == 1_769_850_004_000_000
    assert event.credential == "aws:ASIAEXAMPLEEXAMPLE12"
    assert event.actor == "arn:aws:sts::123456789012:assumed-role/agent/conv-7"
    assert (event.session_name, event.source_identity) == ("conv-7", "ana")
    assert event.resources == ["arn:aws:s3:::invoices/2026/1.pdf"]
    assert (event.address, event.region, event.request) == ("192.0.2.7", "eu-central-1", "R1")


def test_an_issuing_call_names_what_it_issued_until_when_and_as_whom():
    (event,) = events(ASSUME)
    assert (event.kind, event.action) == ("token_issuance", "sts:AssumeRole")
    assert (event.issued, event.issued_kind) == ("aws:ASIANEWEXAMPLE123456", "session")
    assert event.issued_expires == 1_769_853_604_000_000
    assert event.issued_subject == "arn:aws:sts::123456789012:assumed-role/pay/conv-7"
    assert (event.credential, event.session_name) == ("aws:ASIAEXAMPLEEXAMPLE12", "conv-7")


def test_a_denied_issuing_call_issues_nothing():
    (event,) = events({**ASSUME, "errorCode": "AccessDenied", "responseElements": None})
    assert (event.kind, event.outcome, event.issued) == ("token_issuance", "denied", "")


def test_a_new_access_key_belongs_to_its_user():
    (event,) = events({
        **CALL, "eventSource": "iam.amazonaws.com", "eventName": "CreateAccessKey",
        "requestParameters": {"userName": "backup"},
        "responseElements": {"accessKey": {"accessKeyId": "AKIAEXAMPLE123456789", "userName": "backup"}},
    })  # fmt: skip
    assert (event.issued, event.issued_kind) == ("aws:AKIAEXAMPLE123456789", "access-key")
    assert event.issued_subject == "arn:aws:iam::123456789012:user/backup"


@pytest.mark.parametrize(
    ("name", "asked", "said"),
    [
        ("DeleteAccessKey", {"accessKeyId": "AKIA2"}, {"revokes": "aws:AKIA2"}),
        ("UpdateAccessKey", {"accessKeyId": "AKIA2", "status": "Inactive"}, {"revokes": "aws:AKIA2"}),
        ("UpdateAccessKey", {"accessKeyId": "AKIA2", "status": "Active"}, {"restores": "aws:AKIA2"}),
        ("UpdateAccessKey", {"accessKeyId": "AKIA2", "status": ["Inactive"]}, {}),
        ("DeleteServiceSpecificCredential", {"serviceSpecificCredentialId": "ACCA2"}, {"revokes": "aws:ACCA2"}),
        ("DeleteAccessKey", {}, {}),
        ("DeleteUser", {"accessKeyId": "AKIA2"}, {}),
    ],
)
def test_a_key_that_is_deleted_or_inactive_is_revoked(name, asked, said):
    record = {**CALL, "eventSource": "iam.amazonaws.com", "eventName": name, "requestParameters": asked}
    assert turns(record) == said
    assert turns({**record, "errorCode": "AccessDenied"}) == {}
    assert turns({**record, "eventSource": "example.amazonaws.com"}) == {}


def test_an_empty_access_key_id_is_no_credential():
    event = copy.deepcopy(CALL)
    event["userIdentity"]["accessKeyId"] = ""
    assert events(event)[0].credential == ""


def test_a_role_sessions_name_is_read_from_the_principal_id_where_there_is_no_arn():
    event = copy.deepcopy(CALL)
    del event["userIdentity"]["arn"]
    assert events(event)[0].session_name == "conv-7"


def test_a_correction_takes_the_place_of_the_event_it_corrects():
    addendum = {"reason": "UPDATED_DATA", "originalEventID": CALL["eventID"]}
    (event,) = events({**CALL, "eventID": "9d9ee8d2-2e33-4c05-a21d-a9d8dc3c5c4e", "addendum": addendum})
    assert event.event_id == CALL["eventID"]
    assert event.attributes["addendum"] == "UPDATED_DATA"


def test_copies_in_two_accounts_stay_two_events_that_name_what_they_share():
    (event,) = events({**CALL, "sharedEventID": "share-1"})
    assert event.attributes["sharedEventID"] == "share-1"


def test_an_id_that_is_no_uuid_is_not_trusted_to_be_unique():
    one, two = events({**CALL, "eventID": "1"})[0], events({**CALL, "eventID": "1", "eventName": "PutObject"})[0]
    assert one.event_id != two.event_id
    again = events(json.dumps({**CALL, "eventID": "1"}, indent=3, sort_keys=True).encode())[0]
    assert again.event_id == one.event_id


@pytest.mark.parametrize("envelope", [{"Records": [CALL, ASSUME]}, [CALL, ASSUME]])
def test_a_log_file_is_taken_record_by_record(envelope):
    assert [event.action for event in events(envelope)] == ["s3:GetObject", "sts:AssumeRole"]


def test_an_eventbridge_event_is_unwrapped():
    assert events({"detail-type": "AWS API Call via CloudTrail", "detail": CALL})[0].action == "s3:GetObject"


USER = "User: arn:aws:iam::123456789012:user/ana is not authorized to perform: s3:GetObject on resource: x "
SCP = "arn:aws:organizations::123456789012:policy/o-1/service_control_policy/p-1"


@pytest.mark.parametrize(
    ("message", "policy"),
    [
        ("because no identity-based policy allows the s3:GetObject action", "no identity-based policy allows it"),
        ("because no permissions boundary allows the s3:GetObject action", "no permissions boundary allows it"),
        ("with an explicit deny in a service control policy", "explicit deny in a service control policy"),
        (f"with an explicit deny in a session policy: {SCP}", f"explicit deny in a session policy: {SCP}"),
        ("with an explicit deny in an identity-based policy.", "explicit deny in an identity-based policy"),
        ("because no session policy allows it, with an explicit deny in a VPC endpoint policy",
         "explicit deny in a VPC endpoint policy"),
        ("", ""), ("because no cat allows the s3:GetObject action", ""),
    ],
)  # fmt: skip
def test_a_denied_call_names_the_policy_that_its_message_names(message, policy):
    assert events({**CALL, "errorCode": "AccessDenied", "errorMessage": USER + message})[0].policy == policy


def test_what_a_message_says_of_a_call_that_was_not_denied_is_no_policy():
    message = USER + "because no session policy allows the s3:GetObject action"
    assert events({**CALL, "errorCode": "NoSuchKey", "errorMessage": message})[0].policy == ""
    assert events(CALL)[0].policy == ""


def test_a_role_session_that_acts_for_a_person_of_identity_center_states_both():
    event = copy.deepcopy(CALL)
    event["userIdentity"]["onBehalfOf"] = {"userId": "u-1", "identityStoreArn": "arn:aws:identitystore::1:x/y"}
    (event,) = events(event)
    assert event.human == "u-1"
    assert json.loads(event.attributes["delegation"]) == [CALL["userIdentity"]["arn"], "u-1"]


def test_the_policies_that_narrow_a_session_are_named_short_and_masked():
    inline = json.dumps(
        {"Statement": [{"Action": "s3:*"}], "token": "ghp_abcdefghijklmnopqrstuvwxyz0123456789"}, indent=9
    )
    asked = {**ASSUME["requestParameters"], "policyArns": [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}, 7]}
    (event,) = events({**ASSUME, "requestParameters": {**asked, "policy": inline}})
    assert event.policy.startswith('session policy arn:aws:iam::aws:policy/ReadOnlyAccess, { "Statement": [ { "Action"')
    assert "ghp_" not in event.policy
    assert len(events({**ASSUME, "requestParameters": {**asked, "policy": "x" * 100_000}})[0].policy) < 400
    assert events(ASSUME)[0].policy == ""


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"eventTime": None}, "eventTime: "), ({"eventTime": "yesterday"}, "eventTime: "),
        ({"eventTime": "1970-01-01T00:00:00Z"}, "eventTime: "), ({"eventTime": "2262-01-01T00:00:00Z"}, "eventTime: "),
        ({"eventTime": "2026-01-31T99:99:99Z"}, "eventTime: "),
        ({"eventTime": 5}, "eventTime: "), ({"userIdentity": "root"}, "userIdentity: "),
        ({"userIdentity": {"arn": 5}}, "userIdentity.arn: "), ({"eventName": None, "eventType": None}, "eventName: "),
    ],
)  # fmt: skip
def test_a_reason_names_the_field_at_fault(change, field):
    assert reason({**CALL, **change}, "aws.cloudtrail").startswith(field)


@pytest.mark.parametrize("name", ["invictus", "stratus"])
def test_all_real_records_are_accepted(name):
    with gzip.open(shared(f"cloudtrail/{name}.jsonl.gz")) as lines:
        for line in lines:
            (event,) = events(line.strip(), "aws.cloudtrail")
            assert event.actor
            assert UNKNOWN not in event.attributes
            assert event.event_id == json.loads(line)["eventID"]


def test_vendors_samples_are_accepted_unless_they_lack_a_time():
    rows = vendor_rows(recognizes)
    found, faults = outcomes(rows, "aws.cloudtrail")
    assert len(found) > 200
    assert faults == {"eventTime": sum("eventtime" not in small(row) for row in rows)}
    assert sum(not event.actor for event in found) < len(found) / 20


def test_fields_that_rules_ask_for_are_kept_in_an_order_of_their_own():
    block = {"RestrictPublicBuckets": False, "BlockPublicAcls": True, "other": 1}
    asked = {"status": "Enabled", "attribute": {"value": 1}, "enable": False, "PublicAccessBlockConfiguration": block}
    answered = {"ConsoleLogin": "Success", "command": {"status": "Pending", "commandId": "c"}, "password": "x"}
    kept = [
        events({**CALL, "requestParameters": given, "responseElements": answered})[0].attributes
        for given in (asked, dict(reversed(asked.items())))
    ]
    assert list(kept[0].items()) == list(kept[1].items())
    named = {name: text for name, text in kept[0].items() if name.startswith(("requestParameters", "responseElements"))}
    assert named == {
        "requestParameters.enable": "false", "requestParameters.status": "Enabled",
        "requestParameters.PublicAccessBlockConfiguration.BlockPublicAcls": "true",
        "requestParameters.PublicAccessBlockConfiguration.RestrictPublicBuckets": "false",
        "responseElements.ConsoleLogin": "Success", "responseElements.command.status": "Pending",
    }  # fmt: skip


def small(found):
    """As data lakes write names."""
    if isinstance(found, list):
        return [small(inner) for inner in found]
    return {name.lower(): small(inner) for name, inner in found.items()} if isinstance(found, dict) else found


@pytest.mark.parametrize("record", [CALL, ASSUME])
def test_a_data_lakes_record_says_the_same_but_for_its_id(record):
    (event,), (lake,) = events(record), events(small(record))
    for name in ("kind", "action", "outcome", "actor", "credential", "issued", "issued_subject", "session_name"):
        assert getattr(lake, name) == getattr(event, name), name
    assert (lake.event_id, lake.resources, lake.request) == (event.event_id, event.resources, event.request)
    assert reason({**small(CALL), "eventtime": None}).startswith("eventTime: ")
