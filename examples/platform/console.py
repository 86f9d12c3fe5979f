"""Serves the console of jurat beside the platform, at a port of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from console.app import create_app
from console.links import Links
from console.parts import Ways
from console.roles import person_of
from jurat.database import open_engine
from pages.server import beside, listen

PEOPLE = {"rhea": ("reviewer",), "omar": ("administrator", "reviewer"), "nora": ("operator",)}
"""Who gets a link, and as what. Nora operates the workers, and has no account of the platform."""

PATIENCE_S = 5.0


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
    """A console on a database, until the end. Raises CannotListen if the port is taken."""
    engine, links = open_engine(database, deadline=PATIENCE_S), Links()
    with closing(listen("127.0.0.1", port)) as listening, beside(create_app(engine, Ways(links)), listening):
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        made = [
            Link(name, f"{address}/en/sign-in/link/{links.make(person_of(name, roles))}")
            for name, roles in PEOPLE.items()
        ]
        yield Beside(address, made)
    engine.dispose()
