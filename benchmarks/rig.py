"""What benchmarks of a whole pipeline stand on: a broker, a folder that is gone afterwards, settings for both."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pipeline.kit.broker import EmbeddedBroker
from pipeline.kit.config import Settings


@contextmanager
def rig(name: str, bootstrap: str | None) -> Iterator[tuple[Settings, Path]]:
    """Settings and the folder. `bootstrap`: a running Kafka; without it, an embedded broker."""
    with ExitStack() as stack:
        home = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix=f"whodid-{name}-", ignore_cleanup_errors=True))
        )
        address = bootstrap or stack.enter_context(EmbeddedBroker.start()).bootstrap
        yield Settings(
            bootstrap=address, prefix=f"{name}-{os.getpid()}-", session_timeout=2, clickhouse=f"chdb://{home}/store",
            data_dir=home,
        ), home  # fmt: skip
