"""Secrets in texts and raw records become keyed hashes: the same secret stays recognisable, its value is gone.

The shapes that everybody knows. (A full detector library is the sources issue; its place is here.)
"""

from __future__ import annotations

import hashlib
import re

from pipeline.normalize.context import Context

#: (kind, what must occur for the expression to be tried at all, expression whose last group is the secret).
_KINDS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    (
        "aws-secret",
        ("ecretAccessKey", "essionToken", "ECRET_ACCESS_KEY", "ESSION_TOKEN", "ecret_access_key", "ession_token"),
        r"(?:secretAccessKey|sessionToken|secret_access_key|session_token|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN)"
        r'(?:\\?["\'])?\s*[:=]\s*(?:\\?["\'])?([A-Za-z0-9/+=_-]{16,})',
    ),
    ("jwt", ("eyJ",), r"(eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)"),
    ("private-key", ("PRIVATE KEY",), r"-----BEGIN [A-Z ]*PRIVATE KEY-----([^-]+)"),
    ("github-token", ("ghp_", "gho_", "ghs_", "ghu_", "ghr_", "github_pat_"), r"((?:gh[posur]_|github_pat_)\w{20,})"),
    ("slack-token", ("xox",), r"(xox[abeoprs]-[A-Za-z0-9-]{10,})"),
    ("api-key", ("sk-",), r"\b(sk-[A-Za-z0-9_-]{20,})"),
    ("bearer", ("earer ",), r"[Bb]earer ([A-Za-z0-9._~+/=-]{16,})"),
    ("url-password", ("://",), r"\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/:@\"'<>\\]*:([^\s/@\"'<>\\]{3,})@"),
)
_TEXT = [(kind, hints, re.compile(shape)) for kind, hints, shape in _KINDS]
_BYTES = [(kind, tuple(hint.encode() for hint in hints), re.compile(shape.encode())) for kind, hints, shape in _KINDS]


def suspicious(value: bytes) -> bool:
    """Whether anything occurs that a secret's shape contains: this runs on every record, so it is spelt out."""
    return (
        b"ecret" in value or b"ECRET" in value or (b"ession" in value and b"oken" in value) or b"_TOKEN" in value
        or b"eyJ" in value or b"PRIVATE KEY" in value or (b"gh" in value and b"_" in value) or b"xox" in value
        or b"sk-" in value or b"earer " in value or b"://" in value
    )  # fmt: skip


def mask_text(text: str, context: Context) -> str:
    """The text with every known secret replaced by its kind and keyed hash."""
    if not suspicious(text.encode("utf-8", "replace")):
        return text
    for kind, hints, shape in _TEXT:
        if any(hint in text for hint in hints):
            text = shape.sub(lambda match, kind=kind: _masked(match, kind, context), text)  # type: ignore[misc]
    return text


def mask_bytes(value: bytes, context: Context) -> bytes:
    """The same for a raw record; JSON stays JSON."""
    if not suspicious(value):
        return value
    for kind, hints, shape in _BYTES:
        if any(hint in value for hint in hints):
            value = shape.sub(lambda match, kind=kind: _masked_bytes(match, kind, context), value)  # type: ignore[misc]
    return value


def preview(text: str, context: Context) -> str:
    """Masked, and shortened to what an Event keeps."""
    # Masked with some room behind the cut, so that no secret is cut in half and escapes its pattern.
    shown = mask_text(text[: context.text_limit + 4096], context)
    return shown if len(shown) <= context.text_limit else shown[: context.text_limit] + "…"


def _masked(match: re.Match[str], kind: str, context: Context) -> str:
    whole, secret = match[0], match[1]
    at = match.start(1) - match.start(0)
    return whole[:at] + _label(kind, secret.encode("utf-8", "replace"), context) + whole[at + len(secret) :]


def _masked_bytes(match: re.Match[bytes], kind: str, context: Context) -> bytes:
    whole, secret = match[0], match[1]
    at = match.start(1) - match.start(0)
    return whole[:at] + _label(kind, secret, context).encode() + whole[at + len(secret) :]


def _label(kind: str, secret: bytes, context: Context) -> str:
    return f"<secret:{kind}:{hashlib.blake2b(secret, digest_size=6, key=context.key).hexdigest()}>"
