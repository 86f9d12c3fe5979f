"""Starts the console of jurat beside the platform, as a process of its own that has no key of the workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

PEOPLE = ("reviewer:rhea", "administrator,reviewer:omar", "operator:nora")
"""Who gets a link, and as what. Nora operates the workers, and has no account of the platform."""

_GRACE_S = 15.0


class ConsoleFailed(Exception):
    """The console does not start; says why."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link that signs somebody in, once."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Beside:
    """Where the console is, and the links to it."""

    address: str
    links: Sequence[Link]


@contextmanager
def console_beside(database: str, port: int) -> Iterator[Beside]:
    """A console on a database, until the end. Raises ConsoleFailed."""
    links = [part for person in PEOPLE for part in ("--link", person)]
    command = [sys.executable, "-P", "-m", "cli", "console", "--json", "--listen", f"127.0.0.1:{port}", *links]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JURAT_")}
    environment["JURAT_DATABASE_URL"] = database
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
    try:
        assert process.stdout
        said = _document(process.stdout)
        if said is None:
            raise ConsoleFailed("the console did not start. Is its port taken? Another one: --console-port 8099")
        yield Beside(said["address"], [Link(link["name"], link["url"]) for link in said["links"]])
    finally:
        process.terminate()
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _document(lines: IO[str]) -> Any:
    """The first JSON document of a process; None where it ends without one."""
    text = ""
    for line in lines:
        text += line
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            continue
    return None
