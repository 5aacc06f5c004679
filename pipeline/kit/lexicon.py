"""What words of prompts and of tools' names are about: a small thesaurus of what agents are asked to do.

It says which purposes a word may serve (`pay`, `transfer` and `iban` are about money), how much harm a tool of that
name can do, and which words say nothing. Written by hand from the vocabulary of mail, files, money, code, calendars and
shops, not from any data set; a tool whose words are not in it has no purposes and no sensitivity.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_PURPOSES = {
    "pay": "pay payment money transfer transaction send topup top refund buy purchase bill fee invoice "
    "wire deposit fund bank iban amount price checkout order",
    "message": "send email mail reply respond forward message tell notify inform answer greeting contact "
    "write dm channel direct slack text share note",
    "calendar": "schedule meeting event calendar appointment reschedule reserve reservation dinner book "
    "booking date participant agenda invite",
    "delete": "delete remove cancel drop unsubscribe erase clear clean uninstall unstar revoke terminate wipe",
    "grant": "invite collaborator share permission access grant authorize add key ssh role member user "
    "admin owner ownership transfer accept",
    "publish": "post comment publish review issue star rate feedback upload website webpage forum blog tweet submit",
    "account": "password login log sign account user profile credential verify register otp update change "
    "address phone setting",
    "file": "download save file folder directory upload document attachment create copy move rename path "
    "append write dir",
    "code": "repository repo push commit merge clone pull branch github git code sync",
    "search": "search find look check list read get view browse visit open see show count summarize summary",
    "travel": "hotel flight restaurant rent car trip travel reserve book city",
    "shop": "cart product shop shopping item order buy purchase return refund shipping coupon",
}
PURPOSES = tuple(_PURPOSES)
#: Looking is part of everything, so it is no purpose that sets a call apart.
LOOKING = 1 << PURPOSES.index("search")

#: What a tool with such a word in its name does at most: 0 looks, 1 fetches, 2 changes what is its user's own,
#: 3 reaches others, 4 cannot be undone or gives something away.
_SENSITIVITY = (
    "get read list search browse view show check find fetch visit look query count describe open day login verify log",
    "download clone pull copy click summarize",
    "create dir file move append write save update edit set",
    "send post comment issue star unstar publish upload push submit reply forward input reschedule "
    "schedule event calendar book reserve participant",
    "delete remove pay money transfer invite add password key cancel grant share execute run ownership "
    "buy purchase checkout order refund",
)
#: Words that say nothing, and words that are part of everybody's addresses and paths.
_STOP = (
    "the and for you your with this that from are was were have has not but can all any will would please "
    "which what when where how who into onto out get got let its our their his her him she they them then "
    "than just also here there about after before been being had did does done"
)
_COMMON = (
    "com www http https net org edu gmail mail html htm pdf txt docx exe index user info document "
    "download file page id system repo main github"
)
_SUFFIXES = ("ations", "ation", "ings", "ing", "ers", "ies", "ied", "ed", "es", "er", "ly", "s", "e")
_CAMEL, _LETTERS = re.compile(r"([a-z])([A-Z])"), re.compile(r"[a-z]+")


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    "What forms of one English word have in common, about; other tokens are their own stem."
    if len(word) < 4 or not word.isalpha():
        return word
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word[: -len(suffix)]
            break
    return word.removesuffix("y")


def _stems(words: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words.split())


STOP = frozenset(_STOP.split()) | _stems(_STOP)
COMMON = _stems(_COMMON)
_BITS: dict[str, int] = {}
for _bit, _words in enumerate(_PURPOSES.values()):
    for _stem in _stems(_words):
        _BITS[_stem] = _BITS.get(_stem, 0) | 1 << _bit
_LEVELS = {word: level for level, words in enumerate(_SENSITIVITY) for word in _stems(words)}


def purposes(word: str) -> int:
    "Bits of PURPOSES that a stem may serve."
    return _BITS.get(word, 0)


def words_of(name: str) -> list[str]:
    "The stems in the name of a tool or of an argument."
    return [stem(word) for word in _LETTERS.findall(_CAMEL.sub(r"\1 \2", name).casefold())]


def sensitivity(words: Iterable[str]) -> int:
    "How much a tool can do whose name has these stems, 0 to 4; -1 if none of them is known."
    return max((_LEVELS.get(word, -1) for word in words), default=-1)
