"""The invented sources as a process of their own: `python -m examples.sources --host 0.0.0.0 --port 8000`."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from examples.sources.server import Sources


def main() -> int:
    """Answer until SIGTERM or Ctrl-C."""
    options = argparse.ArgumentParser(description="Invented outside sources, in every mood.")
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=8000)
    options.add_argument("--certificate", type=Path, metavar="FILE", help="to speak https; with --key")
    options.add_argument("--key", type=Path, metavar="FILE")
    given = options.parse_args()
    if (given.certificate is None) != (given.key is None):
        options.error("--certificate and --key belong together")
    certificate = (given.certificate, given.key) if given.certificate else None
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # before there are threads, which inherit it
    try:
        with Sources(host=given.host, port=given.port, certificate=certificate) as sources:
            print(f"the invented sources answer at {sources.url()}", flush=True)
            signal.sigwait(ends)
    except OSError as error:
        print(
            f"port {given.port} of {given.host}, or the certificate, cannot be used: {error.strerror}", file=sys.stderr
        )
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
