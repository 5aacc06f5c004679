"""A role becomes what of prompts, arguments and results it may have; the rest is withheld, and says so.

In:     shapes of entries (`pipeline.store.shapes`), an Incident
Out:    the same, without what the role may not have

`full` and `masked` have texts as they are stored: secrets masked, shortened. Only `full` has raw records. `hashes` has
none of it: in place of each text stands the keyed hash of it, so that equal texts are seen to be equal. Sentences about
an incident may quote texts: what they have in common with a withheld one, by WINDOW characters or more, is taken out.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from pipeline.store.parts import CONTENT
from schemas.incident import Incident

Content = Literal["full", "masked", "hashes"]
#: What each role of the console may have.
ROLES: dict[str, Content] = {"admin": "full", "responder": "full", "analyst": "masked", "viewer": "hashes"}
WITHHELD = "[withheld]"
#: Characters that a sentence has in common with a withheld text by chance; and the fewest of a text that is looked for.
WINDOW, LEAST = 12, 3

Shape = dict[str, Any]
#: Fields of an Incident's parts that are prose, or may be.
_PROSE = {"title", "summary", "sentence", "why", "what", "caveat", "limits", "frameworks"}
#: Fields of a shape that name things. They are shown to everybody, also where a text repeats them.
_NAMES = (
    "action", "actor", "actor_name", "human", "session", "credential", "issued", "issued_subject", "tool", "address",
    "account", "user_agent", "policy", "tool_call", "event_id", "resources", "stated_actor", "stated_human",
)  # fmt: skip
#: Words that a sentence may have of its own: they are looked for between quotation marks only.
_PLAIN = re.compile(r"[a-z]+")
_BETWEEN, _WHOLE = r"(?<=[\"'`“]){}(?=[\"'`”…])", r"(?<!\w){}(?!\w)"
_BLANKS = str.maketrans("\n\r\t", "   ")


def cover(content: Content, key: bytes = b"") -> Callable[[Shape], Shape]:
    """What hides of a shape what is withheld; with a key, a hash of each text takes its place."""
    return (lambda shape: _covered(shape, key)) if content == "hashes" else (lambda shape: shape)


def withheld(shape: Shape) -> Shape:
    """A shape without contents: null, which `verify.py` takes for withheld, since a leaf commits to them."""
    return {name: None if name in CONTENT else value for name, value in shape.items()}


def covered(incident: Incident, shapes: Iterable[Shape], content: Content, key: bytes = b"") -> Incident:
    """An incident without what is withheld. `shapes`: its entries before anything was hidden."""
    if content != "hashes":
        return incident
    found = msgspec.to_builtins(incident)
    for one in found["reach"]["transfers"]:
        one["value"] = hidden(one["value"], key)
    leaks = _Leaks(_prose(found), shapes)
    for one in found["roots"]:
        one["name"] = leaks.without(one["name"])
    return msgspec.convert(_each(found, leaks.without), Incident)


def hidden(text: str, key: bytes) -> str:
    """What stands for a text."""
    if not text or not key:
        return WITHHELD if text else ""
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), key=key[:64], digest_size=16).hexdigest()
    return f"[withheld {digest}]"


def _covered(shape: Shape, key: bytes) -> Shape:
    return shape | {
        "text": hidden(shape["text"], key),
        "error": hidden(shape["error"], key),
        "arguments": [one | {"value": hidden(one["value"], key)} for one in shape["arguments"]],
        "attributes": {name: hidden(value, key) for name, value in shape["attributes"].items()},
        # Fingerprints of names in texts: whoever guesses a name could tell that it is there.
        "mentions": [],
    }


def texts(shape: Mapping[str, Any]) -> Iterator[str]:
    """What of a shape is withheld."""
    yield shape["text"]
    yield shape["error"]
    yield from (one["value"] for one in shape["arguments"])
    yield from shape["attributes"].values()


class _Leaks:
    """What sentences have in common with withheld texts."""

    def __init__(self, prose: Iterable[str], shapes: Iterable[Shape]) -> None:
        said = [one.translate(_BLANKS) for one in prose]
        wanted = {window for one in said for window in _windows(one)}
        words = {word for one in said for word in re.findall(r"[^\s\"'`,;()]+", one)}
        self._windows: set[str] = set()
        self._words: set[str] = set()
        harmless: set[str] = set()
        names: set[str] = set()
        for shape in shapes:
            for text in map(_flat, texts(shape)):
                self._windows.update(wanted.intersection(_windows(text)))
                if LEAST <= len(text) < WINDOW:
                    self._words.add(text)
            for name in _named(shape):
                harmless.update(wanted.intersection(_windows(name)))
                names.update(re.split(r"[\s/:]", name), [name])
        self._windows -= harmless
        self._words = {one for one in self._words - names if one in words or " " in one}

    def without(self, sentence: str) -> str:
        """A sentence in which WITHHELD stands for what it quotes."""
        flat = _flat(sentence)
        marked = bytearray(len(flat))
        for at, window in enumerate(_windows(flat)):
            if window in self._windows:
                marked[at : at + WINDOW] = b"\1" * WINDOW
        for word in self._words:
            shape = _BETWEEN if _PLAIN.fullmatch(word) else _WHOLE
            for match in re.finditer(shape.format(re.escape(word)), flat):
                marked[match.start() : match.end()] = b"\1" * len(word)
        return _without(sentence, marked)


def _without(sentence: str, marked: bytearray) -> str:
    found, at = [], 0
    for match in re.finditer(rb"\x01+", marked):
        found += [sentence[at : match.start()], WITHHELD]
        at = match.end()
    return "".join([*found, sentence[at:]])


def _flat(text: str) -> str:
    return text.translate(_BLANKS)


def _windows(text: str) -> Iterator[str]:
    return (text[at : at + WINDOW] for at in range(len(text) - WINDOW + 1))


def _named(shape: Shape) -> Iterator[str]:
    for field in _NAMES:
        value = shape[field]
        yield from value if isinstance(value, list) else [value]


def _prose(found: Any) -> list[str]:  # noqa: ANN401  (what JSON may be)
    said: list[str] = [one["name"] for one in found["roots"]]

    def keep(text: str) -> str:
        said.append(text)
        return text

    _each(found, keep)
    return said


def _each(found: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401
    """The same with every prose changed."""
    if isinstance(found, list):
        return [_each(one, change) for one in found]
    if not isinstance(found, dict):
        return found
    return {name: _all(value, change) if name in _PROSE else _each(value, change) for name, value in found.items()}


def _all(found: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401
    if isinstance(found, str):
        return change(found)
    if isinstance(found, list):
        return [_all(one, change) for one in found]
    return {name: _all(value, change) for name, value in found.items()} if isinstance(found, dict) else found
