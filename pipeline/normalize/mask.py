"""Secrets in texts and raw records become keyed hashes: the same secret stays recognisable, its value is gone.

The shapes that everybody knows. (A full detector library is the sources issue; its place is here.) RE2 takes time that
is linear in its input, whatever the input: these expressions run on hostile text.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import re2

from pipeline.normalize.context import Context

#: (kind, expression whose group is the secret). No group may take in a bare quote or half of a backslash escape: raw
#: records are JSON, and must stay so.
_KINDS: tuple[tuple[str, str], ...] = (
    (
        "aws-secret",
        r"(?i:secret_?access_?key|session_?token|amz-security-token)"
        r"""(?:\\*["'])?\s*[:=]\s*(?:\\*["'])?((?:[A-Za-z0-9/+=_%-]|\\+/){16,})""",
    ),
    ("jwt", r"(eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)"),
    ("private-key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----((?:[A-Za-z0-9+/=\s:,]|-[A-Za-z0-9]|\\+[nrt/])+)"),
    ("github-token", r"((?:gh[posur]_|github_pat_)[A-Za-z0-9_]{20,})"),
    ("slack-token", r"(xox[abeoprs]-[A-Za-z0-9-]{10,})"),
    ("api-key", r"\b(sk-[A-Za-z0-9_-]{20,})"),
    ("vault-token", r"\b(hv[bsr]\.[A-Za-z0-9_-]{20,})"),
    ("azure-sas", r"[?&]sig=([A-Za-z0-9%+/=_-]{16,})"),
    ("bearer", r"[Bb]earer ([A-Za-z0-9._~+/=-]{16,})"),
    ("url-password", r"""\b[a-zA-Z][a-zA-Z0-9+.-]*:(?:\\*/){2}[^\s/:@"'<>\\]*:([^\s/@"'<>\\]{3,})@"""),
)
#: What every one of them contains. RE2 looks for all in one pass, and few records have any: this runs on every record.
_HINT = (
    r"(?i:secret_?access|session_?token|amz-security-token)"
    r"""|eyJ|PRIVATE KEY|gh[posur]_|github_pat_|xox|sk-|hv[bsr]\.|sig=|earer """
    r"""|(?:\\*/){2}[^\s/:@"'<>\\]*:[^\s/@"'<>\\]+@"""
)
_TEXT_HINT, _BYTES_HINT = re2.compile(_HINT), re2.compile(_HINT.encode())
#: An escape can spell any character, and hide what a hint looks for.
_SUSPICIOUS = re2.compile(_HINT.encode() + rb"|\\u")
_TEXT = [(kind, re2.compile(shape)) for kind, shape in _KINDS]
_BYTES = [(kind, re2.compile(shape.encode())) for kind, shape in _KINDS]


def harmless(value: bytes) -> bool:
    """Whether no text in a JSON document can hold a secret, so that none has to be searched."""
    return not _SUSPICIOUS.search(value)


def mask_text(text: str, context: Context) -> str:
    """The text with every known secret replaced by its kind and keyed hash."""
    if not context.masking or not _TEXT_HINT.search(text):
        return text
    for kind, shape in _TEXT:
        text = str(shape.sub(lambda match, kind=kind: _masked(match, kind, context), text))
    return text


def mask_bytes(value: bytes, context: Context) -> bytes:
    """The same for a raw record; JSON stays JSON. Without secrets the very same object is returned."""
    if not context.masking or not _BYTES_HINT.search(value):
        return value
    masked = value
    for kind, shape in _BYTES:
        masked = bytes(shape.sub(lambda match, kind=kind: _masked_bytes(match, kind, context), masked))
    return value if masked == value else masked


def preview(text: str, context: Context) -> str:
    """Masked, and shortened to what an Event keeps."""
    # Masked with some room behind the cut, so that no secret is cut in half and escapes its pattern.
    shown = mask_text(text[: context.text_limit + 4096], context)
    return shown if len(shown) <= context.text_limit else shown[: context.text_limit] + "…"


def _masked(match: re2._Match[str], kind: str, context: Context) -> str:
    whole, secret = str(match[0]), str(match[1])
    at = match.start(1) - match.start(0)
    return whole[:at] + label(kind, secret.encode("utf-8", "replace"), context) + whole[at + len(secret) :]


def _masked_bytes(match: re2._Match[bytes], kind: str, context: Context) -> bytes:
    whole, secret = bytes(match[0]), bytes(match[1])
    at = match.start(1) - match.start(0)
    return whole[:at] + label(kind, secret, context).encode() + whole[at + len(secret) :]


def without(value: bytes, names: frozenset[str], context: Context) -> bytes:
    """A JSON document in which what stands under these names is replaced; the very same bytes if nothing does."""
    if b"\\u" not in value and not any(name.encode() in value for name in names):
        return value
    found = msgspec.json.decode(value)
    hidden = _without(found, names, context)
    return value if hidden == found else msgspec.json.encode(hidden)


def _without(found: Any, names: frozenset[str], context: Context) -> Any:
    if isinstance(found, list):
        return [_without(inner, names, context) for inner in found]
    if not isinstance(found, dict):
        return found
    return {
        name: label("field", msgspec.json.encode(inner), context)
        if name in names and inner not in (None, "")
        else _without(inner, names, context)
        for name, inner in found.items()
    }


def label(kind: str, secret: bytes, context: Context) -> str:
    """What stands in a secret's place: its kind and keyed hash."""
    return f"<secret:{kind}:{hashlib.blake2b(secret, digest_size=6, key=context.key).hexdigest()}>"
