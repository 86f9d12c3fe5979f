"""`make platform`: the platform of Valmont with everything that it needs, in one process."""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import tempfile
from contextlib import ExitStack
from pathlib import Path

import waitress

from config.settings import LogFormat, read_settings
from examples.platform import town
from examples.platform.web.app import create_app
from examples.platform.web.parts import Parts
from examples.sources.server import Sources
from jurat import Client
from jurat.database import open_engine
from jurat.sealing import generate, key_to_text
from worker.bootstrap import open_service
from worker.embedded import embedded
from worker.logs import set_up


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=8080)
    given = options.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="valmont-")))
        private, public = generate()
        os.environ.update(
            JURAT_DATABASE_URL=f"sqlite:///{folder / 'valmont.db'}",
            JURAT_BROKER_URL="none",
            JURAT_UNSEAL_KEYS=key_to_text(private),
            JURAT_SEAL_KEY=key_to_text(public),
            JURAT_HASH_KEYS=key_to_text(os.urandom(32)),
        )
        set_up(LogFormat.TEXT, logging.WARNING)
        settings = read_settings()
        sources = stack.enter_context(Sources())
        engine = open_engine(settings.database_url)
        stack.callback(engine.dispose)
        service = open_service(settings)
        code = town.seed(service, engine, sources.url().removesuffix("/moods/ok"))
        service.close()
        working = stack.enter_context(embedded(settings))
        client = Client(settings.database_url, None, settings.seal_key)
        stack.callback(client.close)
        app = create_app(Parts(engine, client, engine, working.wake), secrets.token_bytes(32))
        print(f"http://127.0.0.1:{given.port}  code {code}", flush=True)
        waitress.serve(app, host="127.0.0.1", port=given.port, threads=16, ident=None)


if __name__ == "__main__":
    main()
