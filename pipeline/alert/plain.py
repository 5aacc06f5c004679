"""Text that somebody else wrote becomes text that every receiver can take: valid, without commands in it, and short."""

from __future__ import annotations

import ipaddress
import math
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

import msgspec

CUT = "…"
_PLAIN = re.compile(r"[ -~]*")
_LONE = re.compile("[\ud800-\udfff]")
# Controls, format characters (direction overrides, zero width), surrogates, private use, line separators.
_HOSTILE = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
#: What is cut first, second and third where JSON is too long: characters of a text, items of a list.
_STEPS = ((1_000_000, 10_000), (4000, 200), (1000, 20), (100, 3))


def inert(text: str) -> str:
    """The text with each invisible or commanding character written out, e.g. `<U+001B>`; line ends become blanks."""
    if _PLAIN.fullmatch(text):
        return text
    return "".join(map(_written, text.replace("\r\n", "\n")))


def short(text: str, most: int) -> str:
    """At most so many characters; what was cut is marked."""
    return text if len(text) <= most else text[: most - len(CUT)] + CUT


def clean(text: str, most: int) -> str:
    """Inert, and at most so many characters. Cut first: of a text of megabytes, only what is kept is looked at."""
    return short(inert(short(text, most)), most)


def encoded(value: Any) -> bytes:  # noqa: ANN401  (what JSON may be)
    """JSON, also of what JSON cannot hold: a lone surrogate becomes U+FFFD, a number that is none becomes null."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(valid(value))


def valid(value: Any) -> Any:  # noqa: ANN401  (what JSON may be)
    """The same value without what neither JSON nor UTF-8 can hold."""
    if isinstance(value, str):
        return _LONE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {valid(key): valid(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [valid(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def filled(given: dict[str, Any], whole: str) -> dict[str, Any]:
    """Without what is empty, however deep; what is named `whole` stays as it is."""
    found = {}
    for name, value in given.items():
        kept = value
        if isinstance(value, dict) and name != whole:
            kept = filled(value, whole)
        elif isinstance(value, list):
            kept = [filled(one, whole) if isinstance(one, dict) else one for one in value]
            kept = [one for one in kept if one not in ("", None, {})]
        if kept not in ("", None, [], {}):
            found[name] = kept
    return found


def addresses(texts: Iterable[str], most: int) -> list[str]:
    """Those that are IP addresses, without zones (`fe80::1%eth0`), which may be any text and which receivers refuse."""
    found = []
    for text in texts:
        try:
            found.append(str(ipaddress.ip_address(text)).partition("%")[0])
        except ValueError:
            continue
    return list(dict.fromkeys(found))[:most]


def bounded(value: Any, most: int, longest: int = _STEPS[0][0]) -> Any:  # noqa: ANN401  (what JSON may be)
    """The same value, in at most so many bytes of JSON: texts are cut and lists end early, both visibly.

    `longest`: no text has more characters.
    """
    for texts, items in _STEPS:
        found = _less(value, min(texts, longest), items)
        if len(encoded(found)) <= most:
            return found
    raise ValueError(f"cannot be said in {most} bytes")


def _less(value: Any, texts: int, items: int) -> Any:  # noqa: ANN401
    if isinstance(value, str):
        return short(valid(value), texts)
    if isinstance(value, dict):
        pairs = list(value.items())
        # Keys that are names of fields are few; those that are data have numbers as values.
        kept = pairs if len(pairs) <= 64 else pairs[:items]
        return {short(valid(key), texts): _less(item, texts, items) for key, item in kept}
    if isinstance(value, list | tuple):
        more = [f"{CUT} and {len(value) - items} more"] if len(value) > items else []
        return [*(_less(item, texts, items) for item in value[:items]), *more]
    return valid(value)


def _written(char: str) -> str:
    if char in "\n\r\t":
        return " "
    return f"<U+{ord(char):04X}>" if unicodedata.category(char) in _HOSTILE else char
