"""One exchange with the source, by a `requests.Session` or by jurat's own transport: which part of a lead is that."""

from __future__ import annotations

import functools
import ipaddress
import os
from collections.abc import Callable
from typing import Any

import requests

from bench.speed.rivals.ledger import OWN_CLIENT, TIMEOUT, place

Ask = Callable[[str], tuple[int, Any]]
"""Asks the source about a number; the status and the document that it answers."""


def asker() -> Ask:
    """What asks, for one thread at a time."""
    return _by_transport() if os.environ.get(OWN_CLIENT) == "1" else _by_session()


def _by_session() -> Ask:
    session, url = requests.Session(), place().source_url

    def ask(number: str) -> tuple[int, Any]:
        reply = session.get(url, params={"number": number}, timeout=TIMEOUT)
        reply.raise_for_status()
        return reply.status_code, reply.json()

    return ask


@functools.cache
def _by_transport() -> Ask:
    """All threads of a process share it, as jurat's do."""
    from adapters.http_client.reply import raise_for_trouble  # noqa: PLC0415 - plain tasks need none of it
    from adapters.http_client.transport import Transport  # noqa: PLC0415

    loopback = (ipaddress.ip_network("127.0.0.1/32"),)
    transport, url = Transport(loopback_http=True, private_networks=loopback), place().source_url

    def ask(number: str) -> tuple[int, Any]:
        reply = transport.send("GET", url, params={"number": number}, timeout=TIMEOUT)
        raise_for_trouble(reply)
        return reply.status, reply.json()

    return ask
