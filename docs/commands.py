"""Lists the commands, and writes their reference from their help, for docs.generate."""
# ruff: noqa: INP001 - next to docs.generate, which is no package either

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from cli.command import ENVIRONMENT
from cli.main import SECTIONS, load, root
from cli.output import MEANINGS
from docs.markdown import wrapped
from docs.texts import DOCS

PAGE = DOCS / "reference" / "commands.md"

_HEAD = """# Commands

Generated from the commands' help by `python -m docs.generate`; a test keeps it up to date.

Data goes to standard output, messages to standard error. Every command has `--help`, and `--json` for one JSON document
instead of text. An error is a sentence on standard error and an exit code; `--verbose` adds a traceback.
"""

_EVERYWHERE = ("json", "verbose")

_COMPLETION = """
## Shell completion

`bin/` must be on your `PATH`.

| shell | line for its start-up file |
|---|---|
| bash | `eval "$(_JURAT_COMPLETE=bash_source jurat)"` |
| zsh | `eval "$(_JURAT_COMPLETE=zsh_source jurat)"` |
| fish | `_JURAT_COMPLETE=fish_source jurat \\| source` |
"""


def reference() -> str:
    """The whole page, in Markdown."""
    lines = [_HEAD]
    lines += [f"- [`{name}`](#jurat-{name}): {line}" for part in SECTIONS.values() for name, line in part.items()]
    lines += ["", "## Exit codes", "", "| code | meaning |", "|---|---|"]
    lines += [f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items()]
    lines += ["", "## Environment", "", "Each also as `NAME_FILE`, the path of a file that holds it."]
    lines += ["", *(f"- `{name}`: {meaning}" for name, meaning in ENVIRONMENT.items())]
    lines += [_COMPLETION.rstrip()]
    context = click.Context(root, info_name="jurat", **root.context_settings)
    for part in SECTIONS.values():
        for name in part:
            lines += _section(load(name), name, context, 2)
    return "\n".join(map(wrapped, lines)) + "\n"


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command of the tree with its path, such as `config apply`."""
    for part in SECTIONS.values():
        for name in part:
            command = load(name)
            yield name, command
            if isinstance(command, click.Group):
                yield from ((f"{name} {below}", child) for below, child in command.commands.items())


def _section(command: click.Command, name: str, above: click.Context, level: int) -> Iterator[str]:
    context = click.Context(command, parent=above, info_name=name)
    yield from ("", f"{'#' * level} {context.command_path}", "")
    paragraphs = inspect.cleandoc(command.help or "").replace("\b\n", "").split("\n\n")
    for paragraph in paragraphs:
        yield from (paragraph.replace("\n", " "), "")
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            yield from _section(command.commands[below], below, context, level + 1)
        return
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield from ("```", usage, "```", "")
    for parameter in command.params:
        record = None if parameter.name in _EVERYWHERE else parameter.get_help_record(context)
        if record and record[1]:
            yield f"- `{record[0]}`: {' '.join(record[1].split())}"
    if examples := getattr(command, "examples", ()):
        yield from ("", "```sh", *examples, "```")
    if names := getattr(command, "environment", ()):
        yield from ("", f"Reads {', '.join(f'`{name}`' for name in names)}.")
    if codes := getattr(command, "codes", {}):
        yield from ("", f"Ends with {'; '.join(f'`{code.value}`: {meaning}' for code, meaning in codes.items())}.")
