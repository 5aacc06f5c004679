"""Settings become docs/configuration.md and files of settings: `python -m pipeline.run.config_page`, `make schemas`.

In:     the fields of Settings
Out:    Markdown; TOML
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from pipeline.kit.config import Settings
from pipeline.kit.config.option import FILE, HIDDEN, Option

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
#: What stands before the tables.
_BEGINNING = """# Configuration

One TOML file, the environment, and options of commands become one set of settings. An option of a command wins over
the environment, that over the file, that over the default. Written by `make schemas`; the tables are made of
`pipeline/kit/config/fields.py`.

    whodid config show                    # every value, and where it comes from; secrets are ***
    whodid config check                   # everything that is wrong, in named files too; status 2 if anything is
    whodid config explain kafka.bootstrap
    whodid config show --format toml > whodid.toml

## The file

`--config FILE`, else `WHODID_CONFIG`, else the first that is there of `~/.config/whodid/whodid.toml`
(`XDG_CONFIG_HOME`) and `/etc/whodid/whodid.toml`. An empty `WHODID_CONFIG` says that there is none.

```toml
[kafka]
bootstrap = "kafka-1:9092,kafka-2:9092"
partitions = 12

[clickhouse]
url_file = "/run/secrets/clickhouse-url"

[alerts]
file = "alerts.yml"            # relative: beside this file
```

Whoever can write to it decides where evidence goes. So it must belong to whoever runs whodid, or to root, and nobody
else may write to it: otherwise nothing starts. A key that nobody knows, a key in the wrong table and a wrong value
are errors that name the line and what was meant:

    whodid: whodid.toml:3 kafka.boostrap: expected a key of a setting: did you mean kafka.bootstrap?

## The environment

`WHODID_` and the name: `WHODID_BOOTSTRAP`. A `WHODID_…` variable that nobody knows is an error too. (Kubernetes makes
such variables for services that are called whodid-…: `enableServiceLinks: false` in the pod.) Empty is a value: of a
text the empty one, of a path that there is none.

## Secrets

A secret can be in a file of its own: `WHODID_HASH_KEY_FILE=/run/secrets/hash-key`, or `hash_key_file = "hash.key"` in
its table. The end of its line is not part of it. Both, the secret and its file, is an error; a file that everybody
can read is a warning. No command prints a secret, no error has one in it, and no process gets one on its command
line: those that `whodid up` starts get it in their environment. Secrets of destinations of alerts are in files of
their own, too ([alerts.md](alerts.md)).

## All settings
"""


def page() -> str:
    """Markdown."""
    told = [_BEGINNING.rstrip()]
    for table, members in groupby(sorted(Settings.options().values(), key=_order), key=lambda one: one.table):
        rows = ["| key | default | what | variable |", "|---|---|---|---|", *map(_row, members)]
        told += [f"### [{table}]", "\n".join(rows)]
    return "\n\n".join(told) + "\n"


def toml(rows: Iterable[Mapping[str, Any]]) -> str:
    """A file that says the same; a secret is a line to be filled in, a path that is not given one to begin with."""
    told: list[str] = []
    places = Settings.options()
    ordered = sorted(rows, key=lambda row: _order(places[row["name"]]))
    for table, members in groupby(ordered, key=lambda row: str(row["place"]).partition(".")[0]):
        told += [f"[{table}]", *(_line(places[row["name"]], row["value"]) for row in members), ""]
    return "\n".join(told)


def _order(option: Option) -> int:
    tables = list(dict.fromkeys(one.table for one in Settings.options().values()))
    return tables.index(option.table)


def _line(option: Option, value: object) -> str:
    if option.secret and HIDDEN in str(value):
        return f'# {option.key}{FILE} = "…"    # is given, and not shown'
    if option.optional and not value:
        return f'# {option.key} = "{option.example}"'
    return f"{option.key} = {json.dumps(value, ensure_ascii=False)}"


def _row(option: Option) -> str:
    unit = f" ({option.unit})" if option.unit else ""
    default = f"`{option.default}`" if option.default else ""
    example = f" E.g. `{option.example}`." if option.example else ""
    secret = f" A secret: also `{option.key}{FILE}`, `{option.variable}{FILE.upper()}`." if option.secret else ""
    what = (option.meaning + example + secret).replace("|", "\\|")
    return f"| `{option.key}` | {default}{unit} | {what} | `{option.variable}` |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
