"""The desk's own `/metrics` and `/readyz`: the same answers as on a worker's listener, for whoever may have them.

In:     Metrics
Out:    routes; a stranger learns whether the process is ready, and not why
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from pipeline.console.access.who import caller
from pipeline.kit.metrics import Metrics
from pipeline.run import health
from pipeline.run.exposition import Exposition
from pipeline.run.ops import told


def router(metrics: Metrics) -> APIRouter:
    """Routes beside those of the console."""
    routes = APIRouter(include_in_schema=False)
    exposition = Exposition(metrics)

    @routes.get("/metrics")
    def everything(request: Request) -> Response:
        """Metrics in Prometheus' text format, or OpenMetrics."""
        text, kind = exposition.text(request.headers.get("accept", ""))
        return Response(text, media_type=kind)

    @routes.get("/readyz")
    def readyz(request: Request) -> Response:
        """200 when the process can do its work, else 503. Reasons are for those who signed in."""
        status, body, kind = told(health.unready(metrics))
        known = caller(request) is not None
        return Response(body if known else b"", status, media_type=kind)

    return routes
