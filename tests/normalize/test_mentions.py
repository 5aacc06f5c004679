"""What audit logs name is what tool calls name: by it `pipeline.correlate` finds the one by the other."""

import pytest

from pipeline.normalize.mentions import mentions
from tests.normalize import test_azure_monitor as azure
from tests.normalize import test_gcp_audit as gcp
from tests.normalize import test_github_audit as github
from tests.normalize import test_kubernetes_audit as kubernetes
from tests.normalize import test_okta_system_log as okta
from tests.normalize import test_vault_audit as vault
from tests.normalize.common import CONTEXT, events


@pytest.mark.parametrize(
    ("record", "arguments"),
    [
        (kubernetes.EXEC, ["pay-7d9c", "agent", "agent/pay-7d9c", "pods/pay-7d9c"]),
        (gcp.GET, ["inv", "1.pdf", "projects/_/buckets/inv/objects/1.pdf"]),
        (azure.ACTIVITY, ["pay", azure.SUBSCRIPTION[15:]]), (azure.BLOB, ["acct", "inv/1.pdf"]),
        (vault.READ, ["secret/data/db", "secret/db"]), (vault.AWS, ["aws/sts/deploy", "deploy"]),
        (github.CLONE, ["acme-dev/pay", "pay"]), (okta.POLICY, ["Finance", "Managed devices"]),
    ],
)  # fmt: skip
def test_a_request_mentions_what_a_tool_call_would_name(record, arguments):
    (event,) = events(record)
    for argument in arguments:
        assert set(mentions([argument], CONTEXT)) & set(event.mentions), argument
