"""Serves the registries that benches ask: HTTP on loopback, on a thread of this process or in one of their own.

    python -m bench.rig.source        prints its port, and ends with its standard input

`GET /NAME?number=…` asks the registry NAME, which notes when that came and what it gave. `GET /NAME/new?latency=0.2`
makes a new one of that name, `GET /NAME/set?mood=down&latency=0.1` says how it answers from now on,
`GET /NAME/asked?after=0` lists what it was asked, without the first `after`, and `GET /NAME/counts` counts that.

It is written for speed, since each microsecond that it takes is taken from who is measured: no request is parsed
further than its number.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl

from bench.rig import ROOT
from bench.rig.registry import record


class Mood(StrEnum):
    """How a registry answers at the moment."""

    WELL = "well"
    DOWN = "down"
    """503."""
    THROTTLED = "throttled"
    """429."""
    REFUSING = "refusing"
    """401."""
    SILENT = "silent"
    """Takes the request and never answers."""
    GARBAGE = "garbage"
    """Status 200 and what is no answer of a registry: each of `_GARBAGE` in turn."""


class Asked(NamedTuple):
    """One request: when it came, for which number, and the status that it got; 0 for no answer.

    The time is that of the machine's monotonic clock, taken before anything else is done with the request.
    """

    at: float
    number: str
    status: int


_WELL = Mood.WELL
_GARBAGE = (b"", b"<html>Maintenance</html>", b"[]", b"null", b'{"count": "many"}', b"\xff\xfe\x00", b'{"count": 1, ')
_TROUBLE = {
    Mood.DOWN: (503, (b"down",)),
    Mood.THROTTLED: (429, (b"slower",)),
    Mood.REFUSING: (401, (b"who?",)),
    Mood.SILENT: (0, ()),
    Mood.GARBAGE: (200, _GARBAGE),
}
"""The status of each other mood, and what is answered in turn."""


class Registry:
    """One registry: how it answers, and what it was asked.

    Answers after `latency` seconds, shortened or prolonged at random by up to the share `jitter`. `slow_repeats` is the
    latency of a number that was asked before, None for the same.
    """

    def __init__(self, latency: float = 0.0, *, jitter: float = 0.0, slow_repeats: float | None = None) -> None:
        self.mood = Mood.WELL
        self.latency = latency
        self.jitter = jitter
        self.slow_repeats = slow_repeats
        self.asked: list[tuple[float, str, int]] = []
        """As `Asked` has them."""
        self.counts: dict[str, int] = {}
        """Requests for each number, whatever became of them."""
        self.troubled = 0
        """Those of them that got no proper answer, because of the mood."""
        self.poison: set[str] = set()
        """Numbers whose requests are answered by `on_poison` with the port that the request came from."""
        self.on_poison: Callable[[int], None] = lambda port: None

    def ask(self, number: str, at: float) -> tuple[float, bytes] | None:
        """After how many seconds a request is answered, and by what; None for no answer at all."""
        before = self.counts.get(number, 0)
        self.counts[number] = before + 1
        latency = self.latency if not before or self.slow_repeats is None else self.slow_repeats
        if self.jitter:
            latency *= random.uniform(1 - self.jitter, 1 + self.jitter)
        if self.mood is _WELL:
            self.asked.append((at, number, 200))
            return latency, _reply(200, record(number))
        self.troubled += 1
        status, bodies = _TROUBLE[self.mood]
        self.asked.append((at, number, status))
        return (latency, _reply(status, bodies[self.troubled % len(bodies)])) if bodies else None


_END_OF_HEAD = b"\r\n\r\n"
_HEAD = (
    b"HTTP/1.1 %d Status\r\nServer: registry\r\nDate: Mon, 02 Nov 2026 09:00:00 GMT\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
)


def _reply(status: int, body: bytes) -> bytes:
    return _HEAD % (status, len(body), body)


class _Connection(asyncio.Protocol):
    """One kept connection. Clients that wait for each answer send one whole request at a time."""

    def __init__(self, registries: dict[str, Registry], open_ones: set[asyncio.Transport]) -> None:
        self._registries = registries
        self._open_ones = open_ones
        self._transport: Any = None
        self._begun = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._open_ones.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open_ones.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        at = time.monotonic()
        *requests, self._begun = (self._begun + data).split(_END_OF_HEAD)
        for request in requests:
            path, _, number = request[4 : request.index(b" ", 4)].decode().partition("?number=")
            if number:
                self._ask(path[1:], number, at)
            else:
                self._transport.write(_reply(200, json.dumps(self._control(path)).encode()))

    def _ask(self, name: str, number: str, at: float) -> None:
        registry = self._registries.get(name) or self._registries.setdefault(name, Registry())
        if number in registry.poison:
            registry.on_poison(self._transport.get_extra_info("peername")[1])
        answered = registry.ask(number, at)
        if answered is not None:
            latency, reply = answered
            if latency:
                asyncio.get_running_loop().call_later(latency, self._late, reply)
            else:
                self._transport.write(reply)

    def _late(self, reply: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(reply)

    def _control(self, target: str) -> Any:
        path, _, query = target.partition("?")
        name, _, action = path.strip("/").partition("/")
        given = dict(parse_qsl(query))
        if action == "new":
            self._registries[name] = Registry()
        registry = self._registries.setdefault(name, Registry())
        match action:
            case "new" | "set":
                registry.mood, registry.latency = Mood(given.get("mood", Mood.WELL)), float(given["latency"])
                return {}
            case "counts":
                return len(registry.asked), len(registry.counts)
            case _:
                return registry.asked[int(given["after"]) :]


async def _serve(
    registries: dict[str, Registry], report_port: Callable[[int], object], wait: Callable[[], object]
) -> None:
    """Serve until `wait` returns, on another thread. `report_port` is given the port."""
    loop = asyncio.get_running_loop()
    open_ones: set[asyncio.Transport] = set()
    server = await loop.create_server(lambda: _Connection(registries, open_ones), "127.0.0.1", 0, backlog=1024)
    report_port(server.sockets[0].getsockname()[1])
    await loop.run_in_executor(None, wait)
    server.close()
    for transport in list(open_ones):
        transport.abort()
    await asyncio.sleep(0)  # connections that are aborted are closed in the next round of the loop


class SourceThread:
    """Registries on a thread of this process, which can reach into them."""

    def __init__(self, registries: Mapping[str, Registry]) -> None:
        self.failures: list[str] = []
        """Mistakes of this server itself: none, if all is well."""
        self._registries = dict(registries)
        self._started, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="source", daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def url(self, name: str) -> str:
        """Where a registry is asked; `?number=` follows."""
        return f"http://127.0.0.1:{self.port}/{name}"

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            runner.get_loop().set_exception_handler(lambda _, context: self.failures.append(_said(context)))
            runner.run(_serve(self._registries, self._tell, self._over.wait))

    def _tell(self, port: int) -> None:
        self.port = port
        self._started.set()


def _said(context: Mapping[str, Any]) -> str:
    return f"{context['message']}: {context.get('exception')!r}"


class SourceProcess:
    """Registries in a process of their own, as its users see it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.rig.source"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._origin = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def url(self, name: str) -> str:
        """Where a registry is asked; `?number=` follows."""
        return f"{self._origin}/{name}"

    def start_over(self, name: str, latency: float = 0.0) -> None:
        """Forget what a registry was asked; it answers well, after so many seconds, from now on."""
        self._get(f"/{name}/new?latency={latency}")

    def set(self, name: str, mood: Mood, latency: float) -> float:
        """How a registry answers from now on: after so many seconds. Gives the time at which that began."""
        self._get(f"/{name}/set?mood={mood}&latency={latency}")
        return time.monotonic()

    def asked(self, name: str, after: int = 0) -> list[Asked]:
        """What a registry was asked, in order, without the first `after`."""
        return [Asked(*one) for one in self._get(f"/{name}/asked?after={after}")]

    def counts(self, name: str) -> tuple[int, int]:
        """How often a registry was asked, and for how many numbers."""
        requests, numbers = self._get(f"/{name}/counts")
        return requests, numbers

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self._origin + path, timeout=30) as answer:
            return json.load(answer)


if __name__ == "__main__":
    try:
        from uvloop import run  # in the lock of the measurements alone
    except ImportError:
        run = asyncio.run
    run(_serve({}, lambda port: print(port, flush=True), sys.stdin.read))
