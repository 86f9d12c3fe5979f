"""Writes data to standard output and messages to standard error. Lists the exit codes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any, TextIO

import click


class Exit(IntEnum):
    """How a command ended. A fault and an interruption have codes of their own, so that neither reads as a refusal."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    DEPENDENCY = 3
    PENDING = 4
    UNDETERMINED = 5
    LOST = 6
    FAULT = 70
    INTERRUPTED = 130


MEANINGS = {
    Exit.DONE: "done, or accepted",
    Exit.REFUSED: "refused, or something that was checked is wrong",
    Exit.USAGE: "wrong usage, settings or configuration, or a name that does not exist",
    Exit.DEPENDENCY: "the database or the broker is down, or is not what this program needs",
    Exit.PENDING: "still pending at the timeout",
    Exit.UNDETERMINED: "undetermined, or a person decides",
    Exit.LOST: "nothing is wrong, but a restored backup lost something",
    Exit.FAULT: "a fault in jurat itself",
    Exit.INTERRUPTED: "interrupted from the keyboard",
}


ACCESS_CODES = {
    "granted": Exit.DONE,
    "blocked": Exit.REFUSED,
    "pending": Exit.PENDING,
    "incomplete": Exit.UNDETERMINED,
}
"""The code of each state of an access."""


def outcome_code(outcome: str | None) -> Exit:
    """The code of a verdict."""
    return {"accepted": Exit.DONE, "refused": Exit.REFUSED}.get(outcome or "", Exit.UNDETERMINED)


class Failure(Exception):
    """Ends a command with a sentence for the operator, without secrets and personal data."""

    def __init__(self, sentence: str, code: Exit) -> None:
        super().__init__(sentence)
        self.code = code


class StepMark(StrEnum):
    """How one step ended. `note` is neither good nor bad; `down` is a dependency that does not answer."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"
    DOWN = "down"


_COLOURS = {StepMark.OK: "green", StepMark.NOTE: "cyan", StepMark.PROBLEM: "red", StepMark.DOWN: "red"}


@dataclass(frozen=True, slots=True)
class CheckupStep:
    """What one step found. `advice` says what to do about it."""

    name: str
    mark: StepMark
    found: str
    advice: str = ""


@dataclass
class Output:
    """A command's output. `json`: one JSON document instead of text; `verbose`: errors with a traceback."""

    json: bool = False
    verbose: bool = False

    def show(self, document: Any, lines: Iterable[str]) -> None:
        """Print the command's result on standard output: `document` as JSON, or `lines` as text."""
        if self.json:
            utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
            click.echo(json.dumps(document, ensure_ascii=not utf8, indent=2, default=_plain))
            return
        for line in lines:
            click.echo(line)

    def show_steps(self, steps: Sequence[CheckupStep], **more: Any) -> Exit:
        """Print the steps of a checkup, one a line. Returns the exit code for them."""
        marks = {step.mark for step in steps}
        code = Exit.REFUSED if StepMark.PROBLEM in marks else Exit.DONE
        code = Exit.DEPENDENCY if StepMark.DOWN in marks else code
        rows = [(step.mark, step.name, f"{step.found}{f' — {step.advice}' if step.advice else ''}") for step in steps]
        coloured = (
            click.style(step.mark, fg=_COLOURS[step.mark]) + line.removeprefix(step.mark)
            for step, line in zip(steps, columns(("", "step", "found"), rows)[1:], strict=True)
        )
        self.show({"ok": code is Exit.DONE, "steps": steps, **more}, coloured)
        return code

    def say(self, sentence: str) -> None:
        click.echo(sentence, err=True)


def columns(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """The lines of a table with aligned columns, nothing cut or wrapped; no lines without rows."""
    texts = [[_cell(value) for value in row] for row in rows]
    if not texts:
        return []
    texts.insert(0, [name.upper() for name in head])
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in texts]


def fields_of(value: Any, *names: str) -> dict[str, Any]:
    """Some fields of a value, by name."""
    return {name: getattr(value, name) for name in names}


@contextmanager
def new_file(path: Path, mode: int) -> Iterator[TextIO]:
    """A new file, open for writing, with these rights; removed if what follows fails. Raises Failure if it exists."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise Failure(f"{path}: exists and is not overwritten; choose another file", Exit.USAGE) from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            yield stream
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def time_text(moment: datetime | None) -> str:
    """A time for people: to the second, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ") if moment else "-"


def count_text(count: int, noun: str) -> str:
    """`1 zone`, `2 zones`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "-"
    return time_text(value) if isinstance(value, datetime) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value)
