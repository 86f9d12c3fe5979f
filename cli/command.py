"""What all commands share: help, options, and types of parameters."""

from __future__ import annotations

import getpass
import os
import re
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import click

from cli.output import MEANINGS, Exit, Failure, Output

_LONGEST_NAME = 200

ENVIRONMENT = {
    "JURAT_DATABASE_URL": "the shared database, postgresql://USER:PASSWORD@HOST/NAME or sqlite:///FILE "
    "(default sqlite:///jurat.db)",
    "JURAT_BROKER_URL": "the broker that carries bells, such as redis://HOST:6379/0, or none",
    "JURAT_SEAL_KEY": "the public key that answers are sealed with, or ed25519: and the key that signs it",
    "JURAT_UNSEAL_KEYS": "the private keys that open them, newest first; workers alone need them",
    "JURAT_HASH_KEYS": "the keys that access codes and numbers are hashed with, newest first",
    "JURAT_PRIVATE_NETWORKS": "the private networks and addresses where sources and proxies may be, such as "
    "10.20.0.0/16, 192.168.4.7",
    "JURAT_REMOTE_CONTROL": "whether workers answer `celery inspect`: true or false (default false)",
    "JURAT_SOURCE_SECRETS": "the only folder from which `{ file: NAME }` reads the secrets of sources",
    "JURAT_LISTEN": "where to serve health and metrics: HOST:PORT, or :PORT for all addresses",
    "JURAT_ERASURE_JOURNAL": "a file that remembers erasures, by keyed hashes, in case a backup is restored",
    "JURAT_OIDC_SECRET": "the secret with which the console signs people in at an OpenID provider",
    "JURAT_LOG": "the format of logs: json or text (default text)",
}
"""The settings. Each can also be given as NAME_FILE, the path of a file that holds it."""

ENVIRONMENT_TITLE = "Environment (each also as NAME_FILE, the path of a file that holds it)"

_DEPENDENCIES = frozenset({"JURAT_DATABASE_URL", "JURAT_BROKER_URL"})


def configured_name(value: str) -> str:
    """A name that a configuration can have, too: of a code list, of a dataset."""
    from config.names import NAME_PATTERN

    if not re.fullmatch(NAME_PATTERN, value):
        raise click.BadParameter("lower-case letters, digits, '-' and '_' are expected, at most 63")
    return value


def contract_name(value: str) -> str:
    """A name of the contract: of a consultation, participant or question."""
    if not 0 < len(value) <= _LONGEST_NAME or not value.isprintable():
        raise click.BadParameter(f"1 to {_LONGEST_NAME} printable characters are expected")
    return value


def check_id(value: str) -> UUID:
    """The id of a check."""
    try:
        return UUID(value)
    except ValueError:
        raise click.BadParameter("a UUID is expected, as `jurat submit` prints it") from None


def named_columns(value: str) -> dict[str, str]:
    """Which column of a CSV file is what: `number=NUMERO,street=RUE`."""
    found: dict[str, str] = {}
    for part in value.split(","):
        field, equals, column = (text.strip() for text in part.partition("="))
        if not (equals and field and column):
            raise click.BadParameter(f"{part.strip()!r} is no FIELD=COLUMN, such as street=RUE")
        if field in found:
            raise click.BadParameter(f"{field} is named twice")
        found[field] = column
    return found


def future_moment(past: str, *, whole_day: bool = False) -> Callable[[str], datetime]:
    """A day, which begins in UTC, or a time with its offset; in UTC and not past.

    With `whole_day`, a day means its end. `past` says what is wrong with a moment that has passed.
    """

    def parse(value: str) -> datetime:
        moment = _moment(value, whole_day=whole_day)
        if moment <= datetime.now(UTC):
            raise click.BadParameter(past)
        return moment

    return parse


def any_moment(value: str) -> datetime:
    """A day, which begins in UTC, or a time with its offset; in UTC."""
    return _moment(value, whole_day=False)


def past_moment(value: str) -> datetime:
    """A day, which begins in UTC, or a time with its offset; in UTC and not in the future."""
    moment = _moment(value, whole_day=False)
    if moment > datetime.now(UTC):
        raise click.BadParameter("that time is in the future; give the time to which the database was restored")
    return moment


def _moment(value: str, *, whole_day: bool) -> datetime:
    from config.moments import moment_of

    try:
        return moment_of(value, whole_day=whole_day)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


class Command(click.Command):
    """A command with `--json` and `--verbose`, whose function gets the Output first.

    `examples` are whole command lines; `environment` names the settings that it reads. `codes` says what its own exit
    codes mean; wrong usage and, if it reads the address of one, a dependency that is down are added.
    """

    def __init__(
        self,
        *,
        callback: Callable[..., Exit | None],
        examples: Sequence[str] = (),
        environment: Sequence[str] = ("JURAT_DATABASE_URL",),
        codes: Mapping[Exit, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(callback=click.pass_obj(callback), **kwargs)
        self.examples = tuple(examples)
        self.environment = tuple(environment)
        common = {Exit.DONE: "done", Exit.USAGE: MEANINGS[Exit.USAGE]}
        if not _DEPENDENCIES.isdisjoint(environment):
            common[Exit.DEPENDENCY] = MEANINGS[Exit.DEPENDENCY]
        self.codes = dict(sorted({**common, **(codes or {})}.items()))
        self.params += [_flag("--json", "json", "Print one JSON document."), _flag("--verbose", "verbose", _VERBOSE)]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                formatter.write("".join(f"  {line}\n" for example in self.examples for line in example.splitlines()))
        if self.environment:
            with formatter.section(ENVIRONMENT_TITLE):
                formatter.write_dl([(name, ENVIRONMENT[name]) for name in self.environment])
        with formatter.section("Exit codes"):
            always = [Exit.FAULT, Exit.INTERRUPTED]
            last = (", ".join(str(code.value) for code in always), "; ".join(MEANINGS[code] for code in always))
            formatter.write_dl([*((str(code.value), meaning) for code, meaning in self.codes.items()), last])
        super().format_epilog(ctx, formatter)


def command(**attributes: Any) -> Callable[[Callable[..., Exit | None]], Command]:
    """Makes a function a Command that is in no group."""
    return click.command(cls=Command, **attributes)


class Group(click.Group):
    """Commands about one subject."""

    command_class = Command
    group_class = type

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order of the code, which is the order of use


_VERBOSE = "Show a traceback when something fails."


def _flag(option: str, field: str, text: str) -> click.Option:
    def remember(context: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
        if value:
            setattr(context.ensure_object(Output), field, True)

    return click.Option([option], is_flag=True, is_eager=True, expose_value=False, callback=remember, help=text)


def confirm(warning: str, question: str) -> bool:
    """Whether the person at the terminal says yes. Raises Failure without a terminal."""
    if not at_terminal():
        raise Failure(f"{warning} There is no terminal to ask at; add --yes", Exit.USAGE)
    return click.confirm(f"{warning} {question}", err=True)


def at_terminal() -> bool:
    """Whether standard input is a terminal."""
    return sys.stdin.isatty()


def whoami() -> str:
    """The user and host of this process. A container's user may have only a number."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


check_argument = click.argument("check_id", metavar="ID", type=check_id)
as_option = click.option(
    "--as",
    "who",
    metavar="NAME",
    type=contract_name,
    default=whoami,
    show_default="user@host",
    help="Who does this, for the audit.",
)
from_option = click.option(
    "--from",
    "begins",
    type=future_moment("it has passed already: remove --from, and the zones are in force at once"),
    metavar="DATE",
    help="When they come into force: a day (in UTC), or a time with its offset.  [default: at once]",
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Read and check the file, and change nothing.")
without_number_option = click.option(
    "--without-number",
    "streets",
    metavar="VALUE,…",
    type=lambda value: list(filter(None, value.split(","))),
    default="",
    show_default="none",
    help="Values of the column of numbers that cannot be read and stand for no house, such as SN,km; with `ranges` "
    "also 12-26. Such a row shows its street alone.",
)
locale_option = click.option(
    "--locale", metavar="TAG", default="en", help="Language of the message for the participant, such as fr."
)
