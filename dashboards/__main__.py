"""`python -m dashboards`: write every dashboard as JSON. The same code gives the same bytes."""

from __future__ import annotations

import argparse
from pathlib import Path

from dashboards import detections, identities, operations, overview, pipeline_health, tokens, tool_chains
from dashboards.board import Board, rendered

FOLDER = Path(__file__).parent / "generated"
CONSOLE = "http://127.0.0.1:8470"
BOARDS: tuple[Board, ...] = (
    overview.BOARD, identities.BOARD, tool_chains.BOARD, tokens.BOARD, detections.BOARD, pipeline_health.BOARD,
)  # fmt: skip


#: Those that ask Prometheus.
MEASURED: tuple[Board, ...] = (operations.BOARD,)


def main() -> None:
    """Write them."""
    options = argparse.ArgumentParser(prog="python -m dashboards", description=__doc__)
    options.add_argument("--console", default=CONSOLE, help="address of the console that panels link to")
    options.add_argument("--out", type=Path, default=FOLDER, help="folder for the files")
    given = options.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for board in (*BOARDS, *MEASURED):
        (given.out / f"{board.name}.json").write_text(rendered(board, given.console), encoding="utf-8")


if __name__ == "__main__":
    main()
