"""The platform's web process as tests start it, on a database that is there already.

    python -P -m tests.examples.platform.browser.serving --port 8090 [--embedded]

Settings come from the environment, as everywhere; VALMONT_SECRET signs the sessions, so that they outlive a restart.
"""

from __future__ import annotations

import argparse
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import waitress

from config.settings import LogFormat, Settings, read_settings
from examples.platform.web.app import create_app
from examples.platform.web.parts import Parts
from jurat import Client
from jurat.database import open_engine
from worker.embedded import embedded
from worker.logs import set_up


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--embedded", action="store_true")
    given = options.parse_args()
    set_up(LogFormat.TEXT, logging.INFO)
    settings = read_settings()
    with ExitStack() as stack:
        engine = open_engine(settings.database_url)
        stack.callback(engine.dispose)
        office = engine
        if url := os.environ.get("VALMONT_OFFICE_URL"):
            office = open_engine(url)
            stack.callback(office.dispose)
        client = Client(settings.database_url, settings.broker_url, settings.seal_key)
        stack.callback(client.close)
        ring = stack.enter_context(_working(settings)) if given.embedded else client.ring
        app = create_app(Parts(engine, client, office, ring), bytes.fromhex(os.environ["VALMONT_SECRET"]))
        waitress.serve(app, host="127.0.0.1", port=given.port, threads=16, ident=None)


@contextmanager
def _working(settings: Settings) -> Iterator[Callable[[], None]]:
    with embedded(settings) as working:
        threading.current_thread().name = "web"
        yield working.wake


if __name__ == "__main__":
    main()
