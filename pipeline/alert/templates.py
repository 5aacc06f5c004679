"""A template that somebody wrote becomes text of an alert, and can do nothing else.

In:     the text of a template (Jinja2), the JSON object that webhooks get
Out:    text
Fails:  ValueError when it is loaded, with line and fix; Refused when it is rendered

Of Jinja's language there are values, filters, conditions, and loops that are not within each other. No calls, no
variables of its own, no sums of texts: so there is nothing in it that runs for long or grows without bound, and no
time limit has to end it. It is sandboxed all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pipeline.alert.plain import bounded, encoded, short
from pipeline.alert.wire import Refused

#: Characters of a template and of what comes out of it; bytes of the JSON that goes in; loops.
TEMPLATE, TEXT, DATA, LOOPS = 32 * 1024, 1024 * 1024, 128 * 1024, 20
_MAY = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem,
    nodes.Filter, nodes.Test, nodes.If, nodes.For, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or,
    nodes.Not, nodes.List, nodes.Dict, nodes.Pair, nodes.Tuple, nodes.Keyword, nodes.Slice, nodes.Neg,
)  # fmt: skip
#: What else there is in Jinja, as people write it.
_CALLED = {"Call": "a call such as range()", "Assign": "set", "Concat": "~", "FromImport": "import"}


class Compiled:
    """A template that may be rendered."""

    def __init__(self, text: str) -> None:
        """Raises ValueError, with line and fix."""
        if len(text) > TEMPLATE:
            raise ValueError(f"expected a template of at most {TEMPLATE} characters, got {len(text)}")
        environment = _environment()
        try:
            _check(environment.parse(text))
            self._template: Template = environment.from_string(text)
        except (RecursionError, SyntaxError) as error:
            raise ValueError("expected a template of Jinja2 with less within each other") from error
        except TemplateSyntaxError as error:
            raise ValueError(f"expected a template of Jinja2: line {error.lineno}: {error.message}") from error

    def render(self, told: Mapping[str, Any]) -> str:
        """Its text. Raises Refused, naming the line."""
        data = bounded(dict(told), DATA)
        values = {**data, "alert": data["data"], "link": data["data"]["link"]}
        parts, length = [], 0
        try:
            for part in self._template.generate(values):
                length += len(part)
                if length > TEXT:
                    raise Refused(f"template: more than {TEXT} characters come out of it")
                parts.append(part)
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
            line = _line(error)
            raise Refused(f"template: {f'line {line}: ' if line else ''}{error}") from error
        return "".join(parts)


def _check(node: nodes.Node) -> None:
    """Raises TemplateSyntaxError for what a template may not do."""
    loops = list(node.find_all(nodes.For))
    if len(loops) > LOOPS:
        raise TemplateSyntaxError(f"at most {LOOPS} loops are possible", loops[LOOPS].lineno)
    for loop in loops:
        inner = next((one for part in loop.body + loop.else_ for one in _with(part, nodes.For)), None)
        if inner is not None or loop.recursive:
            raise TemplateSyntaxError("a loop within a loop is not possible; use `tojson`", (inner or loop).lineno)
    _walk(node)


def _with(node: nodes.Node, kind: type[nodes.For]) -> list[nodes.For]:
    return [*([node] if isinstance(node, kind) else []), *node.find_all(kind)]


def _walk(node: nodes.Node) -> None:
    if not isinstance(node, _MAY):
        name = type(node).__name__
        raise TemplateSyntaxError(
            f"`{_CALLED.get(name, name.lower())}` is not possible here: there are values, filters, `if` and `for`",
            node.lineno,
        )
    for child in node.iter_child_nodes():
        _walk(child)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.clear()
    environment.filters = {name: _limited(given) for name, given in FILTERS.items()}
    return environment


def _limited(given: Callable[..., Any]) -> Callable[..., Any]:
    """What comes out of a filter is no longer than all may be: filters can stand in a row."""

    def filtered(*args: Any, **named: Any) -> Any:  # noqa: ANN401
        found = given(*args, **named)
        if isinstance(found, str) and len(found) > TEXT:
            raise ValueError(f"more than {TEXT} characters come out of a filter")
        return found

    return filtered


def _join(values: Any, between: str = ", ") -> str:  # noqa: ANN401
    if isinstance(values, str) or len(str(between)) > 100:
        raise ValueError("join: expected a list, and at most 100 characters between its items")
    return str(between).join(map(str, values))


def _default(value: Any, other: Any = "") -> Any:  # noqa: ANN401
    return value if value else other


def _tojson(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, StrictUndefined):
        raise ValueError(str(value._undefined_message))
    return encoded(value).decode()


#: All that there are.
FILTERS: dict[str, Callable[..., Any]] = {
    "tojson": _tojson,
    "join": _join,
    "default": _default,
    "length": len,
    "upper": lambda text: str(text).upper(),
    "lower": lambda text: str(text).lower(),
    "trim": lambda text: str(text).strip(),
    "cut": lambda text, most=200: short(str(text), max(int(most), 1)),
    "urlencode": lambda text: quote(str(text), safe=""),
    "first": lambda values: values[0] if values else "",
    "last": lambda values: values[-1] if values else "",
    "round": lambda number, digits=0: round(float(number or 0), int(digits)),
    "int": int,
}


def _line(error: BaseException) -> int | None:
    """The line of a template that an error came from; Jinja writes it into the traceback."""
    trace, line = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
