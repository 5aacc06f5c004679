"""What an incident means in public frameworks."""

import re
import string

import msgspec

from pipeline.report.facts import facts
from pipeline.report.frameworks import grouped, meaning, meanings
from pipeline.score.frameworks import catalogue
from schemas.finding import Finding
from schemas.incident import Clue, Edge, Gap, Incident, Minted, Missed, Part, Reach, Root, Strand, Touched, Transfer
from tests.report.incidents import STOLEN, case

KINDS, HOWS = ("prompt", "injection", "credential", "identity"), ("read", "changed", "created", "deleted", "refused")
WHOLE = Incident(
    incident_id="i", clue=Clue("span"), made=9, cutoff=0.5, alerts=["a"], detections={"d": 2}, detected_after=3.0,
    roots=[Root(kind=kind, name=kind, sentence="", confidence=0.5) for kind in KINDS],
    strands=[
        Strand(strand_id=str(n), belongs=True, confidence=1, actor=f"a{n}", actor_kind="agent", credential="c",
               credential_chain=["c", "b"], addresses=[f"192.0.2.{n}"], tempo="human") for n in range(2)
    ],
    edges=[Edge("strand:0", "call:1", "called", 1, ""), Edge("strand:0", "strand:1", "delegated", 1, "")],
    parts=[Part("e", 1, "0", "act", 1, tactic) for tactic in (
        "reconnaissance", "resource-development", "initial-access", "execution", "persistence", "privilege-escalation",
        "defense-evasion", "credential-access", "discovery", "lateral-movement", "collection", "command-and-control",
        "exfiltration", "impact")],
    missed=[Missed("m", "")], gaps=[Gap("w", "y", "l")], limits=["x"],
    reach=Reach(
        resources=[Touched(name=f"secret/{how}", how=how) for how in HOWS],
        transfers=[Transfer(time=1, origin="result", source="s", target="t", argument="a", value="planted")],
        credentials=[Minted(name="k", minted=True, issued=5, state="alive"), Minted(name="l", minted=False, uses=1)],
        altered=["secret/created"], accounts=["1"],
    ),
)  # fmt: skip
ENDED = Incident(
    incident_id="i", clue=Clue("span"), made=9, cutoff=0.5,
    reach=Reach(credentials=[Minted(name="k", minted=True, state="revoked")]),
)  # fmt: skip


def test_every_meaning_has_an_id_of_the_catalogue_and_a_fact_that_can_hold():
    held = {**facts(ENDED, []), **facts(WHOLE, [])}
    for one in meanings():
        assert one.id in catalogue(), one
        wanted = {name for _, name, _, _ in string.Formatter().parse(one.says) if name}
        assert wanted <= held[one.fact].keys(), one


def test_sentences_are_of_this_incident_and_quote_no_argument():
    found = meaning(WHOLE, [])
    assert list(found) == [name for name in catalogue() if name in found], "in the order of the catalogue"
    assert "planted" not in repr(found)
    assert found["ASI01"].startswith("the agent followed what it had read in injection")
    assert found["NHI7"] == (
        "k, made at 1970-01-01T00:00:00.000005Z for an unknown identity, has no expiry, and nobody saw it revoked."
    )
    assert found["TA0009"] == "1 act of a0, the first at 1970-01-01T00:00:00.000001Z."


def test_what_does_not_hold_is_not_said():
    found = meaning(ENDED, [])
    assert not {"ASI01", "NHI1", "NHI7", "RC.RP-02", "PR.PS-04"} & found.keys()
    assert found["RS.MI-01"] == "Expired or revoked: k."
    assert found["DE.CM-09"] == "No detection saw any of its 0 entries."


def test_findings_name_ids_too_unless_they_are_retracted_or_nobody_knows_them():
    found = Finding(
        finding_id="f", detection="token-in-two-places", title="A token in two places", time=1_000_000,
        frameworks=["T1550.001", "NHI9", "XYZ-1"],
    )  # fmt: skip
    gone = msgspec.structs.replace(found, retracted=True, finding_id="g", frameworks=["T1621"])
    said = meaning(ENDED, [found, found, gone])
    assert said["T1550.001"] == (
        "2 findings of token-in-two-places, the first at 1970-01-01T00:00:01Z: A token in two places."
    )
    assert not {"XYZ-1", "T1621"} & said.keys()
    assert list(grouped({"XYZ-1": "x", "NHI9": "y"})) == ["OWASP NHI 2025", "other"]


def test_the_bundled_incident_means_something_in_every_framework():
    made = case()
    found = meaning(made.incident, made.findings)
    assert {framework for framework, _ in map(catalogue().get, found)} == {
        one.framework for one in catalogue().values()
    }
    assert STOLEN in found["NHI7"]
    assert STOLEN in found["RS.MI-01"]
    assert not any(re.search(r"[{}]", one) for one in found.values())
