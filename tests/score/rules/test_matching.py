"""Conditions: what fits, held against a reading of Sigma's specification that knows nothing of closures."""

from __future__ import annotations

import base64
import fnmatch
import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kit.failures import Invalid
from pipeline.score.rules import mapping, sigma
from pipeline.score.rules.matching import folded
from tests.score.rules.making import entry, trail

OWN = mapping.own()


def fits(detection: dict, one) -> bool:
    return sigma.detection(detection, OWN, "f").holds(one)


def one(field: str, value: object, **of: object) -> bool:
    return fits({"s": {field: value}, "condition": "s"}, entry(**of))


@pytest.mark.parametrize(
    ("field", "value", "yes", "no"),
    [
        ("action", "IAM:createuser", "iam:CreateUser", "iam:CreateUsers"),
        ("action", ["a", "b"], "B", "c"),
        ("action", "iam:*", "iam:x\ny", "xiam:"),
        ("action", "i?m", "iam", "iaam"),
        ("action", r"a\*", "a*", "ab"),
        ("action", "*a*b*", "xaybz", "xbya"),
        ("action|contains", "User", "iam:createuser", "iam:group"),
        ("action|contains|all", ["a", "b"], "ba", "a"),
        ("action|startswith", "iam:", "IAM:x", "x:iam:"),
        ("action|endswith", ["x", "y"], "aY", "z"),
        ("action|cased", "Iam", "Iam", "iam"),
        ("action|re", "^i.m$", "iam", "IAM"),
        ("action|re|i", "^i.m$", "IAM", "IAAM"),
        ("action|re|s", "a.b", "a\nb", "ab"),
        ("action|neq", "a", "b", "a"),
        ("action|base64", "foo", base64.b64encode(b"foo").decode(), "foo"),
        ("action|base64offset|contains", "secret", base64.b64encode(b"xxsecret").decode(), "secret"),
        ("action|windash|contains", " -a", "x /a", "x a"),
        ("address|cidr", "192.0.2.0/24", "192.0.2.7", "192.0.3.7"),
        ("address|cidr", ["192.0.2.0/24", "2001:db8::/32"], "2001:db8::1", "ssm.amazonaws.com"),
        ("address|cidr", "192.0.2.0/24", "::ffff:192.0.2.7", "::192.0.2.7"),
        ("error|gt", 5, "6", "5"),
        ("error|gte", 5, "5.0", "many"),
        ("error|lt", 5, "-6", "5"),
        ("error|lte", 5, "5", "5.1"),
        ("error", 404, "404", "4040"),
        ("error", True, "True", "1"),
        ("attributes.a.b", "x", {"attributes": {"a.b": "X"}}, {"attributes": {"a": "x"}}),
        ("attributes", "x", {"attributes": {"a": "x"}}, {"attributes": {"x": "a"}}),
        ("resources|endswith", "/x", {"resources": ["a", "b/x"]}, {"resources": ["a"]}),
        ("arguments.to", "ana", {"arguments": {"to[0].name": "ana"}}, {"arguments": {"top": "ana"}}),
        ("origins.to", "result", {"arguments": {"to": {"value": "x", "origin": "result"}}}, {"arguments": {"to": "x"}}),
        ("links.tool_call|lt", 0.5, {"links": {"tool_call": 0.4}}, {"links": {"actor": 0.4}}),
        ("methods.actor", "in-flight", {"links": {"actor": ["in-flight", 0.6]}}, {"links": {"actor": 0.6}}),
        ("region", None, "", "eu"),
        ("region|exists", True, "eu", ""),
        ("actor|fieldref", "human", {"actor": "Ana", "human": "ana"}, {"actor": "ana"}),
        ("actor|fieldref|startswith", "human", {"actor": "Ana-bot", "human": "ana"}, {"actor": "bot", "human": "ana"}),
        ("actor", "ana", {"event.actor": "ana"}, {"event.actor": "ana", "actor": ""} | {"human": "x", "actor": "bob"}),
        ("event.actor", "ana", {"event.actor": "ana", "actor": "bob"}, {"event.actor": "bob"}),
        ("time|hour", 8, {}, {"after": "1h"}),
        ("time|week", 10, {}, {"after": "7d"}),
    ],
)  # fmt: skip
def test_a_field_fits_as_the_specification_says(field, value, yes, no):
    for given_, wanted in ((yes, True), (no, False)):
        of = given_ if isinstance(given_, dict) else {field.partition("|")[0]: given_}
        assert one(field, value, **of) is wanted, given_


def test_a_keyword_is_looked_for_in_every_text():
    detection = {"words": ["EVIL", "w?rd"], "condition": "words"}
    assert fits(detection, entry(action="x", arguments={"a": "so evil"}))
    assert fits(detection, entry(action="x", attributes={"a": "my word!"}))
    assert fits(detection, entry(action="x", resources=["evil"]))
    assert not fits(detection, entry(action="good"))


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("a", True), ("not a", False), ("a and b", False), ("a or b", True), ("not a or not b", True),
        ("1 of them", True), ("all of them", False), ("1 of a*", True), ("all of a*", True), ("not 1 of b*", True),
        ("a and not (b or not a)", True),
    ],
)  # fmt: skip
def test_conditions_are_read_as_the_specification_says(condition, wanted):
    detection = {"a": {"action": "x"}, "b": {"action": "y"}, "condition": condition}
    assert fits(detection, entry(action="x")) is wanted


def test_a_list_of_mappings_are_alternatives():
    detection = {"s": [{"action": "x", "outcome": "denied"}, {"action": "y"}], "condition": "s"}
    assert fits(detection, entry(action="y"))
    assert fits(detection, entry(action="x", outcome="denied"))
    assert not fits(detection, entry(action="x"))


NAMES = ["action", "actor", "region", "resources", "address"]
letters = st.text("aAbB:é.*", max_size=5)
fields = st.fixed_dictionaries(
    {},
    optional={
        "action": letters,
        "actor": letters,
        "region": letters,
        "resources": st.lists(letters, max_size=3),
        "address": st.sampled_from(["192.0.2.1", "192.0.3.1", "2001:db8::1", "x"]),
    },
)
plain = st.text("aAbB:é", min_size=1, max_size=3)
leaves = st.one_of(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(["", "contains", "startswith", "endswith"]), plain),
    st.tuples(st.sampled_from(NAMES), st.just("wild"), st.text("aAb*?", min_size=1, max_size=5)),
    st.tuples(st.sampled_from(NAMES), st.just("null"), st.none()),
    st.tuples(st.just("address"), st.just("cidr"), st.sampled_from(["192.0.2.0/24", "192.0.0.0/16", "2001:db8::/32"])),
)
trees = st.recursive(
    leaves,
    lambda below: st.tuples(st.sampled_from(["and", "or", "not"]), st.lists(below, min_size=1, max_size=3)),
    max_leaves=6,
)


def written(tree, detection: dict) -> str:
    """A tree as Sigma writes it; its leaves go into the detection."""
    if tree[0] in ("and", "or", "not") and isinstance(tree[1], list):
        parts = [
            f"({written(part, detection)})" if part[0] in ("and", "or", "not") else written(part, detection)
            for part in tree[1]
        ]
        return f"not ({parts[0]})" if tree[0] == "not" else f" {tree[0]} ".join(parts)
    field, how, value = tree
    name = f"s{len(detection)}"
    detection[name] = {field if how in ("", "wild", "null") else f"{field}|{how}": value}
    return name


def naive(tree, values: dict[str, list[str]]) -> bool:
    """What the specification says, one sentence a line."""
    if tree[0] in ("and", "or", "not") and isinstance(tree[1], list):
        parts = [naive(part, values) for part in tree[1]]
        return not parts[0] if tree[0] == "not" else all(parts) if tree[0] == "and" else any(parts)
    field, how, value = tree
    found = values[field]
    return not found if how == "null" else any(READ[how](text.lower(), value.lower()) for text in found)


READ = {
    "": lambda text, value: text == value,
    "wild": fnmatch.fnmatchcase,
    "contains": lambda text, value: value in text,
    "startswith": lambda text, value: text.startswith(value),
    "endswith": lambda text, value: text.endswith(value),
    "cidr": lambda text, value: text != "x" and ipaddress.ip_address(text) in ipaddress.ip_network(value),
}


@settings(max_examples=400, deadline=None)
@given(trees, fields)
def test_closures_say_what_the_specification_says(tree, given_):
    detection: dict = {}
    detection["condition"] = written(tree, detection)
    made = entry(**given_)
    values = {name: [given_.get(name, "")] if name != "resources" else given_.get(name, []) for name in NAMES}
    values = {name: [text for text in texts if text or name == "resources"] for name, texts in values.items()}
    test = sigma.detection(detection, OWN, "f")
    assert test.holds(made) is naive(tree, values)
    # What the action alone says is never wrong.
    assert test.early(made) in (None, test.holds(made))
    for needs in test.needs if test.holds(made) else ():
        assert any(text in map(folded, getter.of(made)) for getter, text in needs)


@pytest.mark.parametrize(
    "detection",
    [
        {"s": {"action|re": "(?=a)"}, "condition": "s"},
        {"s": {"action|re": r"(a)\1"}, "condition": "s"},
        {"s": {"action|re": "((a{1,100}){1,100}){1,100}"}, "condition": "s"},
        {"s": {"action|re": "a" * 200_000}, "condition": "s"},
        {"s": {"action|expand": "%names%"}, "condition": "s"},
        {"s": {"action|nothing": "a"}, "condition": "s"},
        {"s": {"action|cidr": "192.0.2.0/99"}, "condition": "s"},
        {"s": {"action|lt": "a"}, "condition": "s"},
        {"s": {"action|windash|contains": " -a -b -c -d"}, "condition": "s"},
        {"s": {"action": {"a": "b"}}, "condition": "s"},
        {"s": {}, "condition": "s"},
        {"s": {"action": "a"}, "condition": "(" * 9 + "s" + ")" * 9},
        {"s": {"action": "a"}, "condition": "s and " * 2000 + "s"},
        {"s": {"action": "a"}, "condition": ["s", "s"]},
        {"s": {"action": "a"}, "condition": "not not not s"},
        {"s": {"action": "a"}, "condition": "1 of a*a*a*a*a*a*a*a*a*"},
        {"s": {"action": ["a"] * 6000}, "condition": "s"},
        {"s": {"action|re": ["a"] * 201}, "condition": "s"},
        {"s": {"action": ["a*b"] * 201}, "condition": "s"},
        {"s": {"action": "a"}, "condition": "t"},
        {"s": {"action": "a"}},
        {"condition": "s"},
        {"s": {"acton": "a"}, "condition": "s"},
        {"s": {"attributes.x|fieldref": "nothing"}, "condition": "s"},
    ],
)
def test_what_cannot_be_taken_is_refused_with_the_field(detection, capfd):
    with pytest.raises(Invalid, match=r"^f: "):
        sigma.detection(detection, OWN, "f")
    # RE2 writes to standard error by itself.
    assert not capfd.readouterr().err


def test_a_regular_expression_takes_time_that_is_linear():
    assert not one("action|re", "(a+)+$", action="a" * 50_000 + "b")


AWS = mapping.view("aws", "cloudtrail")


def test_a_log_source_has_its_own_names():
    rule = {
        "s": {"eventSource": "iam.amazonaws.com", "EVENTNAME": "CreateUser", "errorCode": "AccessDenied"},
        "mine": {"userIdentity.arn|endswith": "/ana", "eventType": "AwsApiCall"},
        "condition": "all of them",
    }
    test = sigma.detection(rule, AWS, "f")
    made = trail("iam:CreateUser", actor="arn:aws:iam::123456789012:user/ana", error="AccessDenied: no")
    assert test.holds(made)
    assert not test.holds(entry(action="iam:CreateUser", error="AccessDenied: no"))
    assert test.early(trail("s3:GetObject")) is False
    assert test.early(made) is None


def test_every_field_of_the_mapping_is_one_of_ours():
    assert len({source for source, *_ in mapping.names()}) >= 8
    for source, name, _ in mapping.names():
        product, service = source.split("/")
        mapping.view(product, service).getter(name)
