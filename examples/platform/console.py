"""Serves the console of jurat beside the platform, at a port of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from config.settings import Settings
from console.app import LONGEST_BODY, create_app
from console.identity.links import Links
from console.identity.roles import person_of
from console.parts import Ways
from jurat.database import open_engine
from pages.server import beside, listen
from worker.keyring import fingerprints_of, seal_of_platforms

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
def console_beside(settings: Settings, port: int, timezone: str | None) -> Iterator[Beside]:
    """A console on the database of these settings, with times of `timezone`, until the end.

    Raises CannotListen if the port is taken.
    """
    engine, links = open_engine(settings.database_url, deadline=PATIENCE_S), Links()
    app = create_app(
        engine,
        Ways(links),
        fingerprints=fingerprints_of(settings),
        timezone=timezone,
        seal=seal_of_platforms(settings),
    )
    with closing(listen("127.0.0.1", port)) as listening, beside(app, listening, LONGEST_BODY):
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        made = [
            Link(name, f"{address}/en/sign-in/link/{links.make(person_of(name, roles))}")
            for name, roles in PEOPLE.items()
        ]
        yield Beside(address, made)
    engine.dispose()
