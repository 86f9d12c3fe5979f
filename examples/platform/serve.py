"""The web tier alone, as it runs next to workers of its own: it needs the wheel and `requirements/examples.txt`.

    python -m examples.platform.serve

Its settings are in the environment (README.md), each also as NAME_FILE, the path of a file that holds it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from werkzeug.middleware.proxy_fix import ProxyFix

from examples.platform.web.app import TIMEZONE, create_app
from examples.platform.web.parts import LEGAL, Parts
from examples.platform.web.patience import be_patient
from jurat import Client, JuratError
from jurat.database import open_engine
from pages.server import CannotListen, listen, run

SHORTEST_SECRET = 32


class NotSet(Exception):
    """Settings that are missing or cannot be used. `str` has a line for each, and shows no value."""


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; the exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        with ExitStack() as stack:
            app, host, port = _application(os.environ, stack)
            listening = stack.enter_context(listen(host, port))
            run(app, listening, lambda: print(f"listening on {host}:{listening.getsockname()[1]}", flush=True))
    except (NotSet, CannotListen, JuratError) as error:
        print("\n".join(f"valmont: {line}" for line in str(error).splitlines()), file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # before it began to serve
        pass
    return 0


def _application(environment: Mapping[str, str], stack: ExitStack) -> tuple[Any, str, int]:
    problems: list[str] = []

    def setting(name: str, what: str, default: str | None = None) -> str:
        try:
            return read(environment, name, what, default)
        except NotSet as error:
            problems.append(str(error))
            return default or ""

    database = setting("DATABASE_URL", "the database, for the user of the participants' pages")
    office = setting("OFFICE_DATABASE_URL", "the same database, for the user of the office's pages")
    seal_key = setting("JURAT_SEAL_KEY", "the public key that answers are sealed with")
    secret = setting("PLATFORM_SECRET", f"what sessions are signed with, {SHORTEST_SECRET} random characters or more")
    broker = setting("JURAT_BROKER_URL", "", "none")
    host, port = setting("HOST", "", "127.0.0.1"), setting("PORT", "", "8080")
    https, proxies = setting("HTTPS", "", "false").lower(), setting("PROXIES", "", "0")
    address = setting("ADDRESS", "", "")
    if secret and len(secret) < SHORTEST_SECRET:
        problems.append(f"PLATFORM_SECRET is too short: use {SHORTEST_SECRET} random characters or more")
    if https not in {"true", "false"}:
        problems.append("HTTPS must be true or false")
    if not (port.isdecimal() and int(port) < 1 << 16):
        problems.append("PORT is not a port: use a number from 1 to 65535")
    if not (proxies.isdecimal() and int(proxies) < 10):
        problems.append("PROXIES must be the number of proxies in front of this server, such as 1")
    public = _host(address, "https" if https == "true" else "http", problems)
    if not address and (https == "true" or proxies != "0"):
        problems.append("ADDRESS is not set: where browsers reach the platform, such as https://valmont.example")
    links = {name: _link(name, setting(name, "", ""), problems) for name in ("CONSOLE_URL", *LEGAL)}
    timezone = _zone(setting("TIMEZONE", "", TIMEZONE), problems)
    if problems:
        raise NotSet("\n".join(problems))
    be_patient()
    client = Client(database, broker, seal_key)
    stack.callback(client.close)
    engines = [open_engine(url) for url in (database, office)]
    for engine in engines:
        stack.callback(engine.dispose)
    console = links.pop("CONSOLE_URL").rstrip("/") or None
    made = Parts(engines[0], client, engines[1], client.ring, console=console, legal=links)
    app = create_app(made, secret.encode(), https=https == "true", host=public, timezone=timezone)
    if trusted := int(proxies):
        # Only what that many proxies said of the browser is believed.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=trusted, x_proto=trusted, x_host=trusted)
    return app, host, int(port)


def _link(name: str, link: str, problems: list[str]) -> str:
    if link and urlsplit(link).scheme not in {"http", "https"}:
        problems.append(f"{name} is not an address: use scheme and name, such as https://valmont.example")
    return link


def _zone(name: str, problems: list[str]) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        problems.append("TIMEZONE is not a time zone: use a name such as Europe/Paris")
    return name


def _host(address: str, scheme: str, problems: list[str]) -> str | None:
    """The name by which browsers ask for the platform, with its port where that is not the usual one."""
    if not address:
        return None
    try:
        url = urlsplit(address.lower())
        port = url.port
    except ValueError:
        url, port = urlsplit(""), None
    if not url.hostname or url.path.strip("/") or url.query or url.fragment or "@" in url.netloc:
        problems.append("ADDRESS is not an address: use only scheme and name, such as https://valmont.example")
    elif url.scheme != scheme:
        problems.append(
            f"ADDRESS and HTTPS do not match: with HTTPS={str(scheme == 'https').lower()} it begins with {scheme}://"
        )
    return url.netloc.removesuffix(f":{port}") if port == {"http": 80, "https": 443}[scheme] else url.netloc


def read(environment: Mapping[str, str], name: str, what: str, default: str | None = None) -> str:
    """The setting `name`, or the content of the file that NAME_FILE names. Empty is not set, as compose files pass it.

    Raises NotSet, which says `what` it is.
    """
    plain, file = environment.get(name), environment.get(f"{name}_FILE")
    if plain and file:
        raise NotSet(f"{name} and {name}_FILE are both set; leave only one of them")
    if file:
        try:
            plain = Path(file).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not text"
            raise NotSet(f"{name}_FILE cannot be read: {why}") from None
    if not plain and default is None:
        raise NotSet(f"{name} is not set: {what}; or set {name}_FILE to the path of a file that holds it")
    return plain or default or ""


if __name__ == "__main__":
    sys.exit(main())
