import json
import shlex

import pytest

from pipeline.reconstruct.revoke import ending

NOW = 1_790_000_000_000_000
HOSTILE = "x'; rm -rf / #"


@pytest.mark.parametrize(
    ("name", "subject", "begins"),
    [
        ("aws:AKIAEXAMPLE", "arn:aws:iam::123456789012:user/team/backup",
         "aws iam update-access-key --access-key-id AKIAEXAMPLE --user-name backup --status Inactive"),
        ("aws:ACCAEXAMPLE", "arn:aws:iam::123456789012:user/bedrock",
         "aws iam update-service-specific-credential --service-specific-credential-id ACCAEXAMPLE --user-name bedrock"),
        ("vault:hmac-sha256:ab", "", "vault list -format=json auth/token/accessors"),
        ("vault:database/creds/app/lease-1", "", "vault lease revoke database/creds/app/lease-1"),
        ("kubernetes:JTI=1", "system:serviceaccount:shop:api", "kubectl -n shop get serviceaccount api"),
        ("github:hash=", "dev10", 'gh api "/orgs/$ORG/credential-authorizations?login="dev10'),
        ("gcp:key/abc", "serviceAccount/app@example.iam.gserviceaccount.com",
         "gcloud iam service-accounts keys disable abc --iam-account=app@example.iam.gserviceaccount.com"),
        ("okta:tok", "ana@example.com", "curl -fsS -X DELETE"),
        ("entra:uti", "ana@example.com", "az rest --method POST --url https://graph.microsoft.com/v1.0/users/ana@"),
    ],
)  # fmt: skip
def test_each_kind_of_credential_has_the_commands_of_its_vendor(name, subject, begins):
    commands = ending(name, subject, NOW).commands
    assert commands[0].startswith(begins)


def test_sessions_of_a_role_are_ended_by_a_policy_with_the_time():
    (command,), caveat = ending("aws:ASIAEXAMPLE", "arn:aws:sts::123456789012:assumed-role/payments/s-1", NOW)
    words = shlex.split(command)
    assert words[words.index("--role-name") + 1] == "payments"
    policy = json.loads(words[words.index("--policy-document") + 1])
    assert policy["Statement"][0]["Condition"]["DateLessThan"]["aws:TokenIssueTime"] == "2026-09-21T14:13:20Z"
    assert "every session" in caveat


def test_what_is_not_known_has_no_command_and_says_so():
    assert ending("carrier-pigeon", "", NOW) == ([], ending("carrier-pigeon", "", NOW).caveat)
    assert "no command is known" in ending("smoke:signal", "", NOW).caveat
    assert ending("aws:ASIAEXAMPLE", "", NOW).commands == []


@pytest.mark.parametrize("vendor", ["aws:AKIA", "aws:ACCA", "vault:hmac-", "vault:", "github:", "gcp:key/", "okta:"])
@pytest.mark.parametrize("subject", [f"arn:aws:iam::1:user/{HOSTILE}", f"system:serviceaccount:a:{HOSTILE}", HOSTILE])
def test_names_out_of_logs_never_become_commands(vendor, subject):
    for command in ending(vendor + HOSTILE, subject, NOW).commands:
        # A shell reads the hostile name as part of one word, or it is not there at all.
        words = shlex.split(command, comments=True)
        assert "rm" not in words
        assert "-rf" not in words
