"""A folder of Sigma's files becomes rules of one's own: those that can be evaluated are copied as they are.

In:     a folder with Sigma's files, and the rules folder
Out:    a Verdict on each file: taken, or why not
Fails:  Invalid where a folder is too large or what is in the rules folder is invalid; OSError
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.kit import safeyaml
from pipeline.kit.failures import Invalid
from pipeline.score.rules import reading
from pipeline.score.rules.reading import Item
from pipeline.score.rules.rulebook import bound
from pipeline.score.rules.sigma import Correlation


class Verdict(NamedTuple):
    """What becomes of one file."""

    file: str
    #: Name that its rule has with us.
    rule: str
    title: str
    #: `product/service`, or `correlation`.
    source: str
    taken: bool
    #: Why not; of what is taken, whether it is new, the same or replaced.
    reason: str


class _Candidate(NamedTuple):
    path: Path
    rule: str
    title: str
    source: str
    items: list[Item]


def take(folder: Path, out: Path, *, replace: bool = False) -> list[Verdict]:
    """Copy what can be evaluated; `replace`: also over a file that differs. Raises Invalid; OSError."""
    there = [item for path in reading.signatures(out) if path.suffix != ".py" for item in reading.items(path)]
    names = {item.name: item for item in there}
    files = [path for path in reading.signatures(folder) if path.suffix != ".py"]
    read = [_candidate(path, folder, out, names, replace) for path in files]
    candidates = [one for one in read if isinstance(one, _Candidate)]
    verdicts = [one for one in read if isinstance(one, Verdict)]
    replaced = {item.name for candidate in candidates for item in candidate.items}
    chosen, refused = _fitting([item for item in there if item.name not in replaced], candidates)
    out.mkdir(parents=True, exist_ok=True)
    verdicts += [_verdict(one, folder, _copied(one.path, out / f"{one.rule}.yml")) for one in chosen]
    verdicts += [_verdict(one, folder, reason, taken=False) for one, reason in refused]
    return sorted(verdicts)


def _candidate(path: Path, folder: Path, out: Path, names: dict[str, Item], replace: bool) -> _Candidate | Verdict:
    rule = re.sub(r"[^a-z0-9_.-]", "_", path.stem.lower()).lstrip("_.-")[:100] or "rule"
    title, source = "", ""
    try:
        given = [one for one in safeyaml.documents(safeyaml.read(path), path.name) if one is not None]
        title, source = _told(given)
        if not any(isinstance(one, dict) and ("detection" in one or "correlation" in one) for one in given):
            raise Invalid(path.name, "a Sigma rule, with `detection` or `correlation`")
        items = reading.held(given, rule, path)
        target = out / f"{rule}.yml"
        if not replace and target.exists() and target.read_bytes() != path.read_bytes():
            raise Invalid(target.name, "no other file of this name in the rules folder (or --replace)")
        if any(item.name in names for item in items) and not target.exists():
            raise Invalid(rule, "a name that no rule has yet")
    except (Invalid, OSError) as error:
        return Verdict(str(path.relative_to(folder)), rule, title, source, False, _short(error, path))
    return _Candidate(path, rule, title, source, items)


def _told(given: list[Any]) -> tuple[str, str]:
    """Title and log source as a file has them, for whoever reads the verdict."""
    last = given[-1] if given and isinstance(given[-1], dict) else {}
    title = str(last.get("title") or "")[:200]
    if "correlation" in last:
        return title, "correlation"
    source = last.get("logsource")
    named = source if isinstance(source, dict) else {}
    return title, f"{named.get('product') or named.get('category') or ''}/{named.get('service') or ''}"[:100]


def _fitting(there: list[Item], candidates: list[_Candidate]) -> tuple[list[_Candidate], list[tuple[_Candidate, str]]]:
    """Those that go together: rules first, then correlations as soon as what they are about is there."""
    items, names = list(there), {item.name for item in there}
    chosen: list[_Candidate] = []
    refused: list[tuple[_Candidate, str]] = []
    waiting: list[_Candidate] = []
    for one in candidates:
        if any(item.name in names for item in one.items):
            refused.append((one, f"{one.rule}: expected a name that no other file has"))
            continue
        names |= {item.name for item in one.items}
        (waiting if any(isinstance(item, Correlation) for item in one.items) else chosen).append(one)
    items += [item for one in chosen for item in one.items]
    reasons: dict[str, str] = {}
    progress = True
    while waiting and progress:
        progress = False
        for one in list(waiting):
            try:
                bound([*items, *one.items])
            except Invalid as error:
                reasons[one.rule] = str(error)
                continue
            items, progress = [*items, *one.items], True
            chosen.append(one)
            waiting.remove(one)
    return chosen, refused + [(one, reasons[one.rule]) for one in waiting]


def _verdict(one: _Candidate, folder: Path, reason: str, *, taken: bool = True) -> Verdict:
    return Verdict(str(one.path.relative_to(folder)), one.rule, one.title, one.source, taken, reason)


def _copied(path: Path, target: Path) -> str:
    """Put a file in its place, whole or not at all."""
    data = path.read_bytes()
    before = target.read_bytes() if target.exists() else None
    if before == data:
        return "the same was there"
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".", delete=False) as handle:
        handle.write(data)
    os.chmod(handle.name, 0o644)
    os.replace(handle.name, target)
    return "new" if before is None else "replaced"


def _short(error: Invalid | OSError, path: Path) -> str:
    return str(error).removeprefix(f"{path.name}: ")


def by_source(verdicts: Iterable[Verdict]) -> dict[str, tuple[int, int]]:
    """Of each log source: how many files were taken, of how many."""
    found: dict[str, tuple[int, int]] = {}
    for one in verdicts:
        taken, of = found.get(one.source, (0, 0))
        found[one.source] = (taken + one.taken, of + 1)
    return dict(sorted(found.items()))
