import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.query import parse
from pipeline.query.completing import complete
from pipeline.query.fields import FIELDS

KNOWN = {"actor": ["bot", "Bob Smith", "or"], "action": ["s3:GetObject"]}


def values(field, prefix, limit):
    return [one for one in KNOWN.get(field, []) if prefix.lower() in one.lower()][:limit]


@pytest.mark.parametrize(
    ("text", "begin", "proposed"),
    [
        ("ac", 0, ["actor:", "action:", "actor-kind:", "account:"]),
        ("-outc", 1, ["outcome:"]),
        ("a (sev", 3, ["severity:"]),
        ("actor:b", 6, ["bot", '"Bob Smith"']),
        ('actor:"bob s', 6, ['"Bob Smith"']),
        ("actor:o", 6, ["bot", '"Bob Smith"', '"or"']),
        ("outcome:", 8, ["success", "failure", "denied"]),
        ("outcome:(denied or f", 19, ["failure"]),
        ("outcome:(denied) act", 17, ["actor:", "action:", "actor-kind:"]),
        ("severity:>=h", 9, [">=high"]),
        ("risk:", 5, [">0.8", ">0.5"]),
        ("since:", 6, ["15m", "1h", "24h", "7d", "30d"]),
        ("has:cred", 4, ["credential"]),
        ("nofield:x", 0, []),
        ('"quoted', 0, []),
    ],
)
def test_fields_then_values_are_proposed(text, begin, proposed):
    made = complete(text, len(text), values)
    assert (made.begin, made.end) == (begin, len(text))
    assert [one.text for one in made.proposals][: len(proposed)] == proposed
    assert len(made.proposals) == len(proposed) or text.endswith("act") or text == "ac"


def test_what_is_proposed_can_be_taken():
    for text in ("", "act", "actor:b", "outcome:(denied or ", "severity:>"):
        made = complete(text, len(text), values)
        assert made.proposals
        for one in made.proposals:
            taken = text[: made.begin] + one.text
            taken += FIELDS[taken[:-1]].example.partition(":")[2] if taken.endswith(":") else ""
            parse(taken + (")" if "(" in taken and ")" not in taken else ""))


def test_at_the_beginning_every_field_is_proposed_with_its_meaning():
    made = complete("", 0, values)
    assert {one.text for one in made.proposals} == {f"{name}:" for name in FIELDS}
    assert all(one.meaning for one in made.proposals)


@given(st.text(max_size=30), st.integers(-5, 40))
def test_it_never_fails(text, cursor):
    made = complete(text, cursor, values)
    assert 0 <= made.begin <= made.end <= len(text)
