"""Texts become fingerprints: keyed hashes of their tokens, made before anything is masked or shortened.

Which argument came from where is decided by `pipeline.correlate.origins`, at the session
(docs/decisions/0003-origin-by-fingerprints.md). A fingerprint also says what kind of token it is (`schemas.prints`):
words are reduced to their stems, those that say nothing are left out, and what is encoded is decoded.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain, islice

from pipeline.kit.lexicon import COMMON, STOP, purposes, stem, words_of
from pipeline.normalize.context import Context
from pipeline.normalize.encoded import decoded
from pipeline.normalize.mask import preview
from schemas.event import Argument
from schemas.prints import FLAG_BITS, KINDS, WORD

#: Tokens kept of a text and of one argument; leaves kept of one call's arguments.
TEXT_TOKENS, ARGUMENT_TOKENS, LEAVES = 4096, 64, 64
#: Characters of a text that are looked at, and of an argument's path that are kept.
LOOKED_AT, PATH = 200_000, 256
_NO_WIDTH = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
#: What stands between the pieces of a text, beside white space.
_BETWEEN = "\"'`<>(){}[],;|"
#: Punctuation and currency signs around a value are not part of it.
_AROUND = ".:!?-*#=€$£¥"
_WORD = re.compile(r"\w+")
_SHAPES = (
    ("email", re.compile(r"[^\s@]+@[^\s@]+\.[a-z]+")),
    ("url", re.compile(r"(?:[a-z][a-z0-9+.-]*://|www\.)\S+")),
    ("date", re.compile(r"\d{4}-\d\d-\d\d.*|\d\d?:\d\d.*")),
    ("number", re.compile(r"-?[\d.,]+")),
    ("path", re.compile(r"\S*/\S*")),
    ("id", re.compile(r"(?=.*\d)[a-z0-9_-]{6,}")),
)
_NUMBER = re.compile(r"[\d.,' -]*\d")
#: An amount: people write 1,250.00 where a program passes 1250.
_AMOUNT = re.compile(r"(\d{1,3}(?:[.,']\d{3})+|\d+)[.,](\d{1,2})")
#: Amounts, IBANs, telephone and card numbers, which people write in groups and programs in one piece.
#: It begins with a set of characters, so that the engine skips to the next digit.
_GROUPED = re.compile(
    r"[0-9](?:[0-9]{0,2}(?:[.,'][0-9]{3})+(?:[.,][0-9]{1,2})?|[0-9]{0,11},[0-9]{1,2}"
    r"|[0-9](?: [a-z0-9]{4}){2,7}(?: [a-z0-9]{1,3})?|[0-9]{0,3}(?:[ -][0-9]{2,}){2,8})(?![a-z0-9])"
)


def tokens(text: str, context: Context) -> list[int]:
    """Distinct 63-bit keyed fingerprints of the tokens of a prompt or a tool result, at most TEXT_TOKENS.

    A token is a word, and each whole e-mail address, URL, path, identifier or number that words are part of. They are
    in the order of the text, what was joined or decoded behind the rest.
    """
    plain = _plain(text)
    if not plain:
        return []
    hidden = (token for one in decoded(text[:LOOKED_AT]) for token in _tokens(_plain(one)))
    return _fingerprints(chain(_tokens(plain), islice(_joined(plain), 256), hidden), context, TEXT_TOKENS)


def _plain(text: str) -> str:
    plain = text[:LOOKED_AT]
    if not plain.isascii():
        # Characters without width are put into words so that they are not found.
        plain = unicodedata.normalize("NFKC", _NO_WIDTH.sub("", plain))
    return plain.casefold()


def _fingerprints(found: Iterable[str], context: Context, limit: int) -> list[int]:
    distinct: dict[int, None] = {}
    for token in found:
        if mark := marked(token, context.key):
            distinct[mark] = None
            if len(distinct) >= limit:
                break
    return list(distinct)


@lru_cache(maxsize=65_536)
def marked(token: str, key: bytes) -> int:
    """The fingerprint of a token of a text, with what kind of token it is; 0 for a word that says nothing."""
    if not token.isalpha():
        return fingerprint(token, key) >> FLAG_BITS << FLAG_BITS
    if token in STOP:
        return 0
    word = stem(token)
    flags = purposes(word) << 1 | (WORD if word not in COMMON else 0)
    return fingerprint(word, key) >> FLAG_BITS << FLAG_BITS | flags


@lru_cache(maxsize=65_536)
def fingerprint(token: str, key: bytes) -> int:
    """63 bits. Words come again and again, so most are looked up."""
    return (
        int.from_bytes(hashlib.blake2b(token.encode("utf-8", "replace"), digest_size=8, key=key).digest(), "big") >> 1
    )


def _joined(text: str) -> Iterator[str]:
    """What is written in groups, as one piece. Of texts only: all of an argument's tokens must be found again."""
    for match in _GROUPED.finditer(text):
        piece = match[0].replace(" ", "").replace("-", "")
        before = text[max(0, match.start() - 2) : match.start()]
        if len(before) == 2 and before.isalpha():
            yield before + piece
        elif piece.isdigit():
            yield piece
            yield "+" + piece
        elif _NUMBER.fullmatch(piece):
            yield _number(piece)


def _tokens(text: str) -> Iterator[str]:
    # Replacing each of them and splitting takes a fifth of the time of one expression that finds the pieces.
    for sign in _BETWEEN:
        text = text.replace(sign, " ")
    # A long text says the same words again and again: each is looked at once.
    for raw in dict.fromkeys(text.split()):
        piece = raw.strip(_AROUND)
        if piece.isalnum():
            if len(piece) >= 3 or piece.isdigit():
                yield piece
        elif _NUMBER.fullmatch(piece):
            yield _number(piece)
        elif piece:
            if len(piece) >= 3:
                yield piece
            for word in _WORD.findall(piece):
                if len(word) >= 3 or word.isdigit():
                    yield word


def _number(piece: str) -> str:
    amount = _AMOUNT.fullmatch(piece)
    whole, cents = amount.groups() if amount else (piece, "")
    cents = cents.rstrip("0")
    return re.sub(r"\D", "", whole) + (f".{cents}" if cents else "")


def arguments(tool: str, value: object, context: Context) -> tuple[list[Argument], list[list[int]]]:
    """The leaves of a tool call's arguments with path and masked text, at most LEAVES; and fingerprints: of each leaf
    its whole value and then its tokens, at last those of the words in the tool's name."""
    found: list[Argument] = []
    prints: list[list[int]] = []
    for path, leaf in _leaves(value, ""):
        if len(found) >= LEAVES:
            break
        text = leaf if isinstance(leaf, str) else _written(leaf)
        if text:
            prints.append([_whole(text, context), *_fingerprints(_asked(text), context, ARGUMENT_TOKENS)])
            found.append(Argument(preview(path, context)[:PATH], _shown(path, text, context)))
    name = [mark for word in words_of(tool[:PATH]) if (mark := marked(word, context.key))]
    return found, [*prints, name] if found or name else []


def _whole(text: str, context: Context) -> int:
    """Fingerprint of a value as it is, with its kind."""
    plain = _plain(text).strip()
    return fingerprint(plain, context.key) >> FLAG_BITS << FLAG_BITS | KINDS.index(kind_of(plain))


def _asked(text: str) -> Iterator[str]:
    """The tokens of an argument: what is encoded counts as what it says."""
    hidden = decoded(text[:LOOKED_AT])
    if not hidden:
        return _tokens(_plain(text))
    return (token for one in hidden for token in _tokens(_plain(one)))


def kind_of(plain: str) -> str:
    """What a value is by its shape, one of `schemas.prints.KINDS`."""
    for kind, shape in _SHAPES:
        if shape.fullmatch(plain):
            return kind
    return "text" if len(plain.split(None, 5)) >= 5 else "short"


def _shown(path: str, text: str, context: Context) -> str:
    """The value as an Event keeps it; the argument's name may be what says that it is a secret."""
    if not context.masking:
        return preview(text, context)
    name = path.rpartition(".")[2] + "="
    return preview(name + text, context)[len(name) :]


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{number}]")
    else:
        yield path, value


def _written(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
