"""Events for tests, written as short as a story."""

from schemas.event import Event

START = 1_700_000_000_000_000
SECOND = 1_000_000


def at(seconds: float) -> int:
    return START + int(seconds * SECOND)


def issuance(seconds: float, child: str, *, by: str = "", actor: str = "", **more) -> Event:
    return Event(
        event_id=f"issue-{child}-{by}", kind="token_issuance", time=at(seconds), format="test", action="sts:AssumeRole",
        actor=actor, credential=by, issued=child, issued_kind="session", issued_subject=f"role/{child}", **more,
    )  # fmt: skip


def call(seconds: float, credential: str, name: str, **more) -> Event:
    more = {"actor": f"role/{credential}", **more}
    return Event(
        event_id=f"call-{name}", kind="cloud_audit", time=at(seconds), format="test", action="s3:GetObject",
        credential=credential, **more,
    )  # fmt: skip


def prompt(seconds: float, session: str, name: str, **more) -> Event:
    more = {"actor": "invoice-bot", "actor_kind": "agent", "human": "ana@example.com", **more}
    return Event(
        event_id=f"prompt-{name}", kind="prompt", time=at(seconds), format="test", action="user_message",
        session=session, **more,
    )  # fmt: skip


def tool(seconds: float, session: str, name: str, phase: str = "start", **more) -> Event:
    more = {"actor": "invoice-bot", "actor_kind": "agent", **more}
    return Event(
        event_id=f"tool-{name}-{phase}", kind="tool_call", time=at(seconds), format="test",
        action="read_mail", tool="read_mail" if phase == "start" else "", tool_call=name, phase=phase, session=session,
        **more,
    )  # fmt: skip
