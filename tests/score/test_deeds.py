"""What actions do, by their names."""

import pytest

from pipeline.score import deeds
from pipeline.score.act import Act, kind_of, network_of, program_of, shape_of
from pipeline.score.deeds import CHANGE, LOOK, SECRET, deed_of, names_of
from tests.score.entries import told


@pytest.mark.parametrize(("action", "names", "sort"), [
    ("s3:GetObject", [], LOOK),
    ("s3:DeleteObject", [], CHANGE),
    ("IAM:createaccesskey", ["mint"], CHANGE),
    ("sts:AssumeRoleWithSAML", [], 0),
    ("sts:GetFederationToken", ["mint"], CHANGE),
    ("bedrock:InvokeModelWithResponseStream", ["model"], 0),
    ("bedrock:GetFoundationModelAvailability", ["probe", "survey"], LOOK),
    ("cloudtrail:StopLogging", ["blind"], CHANGE),
    ("logs:PutRetentionPolicy", ["dim"], CHANGE),
    ("lambda:UpdateFunctionCode20150331v2", ["run"], CHANGE),
    ("iam:CreateRole", [], CHANGE),
    ("ec2:ModifySnapshotAttribute", ["share"], CHANGE),
    ("s3:PutBucketPolicy", ["door"], CHANGE),
    ("iam:AttachUserPolicy", ["power"], CHANGE),
    ("kubernetes:get secrets", ["secret"], LOOK),
    ("kubernetes:create pods/exec", ["run"], CHANGE),
    ("vault:read kv", ["secret"], LOOK),
    ("iam:google.iam.admin.v1.CreateServiceAccountKey", ["mint"], CHANGE),
    ("azure:Microsoft.Compute/virtualMachines/read", [], LOOK),
    ("send_money", [], 0),
    ("", [], 0),
    (":" * 9, [], CHANGE),
])  # fmt: skip
def test_an_action_is_known_by_its_name(action, names, sort):
    deed = deed_of(action)
    assert names_of(deed.flags) == names
    assert deed.flags & (LOOK | CHANGE) == sort


def test_bits_are_one_each_and_named():
    bits = [getattr(deeds, name.upper()) for name in deeds.NAMES]
    assert bits == [1 << place for place in range(len(bits))]
    assert not (LOOK | CHANGE) & sum(bits)


def test_a_parameter_is_a_secret_only_if_it_is_decrypted():
    plain, secret = (
        Act(entry)
        for entry in told(
            {"action": "ssm:GetParameters", "actor": "a"},
            {"action": "ssm:GetParameters", "actor": "a", "attributes": {"requestParameters.withDecryption": "true"}},
        )
    )
    assert not plain.flags & SECRET
    assert secret.flags & SECRET


@pytest.mark.parametrize(("given", "place"), [
    ("198.51.100.7", "198.51.100.0/24"), ("2001:db8:1:2::3", "2001:db8:1::/48"), ("AWS Internal", ""), ("", ""),
    ("ec2.amazonaws.com", ""), ("1.2.3.4.5", ""),
])  # fmt: skip
def test_places_are_networks(given, place):
    assert network_of(given) == place


@pytest.mark.parametrize(("given", "program"), [
    ("Boto3/1.34.19 md/Botocore#1.34", "boto3"), ("[Boto3/1.34]", "boto3"), ("Mozilla/5.0 (X11)", "browser"),
    ("s3.amazonaws.com", ""), ("", ""), ("aws-cli/2.15.1", "aws-cli"), ("\x1b[31m", "m"),
])  # fmt: skip
def test_programs_are_names_without_versions(given, program):
    assert program_of(given) == program


@pytest.mark.parametrize(("given", "kind"), [
    ("arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com:aud:repo:a/b", "ci"), ("dependabot[bot]", "ci"),
    ("system:serviceaccount:shop:api", "workload"), ("ana@example.com", "human"),
    ("x@y.iam.gserviceaccount.com", "service"),
    ("arn:aws:iam::1:user/bert", "unknown"), ("", "unknown"),
])  # fmt: skip
def test_kinds_are_read_off_names(given, kind):
    assert kind_of(given) == kind


def test_numbers_in_names_are_one():
    assert shape_of("arn:aws:s3:::logs/2026-03-02/part-00017") == shape_of("arn:aws:s3:::logs/2026-03-03/part-00018")
    assert shape_of("prod/db") != shape_of("prod/api")
