"""Keys of programs: how they look, and what is kept of them.

A key is `whodid_`, 256 random bits, and a checksum of both, so that a scanner for leaked secrets finds it and knows it
from something that only looks like one. What is kept is its SHA-256. A slow hash such as bcrypt makes guessing dear
where people choose passwords; nobody guesses one of 2^256 values, and every request would pay for it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
import zlib
from collections.abc import Iterable
from typing import Any

from pipeline.console.access.who import BY_TITLE, SCOPES, Who
from pipeline.console.shapes import iso
from pipeline.kit.failures import Invalid
from pipeline.report.content import ROLES
from pipeline.store.access import Key

PREFIX = "whodid_"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: Characters of 256 bits, and of 32.
_SECRET, _CHECK = 43, 6
LENGTH = len(PREFIX) + _SECRET + _CHECK
#: What scanners look for.
PATTERN = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_SECRET + _CHECK}}}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@ -]{0,99}")
#: The longest life of a key, in seconds: two years.
LONGEST = 2 * 365 * 86400
_UNITS = {"m": 60, "h": 3600, "d": 86400}


def made() -> str:
    """A new key."""
    bare = PREFIX + _digits(secrets.randbits(256), _SECRET)
    return bare + _checksum(bare)


def digest(text: str) -> str:
    """What is kept of a key, or of what a cookie holds."""
    return hashlib.sha256(b"whodid access\0" + text.encode("utf-8", "replace")).hexdigest()


def plausible(text: str) -> bool:
    """Whether a text may be a key: what is mistyped, or cut, costs no question to the store."""
    if len(text) != LENGTH or not PATTERN.fullmatch(text):
        return False
    return secrets.compare_digest(text[-_CHECK:], _checksum(text[:-_CHECK]))


def new(name: str, role: str, scopes: Iterable[str], *, content: bool, life: str, by: str) -> tuple[str, Key]:
    """A new key, and what is kept of it. Raises Invalid, naming the field."""
    if not NAME.fullmatch(name):
        raise Invalid("name", "1 to 100 letters, digits, blanks and . _ @ -, a letter or digit first", name)
    if role not in BY_TITLE:
        raise Invalid("role", "one of " + ", ".join(BY_TITLE), role)
    wanted = sorted(set(scopes))
    if not wanted or not set(wanted) <= set(SCOPES):
        raise Invalid("scopes", "some of " + ", ".join(SCOPES), ", ".join(wanted) or None)
    now = time.time_ns() // 1000
    text = made()
    ends = now + seconds(life, "expires") * 1_000_000
    return text, Key(secrets.token_hex(6), 0, digest(text), name, role, wanted, content, now, by, ends)


def seconds(text: str, field: str) -> int:
    """A length of time such as `90d`, `12h` or `30m`. Raises Invalid."""
    match = re.fullmatch(r"([0-9]{1,6})([mhd])", text.strip())
    found = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < found <= LONGEST:
        raise Invalid(field, f"a time such as 90d, 12h or 30m, at most {LONGEST // 86400}d", text)
    return found


def trouble(key: Key, now: int) -> str:
    """Why a key opens nothing; empty when it does. `now` is in microseconds since 1970."""
    if key.revoked:
        return "the key was revoked"
    return "the key has expired" if key.expires <= now else ""


def who(key: Key) -> Who:
    """Who a key stands for."""
    role = BY_TITLE[key.role]
    content = ROLES[role.title] if key.content else "hashes"
    return Who(key.name, role, content, frozenset(_known(key.scopes)), "key", key=key.key_id)


def shape(key: Key, used: tuple[int, str] | None, now: int | None = None) -> dict[str, Any]:
    """The JSON object of a key, without its digest; `state` is `live`, `expired` or `revoked`."""
    now = time.time_ns() // 1000 if now is None else now
    state = "revoked" if key.revoked else "expired" if key.expires <= now else "live"
    return {
        "key_id": key.key_id, "name": key.name, "role": key.role, "scopes": list(key.scopes), "content": key.content,
        "state": state, "made": iso(key.made), "made_by": key.made_by, "expires": iso(key.expires),
        "last_used": iso(used[0]) if used else None, "last_address": used[1] if used else "",
        "revoked": iso(key.revoked) if key.revoked else None, "revoked_by": key.revoked_by,
    }  # fmt: skip


def _known(scopes: Iterable[str]) -> list[Any]:
    return [one for one in scopes if one in SCOPES]


def _checksum(text: str) -> str:
    return _digits(zlib.crc32(text.encode()), _CHECK)


def _digits(number: int, length: int) -> str:
    found = ""
    while number:
        number, rest = divmod(number, len(_DIGITS))
        found = _DIGITS[rest] + found
    return found.rjust(length, _DIGITS[0])
