"""A person lets a coding agent work with what they are signed in to, and its transcript says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from pipeline.simulate import shapes
from pipeline.simulate.attacks.scene import at_work
from pipeline.simulate.staff.office import Office
from pipeline.simulate.truth import Told, Truth
from pipeline.simulate.world import SECOND, Doer


def coding_agent(office: Office, time: int) -> Iterator[Told]:
    """Claude Code on a developer's laptop looks into a fault: it thinks for some seconds, runs a command, reads on. Its
    calls are of the person's session, at an agent's tempo, and its tool calls are there for them."""
    chance, scenario = office.chance, "control: coding agent of a person"
    person, login, at = at_work(office, time, "developer", "operator")
    usual = person.doer(office, login)
    doer = Doer(usual.identity, replace(usual.truth, scenario=scenario), usual.address, usual.agent, usual.region)
    session = office.ids.uuid()
    prompt, text = office.ids.uuid(), f"Find out why case {chance.randrange(9999)} fails, and mend it."
    true = Truth("", "", "claude-code", "", session, prompt=prompt, scenario=scenario)
    yield _line(office, at, prompt, "user", text, replace(true, kind="prompt"))
    for _ in range(chance.randint(15, 80)):
        at += int(min(8.0, max(1.0, chance.lognormvariate(1.0, 0.5))) * SECOND)
        call, tool = person.repertoire.draw(chance), f"toolu_{office.ids.hexadecimal(24)}"
        used = replace(true, kind="tool_call", tool_call=tool)
        command = {"command": f"aws {call.service} {call.action}"}
        use = [{"type": "tool_use", "id": tool, "name": "Bash", "input": command}]
        yield _line(office, at, office.ids.uuid(), "assistant", use, used)
        takes = int(chance.uniform(0.4, 2.5) * SECOND)
        for number in range(chance.choice((0, 1, 1, 1, 2))):
            moment = at + int(takes * chance.uniform(0.2, 0.9))
            yield person.repertoire.tell(office, moment, doer, call if not number else None)
        at += takes
        result = [{"type": "tool_result", "tool_use_id": tool, "content": "done"}]
        yield _line(office, at, office.ids.uuid(), "user", result, used)


def _line(office: Office, at: int, name: str, role: str, content: Any, true: Truth) -> Told:
    """One line of the transcript, which a collector sends within seconds."""
    value = shapes.transcript(at, true.session, name, role, content)
    topic = "prompts" if true.kind == "prompt" else "tool-calls"
    arrives = at + int(office.chance.uniform(0.5, 10) * SECOND)
    return Told(at, arrives, topic, "claude-code", value, [replace(true, event_id=name)])
