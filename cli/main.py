"""The command line: lists the commands, and turns an error into a sentence and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import click

from cli.command import ENVIRONMENT, WIDTH, Group
from cli.output import MEANINGS, Exit, Failure, Output
from worker.installation import VERSION

PROGRAM: Final = "jurat"

_COMPLETE: Final = "_JURAT_COMPLETE"

SECTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "Run": {
        "demo": "See the whole way of a check in one process, with nothing to install.",
        "worker": "Run a worker: it looks up answers and writes verdicts.",
        "health": "Say whether the workers on this machine are alive.",
        "fleet": "List the workers of the database, on all machines.",
    },
    "Check answers": {
        "submit": "Submit one confirmed answer.",
        "status": "Show where checks stand, or a participant's access.",
        "wait": "Wait for a check's verdict.",
        "explain": "Show why a check ended as it did, rule by rule.",
    },
    "Decide": {
        "review": "List what waits for a person, look at it, and decide it.",
        "access": "Show a participant's access, revoke, restore or transfer it.",
        "reopen": "Allow a participant one more answer to a question.",
        "erase": "Erase a participant.",
    },
    "Administer": {
        "config": "Check, compare, publish and show the configuration.",
        "sources": "List, test and try sources, and begin new ones.",
        "zones": "Import zones, list them, and look at them.",
        "datasets": "Import, list and remove address bases and rosters.",
        "codes": "Generate, import and list access codes.",
    },
    "Set up": {
        "db": "Bring the database's schema up to date, and say how it stands.",
        "keys": "Generate keys.",
        "doctor": "Say what is set, from where, and what is wrong.",
    },
}
"""Every command with its line in the help, for which no command is loaded."""

_TARGETS: Final[Mapping[str, str]] = {
    name: f"cli.commands.{module}:{name}"
    for module, names in {
        "demo": ("demo",),
        "worker": ("worker",),
        "health": ("health",),
        "fleet": ("fleet",),
        "checks": ("submit", "status", "wait"),
        "explain": ("explain",),
        "reviews": ("review",),
        "participants": ("access", "reopen", "erase"),
        "config": ("config",),
        "sources": ("sources",),
        "zones": ("zones",),
        "datasets": ("datasets",),
        "codes": ("codes",),
        "db": ("db",),
        "keys": ("keys",),
        "doctor": ("doctor",),
    }.items()
    for name in names
}

_COMPLETION = f"""\b
Shell completion (bin/ must be on your PATH), for bash, zsh and fish:
  eval "$({_COMPLETE}=bash_source {PROGRAM})"       # in ~/.bashrc
  eval "$({_COMPLETE}=zsh_source {PROGRAM})"        # in ~/.zshrc
  {_COMPLETE}=fish_source {PROGRAM} | source        # in ~/.config/fish/config.fish"""


class Root(Group):
    """The commands of `SECTIONS`, loaded when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the help."""
        return [name for section in SECTIONS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself."""
        return load(cmd_name) if cmd_name in _TARGETS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Click looks for what was meant among the commands that it holds, which are none."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            raise click.exceptions.NoSuchCommand(error.command_name, possibilities=_TARGETS, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One section for each kind of work."""
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Settings, exit codes, completion."""
        with formatter.section("Environment (each also as NAME_FILE, the path of a file that holds it)"):
            formatter.write_dl(list(ENVIRONMENT.items()))
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code.value), meaning) for code, meaning in MEANINGS.items()])
        super().format_epilog(ctx, formatter)


def load(name: str) -> click.Command:
    """The command of this name, imported."""
    module, _, attribute = _TARGETS[name].partition(":")
    command: click.Command = getattr(importlib.import_module(module), attribute)
    return command


@click.group(
    cls=Root,
    name=PROGRAM,
    epilog=_COMPLETION,
    subcommand_metavar="COMMAND …",
    context_settings={"max_content_width": WIDTH},
)
@click.version_option(VERSION, prog_name=PROGRAM, message="%(prog)s %(version)s")
def root() -> None:
    """Check the answers of participants against slow outside sources, and keep the verdicts in a shared database.

    Data goes to standard output, talk to standard error. Every command has --json and --help.
    """


def run(args: Sequence[str]) -> int:
    """Run one command line; its exit code. Never raises, and shows a traceback only with `--verbose`."""
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
        # Whoever read our output has seen enough; nothing more can be written there, at the interpreter's end neither.
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
    """What went wrong, in a sentence or several, and the exit code that says so."""
    match error:
        case Failure(code=code):
            return str(error).splitlines(), code
        case click.UsageError(ctx=context):
            path = context.command_path if context else PROGRAM
            return [f"{error.format_message().rstrip('. ')}; see `{path} --help`"], Exit.USAGE
        case click.ClickException():
            return [error.format_message()], Exit.USAGE
    return _of_jurat(error) or _of_the_system(error) or _fault(error)


def _of_jurat(error: Exception) -> tuple[list[str], Exit] | None:
    from adapters.zone_import.files import ZoneFileError
    from config.problems import InvalidConfiguration
    from config.settings import SettingsError
    from jurat.errors import JuratError, SchemaMissing, WaitTimeout
    from store.configurations.consultations import NotPublished, Unpublishable
    from store.requests.request_rows import CannotBeDone, WrongRequest

    match error:
        case WrongRequest() | NotPublished():
            return [str(error)], Exit.USAGE
        case Unpublishable() | CannotBeDone():
            return [str(error)], Exit.REFUSED
        case ZoneFileError():
            return str(error).splitlines(), Exit.USAGE
        case SchemaMissing():
            return [str(error)], Exit.DEPENDENCY
        case WaitTimeout():
            return [str(error)], Exit.PENDING
        case JuratError():
            return [str(error)], Exit.USAGE
        case SettingsError(problems=problems):
            return list(problems), Exit.USAGE
        case InvalidConfiguration(problems=problems):
            return [str(problem) for problem in problems], Exit.USAGE
    return None


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
            return ["the database gives no further connection; try again later"], Exit.DEPENDENCY
        case DBAPIError(orig=orig):
            state = getattr(orig, "sqlstate", None) or type(orig).__name__
            said = first_line(orig) if _harmless(orig) else "add --verbose for the details"
            return [f"the database refused a statement ({state}): {said}"], Exit.DEPENDENCY
        case OSError(strerror=str(reason), filename=name) if name is not None:
            return [f"{os.fsdecode(name)}: {reason}"], Exit.USAGE
    return None


def _fault(error: Exception) -> tuple[list[str], Exit]:
    place = next(_places(error), "")
    return [f"this is a fault in jurat: {type(error).__name__}{place}; add --verbose and report it"], Exit.FAULT


def _harmless(orig: object) -> bool:
    """Whether what the database said names no value: it lacks a privilege, a table or a disk, or is no database."""
    return getattr(orig, "sqlstate", None) is None or str(getattr(orig, "sqlstate", ""))[:2] in ("42", "53", "58", "25")


def _places(error: Exception) -> Iterator[str]:
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if "site-packages" not in frame.filename:
            yield f" in {os.path.relpath(frame.filename)}:{frame.lineno}"
