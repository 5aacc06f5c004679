"""Query parameters become a question to the store; what is wrong with one is said by its name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, TypeVar

from pipeline.console.shapes import moment
from pipeline.kit.failures import Invalid
from pipeline.store.aliases import Known, known
from pipeline.store.pivots import MAX_LIMIT, NAMING, PIVOTS, Rows, timeline
from schemas.entry import Entry

T = TypeVar("T", bound=str)
DEFAULT_LIMIT = 200
#: Also of the largest value that is looked up: no identifier is longer, and a row of hostile ones stays cheap.
MAX_VALUE = 4096


class Answer(NamedTuple):
    """A page of a timeline."""

    entries: list[Entry]
    #: Where the next page begins (`after`), None when this is the end.
    next: tuple[int, str] | None
    #: The other names whose rows these are too.
    names: list[Known]


class Question(NamedTuple):
    """A part of the timeline that somebody asks for; times in microseconds since 1970."""

    pivot: str
    value: str
    since: int | None = None
    until: int | None = None
    after: tuple[int, str] | None = None
    limit: int = DEFAULT_LIMIT
    #: Whether to answer for the very name only, and not for all names of its identity.
    exact: bool = False

    def answer(self, store: Rows) -> Answer:
        """The entries; of an actor or a person under all of its names."""
        resolved = self.pivot in NAMING and not self.exact
        names = known(store, [self.value])[self.value] if resolved else []
        values = [self.value, *(one.name for one in names)]
        page = timeline(
            store, self.pivot, values, since=self.since, until=self.until, after=self.after, limit=self.limit
        )
        return Answer(page.entries, page.next, names)


def question(given: Mapping[str, str]) -> Question:
    """Exactly one pivot by its name, and perhaps `since`, `until`, `after`, `limit` and `exact`. Raises Invalid."""
    only(given, (*PIVOTS, "since", "until", "after", "limit", "exact"))
    named = [pivot for pivot in PIVOTS if pivot in given]
    if len(named) != 1:
        raise Invalid("actor|session|credential|human|address", "exactly one of them", ", ".join(named) or None)
    return bounded(named[0], given[named[0]], given)


def bounded(pivot: str, value: str, given: Mapping[str, str]) -> Question:
    """A question about one value of a pivot, bounded by the other parameters."""
    if pivot not in PIVOTS:
        raise Invalid("pivot", "one of " + ", ".join(PIVOTS), pivot)
    if not 0 < len(value) <= MAX_VALUE:
        raise Invalid(pivot, f"1 to {MAX_VALUE} characters", f"{len(value)} characters")
    times = {name: moment(given[name], name) for name in ("since", "until") if given.get(name)}
    return Question(
        pivot=pivot,
        value=value,
        **times,
        after=place(given["after"]) if given.get("after") else None,
        limit=number(given, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT),
        exact=flag(given, "exact"),
    )


def number(given: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """A whole number within bounds."""
    text = given.get(name, "").strip()
    if not text:
        return default
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
    if value is None or not least <= value <= most:
        raise Invalid(name, f"a whole number from {least} to {most}", text)
    return value


def flag(given: Mapping[str, str], name: str) -> bool:
    """True or false; false unless given."""
    text = given.get(name, "")
    if text not in ("", "true", "false"):
        raise Invalid(name, "true or false", text)
    return text == "true"


def choice(given: Mapping[str, str], name: str, among: Sequence[T]) -> T:
    """One of these; the first unless given."""
    text = given.get(name, "")
    found = next((one for one in among if one == text), None) if text else among[0]
    if found is None:
        raise Invalid(name, "one of " + ", ".join(among), text)
    return found


def only(given: Mapping[str, str], known: Collection[str]) -> None:
    """Refuse a parameter that is not known: a misspelt `untill` would otherwise be ignored."""
    for name in given:
        if name not in known:
            raise Invalid(name[:40], "no such parameter; there are " + ", ".join(known))


def cursor(end: tuple[int, str]) -> str:
    """Where the next page begins, as the `after` parameter that asks for it."""
    return f"{end[0]}:{end[1]}"


def place(text: str) -> tuple[int, str]:
    """Where a page begins, from what `cursor` made. Raises Invalid."""
    time, colon, event_id = text.partition(":")
    digits = time.removeprefix("-")
    # 19 digits are all that 64 bits need; Python refuses to read thousands of them, and with another exception.
    if not (colon and digits.isascii() and digits.isdigit() and len(digits) < 20) or int(digits) > 2**63:
        raise Invalid("after", "the `next` of the page before", text)
    return int(time), event_id
