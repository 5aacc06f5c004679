"""What is set becomes rows that may be shown, and everything that is wrong with it, files that it names included.

In:     the environment and the file of settings
Out:    rows by setting; faults, each with its key and the fix
Fails:  never: what cannot be read is a fault
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from pipeline.alert.file import Alerts
from pipeline.console.access.oidc import Provider
from pipeline.evidence.keys import KeyFile
from pipeline.kit import connection, fitting
from pipeline.kit.config import Settings, faults
from pipeline.kit.config.given import SOURCES, Value
from pipeline.kit.config.option import Option, hidden
from pipeline.kit.failures import Failure
from pipeline.kit.producers import Trust
from pipeline.kit.signing import signer
from pipeline.normalize.stage import modes
from pipeline.score import baseline, chains, model
from pipeline.score.rules.exceptions import Exceptions
from pipeline.score.rules.rulebook import Rulebook

Check = Callable[[Settings], object]


def rows(settings: Settings, given: Mapping[str, Value]) -> Iterator[dict[str, Any]]:
    """Every setting with its value, where that comes from, and where it may be set. No secret is in it."""
    for name, option in Settings.options().items():
        value = hidden(option, getattr(settings, name))
        source = given.get(name)
        yield {
            "name": name, "value": value if isinstance(value, int | float) else "" if value is None else str(value),
            "source": source.source if source else "default", "where": source.where if source else "",
            "place": option.place, "variable": option.variable,
        }  # fmt: skip


def explained(option: Option) -> dict[str, Any]:
    """Everything that is known of one setting."""
    return {
        "name": option.name, "meaning": option.meaning, "type": option.type, "unit": option.unit,
        "default": option.default, "example": option.example, "variable": option.variable, "place": option.place,
        "secret": option.secret,
    }  # fmt: skip


def all_faults() -> list[str]:
    """All that is wrong: keys that nobody knows, values, and, when these are right, what they name."""
    found = [fault for read in SOURCES for fault in read(Settings.options(), os.environ).faults]
    found += values(faults.effective())
    return found or named(Settings())


def values(given: Mapping[str, Value]) -> list[str]:
    """What is wrong with values, each looked at by itself."""
    found = []
    blank = Settings.model_construct()
    for name, one in given.items():
        try:
            setattr(blank, name, one.value)
        except ValidationError as error:
            found += faults.in_words(error, given)
    return found


def named(settings: Settings) -> list[str]:
    """What is wrong with files that settings name, and with what they say together."""
    found = []
    known = settings.options()
    for name, check in CHECKS.items():
        try:
            check(settings)
        except Failure as failure:
            found.append(f"{known[name].place} ({known[name].variable}): {failure}")
        except OSError as error:
            found.append(f"{known[name].place} ({known[name].variable}): {error.filename}: {error.strerror}")
    return found


def _key(settings: Settings) -> None:
    """A key that is not there is made when it is needed."""
    if settings.evidence_key_file.exists():
        KeyFile(settings.evidence_key_file).load()


def _provider(settings: Settings) -> None:
    if settings.oidc_issuer:
        Provider(settings)


#: By the setting that names it: what raises a Failure or an OSError if it is not as it must be.
CHECKS: dict[str, Check] = {
    "rules": lambda settings: Rulebook.load(settings.rules),
    "exceptions": lambda settings: Exceptions.load(settings.exceptions),
    "baselines": lambda settings: baseline.load(settings.baselines),
    "drift_model": lambda settings: model.load(settings.drift_model),
    "tool_chains": lambda settings: chains.load(settings.tool_chains) if settings.tool_chains else None,
    "alerts": lambda settings: Alerts.load(settings.alerts),
    "producers": lambda settings: Trust(settings) if settings.producers else None,
    "producer": signer,
    "content": lambda settings: modes(settings.content),
    "evidence_key": _key,
    "oidc_issuer": _provider,
    "kafka_protocol": connection.check,
    "min_insync": fitting.possible,
}
