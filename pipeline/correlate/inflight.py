"""Which tool call made an API request: every call that may have been open is weighed, and so is "none of them".

In:     the calls that come into question, what is known of the request, what its session has taught (Model)
Out:    a probability for each call; what is missing to 1 is the probability that no known call caused it

A request happens evenly in its call's time, seldom after it (what was started and not waited for), more seldom outside
it (clocks differ). Call and request mostly name the same things, and a tool makes the same requests again. The
numbers below are rates that anybody can check with `whodid evaluate attribution`; none is fitted to a data set.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from schemas.batch import Call

SECOND = 1_000_000
#: CloudTrail's clock has whole seconds.
RESOLUTION = SECOND
#: Shares of requests that happen while their call is open, after it, and at another time by a wrong clock.
OPEN, AFTER, ASTRAY = 0.96, 0.03, 0.01
#: Mean delay of what happens after the call, and mean error of a clock (seconds).
DELAY, ERROR = 8.0, 1.0
#: A call without a result is taken to be over after this long.
OPEN_LIMIT = 600 * SECOND
#: How long before its call (by clocks that differ) a request may be, and how long after it: less if they name nothing
#: in common.
BEFORE, LATEST, LATEST_UNNAMED = 8 * SECOND, 60 * SECOND, 20 * SECOND
#: How much more often a named thing is shared by a call and its own request than by any two.
SHARED = 200.0
#: A request that names something, and nothing that its call names.
UNNAMED = 0.2
#: Requests a second that a session makes outside any known call; many more of those from an address that is new to it.
ELSE, ELSE_FROM_ELSEWHERE = 0.003, 0.05
#: The same for a credential that several share: it may have users that nobody knows of.
ELSE_SHARED = 0.005
#: How likely a session with a credential of its own uses a shared one, compared with a session without.
OWN = 0.02
#: Share of a session's calls that come from an address other than those it is known by.
ELSEWHERE = 0.02
#: Smoothing of what is learned of a tool's requests: counts before anything is seen.
SEEN_ONCE, SEEN = 0.2, 1.0
#: An offset is hardly known better than this (microseconds).
LEAST_BLUR = 300_000
#: How likely a call that others run within makes a request itself, compared with those.
OUTER = 0.1
#: How a habit is written: with or without a thing that both call and request name.
NAMED, OTHER = "+", "-"
#: A link this sure teaches the model.
CERTAIN = 0.9
#: Calls that are weighed at most, those that began last.
CANDIDATES = 64


class Request(msgspec.Struct, array_like=True, gc=False):
    """What is known of an API request whose tool call is asked for."""

    time: int
    action: str
    address: str
    mentions: list[int]


class Model(msgspec.Struct, array_like=True, gc=False):
    """What the sure links of one session teach about the others."""

    #: Microseconds by which the clock of the calls is ahead of that of the requests.
    offset: int = 0
    #: How far the true offset may be from that (microseconds).
    blur: int = 0
    #: How often each tool made each request, and any request.
    pairs: dict[str, int] = {}
    tools: dict[str, int] = {}
    #: How often each request was sure, and how often it named what its call names.
    actions: dict[str, int] = {}
    named: dict[str, int] = {}
    addresses: list[str] = []

    def unnamed(self, action: str) -> float:
        """How likely a request that names something names nothing of its call's."""
        of = self.actions.get(action, 0)
        return (of - self.named.get(action, 0) + UNNAMED) / (of + 1)


class Calls:
    """Tool calls in the order in which they began, ready to be weighed."""

    def __init__(self, calls: dict[str, Call]) -> None:
        known = sorted((call.start, name, call) for name, call in calls.items() if call.start)
        self._starts = [start for start, _, _ in known]
        self._calls = [(start, over(call), name, call, frozenset(call.mentions)) for start, name, call in known]
        self._longest = max((end - start for start, end, _, _, _ in self._calls), default=0)

    def near(self, time: int, named: frozenset[int]) -> list[tuple[str, Call, int]]:
        """Those that a request at this time may belong to, latest first, with the number of things that both name."""
        first = bisect.bisect_left(self._starts, time - self._longest - LATEST)
        last = bisect.bisect_right(self._starts, time + BEFORE)
        found: list[tuple[str, Call, int]] = []
        for _, end, name, call, mentions in reversed(self._calls[max(first, last - 4 * CANDIDATES) : last]):
            shared = len(named & mentions) if named else 0
            if time <= end + (LATEST if shared else LATEST_UNNAMED):
                found.append((name, call, shared))
                if len(found) == CANDIDATES:
                    break
        return found


def over(call: Call) -> int:
    """When a call is over, microseconds."""
    return call.end or call.start + OPEN_LIMIT


def weigh(
    calls: Calls, request: Request, model: Model, *, shared_credential: bool = False
) -> list[tuple[float, str, Call]]:
    """(probability, name, call) of every call that may have caused the request, likeliest first.

    `shared_credential`: the calls are not of one session, but of all that may use the request's credential.
    """
    outside = ELSE_SHARED if shared_credential else ELSE
    time, named = request.time + model.offset, frozenset(request.mentions)
    near = calls.near(time, named)
    if not near:
        return []
    elsewhere = bool(model.addresses and request.address) and request.address not in model.addresses
    usual = ELSEWHERE if elsewhere else 1.0
    unnamed = model.unnamed(request.action) if named else 1.0
    found = []
    total = (ELSE_FROM_ELSEWHERE if elsewhere else outside) * SEEN_ONCE / SEEN
    for name, call, shared in near:
        likeness = SHARED**shared * (1 - unnamed) if shared else unnamed
        seen = model.pairs.get(f"{call.tool} {request.action}", 0) if model.pairs else 0
        habit = (seen + SEEN_ONCE) / (model.tools.get(call.tool, 0) + SEEN)
        weight = _density(call, time, model.blur) * likeness * habit * usual * (OUTER if call.outer else 1.0)
        if call.own and shared_credential:
            weight *= OWN
        total += weight
        found.append((weight, name, call))
    return sorted([(weight / total, name, call) for weight, name, call in found], key=_order)


def learn(calls: Calls, requests: Iterable[Request]) -> Model:
    """What the sure links among these say. Depends on what is given, not on its order."""
    known = list(requests)
    spans: list[tuple[int, int]] = []
    for request in known:
        best = certain(calls, request, Model())
        if best is not None and best.end and named_by(best, request):
            spans.append((best.start - request.time - RESOLUTION, best.end - request.time))
    offset, blur = _offset(spans)
    habits: Counter[str] = Counter()
    addresses: set[str] = set()
    for request in known:
        best = certain(calls, request, Model(offset, blur))
        if best is not None:
            habits[habit_of(best, request)] += 1
            if request.address and named_by(best, request):
                addresses.add(request.address)
    return model_of(habits, offset, blur, sorted(addresses))


def habit_of(call: Call, request: Request) -> str:
    """What a sure link adds to, as `model_of` counts it: the tool with what it asked for, and whether both name the
    same."""
    return f"{NAMED if named_by(call, request) else OTHER}{call.tool} {request.action}"


def model_of(habits: Mapping[str, int], offset: int = 0, blur: int = 0, addresses: list[str] | None = None) -> Model:
    """What sure links teach, from their counts."""
    pairs: Counter[str] = Counter()
    tools: Counter[str] = Counter()
    actions: Counter[str] = Counter()
    named: Counter[str] = Counter()
    for habit, count in sorted(habits.items()):
        tool, _, action = habit[1:].rpartition(" ")
        pairs[habit[1:]] += count
        tools[tool] += count
        actions[action] += count
        named[action] += count * (habit[0] == NAMED)
    return Model(offset, blur, dict(pairs), dict(tools), dict(actions), dict(named), addresses or [])


def named_by(call: Call, request: Request) -> bool:
    """Whether call and request name the same thing."""
    return not set(call.mentions).isdisjoint(request.mentions)


def certain(calls: Calls, request: Request, model: Model) -> Call | None:
    """The call that surely made a request, if any did."""
    found = weigh(calls, request, model)
    return found[0][2] if found and found[0][0] >= CERTAIN else None


def _order(found: tuple[float, str, Call]) -> tuple[float, int, str]:
    # Of equal ones the call that began last.
    return (-found[0], -found[2].start, found[1])


def _density(call: Call, time: int, blur: int) -> float:
    """How likely a request of this call has this time, a second. Times of whole seconds stand for the second."""
    width = RESOLUTION if time % RESOLUTION == 0 else 1000
    end = over(call)
    length = max(end - call.start, 50_000) + 2 * blur
    start = call.start - blur
    overlap = min(time + width, start + length) - max(time, start)
    middle = time + width / 2
    density = OPEN * max(overlap, 0) / width * SECOND / length
    if middle > end:
        density += AFTER * math.exp((end - middle) / (DELAY * SECOND)) / DELAY
    distance = max(call.start - middle, middle - end, 0)
    return density + ASTRAY * math.exp(-distance / (ERROR * SECOND)) / (2 * ERROR)


def _offset(spans: list[tuple[int, int]]) -> tuple[int, int]:
    """What fits most spans: none if it does, else the mean of their middles as far as that fits them; and how far off
    it may be."""
    if all(low <= 0 <= high for low, high in spans):
        return 0, 0
    edges = sorted({0, *(edge for span in spans for edge in span)})
    between = [(low, high) for low, high in itertools.pairwise(edges)] or [(0, 0)]

    def fit(one: tuple[int, int]) -> tuple[int, int, int]:
        fitting = sum(low <= one[0] and one[1] <= high for low, high in spans)
        return (-fitting, min(abs(one[0]), abs(one[1])), one[0])

    low, high = min(between, key=fit)
    if low <= 0 <= high:
        return 0, 0
    middles = [(first + last) // 2 for first, last in spans if first <= low and high <= last]
    return min(max(sum(middles) // len(middles), low), high), max((high - low) // 2, int(LEAST_BLUR))
