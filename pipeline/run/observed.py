"""A process that runs roles can be seen from outside: a listener of its own if one is wanted, and what it asks others.

In:     settings, roles
Out:    `/metrics`, `/healthz`, `/readyz` while the roles run
Fails:  OSError when it cannot listen
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from pipeline.kit import measured, tracing
from pipeline.kit.config import Settings
from pipeline.kit.metrics import Metrics


@contextmanager
def observed(settings: Settings, roles: Sequence[str], metrics: Metrics) -> Iterator[None]:
    """Nothing is loaded, and nobody asked, in a process that nobody looks at."""
    for role in roles:
        metrics.set(measured.ROLE, 1, role)
    with tracing.running(settings, roles), _told(settings, roles, metrics):
        yield


@contextmanager
def _told(settings: Settings, roles: Sequence[str], metrics: Metrics) -> Iterator[None]:
    listens = settings.ops_port is not None
    if not listens and not {"console", "collect"} & set(roles):
        yield
        return
    from pipeline.run.observer import Observer  # noqa: PLC0415  (a worker that nobody looks at needs none)

    with ExitStack() as stack:
        if settings.ops_port is not None:
            from pipeline.run.ops import Ops  # noqa: PLC0415

            stack.enter_context(Ops(metrics, settings.ops_host, settings.ops_port))
        stack.enter_context(Observer(settings, metrics, roles))
        yield
