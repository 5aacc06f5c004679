"""Declared tool chains: which tools an agent may use, and which may follow which.

    agents:
      "agent:billing":
        tools: [get_invoice, send_money]
        then:                       # left out: any order
          get_invoice: [send_money]
    sensitivity:                    # of tools whose names do not say what they can do: 0 looks … 4 cannot be undone
      frobnicate: 4

A declaration is honoured: what it allows counts as usual, and what it does not is a Finding of its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.kit.failures import Permanent
from pipeline.score import findings
from pipeline.score.history import BEGIN
from schemas.finding import Finding
from schemas.step import Step


class Chain(BaseModel):
    """What one agent may do."""

    model_config = ConfigDict(extra="forbid")

    tools: list[str]
    then: dict[str, list[str]] = {}


class Declared(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="forbid")

    agents: dict[str, Chain] = {}
    sensitivity: dict[str, Annotated[int, Field(ge=0, le=4)]] = {}


class Chains:
    """Chains by agent, and how much tools can do."""

    def __init__(self, declared: Declared) -> None:
        self._agents = declared.agents
        self._sensitivity = declared.sensitivity

    def sensitivity(self, tool: str, otherwise: int) -> int:
        """What is declared of a tool, 0 to 4."""
        return self._sensitivity.get(tool, otherwise)

    def allows(self, agent: str, before: str, tool: str) -> bool:
        """Whether this is declared; False where nothing is."""
        chain = self._agents.get(agent)
        if chain is None or tool not in chain.tools:
            return False
        return before == BEGIN or not chain.then or tool in chain.then.get(before, [])

    def judge(self, found: findings.Standing, step: Step, called: Iterable[str]) -> Finding | None:
        """A Finding if a call is outside of what is declared for its agent. `called`: all tools of its session."""
        chain = self._agents.get(step.actor)
        if chain is None or step.tool in chain.tools:
            return None
        return findings.outside(found, step, sorted(set(called) - set(chain.tools)), chain.tools)


def propose(sessions: Iterable[tuple[str, Sequence[str]]], share: float) -> dict[str, Any]:
    """What agents did, as a file of chains: tools and transitions that more than this share of their sessions have.

    `sessions`: each session's agent, and the tools it called in their order.
    """
    count: Counter[str] = Counter()
    tools: dict[str, Counter[str]] = defaultdict(Counter)
    moves: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for agent, called in sessions:
        count[agent] += 1
        tools[agent].update(set(called))
        moves[agent].update(set(pairwise(called)))
    return {"agents": {agent: _chain(tools[agent], moves[agent], share * count[agent]) for agent in sorted(count)}}


def _chain(tools: Counter[str], moves: Counter[tuple[str, str]], least: float) -> dict[str, Any]:
    usual = sorted(tool for tool, sessions in tools.items() if sessions > least)
    then: dict[str, list[str]] = {tool: [] for tool in usual}
    for (before, tool), sessions in sorted(moves.items()):
        if sessions > least and before in then and tool in then:
            then[before].append(tool)
    return {"tools": usual, "then": then}


def load(file: Path) -> Chains:
    """Read a file of chains. Raises OSError, Permanent (naming the field)."""
    try:
        return Chains(Declared.model_validate(yaml.safe_load(file.read_text(encoding="utf-8"))))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Permanent(f"{file}: expected YAML: {error}") from error
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        path = ".".join(map(str, fault["loc"])) or "agents"
        raise Permanent(f"{file}: {path}: {fault['msg']}. See `whodid drift learn --help`") from error
