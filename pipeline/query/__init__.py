"""One line of text becomes a query: a small tree that the store, alerts and the command line all read alike.

In:     text such as `actor:invoice-bot action:s3.* risk:>0.8 -outcome:success since:2h`
Out:    Query (`parse`), its canonical text (`render`), what can come next (`complete`), whether it holds (`matches`)
Fails:  Fault, an Invalid that knows the column
"""

from __future__ import annotations

from pipeline.query.fault import Fault
from pipeline.query.parsing import parse
from pipeline.query.rendering import render
from pipeline.query.tree import Query

__all__ = ["Fault", "Query", "parse", "render"]
