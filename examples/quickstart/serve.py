"""The invented registry and geocoder (examples/sources) on a port of your choice, to try a configuration against.

python -m examples.quickstart.serve 8000

http://127.0.0.1:8000/moods/ok/registry/professionals?number=9000010000
http://127.0.0.1:8000/moods/down/registry/professionals?number=9000010000
"""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from examples.sources.server import Sources


def serve(port: int) -> None:
    """Answer until the process is ended."""
    sources = Sources()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            print(f"{self.command} {self.path}", flush=True)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.close_connection = not sources.handle(self.connection, self.command, self.path, body)

        do_GET = do_POST = _answer  # noqa: N815 - the names that BaseHTTPRequestHandler looks for

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class has this name
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        print(f"listening on http://127.0.0.1:{port}/moods/ok/registry/professionals", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
