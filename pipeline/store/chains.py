"""What agents called, session by session: out of which declared tool chains are proposed."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.store.pivots import Rows

_TOOLS = """
SELECT actor, session, arrayMap(pair -> pair.2, arraySort(groupArray((time, tool)))) AS tools
FROM entries FINAL
WHERE kind = 'tool_call' AND phase != 'end' AND tool != '' AND session != '' AND actor != ''
  AND ({actor:String} = '' OR actor = {actor:String})
  AND time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
GROUP BY actor, session
ORDER BY actor, session
"""


def tools_by_session(store: Rows, actor: str = "", since: int = 0) -> Iterator[tuple[str, list[str]]]:
    """Each session's agent, and the tools it called in their order; of one agent only, or of all ("")."""
    for name, _, tools in store.rows(_TOOLS, {"actor": actor, "since": since}):
        yield str(name), [str(tool) for tool in tools]
