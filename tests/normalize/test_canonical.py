"""whodid's own events."""

import pytest

from tests.normalize.common import events, turns

ACT = {"kind": "cloud_audit", "time": "2026-01-31T12:00:00Z", "action": "oauth:revoke"}


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"revokes": "jti-7"}, {"revokes": "jti-7"}),
        ({"revoked": "jti-7"}, {"revokes": "jti-7"}),
        ({"revoked": "jti-7", "revokes": "jti-8"}, {"revokes": "jti-8"}),
        ({"restores": "jti-7"}, {"restores": "jti-7"}),
        ({}, {}),
    ],
)
def test_an_event_says_what_it_revokes_by_an_attribute(attributes, said):
    assert turns({**ACT, "attributes": attributes}) == said


def test_a_renewal_says_until_when():
    (event,) = events({
        "kind": "token_issuance", "time": "2026-01-31T12:00:00Z", "expires": "2026-01-31T13:00:00Z",
        "attributes": {"renews": "jti-7"},
    })  # fmt: skip
    assert (event.attributes["renews"], event.issued, event.issued_expires) == ("jti-7", "", 1_769_864_400_000_000)
