"""Two logs that name the same person: which login a cloud session came out of."""

import itertools

import pytest

from pipeline.correlate.route import route
from schemas.batch import SECOND_HOP
from tests.correlate.test_chains import current, engine
from tests.correlate.test_recall import Hop
from tests.events import call, issuance

ANA = "ana@example.com"


def sso(at, session, name, human=ANA, **more):
    more = {"outcome": "success", "attributes": {"signsOn": "aws"}, **more}
    return call(at, "", name, actor=human, human=human, session=session, **more)


def saml(at, issued, **more):
    more = {"session_name": "Ana@example.com", **more}
    return issuance(at, issued, actor=more.pop("actor", "arn:aws:iam::123456789012:saml-provider/corp:ana"), **more)


def test_what_a_person_does_with_a_cloud_session_belongs_to_the_login_it_came_out_of():
    story = [sso(0, "okta-1", "s"), saml(2, "C1"), call(5, "C1", "x")]
    for events in itertools.permutations(story):
        rows = current(engine(), list(events))
        assert {rows[name].session for name in ("issue-C1-", "call-x", "call-s")} == {"okta-1"}
        link = next(link for link in rows["call-x"].links if link.target == "session")
        assert (link.method, link.confidence) == ("login", 0.9)
        assert "call-s" in next(link for link in rows["issue-C1-"].links if link.target == "session").evidence


def test_each_signing_on_is_for_one_session():
    story = [sso(0, "okta-1", "s"), saml(2, "C1"), saml(4, "C2"), sso(20, "okta-2", "t"), saml(22, "C3")]
    for events in (story, story[::-1], story[2:] + story[:2]):
        rows = current(engine(), list(events))
        assert [rows[f"issue-C{n}-"].session for n in (1, 2, 3)] == ["okta-1", "", "okta-2"]


def test_two_logins_at_once_are_named_both():
    rows = current(engine(), [sso(0, "okta-1", "s"), sso(1, "okta-2", "t"), saml(2, "C1"), saml(4, "C2")])
    links = [next(link for link in rows[f"issue-C{n}-"].links if link.target == "session") for n in (1, 2)]
    assert [(rows[f"issue-C{n}-"].session, link.confidence) for n, link in zip((1, 2), links, strict=True)] == [
        ("", 0.45), ("", 0.45),
    ]  # fmt: skip
    assert [link.candidates for link in links] == [["okta-2", "okta-1"], ["okta-1", "okta-2"]]


def test_what_was_opened_after_an_issuance_is_no_reason_of_it_unless_clocks_differ():
    rows = current(engine(), [sso(0, "okta-1", "s"), saml(2, "C1"), sso(4, "okta-2", "t"), saml(5, "C2")])
    assert [rows[f"issue-C{n}-"].session for n in (1, 2)] == ["okta-1", "okta-2"]
    assert current(engine(), [saml(2, "C1"), sso(4, "okta-1", "s")])["issue-C1-"].session == "okta-1"


@pytest.mark.parametrize(
    "event",
    [
        saml(301, "C1"),
        saml(2, "C1", session_name="ben@example.com"),
        saml(2, "C1", actor="arn:aws:iam::123456789012:saml-provider/AWSSSO_1_DO_NOT_DELETE:ana@example.com"),
    ],
)
def test_another_persons_a_late_and_an_identity_centers_session_come_out_of_none(event):
    assert current(engine(), [sso(0, "okta-1", "s"), event])["issue-C1-"].session == ""


@pytest.mark.parametrize("more", [{"outcome": "denied"}, {"attributes": {}}])
def test_what_was_refused_and_other_applications_are_no_login(more):
    assert current(engine(), [sso(0, "okta-1", "s", **more), saml(2, "C1")])["issue-C1-"].session == ""


def test_a_login_whose_issuance_is_no_longer_kept_is_not_given_to_another():
    hop = Hop()
    for event in (sso(0, "okta-1", "s"), saml(2, "C1")):
        hop.feed(event)
    hop.reach(9000)
    out = hop.feed(saml(4, "C2"))
    assert [item.attribution.session for item in out if isinstance(item, SECOND_HOP)] == [""]


def test_signing_on_is_told_to_the_first_hop_beside_the_event_itself():
    own, bind = route(sso(0, "okta-1", "s"))
    assert (own.key, bind.key) == ("session:okta-1", f"login:{ANA}")
