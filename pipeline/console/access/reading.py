"""What a request is given of contents: hidden as whoever asks may not have it, and noted, so that it can be recorded.

`pipeline.console.shapes` and those that make findings, alerts and incidents for the desk ask here. While no request is
being answered, as in a command that has the store itself, nothing is hidden and nothing is noted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException

from pipeline.console.access.who import Who
from pipeline.report.content import ROLES, WITHHELD, Content, cover, hidden, texts

#: From nothing to everything.
_ORDER: tuple[Content, ...] = ("hashes", "masked", "full")
#: Ids of events and names of people that one record has at most; there may be more, and their number is told.
IDS, SUBJECTS = 10_000, 1000
#: Fields of findings and alerts that may quote contents.
_PROSE = ("title", "sentence", "details", "unusual")
_now: ContextVar[Reading | None] = ContextVar("reading", default=None)

Shape = dict[str, Any]


class Given(NamedTuple):
    """Contents that were given and are not recorded yet."""

    amount: int
    events: list[str]
    subjects: list[str]


class Reading:
    """Of one request."""

    def __init__(self, who: Who, key: bytes) -> None:
        """`key` is that of the hashes which stand for withheld texts."""
        self.who = who
        self._key = key
        self._cover = cover(who.content, key)
        self._amount = 0
        self._events: dict[str, None] = {}
        self._subjects: dict[str, None] = {}

    def entry(self, shape: Shape) -> Shape:
        """An entry as whoever asks may have it."""
        if self.who.content != "hashes" and any(texts(shape)):
            self.note(shape["event_id"], shape["human"] or shape["actor"])
        return self._cover(shape)

    def prose(self, shape: Shape, quotes: Iterable[str]) -> Shape:
        """A finding or an alert: sentences of it quote `quotes` out of prompts, arguments and results."""
        parts = sorted(filter(None, quotes), key=len, reverse=True)
        if self.who.content == "hashes":
            found = shape | {name: _without(shape[name], parts) for name in _PROSE if name in shape}
            if "quotes" in shape:
                found["quotes"] = [hidden(one, self._key) for one in shape["quotes"]]
            return found
        if parts:
            for name in shape["entries"][:1]:
                self.note(name, shape["human"] or shape["actor"])
        return shape

    def raw(self, name: str, value: str) -> str:
        """Bytes as they were received, in which nothing is masked."""
        if self.who.content != "full":
            return hidden(value, self._key) if self.who.content == "hashes" else WITHHELD
        self.note(name, "")
        return value

    def text(self, value: str) -> str:
        """A text that may quote contents, with nothing to say which."""
        return hidden(value, self._key) if self.who.content == "hashes" else value

    def note(self, name: str, subject: str) -> None:
        """Contents of this event or record, which are this person's, are given."""
        self._amount += 1
        if len(self._events) < IDS:
            self._events[name] = None
        if subject and len(self._subjects) < SUBJECTS:
            self._subjects[subject] = None

    def take(self) -> Given | None:
        """What is to be recorded, once; None when nothing is."""
        if not self._amount:
            return None
        given = Given(self._amount, list(self._events), list(self._subjects))
        self._amount, self._events, self._subjects = 0, {}, {}
        return given


def reaches(who: Who, content: Content) -> bool:
    """Whether somebody may read as much as that."""
    return _ORDER.index(content) <= _ORDER.index(who.content)


def now() -> Reading | None:
    """The reading of the request that is being answered."""
    return _now.get()


@contextmanager
def reading(one: Reading) -> Iterator[None]:
    """While a request is answered, also in the threads that help with it."""
    token = _now.set(one)
    try:
        yield
    finally:
        _now.reset(token)


def entry(shape: Shape) -> Shape:
    """An entry as whoever asks may have it."""
    one = _now.get()
    return shape if one is None else one.entry(shape)


def prose(shape: Shape, quotes: Iterable[str]) -> Shape:
    """A finding or an alert as whoever asks may have it."""
    one = _now.get()
    return shape if one is None else one.prose(shape, quotes)


def raw(name: str, value: str) -> str:
    """Bytes as they were received, if whoever asks may have them."""
    one = _now.get()
    return value if one is None else one.raw(name, value)


def text(value: str) -> str:
    """A text that may quote contents, if whoever asks may have them."""
    one = _now.get()
    return value if one is None else one.text(value)


def lowered(role: str, asked: bool) -> Content:
    """What a role may have, if whoever asks may have as much: a role may be given to have less, never to have more.

    Raises HTTPException (403) for a role that was asked for and has more.
    """
    one, wanted = _now.get(), ROLES[role]
    if one is None or reaches(one.who, wanted):
        return wanted
    if asked:
        raise HTTPException(403, f"role: {role} may read more than you may ({one.who.content})")
    return one.who.content


def allowed() -> list[str]:
    """The roles that whoever asks may name, those who may read most first."""
    one = _now.get()
    return [role for role, has in ROLES.items() if one is None or reaches(one.who, has)]


def notes(shapes: Iterable[Mapping[str, Any]], content: Content) -> None:
    """All of these entries are given, with contents unless `content` says that they are withheld."""
    one = _now.get()
    if one is None or content == "hashes":
        return
    for shape in shapes:
        if content == "full" or any(texts(shape)):
            one.note(shape["event_id"], shape["human"] or shape["actor"])


def given(events: Iterable[tuple[str, str]]) -> None:
    """Contents of these events, each with whose they are, are given in a way that no shape of them is made."""
    one = _now.get()
    if one is not None:
        for name, subject in events:
            one.note(name, subject)


def _without(value: Any, parts: list[str]) -> Any:  # noqa: ANN401  (what JSON may be)
    if isinstance(value, str):
        for part in parts:
            value = value.replace(part, WITHHELD)
        return value
    if isinstance(value, list):
        return [_without(one, parts) for one in value]
    return {name: _without(one, parts) for name, one in value.items()} if isinstance(value, dict) else value
