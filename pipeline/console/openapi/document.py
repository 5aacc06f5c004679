"""The routes of an application and the table of operations become one OpenAPI document."""

from __future__ import annotations

import inspect
import re
from typing import Any

from fastapi import FastAPI
from fastapi.routing import RouteContext, iter_route_contexts

from pipeline.console.access.rights import RIGHTS, Right
from pipeline.console.access.who import Role
from pipeline.console.openapi.answers import COMPONENTS
from pipeline.console.openapi.operations import OPERATIONS, PARAMETERS, PLACES, Operation
from pipeline.console.openapi.shape import Schema
from pipeline.kit.failures import Permanent

_ABOUT = """Who or what acted, for whom, with which token, because of which prompt, and how sure that is.

Texts out of prompts, arguments and results are as whoever asks may have them: hashes, masked, or full with raw records.
Keys may be added to an object within `/v1`; none changes its meaning or goes away."""
#: Status → what it means, on every route; those of a stranger are not on routes that are open to all.
_ERRORS = {
    400: "A parameter is at fault; `error.parameter` names it.", 403: "Whoever asks may not.",
    404: "There is no such thing.", 409: "It cannot be done with what is there.",
    413: "More than is taken at once.", 415: "Another content type.",
    429: "Too much at once: wait as long as Retry-After says.", 503: "The store or the broker is away: ask again.",
}  # fmt: skip
_ERROR: Schema = {"$ref": "#/components/schemas/Error"}
_STRANGER = {401: "The desk does not know who asks."}


def document(app: FastAPI) -> dict[str, Any]:
    """The document of everything under `/v1`, and of `/healthz`. Raises Permanent for a route without an operation."""
    paths: dict[str, dict[str, Any]] = {}
    for route in iter_route_contexts(app.routes):
        path = str(route.path)
        if not path.startswith("/v1/") and path != "/healthz":
            continue
        for method in sorted((route.methods or set()) - {"HEAD"}):
            plain = re.sub(r":path}", "}", path)
            name = f"{method} {plain}"
            if name not in OPERATIONS:
                raise Permanent(f"openapi: no operation for {name}: add one to pipeline/console/openapi/operations.py")
            made = _operation(method, plain, route, OPERATIONS[name], RIGHTS[f"{method} {path}"])
            paths.setdefault(plain, {})[method.lower()] = made
    return {
        "openapi": "3.1.0",
        "info": {"title": "whodid", "version": "1", "description": _ABOUT},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": COMPONENTS,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "A key of `whodid keys create`."},
                "session": {"type": "apiKey", "in": "cookie", "name": "whodid",
                            "description": "A browser's session; over https it is `__Host-whodid`."},
            },
        },
    }  # fmt: skip


def serve(app: FastAPI) -> None:
    """Have `/v1/openapi.json` be that document, made when it is first asked for."""

    def made() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = document(app)
        return app.openapi_schema

    app.openapi = made  # type: ignore[method-assign]


def _operation(method: str, path: str, route: RouteContext, about: Operation, right: Role | Right) -> dict[str, Any]:
    told, _, more = (inspect.getdoc(route.endpoint) or "").partition("\n")
    least = right if isinstance(right, Role) else right.role
    made: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "-", f"{method.lower()}{path.removeprefix('/v1')}").strip("-"),
        "summary": told.rstrip(".") if path != "/v1/openapi.json" else "This document",
        "parameters": _parameters(path, about),
        "responses": _answers(about, stranger=least is not None),
        "security": [{"key": []}, {"session": []}, {}] if least else [{}],
        "x-least-role": least.title if least else None,
    }
    if more.strip():
        made["description"] = more.strip()
    if about.body is not None:
        content: dict[str, Any] = {
            media: {"schema": about.body} if "protobuf" not in media and "json" in media else {"schema": {}}
            for media in about.accepts
        }
        made["requestBody"] = {"required": True, "content": content}
    return made


def _parameters(path: str, about: Operation) -> list[Schema]:
    any_name = {"type": "string", "minLength": 1}
    places = [(name, (PLACES | about.otherwise).get(name, any_name)) for name in re.findall(r"{(\w+)}", path)]
    queries = [(name, about.otherwise.get(name, PARAMETERS[name])) for name in about.takes]
    return [
        *(_parameter(name, "path", schema) for name, schema in places),
        *(_parameter(name, "query", schema) for name, schema in queries),
        *(_parameter(name, "header", schema) for name, schema in about.heeds.items()),
    ]


def _parameter(name: str, place: str, schema: Schema) -> Schema:
    """What is said of a value is said of its parameter."""
    plain = {key: value for key, value in schema.items() if key != "description"}
    said = {"description": schema["description"]} if "description" in schema else {}
    return {"name": name, "in": place, "required": place == "path", **said, "schema": plain}


def _answers(about: Operation, *, stranger: bool) -> dict[str, Any]:
    """By status. A stranger is refused before the route, in the one shape of errors, whatever the route's own is."""
    answers: dict[str, Any] = {
        str(about.status): {"description": "Done", "content": {one: {"schema": about.answer} for one in about.media}}
    }
    errors = _ERRORS | (_STRANGER if stranger else {})
    gate = _ERROR if about.error == _ERROR else {"anyOf": [about.error, _ERROR]}
    for code, meaning in sorted(errors.items()):
        answers[str(code)] = {"description": meaning, "content": {"application/json": {"schema": gate}}}
    for media in about.accepts:
        if "protobuf" in media:
            for answer in answers.values():
                answer["content"][media] = {"schema": {}}
    if about.answer == {"$ref": "#/components/schemas/Health"}:
        answers["503"] = {"description": "Not well", "content": {"application/json": {"schema": about.answer}}}
    return answers
