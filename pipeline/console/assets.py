"""Styles, scripts and pictures of the console, which browsers may keep for ever: their addresses change with them."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = "/static"
_FOLDER = files("pipeline.console").joinpath("static")


@cache
def address(name: str) -> str:
    """The address of a file."""
    return f"{STATIC}/{name}?v={hashlib.sha256(_FOLDER.joinpath(name).read_bytes()).hexdigest()[:12]}"


class Assets(StaticFiles):
    """The files."""

    def __init__(self) -> None:
        super().__init__(directory=str(_FOLDER))

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file; to be kept if it was asked for by its own address."""
        found = await super().get_response(path, scope)
        if scope["query_string"].startswith(b"v="):
            found.headers["cache-control"] = "public, max-age=31536000, immutable"
        return found
