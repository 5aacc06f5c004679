"""The command `store grants`: the rights of each kind of user of the database."""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
import yaml

from pipeline.cli.store import commands
from pipeline.kit.failures import Invalid
from pipeline.store import rights
from pipeline.store.rights import ROLES

_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,63}"


class RoleName(StrEnum):
    """Who it is for."""

    MIGRATOR = "migrator"
    WRITER = "writer"
    REMOVER = "remover"
    BACKUP = "backup"
    ANALYST = "analyst"
    DASHBOARD = "dashboard"


class Form(StrEnum):
    """How rights are printed."""

    SQL = "sql"
    USERS = "users.d"


@commands.command()
def grants(
    role: Annotated[list[RoleName] | None, typer.Option(help="Of these alone; may be given several times.")] = None,
    database: Annotated[str, typer.Option(help="The name of the database.")] = "whodid",
    days: Annotated[int, typer.Option(help="Analyst, dashboard: only rows of so many days; 0 = all.", min=0)] = 0,
    user: Annotated[str, typer.Option(help="Make this user of the role, too.")] = "",
    password_file: Annotated[Path | None, typer.Option(help="Their password; its SHA-256 is printed.")] = None,
    form: Annotated[Form, typer.Option(help="SQL, or a file of users.d (of one role, with a user).")] = Form.SQL,
) -> None:
    """Print what each kind of user may do in ClickHouse, for an administrator to run (docs/clickhouse-users.md).

    Run it again after each upgrade: what a role had is taken back first. Nothing is sent anywhere.

    Examples:
      whodid store grants | clickhouse-client --multiquery
      whodid store grants --role analyst --days 90 --user ana --password-file ana.txt
      whodid store grants --role dashboard --form users.d --user grafana --password-file grafana.txt
    """
    for option, given in (("database", database), ("user", user)):
        if given and not re.fullmatch(_NAME, given):
            raise Invalid(option, "a name of letters, digits and _", given)
    names = [ROLES[one] for one in role or RoleName]
    if user and len(names) != 1:
        raise Invalid("role", "one role, when a user is made of it")
    if form is Form.USERS and not user:
        raise Invalid("user", "the name of one: a file of users.d has users, and no roles")
    if user and password_file is None:
        raise Invalid("password-file", "a file with the password of the user who is made")
    digest = _digest(password_file) if password_file else ""
    if form is Form.USERS:
        held = rights.users_file(names[0], database, user, {"password_sha256_hex": digest}, days)
        typer.echo(yaml.safe_dump(held, sort_keys=False, width=1000), nl=False)
        return
    for one in names:
        typer.echo(f"-- {one.name}: {one.purpose}")
        for statement in rights.statements(one, database, days):
            typer.echo(f"{statement};")
    if user:
        typer.echo(f"{rights.login(names[0], user, digest)};")


def _digest(path: Path) -> str:
    try:
        word = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid("password-file", "a text file that can be read", str(path)) from error
    if len(word) < 12:
        raise Invalid("password-file", "a password of 12 characters or more: its SHA-256 can be guessed at")
    return hashlib.sha256(word.encode()).hexdigest()
