"""`make platform`: the platform of Valmont with everything that it needs, in one process."""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import available_timezones

import sqlalchemy
from sqlalchemy.exc import SQLAlchemyError

from config.settings import LogFormat, Settings, SettingsError, read_settings
from examples.platform import seed, town
from examples.platform.console import console_beside
from examples.platform.web.app import TIMEZONE, create_app
from examples.platform.web.parts import Parts
from examples.platform.welcome import welcome
from examples.sources import registry
from examples.sources.answer import Answer
from examples.sources.moods import Mood
from examples.sources.server import Sources
from jurat import Client, JuratError
from jurat.database import is_away, open_engine
from jurat.seal import generate, key_to_text
from pages.server import CannotListen, listen, run
from worker.cores import leave_none
from worker.embedded import embedded
from worker.logs import set_up
from worker.service import open_service

PORT, CONSOLE_PORT = 8080, 8098
SLOW_S = 3.0
"""Seconds that a slow registry takes: long enough to see that an answer is on its way."""

GRACE_S = 3.0
SETTINGS = "settings.env"
_HERE = {"JURAT_PRIVATE_NETWORKS": "127.0.0.1"}
"""The invented registries run on this machine, which sources may be on if the operator says so."""


class NotStarted(Exception):
    """Why the platform does not start, and what to do."""


def main(arguments: list[str] | None = None) -> int:
    """Run until Ctrl-C or SIGTERM; the exit code."""
    given = _read(arguments)
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            _start(given, stack)
    except KeyboardInterrupt:  # before it served
        return 0
    except (NotStarted, CannotListen, SettingsError, JuratError) as error:
        return _fail(str(error))
    except SQLAlchemyError as error:
        return _fail(_about_database(error))
    except OSError as error:
        return _fail(f"{error.filename or 'a file'} cannot be used: {error.strerror or type(error).__name__}")
    return 0


def _read(arguments: list[str] | None) -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="make platform", description=__doc__, allow_abbrev=False)
    options.add_argument("--port", type=_port, default=PORT, metavar="N", help=f"where it listens ({PORT})")
    options.add_argument(
        "--console-port", type=_port, default=CONSOLE_PORT, metavar="N", help=f"where its console does ({CONSOLE_PORT})"
    )
    options.add_argument(
        "--keep",
        type=Path,
        metavar="DIR",
        help="keep database and keys in this folder, and use them again next time",
    )
    options.add_argument(
        "--database", metavar="URL", help="a database other than SQLite in that folder: postgresql://…; needs --keep"
    )
    options.add_argument(
        "--registry",
        choices=("well", "slow", "down"),
        default="well",
        help="the state of the invented registry of professionals, to see what participants see then",
    )
    given = options.parse_args(arguments)
    if given.database and not given.keep:
        options.error("--database needs --keep DIR: without its keys no one can read what is in the database")
    return given


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) >= 1 << 16:
        raise argparse.ArgumentTypeError("use a number from 1 to 65535, or 0 for any free port")
    return int(text)


def _start(given: argparse.Namespace, stack: ExitStack) -> None:
    try:
        listening = stack.enter_context(listen("127.0.0.1", given.port))
    except CannotListen as error:
        raise NotStarted(f"{error}. Is it already running? Another port: make platform ARGS='--port 8081'") from None
    print("Making the town of Valmont …", file=sys.stderr, flush=True)
    os.umask(0o077)  # keys, answers and sessions are for no one else on this machine
    if given.keep:
        folder = given.keep.absolute()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    else:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="valmont-")))
    for file in folder.glob("valmont.db*"):  # an older release left them as the folder was
        file.chmod(0o600)
    kept = _kept(folder, given.database)
    secret = kept.take()
    set_up(LogFormat.TEXT, logging.ERROR)
    settings = read_settings()
    sources = stack.enter_context(_sources(given.registry))
    engine = open_engine(settings.database_url)
    stack.callback(engine.dispose)
    codes, new = _seed(settings, engine, sources, kept)
    working = stack.enter_context(embedded(settings))
    client = Client(settings.database_url, None, settings.seal_key)
    stack.callback(client.close)
    timezone = TIMEZONE if TIMEZONE in available_timezones() else None
    beside = stack.enter_context(console_beside(settings, given.console_port, timezone))
    made = Parts(engine, client, engine, working.wake, console=beside.address, legal=town.LEGAL)
    app = create_app(made, secret, timezone=timezone)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    run(app, listening, lambda: welcome(address, codes, kept.file, beside.links, new=new), GRACE_S)


def _sources(how: str) -> Sources:
    def late(method: str, path: str, query: Mapping[str, str], body: bytes) -> Answer:
        time.sleep(SLOW_S)
        return registry.answer(method, path, query, body)

    made = Sources(services={"registry": late} if how == "slow" else {})
    if how == "down":
        made.switch(Mood.OK, Mood.DOWN)
    return made


def _seed(settings: Settings, engine: sqlalchemy.Engine, sources: Sources, kept: Kept) -> tuple[list[str], bool]:
    """Codes to try, and whether the town is new in this database."""
    _look_at(engine, kept)
    service = open_service(settings)
    try:
        codes = seed.seed(service, sources.url().removesuffix("/moods/ok"), kept.file.parent)
    finally:
        service.close()
    return codes, town.seed(engine)


def _look_at(engine: sqlalchemy.Engine, kept: Kept) -> None:
    """Refuse a database that belongs to another installation."""
    with engine.begin() as connection:
        tables = sqlalchemy.inspect(connection).get_table_names()
        ours = "platform_accounts" in tables and town.seeded(connection)
        configured = "jurat_configs" in tables and connection.scalar(
            sqlalchemy.text("SELECT count(*) FROM jurat_configs")
        )
    if ours and kept.new:
        raise NotStarted(
            f"this database was made with keys other than those in {kept.file}: name the folder that has them with "
            "--keep, or use an empty database"
        )
    if configured and not ours and kept.new:
        raise NotStarted(
            "this database already has a configuration of jurat, which this one would replace: use an empty database"
        )


@dataclass(frozen=True)
class Kept:
    """Settings in a file, so that the next start, and `bin/jurat`, can use the same database."""

    file: Path
    values: Mapping[str, str]
    new: bool

    def take(self) -> bytes:
        """Make them this process's own, whatever its environment says; the secret of the platform's sessions."""
        for name in [name for name in os.environ if name.startswith("JURAT_")]:
            del os.environ[name]
        os.environ.update({name: value for name, value in self.values.items() if name.startswith("JURAT_")})
        return self.values["PLATFORM_SECRET"].encode()


def _kept(folder: Path, database: str | None) -> Kept:
    file = folder / SETTINGS
    if not file.exists():
        private, public = generate()
        values = {
            "JURAT_DATABASE_URL": database or f"sqlite:///{folder / 'valmont.db'}",
            "JURAT_BROKER_URL": "none",
            "JURAT_SEAL_KEY": key_to_text(public),
            "JURAT_UNSEAL_KEYS": key_to_text(private),
            "JURAT_HASH_KEYS": key_to_text(os.urandom(32)),
            **_HERE,
            "PLATFORM_SECRET": secrets.token_urlsafe(32),
        }
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
            stream.writelines(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
        return Kept(file, values, new=True)
    try:
        values = _HERE | dict(word.split("=", 1) for word in shlex.split(file.read_text("utf-8")))
        known = values["JURAT_DATABASE_URL"], values["PLATFORM_SECRET"]
    except (ValueError, KeyError):
        raise NotStarted(f"{file} has been changed; remove the folder, or choose another one") from None
    if database and database != known[0]:
        raise NotStarted(f"{folder} belongs to another database: leave out --database, or choose another folder")
    return Kept(file, values, new=False)


def _about_database(error: SQLAlchemyError) -> str:
    if is_away(error):
        return "the database does not answer: check that it runs, and that --database is right"
    return f"the database refused a step ({type(error).__name__}): check that this user may create tables in it"


def _fail(sentence: str) -> int:
    print("\n".join(f"platform: {line}" for line in sentence.splitlines()), file=sys.stderr)
    return 2


if __name__ == "__main__":
    leave_none()  # it holds keys
    sys.exit(main())
