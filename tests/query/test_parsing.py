import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kit.failures import Invalid
from pipeline.query import Fault, Query, parse, render
from pipeline.query.fields import FIELDS, HAS
from pipeline.query.parsing import DEPTH, LENGTH, TERMS
from pipeline.query.reading import WILDCARDS
from pipeline.query.tree import ANYWHERE, Ago, And, At, Between, Compared, Is, Like, Not, Or, Term, Within
from tests.query.trees import queries

HOUR = 3_600_000_000


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("actor:invoice-bot", Term("actor", Is("invoice-bot"))),
        ("ACTOR:Bot user_agent:x", And((Term("actor", Is("Bot")), Term("user-agent", Is("x"))))),
        ("action:s3.*", Term("action", Like("s3.*"))),
        ("action:s3:GetObject", Term("action", Is("s3:GetObject"))),
        ("risk:>0.8", Term("risk", Compared(">", 0.8))),
        ("risk:0.5..0.8", Term("risk", Between(0.5, 0.8))),
        ("confidence:1", Term("confidence", Between(1.0, 1.0))),
        ("severity:>=high", Term("severity", Compared(">=", 3.0))),
        ("-outcome:success", Not(Term("outcome", Is("success")))),
        ("not not -a", Not(Term(ANYWHERE, Is("a")))),
        ("since:2h", Term("since", Ago(2 * HOUR))),
        ("since:1970-01-02", Term("since", At(24 * HOUR))),
        ("until:1970-01-01T02:00+02:00", Term("until", At(0))),
        ("address:10.1.2.3/8", Term("address", Within("10.0.0.0/8"))),
        ("address:2001:db8::1/32", Term("address", Within("2001:db8::/32"))),
        ("outcome:(denied or failure)", Or((Term("outcome", Is("denied")), Term("outcome", Is("failure"))))),
        ("outcome:(denied FAILURE)", Or((Term("outcome", Is("denied")), Term("outcome", Is("failure"))))),
        ("risk:(>0.8 or 0.1..0.2)", Or((Term("risk", Compared(">", 0.8)), Term("risk", Between(0.1, 0.2))))),
        ("kind:tool-call", Term("kind", Is("tool_call"))),
        ('text:"a \\"b\\" \\\\ * or"', Term("text", Is('a "b" \\ * or'))),
        ("text:a\\ b*\\*", Term("text", Like("a b*\\*"))),
        ("actor:a**b", Term("actor", Like("a*b"))),
        ("error:*", Term("has", Is("error"))),
        ("has:used_token", Term("has", Is("used-token"))),
        ("actor:or", Term("actor", Is("or"))),
        ("a b or c", Or((And((Term(ANYWHERE, Is("a")), Term(ANYWHERE, Is("b")))), Term(ANYWHERE, Is("c"))))),
        ("a AND (b OR c)", And((Term(ANYWHERE, Is("a")), Or((Term(ANYWHERE, Is("b")), Term(ANYWHERE, Is("c"))))))),
        ("order android", And((Term(ANYWHERE, Is("order")), Term(ANYWHERE, Is("android"))))),
        ("", None),
        (" \t\n", None),
    ],
)
def test_a_text_says_a_tree(text, node):
    assert parse(text) == Query(node)


@pytest.mark.parametrize(
    ("text", "column", "length", "said"),
    [
        ("x actr:bot", 3, 4, "did you mean actor:?"),
        ("arn:aws:iam", 1, 3, "quote a word that has a colon"),
        ("actor:", 7, 1, "right behind the colon"),
        ("actor: bot", 7, 1, "right behind the colon"),
        ('a actor:"x', 9, 2, "closing quote"),
        ("(a or b", 8, 1, "closing )"),
        ("a)", 2, 1, "a field such as actor:"),
        ("a or", 5, 1, "a field such as actor:"),
        ("or a", 1, 2, "a field such as actor:"),
        ("a not", 6, 1, "a field such as actor:"),
        ("- a", 1, 1, "a field such as actor:"),
        ("risk:>2", 7, 1, "a number from 0 to 1"),
        ("risk:> 0.8", 7, 1, "right behind >"),
        ("risk:0.8..0.5", 6, 8, "from the smaller to the greater"),
        ("risk:١", 6, 1, "a number from 0 to 1"),
        ("actor:>x", 8, 1, "no comparison"),
        ("outcome:sucess", 9, 6, "did you mean success?"),
        ("severity:>hi*", 11, 3, "one of low"),
        ("address:10.0.0.0/99", 9, 11, "a network"),
        ("since:yesterday", 7, 9, "a time such as"),
        ("since:1850-01-01", 7, 10, "in the years"),
        ("since:99999999999d", 7, 12, "a time such as"),
        ("has:eror", 5, 4, "did you mean error?"),
        ("actor:(a or ", 13, 1, "a value"),
        ("actor:()", 8, 1, "a value"),
        ('actor:a"b"', 8, 1, "quotes go around a whole value"),
        ('""', 1, 2, "something to look for"),
        ("a \\", 3, 1, "behind the backslash"),
        ("a\ud800", 2, 1, "valid Unicode"),
        ("x" * (LENGTH + 1), LENGTH + 1, 1, "at most"),
        ("-" * 0 + "(-" * DEPTH + "a" + ")" * DEPTH, 1, 3 * DEPTH + 1, "levels"),
        ("a " * TERMS + "b", 2 * TERMS + 1, 1, "terms"),
        ("a*b" * (WILDCARDS + 1), 1, 3 * (WILDCARDS + 1), "wildcards"),
    ],
)
def test_an_error_points_at_the_column_and_says_what_is_right(text, column, length, said):
    if "levels" in said:
        text = "(a or -" * DEPTH + "b" + ")" * DEPTH
        length = len(text)
    with pytest.raises(Fault) as caught:
        parse(text)
    fault = caught.value
    assert (fault.column, fault.length) == (column, length), str(fault)
    assert said in str(fault)
    assert f"column {column}" in str(fault)
    assert isinstance(fault, Invalid)
    line, carets = fault.pointed().split("\n")
    assert carets.strip("^ ") == ""
    assert carets.count("^") >= 1
    if len(text) < 60:
        assert len(line) == len(text)
        assert carets.index("^") == column - 1


@settings(max_examples=300, deadline=None)
@given(queries)
def test_what_is_rendered_is_read_back_the_same(query):
    assert parse(render(query)) == query


@settings(max_examples=300, deadline=None)
@given(st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(["actor:", "risk:", ">", "..", '"', "(", ")", "-", "or", " ", "*", "\\", "a"]),
             max_size=20).map("".join),
))  # fmt: skip
def test_any_text_is_read_or_refused_with_a_place(text):
    fault, query = None, None
    try:
        query = parse(text)
    except Fault as error:
        fault = error
    if query is not None:
        assert parse(render(query)) == query
        return
    assert 1 <= fault.column <= len(text) + 1
    assert fault.pointed()


def test_every_example_of_the_vocabulary_is_of_its_field():
    for name, field in FIELDS.items():
        (*terms,) = parse(field.example).terms()
        assert {term.field for term in terms} == {name}
        assert field.meaning
    assert {"actor", "risk", "error"} <= set(HAS)
