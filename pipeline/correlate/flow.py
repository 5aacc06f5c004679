"""How a tool call came about: which of its values the prompts gave, which came out of which result, and what for.

An injected instruction makes an agent use its own tools for somebody else. What the call says, and what it is for, is
then found at one place of an earlier tool result, and in no prompt. Nothing here looks at how that is worded.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from pipeline.correlate.origins import Known, Prompts, Text, origin
from pipeline.kit.lexicon import LOOKING, sensitivity, words_of
from schemas.event import Argument, Event
from schemas.prints import WORD, kind_of, purposes_of
from schemas.step import Flow, Value, Window

#: Results that are searched for what a call says: the latest that have any of it.
SEARCHED = 12
#: Tokens on each side of what was found that count as near it, and the most that do altogether.
NEAR, WIDEST = 40, 160


def flow_of(event: Event, tool: str, known: Known) -> Flow:
    """The Flow of a tool call that has fingerprints, out of what its session has said and read before it."""
    before = known.before(event.time)
    prompts = known.prompts(event.time)
    *tokens, name = event.argument_tokens
    values = [_value(known, *pair, prompts, event.time, before) for pair in zip(event.arguments, tokens, strict=True)]
    said = [token for found in tokens for token in found[1:]]
    foreign = {
        token
        for value, found in zip(values, tokens, strict=True)
        if value.origin not in ("prompt", "both")
        for token in found[1:]
        if token not in prompts.tokens
    }
    words = {token for token in said if token & WORD}
    unasked = [token for token in name if token not in prompts.tokens]
    met = [token for token in unasked if known.results_with(token, before)]
    return Flow(
        values,
        sensitivity(words_of(tool)),
        purposes_of(name) & ~LOOKING,
        prompts.purposes,
        len(name),
        len(name) - len(unasked),
        len(met),
        len(foreign),
        _share(sum(known.repeated(token, event.time) for token in set(said)), len(set(said))),
        len(words & prompts.words) / len(words) if words else -1.0,
        before,
        len(prompts.words),
        _window(known, foreign, Asked(name, unasked, prompts), before),
    )


def _value(known: Known, argument: Argument, tokens: list[int], prompts: Prompts, time: int, before: int) -> Value:
    whole, rest = tokens[0], tokens[1:]
    words = [token for token in rest if token & WORD]
    value = Value(
        argument.path, argument.value, kind_of(whole), whole, origin(known, rest, prompts, before), len(words)
    )
    value.asked = sum(token in prompts.tokens for token in words)
    value.repeated = sum(known.repeated(token, time) for token in words)
    if value.origin == "result":
        number = _latest_with(known, rest, before)
        value.age = before - number
        value.source, value.source_tool = known.seen.results[number].event_id, known.seen.results[number].tool
    return value


def _latest_with(known: Known, tokens: list[int], before: int) -> int:
    """The latest result that has most of some tokens which results have."""
    counts: dict[int, int] = {}
    for token in tokens:
        for number in known.results_with(token, before):
            counts[number] = counts.get(number, 0) + 1
    return max(counts, key=lambda number: (counts[number], number))


class Asked(NamedTuple):
    """What a call is for, and what its prompts asked for."""

    #: Words of the tool's name, and those that no prompt has.
    name: list[int]
    unasked: list[int]
    prompts: Prompts


def _window(known: Known, foreign: set[int], asked: Asked, before: int) -> Window | None:
    numbers = sorted({number for token in foreign for number in known.results_with(token, before)})[-SEARCHED:]
    best: tuple[float, int, Window] | None = None
    for number in numbers:
        window = _place(known.seen.results[number], foreign, asked)
        window.age = before - number
        rank = window.covered + 0.5 * window.name
        if best is None or (rank, number) >= best[:2]:
            best = rank, number, window
    return best[2] if best else None


def _place(text: Text, foreign: set[int], asked: Asked) -> Window:
    """Where in a result most of the foreign tokens are, and what is around them."""
    at = [position for position, token in enumerate(text.tokens) if token in foreign]
    low, high = max(0, at[0] - NEAR), at[-1] + NEAR
    if high - low > WIDEST:
        middle = _densest(at)
        low, high = max(0, middle - WIDEST // 2), middle + WIDEST // 2
    near = set(text.tokens[low:high])
    named = sum(token in near for token in asked.unasked)
    purposes = purposes_of(near) & purposes_of(asked.name) & ~asked.prompts.purposes & ~LOOKING
    return Window(
        0,
        text.event_id,
        text.tool,
        _share(len(foreign.intersection(text.tokens)), len(foreign)),
        _share(len(foreign & near) + named, len(foreign) + len(asked.unasked)),
        purposes.bit_count(),
        _share(named, len(asked.name)),
        _share(len(near & asked.prompts.words), len(asked.prompts.words)),
        _share(len(asked.prompts.words.intersection(text.tokens)), len(asked.prompts.words)),
    )


def _densest(at: list[int]) -> int:
    """Where two places are closest to each other."""
    return min(pairwise(at), key=lambda pair: pair[1] - pair[0])[0] if len(at) > 1 else at[0]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
