"""Step: what the scoring stage is told of a prompt or a tool call.

An Entry says what happened and who did it; a Step says how it came about: where each value of a tool call was met
before, and what of it serves the prompt. It is made where the texts of a session are known, and goes to the partition
of its agent. Texts are fingerprints (`schemas.prints`).
"""

from __future__ import annotations

import msgspec

from schemas.alert import Feedback

#: Confidence from which on a tool call explains a request.
EXPLAINED = 0.5


class Value(msgspec.Struct, array_like=True, gc=False):
    """One argument of a tool call, leaf by leaf."""

    path: str
    #: Masked and shortened, for the sentence that an analyst reads.
    shown: str
    #: One of `schemas.prints.KINDS`, by its shape.
    kind: str
    #: Fingerprint of the whole value.
    whole: int
    #: Where it occurred before: `prompt`, `result`, `both`, `agent` (nowhere) or "" (it has no tokens).
    origin: str
    #: Its words, and those of them that are in the prompts, and in arguments of earlier calls.
    words: int = 0
    asked: int = 0
    repeated: int = 0
    #: The latest tool result that it occurred in: how many results ago (1 = the last, 0 = none), its event id and tool.
    age: int = 0
    source: str = ""
    source_tool: str = ""


class Window(msgspec.Struct, array_like=True, gc=False):
    """The place in one earlier tool result that says most of what a call says and its prompts do not."""

    #: How many results ago, its event id and tool.
    age: int
    source: str
    tool: str
    #: Share (0 to 1) of the foreign tokens of the arguments that are there; the same with the words of the tool's name.
    covered: float
    explained: float
    #: Purposes of the tool that are named there and by no prompt; share of the tool's words that are.
    purposes: int
    name: float
    #: Share of the prompts' words that are near that place, and anywhere in that result.
    near: float
    anywhere: float


class Flow(msgspec.Struct, array_like=True, gc=False):
    """How the values of one tool call, and the call itself, came about."""

    values: list[Value]
    #: Of the tool, by its name: how much it can do (-1 to 4), what it is for; and what the prompts ask for
    #: (bits of `pipeline.kit.lexicon.PURPOSES`).
    sensitivity: int
    purposes: int
    asked: int
    #: Words of the tool's name; those in a prompt; those in a result and in no prompt.
    words: int
    words_asked: int
    words_met: int
    #: Tokens of values that are in no prompt, and the share of all that are in arguments of earlier calls.
    foreign: int
    repeated: float
    #: Share of the words of all arguments that are in a prompt; -1 without words.
    served: float
    #: Tool results before it in its session, words of its prompts.
    results: int
    prompt: int
    window: Window | None = None


class Step(msgspec.Struct, array_like=True, gc=False, kw_only=True):
    """One prompt, tool call or cloud event of an agent's session."""

    #: `actor:…`: the agent, whose past it is held against.
    key: str
    session: str
    event_id: str
    revision: int
    time: int
    actor: str = ""
    actor_kind: str = ""
    human: str = ""
    #: Name of the tool, or the action of a cloud event.
    tool: str = ""
    #: Words of a prompt: which task this is.
    words: list[int] = []
    #: Of a tool call.
    flow: Flow | None = None
    #: Of a cloud event: whether a tool call explains it, as far as known (0 to 1).
    explained: float = 1.0


class Steps(msgspec.Struct, array_like=True, gc=False):
    """One message of `steps`; and what analysts say of what was found of the agents of this partition."""

    steps: list[Step]
    feedback: list[Feedback] = []

    @classmethod
    def of(cls, items: list[Step | Feedback]) -> Steps:
        """Both, as they come."""
        steps = [item for item in items if isinstance(item, Step)]
        return cls(steps, [item for item in items if isinstance(item, Feedback)])
