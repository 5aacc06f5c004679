"""An Alert becomes a line of CEF:0, with keys of its extension dictionary only.

In:     Notice; bytes that it may take
Out:    text, and whether something was cut
Source: ArcSight Common Event Format, Implementation Standard (OpenText), revision 25 and later
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pipeline.alert.notice import Notice
from pipeline.alert.plain import CUT, clean, inert, short
from schemas.alert import Alert

SEVERITY = {"low": 3, "medium": 5, "high": 8, "critical": 10}
#: Characters of a value in the header, and of a list in the extension.
_HEADER, _LIST = 200, 1000


class _Field(NamedTuple):
    key: str
    value: str
    #: Of custom fields; of others empty.
    label: str = ""


def line(notice: Notice, most: int) -> tuple[str, bool]:
    """CEF of at most so many bytes of UTF-8. What is long comes last and is cut there, visibly and between characters.

    Second: whether anything was cut or left out.
    """
    alert = notice.alert
    head = "|".join(
        header(value) for value in ("whodid", "whodid", "1", _class_id(alert), _name(notice))
    )  # fmt: skip
    text = f"CEF:0|{head}|{SEVERITY.get(alert.severity, 5)}|"
    left, cut = most - len(text.encode()), False
    parts: list[str] = []
    for field in _fields(notice):
        if not field.value:
            continue
        label = f"{field.key}Label={extension(field.label)} " if field.label else ""
        start = f"{' ' if parts else ''}{label}{field.key}="
        value, whole = fitting(field.value, left - len(start.encode()))
        cut |= not whole or field.value.endswith(CUT)
        if value:
            parts.append(start + value)
            left -= len((start + value).encode())
    return text + "".join(parts), cut


def header(text: str) -> str:
    r"""A value of the header: `|` and `\` are escaped, and there are no lines."""
    return clean(text, _HEADER).replace("\\", "\\\\").replace("|", "\\|") or "none"


def extension(text: str) -> str:
    r"""A value of the extension: `=`, `\` and line ends are escaped."""
    return "".join(map(_escaped, text))


def fitting(text: str, most: int) -> tuple[str, bool]:
    """A value of the extension in at most so many bytes, never cut within an escape or a character; was it whole?"""
    escaped = extension(text[: most + 1])
    if len(text) <= most and len(escaped.encode()) <= most:
        return escaped, True
    kept, left = [], most - len(CUT.encode())
    for char in text[: max(left, 0)]:
        piece = _escaped(char)
        left -= len(piece.encode())
        if left < 0:
            break
        kept.append(piece)
    return ("".join(kept) + CUT if kept else ""), False


def _escaped(char: str) -> str:
    if char in "\\=":
        return "\\" + char
    return "\\n" if char == "\n" else inert(char)


def _class_id(alert: Alert) -> str:
    return next(iter(alert.detections), "") or alert.family


def _name(notice: Notice) -> str:
    return f"{'EXAMPLE: ' if notice.example else ''}{notice.alert.title or notice.alert.family}"


def _fields(notice: Notice) -> Iterator[_Field]:
    """The most important first. Lengths are those of the dictionary where it is shorter than the whole may be."""
    alert = notice.alert
    yield _Field("externalId", short(alert.alert_id, 200))
    yield from (_Field(key, str(at // 1000)) for key, at in _times(alert))
    yield _Field("cat", short(alert.family, 100))
    yield _Field("suser", short(alert.actor, 1023))
    yield _Field("duser", short(alert.human, 1023))
    yield from _addresses(alert.addresses)
    yield _Field("act", _listed(alert.actions, 63))
    yield _Field("outcome", short(alert.state, 63))
    yield _Field("reason", short(alert.verdict, 63))
    yield _Field("cnt", str(alert.count))
    yield _Field("cn1", str(alert.revision), "revision")
    yield _Field("cfp1", f"{alert.risk:.3f}" if math.isfinite(alert.risk) else "", "risk")
    yield _Field("flexString1", short(alert.stage, 100), "stage")
    yield _Field("flexString2", short(alert.fingerprint, 200), "fingerprint")
    yield _Field("cs2", short(alert.session, _LIST), "session")
    yield _Field("cs3", _listed(alert.credentials), "credentials")
    yield _Field("request", short(notice.link, 1023))
    yield _Field("msg", short(alert.sentence or alert.title, 1023))
    yield _Field("cs4", _listed(alert.policies), "policies")
    yield _Field("cs6", _listed([*alert.detections, *alert.frameworks]), "detections and frameworks")
    yield _Field("cs5", _listed(alert.resources), "resources")
    yield _Field("cs1", _listed(alert.unusual, 4000, "\n"), "unusual")


def _times(alert: Alert) -> Iterator[tuple[str, int]]:
    return ((key, at) for key, at in (("rt", alert.at), ("start", alert.first), ("end", alert.last)) if at > 0)


def _addresses(given: Iterable[str]) -> Iterator[_Field]:
    """`src` is an IPv4 address and nothing else; IPv6 has a custom field of its own."""
    keys = {4: ("src", ""), 6: ("c6a2", "Source IPv6 Address")}
    for text in given:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            continue
        if found := keys.pop(address.version, None):
            yield _Field(found[0], str(address), found[1])


def _listed(texts: Iterable[str], most: int = _LIST, between: str = ", ") -> str:
    kept = []
    for text in texts:
        kept.append(short(text, most))
        if sum(map(len, kept)) > most:
            break
    return short(between.join(kept), most)
