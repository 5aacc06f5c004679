"""Personal data in texts becomes keyed hashes, where a source's mode asks for it: the same person stays recognisable.

Taken are e-mail addresses, telephone numbers in international form, IBANs and card numbers whose check digits are
right. Names and postal addresses are not: nothing finds them without guessing. Who acted stays: that is what a timeline
is for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import re2
from stdnum import iban, luhn

from pipeline.normalize.context import Context

#: What each of them contains; few texts have any.
_HINT = re2.compile(r"@|\+[0-9]|[0-9]{4}")
_EMAIL = re2.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_PHONE = re2.compile(r"\+[0-9](?:[ ()./-]{0,2}[0-9]){6,14}")
_IBAN = re2.compile(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_CARD = re2.compile(r"\b[0-9](?:[ -]?[0-9]){12,18}\b")


def _always(_found: str) -> bool:
    return True


def _card(found: str) -> bool:
    return bool(luhn.is_valid("".join(filter(str.isdigit, found))))


_KINDS: tuple[tuple[str, re2._Regexp[str], Callable[[str], bool]], ...] = (
    ("email", _EMAIL, _always),
    ("iban", _IBAN, iban.is_valid),
    ("card", _CARD, _card),
    ("phone", _PHONE, _always),
)


def mask_personal(text: str, context: Context) -> str:
    """The text with personal data replaced by its kind and keyed hash; however it was written, it is the same hash."""
    if not _HINT.search(text):
        return text
    for kind, shape, is_one in _KINDS:
        text = str(
            shape.sub(
                lambda match, kind=kind, is_one=is_one: (
                    _label(kind, str(match[0]), context) if is_one(str(match[0])) else str(match[0])
                ),
                text,
            )
        )
    return text


def _label(kind: str, found: str, context: Context) -> str:
    plain = "".join(sign for sign in found.casefold() if sign.isalnum() or sign in "@+").encode("utf-8", "replace")
    return f"<personal:{kind}:{hashlib.blake2b(plain, digest_size=6, key=context.key).hexdigest()}>"
