"""What all commands share: options, help, and types of parameters."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

import click

from cli.output import MEANINGS, Exit, Output

F = TypeVar("F", bound=Callable[..., Any])

WIDTH = 100
_LONGEST_NAME = 200

ENVIRONMENT = {
    "JURAT_DATABASE_URL": "the shared database, postgresql://USER:PASSWORD@HOST/NAME or sqlite:///FILE "
    "(default sqlite:///jurat.db)",
    "JURAT_BROKER_URL": "the broker that carries bells, such as redis://HOST:6379/0, or none",
    "JURAT_SEAL_KEY": "the public key that answers are sealed with",
    "JURAT_UNSEAL_KEYS": "the private keys that open them, newest first; workers alone need them",
    "JURAT_HASH_KEYS": "the keys that access codes and numbers are hashed with, newest first",
    "JURAT_PRIVATE_NETWORKS": "the private networks and addresses that sources and proxies may be at, such as "
    "10.20.0.0/16, 192.168.4.7",
    "JURAT_REMOTE_CONTROL": "whether workers obey `celery inspect` and `celery control`: true or false (default false)",
    "JURAT_SOURCE_SECRETS": "the folder with the secrets of sources, which `{ file: NAME }` reads, and no other",
    "JURAT_LOG": "how logs are written: json or text (default text)",
}
"""The settings. Each also comes as NAME_FILE, the path of a file that holds it."""

_DEPENDENCIES = frozenset({"JURAT_DATABASE_URL", "JURAT_BROKER_URL"})


class ConfiguredName(click.ParamType[str]):
    """A name of something that a configuration names as well: a list of codes, a dataset."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuses what no configuration could name."""
        import re

        from config.limits import NAME_PATTERN

        if not re.fullmatch(NAME_PATTERN, value):
            self.fail("lower-case letters, digits, '-' and '_' are expected, at most 63", param, ctx)
        return str(value)


class Command(click.Command):
    """A command with `--json` and `--verbose`.

    `examples` are whole command lines; `environment` names the settings that it reads. `codes` says what its exit codes
    mean: those that are its own, beside wrong usage, and a dependency that is down where it reads of one.
    """

    def __init__(
        self,
        *args: Any,
        examples: Sequence[str] = (),
        environment: Sequence[str] = (),
        codes: Mapping[Exit, str] | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs["context_settings"] = {"max_content_width": WIDTH, **(kwargs.get("context_settings") or {})}
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)
        self.environment = tuple(environment)
        common = {Exit.DONE: "done", Exit.USAGE: MEANINGS[Exit.USAGE]}
        if not _DEPENDENCIES.isdisjoint(environment):
            common[Exit.DEPENDENCY] = MEANINGS[Exit.DEPENDENCY]
        self.codes = dict(sorted({**common, **(codes or {})}.items()))
        self.params += [_flag("--json", "json", "Print one JSON document."), _flag("--verbose", "verbose", _VERBOSE)]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples, settings, exit codes and what stands in `epilog`."""
        if self.examples:
            with formatter.section("Examples"):
                formatter.write("".join(f"  {line}\n" for example in self.examples for line in example.splitlines()))
        if self.environment:
            with formatter.section("Environment (each also as NAME_FILE, the path of a file that holds it)"):
                formatter.write_dl([(name, ENVIRONMENT[name]) for name in self.environment])
        with formatter.section("Exit codes"):
            always = [Exit.FAULT, Exit.INTERRUPTED]
            last = (", ".join(str(code.value) for code in always), "; ".join(MEANINGS[code] for code in always))
            formatter.write_dl([*((str(code.value), meaning) for code, meaning in self.codes.items()), last])
        super().format_epilog(ctx, formatter)


class Group(click.Group):
    """Commands about one subject."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["context_settings"] = {"max_content_width": WIDTH, **(kwargs.get("context_settings") or {})}
        super().__init__(*args, **kwargs)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they were written, which is the order of use."""
        return list(self.commands)


_VERBOSE = "Show a traceback when something fails."


def _flag(option: str, field: str, text: str) -> click.Option:
    def remember(context: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
        if value:
            setattr(context.ensure_object(Output), field, True)

    return click.Option([option], is_flag=True, is_eager=True, expose_value=False, callback=remember, help=text)


class NameParam(click.ParamType[str]):
    """A word of the contract: a consultation, participant or question."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuses what no database could hold."""
        if not 0 < len(value) <= _LONGEST_NAME or not value.isprintable():
            self.fail(f"1 to {_LONGEST_NAME} printable characters are expected", param, ctx)
        return str(value)


class CheckIdParam(click.ParamType[UUID]):
    """The id of a check."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> UUID:
        """A UUID in any of its usual forms."""
        try:
            return value if isinstance(value, UUID) else UUID(value)
        except ValueError:
            self.fail("a UUID is expected, as `jurat submit` prints it", param, ctx)


def as_option(function: F) -> F:
    """`--as NAME`: who does it, for the audit row."""
    option = click.option(
        "--as",
        "who",
        metavar="NAME",
        type=NameParam(),
        default=whoami,
        show_default="user@host",
        help="Who does this, as the audit row names it.",
    )
    return option(function)


def locale_option(function: F) -> F:
    """`--locale TAG`: the language of what a participant would read."""
    option = click.option(
        "--locale",
        metavar="TAG",
        default="en",
        show_default=True,
        help="Language of the message that may be shown to the participant, such as fr.",
    )
    return option(function)


def whoami() -> str:
    """The user and host that this process runs as. A container's user may have a number alone."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"
