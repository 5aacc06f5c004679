"""A reader of syslog messages, straight from the grammar of RFC 5424, section 6; a real receiver is in tests/engine."""

import re
from enum import IntEnum
from types import SimpleNamespace

#: PRIORITY VERSION, timestamp, hostname, app name, process id, message id: no field is longer than the RFC allows.
_HEADER = re.compile(
    r"<(\d{1,3})>([1-9]\d{0,2}) (-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) ([!-~]{1,255})"
    r" ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) "
)
_NAME = r"[!#-<>-\\^-~]{1,32}"
_VALUE = r'"((?:[^"\\\]]|\\.)*)"'
_PARAM = re.compile(rf" ({_NAME})={_VALUE}", re.DOTALL)
_ELEMENT = re.compile(rf"\[({_NAME})((?: {_NAME}={_VALUE.replace('(', '(?:', 1)})*)\]", re.DOTALL)
Severity = IntEnum("Severity", "emerg alert crit err warning notice info debug", start=0)
_SYSTEM = "kern user mail daemon auth syslog lpr news uucp cron authpriv ftp ntp audit alert clockd"
Facility = IntEnum("Facility", [*_SYSTEM.split(), *(f"local{n}" for n in range(8))], start=0)


def read(text):
    """The parts of a message; fails where the RFC has no such message."""
    head = _HEADER.match(text)
    assert head is not None, text
    priority, version, *names = head.groups()
    assert int(priority) <= 191
    rest, data = text[head.end() :], {}
    while rest.startswith("["):
        element = _ELEMENT.match(rest)
        assert element is not None, rest
        data[element[1]] = {name: re.sub(r'\\(["\\\]])', r"\1", value) for name, value in _PARAM.findall(element[2])}
        rest = rest[element.end() :]
    rest = rest if data else rest.removeprefix("-")
    assert rest == "" or rest.startswith(" "), rest
    found = dict(zip(("timestamp", "hostname", "appname", "procid", "msgid"), names, strict=True))
    return SimpleNamespace(
        severity=Severity(int(priority) % 8), facility=Facility(int(priority) // 8), version=int(version),
        sd=data, msg=rest[1:], **{name: None if value == "-" else value for name, value in found.items()},
    )  # fmt: skip
