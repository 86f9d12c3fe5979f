"""The command line: lists the commands, and turns errors into a sentence and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import click

from cli.command import ENVIRONMENT, ENVIRONMENT_TITLE, Group
from cli.output import MEANINGS, Exit, Failure, Output
from store.schema.release import VERSION

PROGRAM: Final = "jurat"

_COMPLETE: Final = "_JURAT_COMPLETE"
_HARMLESS: Final = ("42", "53", "58", "25")

SECTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "Run": {
        "demo": "Run the whole life of a check in one process, with nothing to install.",
        "worker": "Run a worker: it looks up answers and writes verdicts.",
        "health": "Say whether the workers on this machine are alive.",
        "fleet": "List the workers of the database, on all machines.",
        "now": "Say what someone should look at, over the whole fleet.",
        "console": "Show what waits and what is wrong in a browser, and decide reviews there.",
        "exporter": "Show the figures of the whole fleet to Prometheus.",
    },
    "Check answers": {
        "submit": "Submit one confirmed answer.",
        "status": "Show the state of checks, or a participant's access.",
        "wait": "Wait for a check's verdict.",
        "explain": "Show why a check was decided so, rule by rule.",
    },
    "Decide": {
        "review": "List, show and decide checks that wait for a person.",
        "access": "Show, revoke, restore or transfer a participant's access.",
        "reopen": "Allow a participant one more answer to a question.",
        "erase": "Erase a participant.",
        "withdraw": "Withdraw transfers and erasures that still have to wait.",
    },
    "Administer": {
        "config": "Check, compare, publish and show the configuration.",
        "sources": "List, test and try sources, and start new ones.",
        "zones": "Import, list, draw and compare zones.",
        "datasets": "Import, list and remove address bases and rosters.",
        "codes": "Generate, import and list access codes.",
    },
    "Set up": {
        "db": "Bring the database's schema up to date, and show its state.",
        "keys": "Generate keys, check stored copies of them, and replace them.",
        "backup": "Note that the database was backed up.",
        "reconcile": "Compare a platform's checks with the database, after a backup was restored.",
        "audit": "Show who did what.",
        "history": "Seal what was decided and done, so that any change to it is found.",
        "doctor": "Show what is set, from where, and what is wrong.",
    },
}
"""Every command with its line in the help, so that the help loads no command."""

_COMMANDS: Final = tuple(name for section in SECTIONS.values() for name in section)
_MODULES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("submit", "status", "wait"), "checks"),
    **dict.fromkeys(("access", "reopen", "erase"), "participants"),
    "review": "reviews",
}
"""The modules in `cli.commands` that are not named as their command."""

_COMPLETION = f"""\b
Shell completion (bin/ must be on your PATH), for bash, zsh and fish:
  eval "$({_COMPLETE}=bash_source {PROGRAM})"       # in ~/.bashrc
  eval "$({_COMPLETE}=zsh_source {PROGRAM})"        # in ~/.zshrc
  {_COMPLETE}=fish_source {PROGRAM} | source        # in ~/.config/fish/config.fish"""


class Root(Group):
    """The commands of `SECTIONS`, loaded when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return load(cmd_name) if cmd_name in _COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Adds the hint "Did you mean", for Click knows no commands that are not loaded."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(error.command_name, possibilities=_COMMANDS, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(ENVIRONMENT_TITLE):
            formatter.write_dl(list(ENVIRONMENT.items()))
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code.value), meaning) for code, meaning in MEANINGS.items()])
        super().format_epilog(ctx, formatter)


def load(name: str) -> click.Command:
    """The command of this name, imported."""
    command: click.Command = getattr(importlib.import_module(f"cli.commands.{_MODULES.get(name, name)}"), name)
    return command


@click.group(
    cls=Root,
    name=PROGRAM,
    epilog=_COMPLETION,
    subcommand_metavar="COMMAND …",
    context_settings={"max_content_width": 100, "show_default": True},  # all commands inherit them
)
@click.version_option(VERSION, prog_name=PROGRAM, message="%(prog)s %(version)s")
def root() -> None:
    """Check the answers of participants against slow outside sources, and keep the verdicts in a shared database.

    Data goes to standard output, messages to standard error. Every command has --json and --help.
    """


def run(args: Sequence[str]) -> int:
    """Run one command line, and return its exit code. Never raises; shows a traceback only with `--verbose`."""
    if instruction := os.environ.get(_COMPLETE):
        from click.shell_completion import shell_complete

        return shell_complete(root, {}, PROGRAM, _COMPLETE, instruction)
    output = Output()
    colour = False if os.environ.get("NO_COLOR") else None
    try:
        with root.make_context(PROGRAM, list(args), obj=output, color=colour) as context:
            ended = root.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except BrokenPipeError:
        # The reader of our output is gone. Nothing more can be written there, not even when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    except (click.Abort, KeyboardInterrupt, EOFError):
        click.echo("\njurat: interrupted", err=True)
        return Exit.INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return Exit.USAGE
    except Exception as error:  # noqa: BLE001 - the one place where each becomes a sentence
        if output.verbose:
            traceback.print_exc()
        sentences, code = explain(error)
        for sentence in sentences:
            click.echo(f"{PROGRAM}: {sentence}", err=True)
        return code
    return ended if isinstance(ended, Exit) else Exit.DONE


def explain(error: Exception) -> tuple[list[str], Exit]:
    """What went wrong, in one or more sentences, and the exit code."""
    match error:
        case Failure(code=code):
            return str(error).splitlines(), code
        case click.UsageError(ctx=context):
            path = context.command_path if context else PROGRAM
            return [f"{error.format_message().rstrip('. ')}; see `{path} --help`"], Exit.USAGE
        case click.ClickException():
            return [error.format_message()], Exit.USAGE
    place = next(_places(error), "")
    fault = f"this is a fault in jurat: {type(error).__name__}{place}; add --verbose and report it"
    return _of_jurat(error) or _of_the_system(error) or ([fault], Exit.FAULT)


def _of_jurat(error: Exception) -> tuple[list[str], Exit] | None:
    from adapters.file_lines import FileError
    from adapters.zone_import.files import ZoneFileError
    from config.problems import InvalidConfiguration
    from config.secrets import SecretError
    from config.settings import SettingsError
    from jurat.errors import JuratError, SchemaMissing, WaitTimeout
    from jurat.seal import Unopenable
    from store.configurations.consultations import NotPublished, Unpublishable
    from store.requests.request_rows import CannotBeDone, WrongRequest

    match error:
        case WrongRequest() | NotPublished():
            code = Exit.USAGE
        case Unpublishable() | CannotBeDone() | Unopenable():
            code = Exit.REFUSED
        case SchemaMissing():
            code = Exit.DEPENDENCY
        case WaitTimeout():
            code = Exit.PENDING
        case JuratError() | ZoneFileError() | FileError() | SettingsError() | SecretError() | InvalidConfiguration():
            code = Exit.USAGE
        case _:
            return None
    return str(error).splitlines(), code


def _of_the_system(error: Exception) -> tuple[list[str], Exit] | None:
    from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
    from sqlalchemy.exc import TimeoutError as NoConnection

    from jurat.database import is_read_only
    from worker.database import advice_on, first_line

    match error:
        case DBAPIError() if is_read_only(error):
            said = first_line(error.orig)
            return [f"the database is read-only: {said}; {advice_on(said)}"], Exit.DEPENDENCY
        case OperationalError() | InterfaceError():
            return [f"the database cannot be used: {first_line(error.orig)}"], Exit.DEPENDENCY
        case NoConnection():
            return ["the database accepts no further connection; try again later"], Exit.DEPENDENCY
        case DBAPIError(orig=orig):
            state = getattr(orig, "sqlstate", None)
            # Messages about a missing privilege, table or disk hold no data, nor do those of what is no database.
            harmless = state is None or str(state)[:2] in _HARMLESS
            said = first_line(orig) if harmless else "add --verbose for the details"
            return [f"the database refused a statement ({state or type(orig).__name__}): {said}"], Exit.DEPENDENCY
        case OSError(strerror=str(reason), filename=name) if name is not None:
            return [f"{os.fsdecode(name)}: {reason}"], Exit.USAGE
    return None


def _places(error: Exception) -> Iterator[str]:
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if "site-packages" not in frame.filename:
            yield f" in {os.path.relpath(frame.filename)}:{frame.lineno}"
