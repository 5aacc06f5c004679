"""Queries that hypothesis draws: any tree that a text can say."""

from hypothesis import strategies as st

from pipeline.query.fields import FIELDS, HAS
from pipeline.query.tree import (
    ANYWHERE,
    Ago,
    And,
    At,
    Between,
    Compared,
    Is,
    Like,
    Not,
    Or,
    Query,
    Term,
    Within,
    all_of,
    any_of,
)

#: Texts that mean something in SQL, in the language, in expressions or in encodings.
HOSTILE = (
    "' OR 1=1 --", "'); DROP TABLE entries; --", '"', "\\", "\\'", "{q0:String}", "{}", "%", "_", "*", "?", "\x00",
    "é", "İ", "ß", "😀", "\u202e", "or", "NOT", "-x", ">1", "a:b", "(", ")", "[.:]", "^$", ".*", "\\N", "а", "]]", "//",
    "s3.x", "s3:x", "1..2", "10.0.0.0/8", "NULL", "\ufeff", "x' UNION SELECT 1", "{", "}", "{{", "%%", "\t", "K",
)  # fmt: skip
texts = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
numbers = st.integers(0, 100).map(lambda one: one / 100)


@st.composite
def patterns(draw):
    """A pattern with a wildcard, as `reading` makes it."""
    parts = [draw(texts).replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?") for _ in range(2)]
    return Like(parts[0] + draw(st.sampled_from("*?")) + parts[1])


def _value(name):
    field = FIELDS[name]
    if field.type == "number":
        ranges = st.tuples(numbers, numbers).map(sorted).map(lambda ends: Between(*ends))
        return st.one_of(ranges, st.builds(Compared, st.sampled_from([">", ">=", "<", "<="]), numbers))
    if field.type == "rank":
        ranks = st.builds(Compared, st.sampled_from([">", ">=", "<", "<="]), st.sampled_from([1.0, 2.0, 3.0, 4.0]))
        return st.one_of(ranks, st.sampled_from(field.values).map(Is), patterns())
    if field.type == "choice":
        return st.one_of(st.sampled_from(field.values).map(Is), patterns())
    if field.type == "time":
        seconds = st.integers(0, 10**6).map(lambda one: Ago(one * 1_000_000))
        return st.one_of(seconds, st.integers(0, 4 * 10**15).map(At))
    if field.type == "address":
        networks = st.sampled_from(["10.0.0.0/8", "192.0.2.0/25", "2001:db8::/32", "0.0.0.0/0"]).map(Within)
        return st.one_of(networks, texts.filter(lambda one: "/" not in one).map(Is), patterns())
    return st.one_of(texts.map(Is), patterns())


def _is_all(term):
    return term.value == Like("*")


words = st.one_of(texts.filter(bool).map(Is), patterns()).map(lambda value: Term(ANYWHERE, value))
fielded = st.sampled_from([name for name in FIELDS if name != "has"]).flatmap(
    lambda name: _value(name).map(lambda value: Term(name, value))
)
having = st.sampled_from(HAS).map(lambda name: Term("has", Is(name)))
terms = st.one_of(words, fielded, having).filter(lambda term: not _is_all(term))


def _joined(children):
    several = st.lists(children, min_size=2, max_size=3)
    negated = children.map(lambda part: part.part if isinstance(part, Not) else Not(part))
    return st.one_of(several.map(all_of), several.map(any_of), negated)


nodes = st.recursive(terms, _joined, max_leaves=6)
queries = st.one_of(st.just(Query()), nodes.map(Query))
__all__ = ["HOSTILE", "And", "Or", "nodes", "queries", "terms", "texts"]
