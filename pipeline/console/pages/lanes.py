"""Where an entry is drawn by its kind; the name of a lane is also the CSS class of its colour."""

from __future__ import annotations

LANES = {"prompt": "human", "tool_call": "agent", "token_issuance": "credential", "cloud_audit": "cloud"}
