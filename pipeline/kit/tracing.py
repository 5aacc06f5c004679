"""What a batch does on its way becomes spans of OpenTelemetry, if somebody wants them. No content is in them.

In:     `Settings.traces`, headers of Kafka's messages
Out:    spans to a collector (OTLP over HTTP); the header `traceparent`
Fails:  Invalid when the extra is not installed. A collector that is away costs spans and nothing else.

A message is made of many inputs: it goes on with the trace of the last of them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid

HEADER = "traceparent"
Headers = Iterable[tuple[str, Any]]
_NOTHING: AbstractContextManager[Any] = nullcontext()
#: Milliseconds that the last spans may take at the end.
_PATIENCE = 2000


class _Tracing:
    """One process's; None in `_State` while nobody wants spans."""

    def __init__(self, settings: Settings, roles: Sequence[str]) -> None:
        try:
            from opentelemetry import trace  # noqa: PLC0415  (an extra, and slow to load)
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
            from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
            from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
            from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio  # noqa: PLC0415
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415
        except ImportError as error:
            raise Invalid("traces (WHODID_TRACES)", "an installed OpenTelemetry: pip install 'whodid[otel]'") from error
        resource = Resource.create({"service.name": "whodid", "whodid.roles": ",".join(roles)})
        self._provider = TracerProvider(ParentBasedTraceIdRatio(settings.trace_share), resource)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(settings.traces)))
        self._tracer = self._provider.get_tracer("whodid")
        self._trace, self._text = trace, TraceContextTextMapPropagator()
        #: The context that a thread's last span left behind.
        self._last = threading.local()

    @contextmanager
    def span(self, name: str, parent: str, attributes: dict[str, str | int]) -> Iterator[Any]:
        context = self._text.extract({HEADER: parent}) if parent else None
        with self._tracer.start_as_current_span(
            name, context, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            self._last.context = self._trace.set_span_in_context(span)
            yield span

    def headers(self) -> dict[str, str]:
        found: dict[str, str] = {}
        if context := getattr(self._last, "context", None):
            self._text.inject(found, context)
        return {HEADER: found[HEADER]} if HEADER in found else {}

    def close(self) -> None:
        self._provider.force_flush(_PATIENCE)
        self._provider.shutdown()


class _State:
    tracing: _Tracing | None = None


@contextmanager
def running(settings: Settings, roles: Sequence[str]) -> Iterator[None]:
    """Spans are made meanwhile, if the settings name a collector. Raises Invalid."""
    if not settings.traces:
        yield
        return
    _State.tracing = _Tracing(settings, roles)
    try:
        yield
    finally:
        tracing, _State.tracing = _State.tracing, None
        tracing.close()


def on() -> bool:
    """Whether somebody wants spans."""
    return _State.tracing is not None


def span(name: str, parent: str = "", **attributes: str | int) -> AbstractContextManager[Any]:
    """What is done in it is one span; nothing while nobody wants it. `parent` is a `traceparent`."""
    return _NOTHING if _State.tracing is None else _State.tracing.span(name, parent, attributes)


def continued(name: str, headers: Headers | None, **attributes: str | int) -> AbstractContextManager[Any]:
    """A span only if the message that is dealt with belongs to a trace."""
    parent = parent_of(headers) if _State.tracing is not None else ""
    return span(name, parent, **attributes) if parent else _NOTHING


def headers() -> dict[str, str]:
    """What a message carries on; empty while nobody wants spans."""
    return {} if _State.tracing is None else _State.tracing.headers()


def parent_of(headers: Headers | None) -> str:
    """The trace that a message belongs to; empty if none."""
    pairs = headers.items() if isinstance(headers, dict) else headers or ()
    found = (value for name, value in pairs if name == HEADER and isinstance(value, bytes))
    return next(found, b"").decode("ascii", "replace")
