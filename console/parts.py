"""What every page works with: the database, the fleet's watch, the sessions, and the ways to sign in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from flask import current_app
from sqlalchemy import Engine

from adapters.fingerprints import Fingerprints
from console.background import Background
from console.database import Database
from console.identity.links import Links
from console.identity.oidc import OpenIdConnect, Provider
from console.identity.proxy import TrustedProxy
from console.identity.sessions import MemorySessions
from console.uploads import Uploads
from jurat.seal_keys import SealOf
from worker.metrics.fleet_watch import FleetWatch

_KEY = "jurat-console"


@dataclass(frozen=True, slots=True)
class Ways:
    """How people sign in, and the address at which browsers reach the console, if that is not on this machine."""

    links: Links
    proxy: TrustedProxy | None = None
    provider: Provider | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """One process's parts. Threads share them. `fingerprints` needs the keys that codes and numbers are hashed with,
    and `seal` the public key that answers are sealed for; None where the console has none.
    """

    database: Database
    watch: FleetWatch
    sessions: MemorySessions
    ways: Ways
    openid: OpenIdConnect | None
    fingerprints: Fingerprints | None
    seal: SealOf | None
    uploads: Uploads = field(default_factory=Uploads)
    background: Background = field(default_factory=Background)


def install(
    app: Any,
    engine: Engine,
    sessions: MemorySessions,
    ways: Ways,
    fingerprints: Fingerprints | None,
    seal: SealOf | None,
) -> None:
    """Give an application its parts."""
    database = Database(engine)
    openid = OpenIdConnect(app, ways.provider) if ways.provider else None
    app.extensions[_KEY] = Parts(database, FleetWatch(database.reader), sessions, ways, openid, fingerprints, seal)


def parts() -> Parts:
    """The parts of the application that serves this request."""
    return cast("Parts", current_app.extensions[_KEY])
