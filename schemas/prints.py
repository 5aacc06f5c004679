"""Fingerprints of texts: what their lowest bits say, in every stage.

A fingerprint is a number of 63 bits: a keyed hash, and FLAG_BITS bits that the token itself decides, so that equal
tokens have equal fingerprints. Of a token they say whether it is a word that means something by itself, and what
purposes it may serve (`pipeline.kit.lexicon`); of a whole value, its kind.
"""

from __future__ import annotations

from collections.abc import Iterable

FLAG_BITS = 13
#: A word, as against a number, an identifier or a part of everybody's addresses.
WORD = 1
#: Kinds of values by their shape; the index is what a value's fingerprint has in its flags.
KINDS = ("text", "short", "email", "url", "path", "id", "number", "date")
#: Those that name something which can be reached or acted upon.
REFERENCES = ("email", "url", "path", "id")


def purposes_of(tokens: Iterable[int]) -> int:
    """Bits of `pipeline.kit.lexicon.PURPOSES` that any of these tokens may serve."""
    found = 0
    for token in tokens:
        found |= token
    return (found & (1 << FLAG_BITS) - 1) >> 1


def kind_of(whole: int) -> str:
    """Kind of a value whose fingerprint this is."""
    return KINDS[whole & len(KINDS) - 1]
